//! Replay, discard and release, as the store keeps them.

use attio_relay::store::{
    Act, Claimed, Deed, DeliveryState, Filter, Lane, LaneKind, ReplayMode, Snapshot, SnapshotKind,
    Store, Verdict,
};
use bytes::Bytes;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{on_both_engines, pausing::act, words::*};
use crate::support::database::{TestDatabase, lane};

on_both_engines![
    a_dead_delivery_is_replayed_once_under_its_own_key,
    what_succeeded_and_what_is_to_be_new_gets_a_new_key,
    what_is_open_is_not_replayed,
    two_who_replay_at_once_replay_once,
    a_replayed_dead_one_is_no_dead_letter_and_a_discarded_one_neither,
    replays_of_one_key_go_one_after_the_other_in_their_old_order,
    a_fresh_replay_forgets_what_was_looked_up,
    a_replay_is_no_debounced_one,
    a_filter_means_what_fits_all_of_it,
    a_discarded_delivery_ends_with_its_reason_and_its_late_outcome_is_refused,
    discarding_the_first_of_a_key_lets_the_next_go_and_discarding_another_does_not,
    an_act_counts_its_steps,
    a_quarantined_message_is_released_once_with_its_deliveries,
];

fn people(store: &Store) -> Lane {
    lane(store, LaneKind::Act)
}

/// Records one delivery and ends it.
async fn ended(lanes: &mut Lanes, key: &str, verdict: Verdict) -> Claimed {
    lanes.record_deliveries(key, vec![delivery(BILLING)]).await;
    let claimed = lanes.claim_soon(BILLING, LONG).await;
    lanes.finish(&[tried(&claimed, verdict, "refused")]).await;
    claimed
}

fn dead() -> Verdict {
    Verdict::Dead("refused: HTTP 404".to_owned())
}

async fn a_dead_delivery_is_replayed_once_under_its_own_key(db: &TestDatabase) {
    let store = db.store().await;
    let mut lanes = Lanes::of(&store);
    let old = ended(&mut lanes, "k", dead()).await;
    let mut people = people(&store);
    let mode = ReplayMode::default();
    let done = people.replay(&[old.id], mode, &act(Deed::Replay)).await.unwrap();
    assert_eq!((done.len(), done[0].of, done[0].has_new_key), (1, old.id, false));
    assert_eq!(people.replay(&[old.id], mode, &act(Deed::Replay)).await.unwrap(), []);
    let again = lanes.claim_soon(BILLING, LONG).await;
    assert_eq!((again.id, again.idempotency_key), (done[0].id, old.idempotency_key));
    assert_eq!((again.tries, again.event.id), (0, old.event.id));
    let links = "SELECT CAST(replay_of AS text) FROM deliveries WHERE replay_of IS NOT NULL
                 UNION ALL SELECT CAST(replayed_by AS text) FROM deliveries
                 WHERE replayed_by IS NOT NULL";
    assert_eq!(db.all_texts(links).await, [old.id.to_string(), again.id.to_string()]);
    assert!(lanes.claim(BILLING, 9).await.is_empty());
}

async fn what_succeeded_and_what_is_to_be_new_gets_a_new_key(db: &TestDatabase) {
    let store = db.store().await;
    let mut lanes = Lanes::of(&store);
    let succeeded = ended(&mut lanes, "1", Verdict::Succeeded).await;
    let skipped = ended(&mut lanes, "2", Verdict::Skipped("no".to_owned())).await;
    let refused = ended(&mut lanes, "3", dead()).await;
    let mut people = people(&store);
    let two = [succeeded.id, skipped.id];
    let mut done = people.replay(&two, ReplayMode::default(), &act(Deed::Replay)).await.unwrap();
    let as_new = ReplayMode { as_new: true, fresh: false };
    done.extend(people.replay(&[refused.id], as_new, &act(Deed::Replay)).await.unwrap());
    assert!(done.iter().all(|one| one.has_new_key) && done.len() == 3);
    for claimed in lanes.claim(BILLING, 9).await {
        assert_eq!(claimed.idempotency_key, claimed.id);
    }
}

async fn what_is_open_is_not_replayed(db: &TestDatabase) {
    let store = db.store().await;
    let mut lanes = Lanes::of(&store);
    let open = lanes.record_deliveries("k", vec![delivery(BILLING)]).await;
    let replayed = people(&store).replay(&open, ReplayMode::default(), &act(Deed::Replay)).await;
    assert_eq!(replayed.unwrap(), []);
}

async fn two_who_replay_at_once_replay_once(db: &TestDatabase) {
    let store = db.store().await;
    let mut lanes = Lanes::of(&store);
    let mut all = Vec::new();
    for key in 0..10 {
        all.push(ended(&mut lanes, &key.to_string(), dead()).await.id);
    }
    let (mut one, mut other) = (people(&db.bare_store()), people(&db.bare_store()));
    let (first, second) = (act(Deed::Replay), act(Deed::Replay));
    let (one, other) = tokio::join!(
        one.replay(&all, ReplayMode::default(), &first),
        other.replay(&all, ReplayMode::default(), &second),
    );
    assert_eq!(one.unwrap().len() + other.unwrap().len(), 10);
    assert_eq!(lanes.claim(BILLING, 99).await.len(), 10);
}

async fn a_replayed_dead_one_is_no_dead_letter_and_a_discarded_one_neither(db: &TestDatabase) {
    let store = db.store().await;
    let mut lanes = Lanes::of(&store);
    let [one, other] =
        [ended(&mut lanes, "1", dead()).await.id, ended(&mut lanes, "2", dead()).await.id];
    let mut sample = lane(&store, LaneKind::Sample);
    assert_eq!(sample.backlog().await.unwrap()[0].dead, 2);
    let mut people = people(&store);
    people.replay(&[one], ReplayMode::default(), &act(Deed::Replay)).await.unwrap();
    assert_eq!(sample.backlog().await.unwrap()[0].dead, 1);
    assert_eq!(people.discard(&[other], "old", &act(Deed::Discard)).await.unwrap().len(), 1);
    assert_eq!(sample.backlog().await.unwrap()[0].dead, 0);
    let reason = "SELECT CAST(reason AS text) FROM deliveries WHERE state = 'discarded'";
    assert_eq!(db.text(reason).await.unwrap(), "old (was dead: refused: HTTP 404)");
}

async fn replays_of_one_key_go_one_after_the_other_in_their_old_order(db: &TestDatabase) {
    let store = db.store().await;
    let mut lanes = Lanes::of(&store);
    let three = (0..3).map(|_| ordered(BILLING, "deal")).collect();
    let three = lanes.record_deliveries("k", three).await;
    for _ in 0..3 {
        let claimed = lanes.claim_soon(BILLING, LONG).await;
        lanes.finish(&[outcome(&claimed, dead())]).await;
    }
    let live = lanes.record_deliveries("live", vec![ordered(BILLING, "deal")]).await;
    let backwards = [three[2], three[0], three[1]];
    let mode = ReplayMode::default();
    let done = people(&store).replay(&backwards, mode, &act(Deed::Replay)).await.unwrap();
    assert_eq!(done.iter().map(|one| one.of).collect::<Vec<_>>(), three);
    for id in live.into_iter().chain(done.into_iter().map(|one| one.id)) {
        let claimed = lanes.claim(BILLING, 9).await;
        assert_eq!(ids(&claimed), [id]);
        lanes.finish(&[outcome(&claimed[0], Verdict::Succeeded)]).await;
    }
    assert_eq!(db.number("SELECT count(*) FROM order_keys").await, 0);
}

async fn a_fresh_replay_forgets_what_was_looked_up(db: &TestDatabase) {
    let store = db.store().await;
    let mut lanes = Lanes::of(&store);
    let mut look = lane(&store, LaneKind::Look);
    for (key, fresh, left) in [("1", false, 1), ("2", true, 1)] {
        let old = ended(&mut lanes, key, dead()).await;
        let (looked_up_at, value) = (OffsetDateTime::now_utc(), Bytes::from_static(b"{}"));
        let kind = SnapshotKind::Record;
        let snapshot = Snapshot { event_id: old.event.id, kind, looked_up_at, value };
        look.keep_snapshots(&[snapshot]).await.unwrap();
        let mode = ReplayMode { as_new: false, fresh };
        people(&store).replay(&[old.id], mode, &act(Deed::Replay)).await.unwrap();
        assert_eq!(db.number("SELECT count(*) FROM snapshots").await, left);
        lanes.claim_soon(BILLING, LONG).await;
    }
}

async fn a_replay_is_no_debounced_one(db: &TestDatabase) {
    let store = db.store().await;
    let mut lanes = Lanes::of(&store);
    let debounced =
        attio_relay::store::NewDelivery { debounce_key: Some(hash("deal")), ..delivery(BILLING) };
    lanes.record_deliveries("k", vec![debounced]).await;
    let old = lanes.claim_soon(BILLING, LONG).await;
    lanes.finish(&[outcome(&old, dead())]).await;
    let mode = ReplayMode::default();
    people(&store).replay(&[old.id], mode, &act(Deed::Replay)).await.unwrap();
    assert_eq!(lanes.claim_soon(BILLING, LONG).await.debounce_key, None);
}

async fn a_filter_means_what_fits_all_of_it(db: &TestDatabase) {
    let store = db.store().await;
    let mut lanes = Lanes::of(&store);
    let gone = ended(&mut lanes, "1", dead()).await.id;
    ended(&mut lanes, "2", Verdict::Succeeded).await;
    lanes.record_deliveries("3", vec![delivery("slack")]).await;
    let mut people = people(&store);
    let text = |text: &str| Some(text.to_owned());
    let now = OffsetDateTime::now_utc();
    let all = Filter::default();
    let filters = [
        (all.clone(), 3),
        (Filter { ids: vec![gone, Uuid::nil()], ..all.clone() }, 1),
        (Filter { states: vec![DeliveryState::Dead], unreplayed: true, ..all.clone() }, 1),
        (Filter { states: DeliveryState::ALL.to_vec(), ..all.clone() }, 3),
        (Filter { action: text("slack"), ..all.clone() }, 1),
        (Filter { route: text("deals-to-billing"), ..all.clone() }, 3),
        (Filter { route: text("slack"), ..all.clone() }, 0),
        (Filter { source: text("crm"), event_type: text("record.updated"), ..all.clone() }, 3),
        (Filter { event_type: text("task.created"), ..all.clone() }, 0),
        (Filter { event_type: text("record.*"), ..all.clone() }, 3),
        (Filter { event_type: text("*"), ..all.clone() }, 3),
        (Filter { event_type: text("record"), ..all.clone() }, 0),
        (Filter { event_type: text("%.*"), ..all.clone() }, 0),
        (Filter { record: text("r"), ..all.clone() }, 0),
        (Filter { object: text("o"), ..all.clone() }, 0),
        (Filter { error: text("http 404"), ..all.clone() }, 1),
        (Filter { error: text("404"), alike: text("refused: HTTP 404"), ..all.clone() }, 1),
        (Filter { alike: text(" refused: HTTP 404 "), most: Some(1), ..all.clone() }, 1),
        (Filter { alike: text("refused: HTTP 40"), ..all.clone() }, 0),
        (Filter { alike: text("http 404"), ..all.clone() }, 0),
        (Filter { ended_until: Some(now - time::Duration::HOUR), ..all.clone() }, 0),
        (Filter { ended_until: Some(now + time::Duration::HOUR), ..all.clone() }, 2),
        (Filter { most: Some(2), ..all.clone() }, 2),
        (Filter { since: Some(now - time::Duration::HOUR), ..all.clone() }, 3),
        (Filter { until: Some(now - time::Duration::HOUR), ..all.clone() }, 0),
        (Filter { until: Some(now + time::Duration::HOUR), ..all.clone() }, 3),
    ];
    for (filter, count) in filters {
        assert_eq!(people.select(&filter).await.unwrap().len(), count, "{filter:?}");
    }
    let of_gone = Filter { ids: vec![gone], ..all };
    people.replay(&[gone], ReplayMode::default(), &act(Deed::Replay)).await.unwrap();
    let selected = people.select(&of_gone).await.unwrap();
    assert_eq!(selected[0].state, DeliveryState::Dead);
    assert!(selected[0].replayed_by.is_some());
    assert!(people.select(&Filter { unreplayed: true, ..of_gone }).await.unwrap().is_empty());
}

async fn a_discarded_delivery_ends_with_its_reason_and_its_late_outcome_is_refused(
    db: &TestDatabase,
) {
    let store = db.store().await;
    let mut lanes = Lanes::of(&store);
    lanes.record_deliveries("k", vec![delivery(BILLING)]).await;
    let running = lanes.claim_soon(BILLING, LONG).await;
    let mut people = people(&store);
    assert_eq!(
        people.discard(&[running.id], "a test", &act(Deed::Discard)).await.unwrap().len(),
        1
    );
    assert_eq!(lanes.finish(&[tried(&running, Verdict::Succeeded, "succeeded")]).await, NONE);
    assert_eq!(states(db).await, ["discarded"]);
    assert_eq!(db.text("SELECT CAST(reason AS text) FROM deliveries").await.unwrap(), "a test");
    assert_eq!(people.discard(&[running.id], "again", &act(Deed::Discard)).await.unwrap(), []);
    let mode = ReplayMode::default();
    let back = people.replay(&[running.id], mode, &act(Deed::Replay)).await.unwrap();
    assert!(!back[0].has_new_key, "its last try may have had its effect");
}

async fn discarding_the_first_of_a_key_lets_the_next_go_and_discarding_another_does_not(
    db: &TestDatabase,
) {
    let store = db.store().await;
    let mut lanes = Lanes::of(&store);
    let four = (0..4).map(|_| ordered(BILLING, "deal")).collect();
    let four = lanes.record_deliveries("k", four).await;
    let mut people = people(&store);
    people.discard(&[four[1]], "behind", &act(Deed::Discard)).await.unwrap();
    assert_eq!(ids(&lanes.claim(BILLING, 9).await), [four[0]], "and nothing beside it");
    people.discard(&[four[0], four[2]], "first", &act(Deed::Discard)).await.unwrap();
    let last = lanes.claim(BILLING, 9).await;
    assert_eq!(ids(&last), [four[3]]);
    lanes.finish(&[outcome(&last[0], Verdict::Succeeded)]).await;
    assert_eq!(db.number("SELECT count(*) FROM order_keys").await, 0);
}

async fn an_act_counts_its_steps(db: &TestDatabase) {
    let store = db.store().await;
    let mut lanes = Lanes::of(&store);
    let one: Act = act(Deed::Replay);
    for key in ["1", "2"] {
        let old = ended(&mut lanes, key, dead()).await;
        people(&store).replay(&[old.id], ReplayMode::default(), &one).await.unwrap();
        lanes.claim_soon(BILLING, LONG).await;
    }
    people(&store).note_act(&one, 3).await.unwrap();
    let acts = "SELECT who || ' ' || what || ' ' || changed || ' ' || details FROM acts";
    assert_eq!(db.all_texts(acts).await, [r#"ann@desk replay 5 {"why":"a test"}"#]);
}

async fn a_quarantined_message_is_released_once_with_its_deliveries(db: &TestDatabase) {
    let store = db.store().await;
    let mut lanes = Lanes::of(&store);
    let mut aside = quiet("k");
    aside.quarantined = Some("its key was used before with other JSON");
    aside.events = Vec::new();
    lanes.record(aside.clone()).await;
    let mut people = people(&store);
    let stored = people.message(aside.id).await.unwrap().unwrap();
    assert_eq!((stored.dedup, &stored.body, &stored.key), (aside.dedup, &aside.body, &aside.key));
    assert_eq!((stored.received_at, &stored.source), (aside.received_at, &aside.source));
    assert_eq!(stored.quarantined.as_deref(), aside.quarantined);
    assert_eq!(people.message(Uuid::nil()).await.unwrap(), None);
    let caused = vec![ordered(BILLING, "deal"), ordered(BILLING, "deal"), delivery("slack")];
    let released = attio_relay::store::NewMessage { id: aside.id, ..message("k", caused) };
    assert!(people.release(&released, &act(Deed::Release)).await.unwrap());
    assert!(!people.release(&released, &act(Deed::Release)).await.unwrap());
    assert_eq!(db.all_texts("SELECT CAST(status AS text) FROM messages").await, ["accepted"]);
    assert_eq!((lanes.claim(BILLING, 9).await.len(), lanes.claim("slack", 9).await.len()), (1, 1));
    assert_eq!(people.message(aside.id).await.unwrap().unwrap().quarantined, None);
}
