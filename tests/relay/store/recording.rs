//! The way in: each message once, all of it or nothing.

use attio_relay::store::{LaneKind, NewMessage, StoreError};
use bytes::Bytes;

use super::{on_both_engines, words::*};
use crate::support::database::{TestDatabase, lane};

on_both_engines![
    a_new_message_is_recorded_with_its_events_and_deliveries,
    the_same_key_in_a_later_batch_is_not_new,
    the_same_key_twice_in_one_batch_is_recorded_once,
    a_key_that_is_known_does_not_keep_the_others_of_its_batch_out,
    an_empty_batch_records_nothing,
    a_batch_of_which_the_commit_was_doubtful_is_found_under_its_own_ids,
    lanes_that_record_the_same_messages_in_opposite_orders_do_not_deadlock,
    bytes_are_kept_as_they_came,
    texts_are_kept_as_they_came,
    an_event_is_the_part_of_the_body_that_it_lies_in,
    a_quarantined_message_says_why,
    a_poisonous_row_keeps_its_whole_batch_out,
    after_a_refusal_everyone_can_record_at_once,
    existing_finds_only_what_was_asked_for,
];

async fn a_new_message_is_recorded_with_its_events_and_deliveries(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    let new = message("k", vec![delivery(BILLING), delivery("slack")]);
    assert_eq!(lanes.record(new.clone()).await, [new.id]);
    assert_eq!(stored(db).await, (1, 1, 2));
}

async fn the_same_key_in_a_later_batch_is_not_new(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    lanes.record(message("k", vec![delivery(BILLING)])).await;
    assert_eq!(lanes.record(message("k", vec![delivery(BILLING)])).await, NONE);
    assert_eq!(stored(db).await, (1, 1, 1));
}

async fn the_same_key_twice_in_one_batch_is_recorded_once(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    let (one, other) =
        (message("k", vec![delivery(BILLING)]), message("k", vec![delivery(BILLING)]));
    assert_eq!(lanes.intake.record(&[&one, &other]).await.unwrap().len(), 1);
    assert_eq!(stored(db).await, (1, 1, 1));
}

async fn a_key_that_is_known_does_not_keep_the_others_of_its_batch_out(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    lanes.record(message("known", vec![delivery(BILLING)])).await;
    let (known, new) =
        (message("known", vec![delivery(BILLING)]), message("new", vec![delivery(BILLING)]));
    assert_eq!(lanes.intake.record(&[&known, &new]).await.unwrap(), [new.id]);
    assert_eq!(stored(db).await, (2, 2, 2));
}

async fn an_empty_batch_records_nothing(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    assert_eq!(lanes.intake.record(&[]).await.unwrap(), NONE);
    assert!(lanes.intake.existing(&[]).await.unwrap().is_empty());
}

async fn a_batch_of_which_the_commit_was_doubtful_is_found_under_its_own_ids(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    let ours = quiet("k");
    lanes.record(ours.clone()).await;
    assert_eq!(lanes.record(ours.clone()).await, NONE);
    assert_eq!(lanes.intake.existing(&[ours.dedup]).await.unwrap()[0].id, ours.id);
}

async fn lanes_that_record_the_same_messages_in_opposite_orders_do_not_deadlock(db: &TestDatabase) {
    const ROUNDS: usize = 40;
    const EACH: usize = 16;
    db.store().await;
    let lanes =
        [lane(&db.bare_store(), LaneKind::Intake), lane(&db.bare_store(), LaneKind::Intake)];
    let recorders = lanes.into_iter().enumerate().map(|(number, mut lane)| {
        tokio::spawn(async move {
            let mut new = 0;
            for round in 0..ROUNDS {
                let mut batch: Vec<NewMessage> = (0..EACH)
                    .map(|n| {
                        message(&format!("{round}/{n}"), vec![ordered(BILLING, &n.to_string())])
                    })
                    .collect();
                if number == 1 {
                    batch.reverse();
                }
                new += lane.record(&batch.iter().collect::<Vec<_>>()).await.unwrap().len();
            }
            new
        })
    });
    let mut new = 0;
    for recorder in recorders.collect::<Vec<_>>() {
        new += recorder.await.unwrap();
    }
    assert_eq!(new, ROUNDS * EACH);
    assert_eq!(
        db.number("SELECT count(*) FROM messages").await,
        i64::try_from(ROUNDS * EACH).unwrap()
    );
}

async fn bytes_are_kept_as_they_came(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    let odd = NewMessage {
        key: Some(Bytes::from_static(b"\0\xff'\"")),
        body: Bytes::from_static(b"\0{\"a\":\"\xc3\x28\\u0000\"}\xff"),
        ..quiet("k")
    };
    lanes.record(NewMessage { events: Vec::new(), ..odd.clone() }).await;
    assert_eq!(lanes.intake.existing(&[odd.dedup]).await.unwrap()[0].body, odd.body);
    let key = db.hex("key", "messages").await;
    assert_eq!(key.to_lowercase(), "00ff2722");
}

async fn texts_are_kept_as_they_came(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    let mut new = quiet("k");
    let odd = "a'b\"c\\d\n{[1,2]}, ü 漢 🦀 NULL";
    new.webhook_id = Some(odd.to_owned());
    let event = &mut new.events[0].event;
    event.event_type = String::new();
    event.actor_type = Some("12".to_owned());
    event.actor_id = Some(odd.to_owned());
    event.subject.entry_id = Some("true".to_owned());
    lanes.record(new).await;
    assert_eq!(db.text("SELECT webhook_id FROM messages").await.as_deref(), Some(odd));
    assert_eq!(db.text("SELECT type FROM events").await.as_deref(), Some(""));
    assert_eq!(db.text("SELECT actor_type FROM events").await.as_deref(), Some("12"));
    assert_eq!(db.text("SELECT actor_id FROM events").await.as_deref(), Some(odd));
    assert_eq!(db.text("SELECT entry_id FROM events").await.as_deref(), Some("true"));
    assert_eq!(db.text("SELECT list_id FROM events").await, None);
}

async fn an_event_is_the_part_of_the_body_that_it_lies_in(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    let mut new = message("k", vec![delivery(BILLING)]);
    new.body = Bytes::from_static("{\"ü\":[{\"a\":1},{\"b\":2}]}".as_bytes());
    new.events[0].event.span = 15..22;
    lanes.record(new).await;
    assert_eq!(lanes.claim(BILLING, 1).await[0].event.json, r#"{"b":2}"#);
}

async fn a_quarantined_message_says_why(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    let aside = NewMessage { quarantined: Some("not JSON"), events: Vec::new(), ..quiet("k") };
    lanes.record(NewMessage { body: Bytes::new(), key: None, ..aside }).await;
    assert_eq!(db.text("SELECT status FROM messages").await.as_deref(), Some("quarantined"));
    assert_eq!(db.text("SELECT reason FROM messages").await.as_deref(), Some("not JSON"));
}

async fn a_poisonous_row_keeps_its_whole_batch_out(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    let good = message("good", vec![ordered(BILLING, "deal")]);
    let mut poisonous = message("bad", vec![delivery(BILLING)]);
    poisonous.events[0].id = good.events[0].id;
    let refused = lanes.intake.record(&[&good, &poisonous]).await.unwrap_err();
    assert!(matches!(refused, StoreError::Refused(_)), "{refused:?}");
    assert_eq!(stored(db).await, (0, 0, 0));
    assert_eq!(db.number("SELECT count(*) FROM order_keys").await, 0);
}

async fn after_a_refusal_everyone_can_record_at_once(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    let mut elsewhere = Lanes::of(&db.bare_store());
    let (good, poisonous) = (quiet("good"), quiet("bad"));
    let poisonous = NewMessage { id: good.id, ..poisonous };
    lanes.intake.record(&[&good, &poisonous]).await.unwrap_err();
    assert_eq!(elsewhere.record(quiet("other")).await.len(), 1);
    assert_eq!(lanes.record(good).await.len(), 1);
}

async fn existing_finds_only_what_was_asked_for(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    let (asked, other) = (quiet("asked"), quiet("other"));
    lanes.intake.record(&[&asked, &other]).await.unwrap();
    let found = lanes.intake.existing(&[asked.dedup, hash("unknown")]).await.unwrap();
    let found: Vec<_> = found.iter().map(|row| (row.dedup, row.id, &row.body)).collect();
    assert_eq!(found, [(asked.dedup, asked.id, &asked.body)]);
}

/// Messages, events and deliveries.
async fn stored(db: &TestDatabase) -> (i64, i64, i64) {
    (
        db.number("SELECT count(*) FROM messages").await,
        db.number("SELECT count(*) FROM events").await,
        db.number("SELECT count(*) FROM deliveries").await,
    )
}
