//! Lists and rows: what is found, in which order, and how far a search goes.

use attio_relay::{
    attio::event::Subject,
    store::{
        Found, Lane, LaneKind, MessageStatus, NewDelivery, NewMessage, Page, Search, State, Table,
        Verdict,
    },
};
use uuid::Uuid;

use super::{on_both_engines, words::*};
use crate::support::database::{Engine, TestDatabase, lane};

on_both_engines![
    messages_are_found_by_source_status_and_reason,
    events_are_found_by_what_they_are_about,
    deliveries_are_found_by_what_they_are_for_and_how_they_stand,
    deliveries_are_found_by_what_went_wrong,
    a_time_bounds_a_list_on_both_sides,
    pages_repeat_and_lose_nothing_while_new_ones_come,
    a_search_breaks_off_and_says_how_far_it_came,
    dead_and_open_ones_are_found_at_once_however_old,
    a_message_leads_to_its_events_and_an_event_to_its_deliveries,
    attempts_tell_what_happened_in_order,
];

async fn reader(db: &TestDatabase) -> (Lanes, Lane) {
    let store = db.store().await;
    (Lanes::of(&store), lane(&store, LaneKind::Read))
}

/// A message about a record of the deals.
fn about(record: &str, event_type: &str, deliveries: Vec<NewDelivery>) -> NewMessage {
    let mut message = message(record, deliveries);
    let event = &mut message.events[0].event;
    event_type.clone_into(&mut event.event_type);
    event.subject = Subject {
        object_id: Some("deals".to_owned()),
        record_id: Some(record.to_owned()),
        list_id: Some("pipeline".to_owned()),
        entry_id: Some(format!("entry of {record}")),
    };
    message
}

async fn found(lane: &mut Lane, table: Table, filter: Search) -> Vec<Uuid> {
    let Found { ids, next, .. } = lane.find(table, &filter, &Page::first(10)).await.unwrap();
    assert_eq!(next, None);
    ids
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

async fn messages_are_found_by_source_status_and_reason(db: &TestDatabase) {
    let (mut lanes, mut lane) = reader(db).await;
    let accepted = quiet("accepted");
    let aside = NewMessage {
        quarantined: Some("its key was used before"),
        source: "other".into(),
        events: Vec::new(),
        ..quiet("aside")
    };
    let (accepted_id, aside_id) = (accepted.id, aside.id);
    lanes.record(accepted).await;
    lanes.record(aside).await;
    for (filter, expected) in [
        (Search::default(), vec![aside_id, accepted_id]),
        (Search { source: text("other"), ..Search::default() }, vec![aside_id]),
        (Search { status: Some(MessageStatus::Accepted), ..Search::default() }, vec![accepted_id]),
        (Search { error: text("KEY was"), ..Search::default() }, vec![aside_id]),
        (Search { error: text("other words"), ..Search::default() }, vec![]),
    ] {
        assert_eq!(found(&mut lane, Table::Messages, filter).await, expected);
    }
    let rows = lane.message_rows(&[accepted_id, aside_id]).await.unwrap();
    assert_eq!(rows[0].reason.as_deref(), Some("its key was used before"));
    assert_eq!((rows[1].key.as_deref(), &*rows[1].status), (Some("accepted"), "accepted"));
}

async fn events_are_found_by_what_they_are_about(db: &TestDatabase) {
    let (mut lanes, mut lane) = reader(db).await;
    let (one, other) = (about("one", "list-entry.updated", vec![]), quiet("other"));
    let (one_id, other_id) = (one.events[0].id, other.events[0].id);
    lanes.record(one).await;
    lanes.record(other).await;
    let none = Search::default;
    for filter in [
        Search { event_type: text("list-entry.updated"), ..none() },
        Search { event_type: text("list-entry.*"), ..none() },
        Search { object: text("deals"), ..none() },
        Search { record: text("one"), ..none() },
        Search { list: text("pipeline"), ..none() },
        Search { entry: text("entry of one"), ..none() },
        Search { record: text("one"), source: text("crm"), ..none() },
    ] {
        assert_eq!(found(&mut lane, Table::Events, filter.clone()).await, [one_id], "{filter:?}");
    }
    assert_eq!(found(&mut lane, Table::Events, none()).await, [other_id, one_id]);
    let elsewhere = Search { source: text("elsewhere"), ..none() };
    assert_eq!(found(&mut lane, Table::Events, elsewhere).await, NONE);
}

async fn deliveries_are_found_by_what_they_are_for_and_how_they_stand(db: &TestDatabase) {
    let (mut lanes, mut lane) = reader(db).await;
    let billing = delivery(BILLING);
    let slack = NewDelivery { route: "deals-to-slack".into(), ..delivery("slack") };
    let (billing_id, slack_id) = (billing.id, slack.id);
    lanes.record(about("one", "record.updated", vec![billing])).await;
    lanes.record(about("two", "record.created", vec![slack])).await;
    let claimed = lanes.claim_soon(BILLING, LONG).await;
    lanes.finish(&[tried(&claimed, Verdict::Dead("refused".to_owned()), "refused")]).await;
    let none = Search::default;
    for (filter, expected) in [
        (none(), vec![slack_id, billing_id]),
        (Search { route: text("deals-to-slack"), ..none() }, vec![slack_id]),
        (Search { action: text(BILLING), ..none() }, vec![billing_id]),
        (Search { state: Some(State::Dead), ..none() }, vec![billing_id]),
        (Search { state: Some(State::Dead), action: text("slack"), ..none() }, vec![]),
        (Search { state: Some(State::Open), ..none() }, vec![slack_id]),
        (Search { state: Some(State::Open), record: text("one"), ..none() }, vec![]),
        (Search { state: Some(State::Failing), ..none() }, vec![]),
        (Search { state: Some(State::Orphaned), ..none() }, vec![]),
        (Search { state: Some(State::Succeeded), ..none() }, vec![]),
        (Search { event_type: text("record.created"), ..none() }, vec![slack_id]),
        (Search { record: text("one"), ..none() }, vec![billing_id]),
        (Search { source: text("crm"), record: text("two"), ..none() }, vec![slack_id]),
        (Search { source: text("elsewhere"), ..none() }, vec![]),
    ] {
        let ids = found(&mut lane, Table::Deliveries, filter.clone()).await;
        assert_eq!(ids, expected, "{filter:?}");
    }
}

async fn deliveries_are_found_by_what_went_wrong(db: &TestDatabase) {
    let (mut lanes, mut lane) = reader(db).await;
    let ids = lanes.record_deliveries("k", vec![delivery(BILLING)]).await;
    let claimed = lanes.claim_soon(BILLING, LONG).await;
    let mut failed = retry_now(&claimed);
    failed.attempt.as_mut().unwrap().error = text("Connection refused by the bank");
    lanes.finish(&[failed]).await;
    let with = |error| Search { error: text(error), ..Search::default() };
    assert_eq!(found(&mut lane, Table::Deliveries, with("connection REFUSED")).await, ids);
    assert_eq!(found(&mut lane, Table::Deliveries, with("refused by mistake")).await, NONE);
    let failing = Search { state: Some(State::Failing), ..with("bank") };
    assert_eq!(found(&mut lane, Table::Deliveries, failing).await, ids);
}

async fn a_time_bounds_a_list_on_both_sides(db: &TestDatabase) {
    let (_, mut lane) = reader(db).await;
    db.run(&filled(db.engine, 3)).await.unwrap();
    let at = |milli| Some(first_moment() + time::Duration::milliseconds(milli));
    let between = Search { from: at(2), to: at(3), ..Search::default() };
    for table in [Table::Messages, Table::Events, Table::Deliveries] {
        let ids = found(&mut lane, table, between.clone()).await;
        assert_eq!(ids.len(), 1);
        assert!(ids[0].to_string().ends_with("2"), "{ids:?}");
    }
}

async fn pages_repeat_and_lose_nothing_while_new_ones_come(db: &TestDatabase) {
    let (mut lanes, mut lane) = reader(db).await;
    for number in 0..25 {
        lanes.record(message(&format!("old {number}"), vec![delivery(BILLING)])).await;
    }
    let there = db.all_texts("SELECT CAST(id AS text) FROM deliveries ORDER BY id DESC").await;
    let (mut page, mut seen) = (Page::first(4), Vec::new());
    loop {
        let listed = lane.find(Table::Deliveries, &Search::default(), &page).await.unwrap();
        seen.extend(listed.ids.iter().map(ToString::to_string));
        lanes.record(message(&format!("new {}", seen.len()), vec![delivery(BILLING)])).await;
        page.before = listed.next;
        if page.before.is_none() {
            break;
        }
    }
    assert_eq!(seen, there);
}

async fn a_search_breaks_off_and_says_how_far_it_came(db: &TestDatabase) {
    let (_, mut lane) = reader(db).await;
    db.run(&filled(db.engine, 30_000)).await.unwrap();
    for (table, filter) in [
        (Table::Messages, Search { source: text("rare"), ..Search::default() }),
        (Table::Events, Search { record: text("rare"), ..Search::default() }),
        (Table::Deliveries, Search { record: text("rare"), ..Search::default() }),
    ] {
        let (mut page, mut ids, mut times) = (Page::first(10), Vec::new(), Vec::new());
        loop {
            let found = lane.find(table, &filter, &page).await.unwrap();
            ids.extend(found.ids);
            times.extend(found.searched_back_to);
            page.before = found.next;
            if page.before.is_none() {
                break;
            }
        }
        assert_eq!(ids.len(), 1, "{table:?}");
        assert!(!times.is_empty() && times.is_sorted_by(|one, next| one > next), "{times:?}");
    }
}

async fn dead_and_open_ones_are_found_at_once_however_old(db: &TestDatabase) {
    let (_, mut lane) = reader(db).await;
    db.run(&filled(db.engine, 30_000)).await.unwrap();
    for (state, number) in [(State::Dead, 2), (State::Open, 3)] {
        let filter = Search { state: Some(state), ..Search::default() };
        let found = lane.find(Table::Deliveries, &filter, &Page::first(10)).await.unwrap();
        assert_eq!((found.ids.len(), found.searched_back_to), (1, None), "{state:?}");
        assert!(found.ids[0].to_string().ends_with(&number.to_string()), "{found:?}");
    }
}

async fn a_message_leads_to_its_events_and_an_event_to_its_deliveries(db: &TestDatabase) {
    let (mut lanes, mut lane) = reader(db).await;
    lanes.record(message("before", vec![delivery(BILLING)])).await;
    let mut message = message("k", vec![delivery(BILLING), delivery("slack")]);
    let mut second = message.events[0].clone();
    (second.id, second.deliveries) = (Uuid::now_v7(), Vec::new());
    message.events.push(second);
    let event_ids: Vec<Uuid> = message.events.iter().map(|event| event.id).collect();
    let of_first: Vec<Uuid> = message.events[0].deliveries.iter().map(|one| one.id).collect();
    let (id, body) = (message.id, message.body.clone());
    lanes.record(message).await;
    lanes.record(quiet("after")).await;
    assert_eq!(lane.events_of(id).await.unwrap(), event_ids);
    assert_eq!(lane.deliveries_of(event_ids[0]).await.unwrap(), of_first);
    assert_eq!(lane.deliveries_of(event_ids[1]).await.unwrap(), NONE);
    assert_eq!(lane.message_body(id).await.unwrap(), Some(body));
    let rows = lane.event_rows(&event_ids).await.unwrap();
    assert!(rows.iter().all(|row| row.message_id == id && row.source == "crm"));
}

async fn attempts_tell_what_happened_in_order(db: &TestDatabase) {
    let (mut lanes, mut lane) = reader(db).await;
    let ids = lanes.record_deliveries("k", vec![delivery(BILLING)]).await;
    let claimed = lanes.claim_soon(BILLING, LONG).await;
    let mut failed = retry_now(&claimed);
    let attempt = failed.attempt.as_mut().unwrap();
    (attempt.status, attempt.answer) = (Some(503), Some("not now".into()));
    lanes.finish(&[failed]).await;
    let claimed = lanes.claim_soon(BILLING, LONG).await;
    lanes.finish(&[tried(&claimed, Verdict::Succeeded, "succeeded")]).await;
    let attempts = lane.attempt_rows(&ids).await.unwrap();
    let told: Vec<_> = attempts.iter().map(|one| (one.number, one.result.as_str())).collect();
    assert_eq!(told, [(1, "failed"), (2, "succeeded")]);
    assert_eq!((attempts[0].status, attempts[0].answer.as_deref()), (Some(503), Some("not now")));
    assert_eq!(attempts[0].duration_us, Some(250_000));
    let row = lane.delivery_rows(&ids).await.unwrap().remove(0);
    assert_eq!((row.state.as_str(), row.tries, row.due_at), ("succeeded", 2, None));
}

/// The time in the ids of [`filled`] at number 0.
pub fn first_moment() -> time::OffsetDateTime {
    time::OffsetDateTime::from_unix_timestamp(1_700_000_000).unwrap()
}

/// So many messages with an event and a delivery each, a millisecond apart. Number 1 is about a
/// rare record from a rare source, the delivery of number 2 is dead, that of number 3 is open.
pub fn filled(engine: Engine, count: u64) -> String {
    let (numbers, hex, digest, body, moment, id) = match engine {
        Engine::Postgres => (
            format!("generate_series(1, {count}) n"),
            "lpad(to_hex(1700000000000 + n), 12, '0')",
            "sha256(n::text::bytea)",
            "repeat('x', 300)::bytea",
            "to_timestamp(1700000000 + n / 1000.0)",
            "::uuid",
        ),
        Engine::Sqlite => (
            format!(
                "(WITH RECURSIVE all_of (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM all_of
                  WHERE n < {count}) SELECT n FROM all_of)"
            ),
            "printf('%012x', 1700000000000 + n)",
            "randomblob(32)",
            "zeroblob(300)",
            "(1700000000000 + n) * 1000",
            "",
        ),
    };
    let cast = |text: &str| if id.is_empty() { text.to_owned() } else { format!("({text}){id}") };
    let id = |kind: u8| {
        let text = format!(
            "substr({hex}, 1, 8) || '-' || substr({hex}, 9, 4) || '-7000-800{kind}-' ||
             substr('000000000000' || n, -12)"
        );
        let text = match engine {
            Engine::Sqlite => text,
            Engine::Postgres => {
                text.replace("substr('000000000000' || n, -12)", "lpad(n::text, 12, '0')")
            }
        };
        cast(&text)
    };
    format!(
        "INSERT INTO messages (id, dedup, source, received_at, status, body)
         SELECT {m}, {digest}, CASE n WHEN 1 THEN 'rare' ELSE 'crm' END, {moment}, 'accepted', {body}
         FROM {numbers};
         INSERT INTO events (id, message_id, type, object_id, record_id, body_start, body_length)
         SELECT {e}, {m}, 'record.updated', 'deals', CASE n WHEN 1 THEN 'rare' ELSE 'usual' END, 0, 9
         FROM {numbers};
         INSERT INTO deliveries (id, event_id, route, action, idempotency_key, due_at, state,
                                 ended_at, reason, tries)
         SELECT {d}, {e}, 'all', 'billing', {d}, {moment},
                CASE n WHEN 2 THEN 'dead' WHEN 3 THEN 'open' ELSE 'succeeded' END,
                CASE n WHEN 3 THEN NULL ELSE {moment} END,
                CASE n WHEN 2 THEN 'refused' END, 1
         FROM {numbers};
         ANALYZE;",
        m = id(1),
        e = id(2),
        d = id(3),
    )
}
