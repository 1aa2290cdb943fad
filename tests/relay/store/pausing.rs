//! Pauses: kept, obeyed by what is held, and let go without losing a place.

use attio_relay::store::{Act, Deed, LaneKind, Pause, PauseKind, Store, Verdict};
use serde_json::json;

use super::{on_both_engines, words::*};
use crate::support::database::{TestDatabase, lane};

on_both_engines![
    a_pause_is_kept_once_until_it_ends,
    what_is_held_for_a_pause_is_not_claimed_and_is_counted,
    what_waits_when_a_route_is_paused_is_held_some_at_a_time,
    nothing_of_a_paused_route_is_let_go,
    what_is_let_go_is_claimed_in_its_old_order,
    a_held_one_keeps_its_successors_waiting,
    a_delivery_that_runs_when_its_route_is_paused_is_not_held,
];

const ROUTE: &str = "deals-to-billing";

pub fn act(what: Deed) -> Act {
    Act::new("ann@desk", what, &json!({"why": "a test"}))
}

pub fn route(name: &str) -> Pause {
    let (by, reason) = ("ann@desk".to_owned(), "too many".to_owned());
    Pause { kind: PauseKind::Route, name: name.to_owned(), by, reason }
}

async fn pause(store: &Store) {
    let mut people = lane(store, LaneKind::Act);
    assert!(people.pause(&route(ROUTE), &act(Deed::Pause)).await.unwrap());
}

async fn resume(store: &Store) {
    let mut people = lane(store, LaneKind::Act);
    assert!(people.resume(PauseKind::Route, ROUTE, &act(Deed::Resume)).await.unwrap());
}

async fn a_pause_is_kept_once_until_it_ends(db: &TestDatabase) {
    let store = db.store().await;
    pause(&store).await;
    let mut people = lane(&store, LaneKind::Act);
    let again = Pause { reason: "other".to_owned(), ..route(ROUTE) };
    assert!(!people.pause(&again, &act(Deed::Pause)).await.unwrap());
    let action = Pause { kind: PauseKind::Action, ..route(ROUTE) };
    assert!(people.pause(&action, &act(Deed::Pause)).await.unwrap());
    let standing = people.pauses().await.unwrap();
    let pauses: Vec<_> = standing.iter().map(|standing| standing.pause.clone()).collect();
    assert_eq!(pauses, [action, route(ROUTE)]);
    assert!((time::OffsetDateTime::now_utc() - standing[0].since).whole_seconds().abs() < 60);
    resume(&store).await;
    assert!(!people.resume(PauseKind::Route, ROUTE, &act(Deed::Resume)).await.unwrap());
    assert_eq!(people.pauses().await.unwrap().len(), 1);
    let acts = "SELECT what || ' ' || who || ' ' || changed FROM acts ORDER BY id";
    let one = |what| format!("{what} ann@desk 1");
    assert_eq!(db.all_texts(acts).await, [one("pause"), one("pause"), one("resume")]);
}

async fn what_is_held_for_a_pause_is_not_claimed_and_is_counted(db: &TestDatabase) {
    let store = db.store().await;
    let mut lanes = Lanes::of(&store);
    lanes.record_deliveries("k", vec![delivery(BILLING)]).await;
    pause(&store).await;
    let claimed = lanes.claim_soon(BILLING, LONG).await;
    lanes.finish(&[outcome(&claimed, Verdict::Paused)]).await;
    assert!(lanes.claim(BILLING, 9).await.is_empty());
    let backlog = lane(&store, LaneKind::Sample).backlog().await.unwrap();
    assert_eq!((backlog[0].due, backlog[0].leased, backlog[0].paused), (0, 0, 1));
    assert_eq!(backlog[0].oldest_due, NO_TIME);
    assert_eq!(db.number("SELECT CAST(tries AS bigint) FROM deliveries").await, 0);
}

async fn what_waits_when_a_route_is_paused_is_held_some_at_a_time(db: &TestDatabase) {
    let store = db.store().await;
    let mut lanes = Lanes::of(&store);
    lanes.record_deliveries("k", (0..5).map(|_| delivery(BILLING)).collect()).await;
    let tried_before = lanes.claim(BILLING, 1).await;
    lanes.finish(&[tried(&tried_before[0], Verdict::Retry(LONG), "failed")]).await;
    let mut people = lane(&store, LaneKind::Act);
    assert_eq!(people.hold(ROUTE, 9).await.unwrap(), 0, "it is not paused");
    pause(&store).await;
    assert_eq!(people.hold("another-route", 9).await.unwrap(), 0);
    assert_eq!(people.hold(ROUTE, 3).await.unwrap(), 3);
    assert_eq!(people.hold(ROUTE, 3).await.unwrap(), 2);
    assert!(lanes.claim(BILLING, 9).await.is_empty());
}

async fn nothing_of_a_paused_route_is_let_go(db: &TestDatabase) {
    let store = db.store().await;
    let mut lanes = Lanes::of(&store);
    let other = attio_relay::store::NewDelivery { route: "a-route".into(), ..delivery(BILLING) };
    lanes.record_deliveries("k", vec![delivery(BILLING), other]).await;
    pause(&store).await;
    for claimed in lanes.claim(BILLING, 2).await {
        lanes.finish(&[outcome(&claimed, Verdict::Paused)]).await;
    }
    assert_eq!(lanes.claim.let_go(9).await.unwrap(), [BILLING]);
    assert_eq!(lanes.claim.let_go(9).await.unwrap(), Vec::<String>::new());
    assert_eq!(lanes.claim(BILLING, 9).await[0].route.as_str(), "a-route");
}

async fn what_is_let_go_is_claimed_in_its_old_order(db: &TestDatabase) {
    let store = db.store().await;
    let mut lanes = Lanes::of(&store);
    let recorded = lanes.record_deliveries("k", (0..5).map(|_| delivery(BILLING)).collect()).await;
    pause(&store).await;
    assert_eq!(lanes.claim.hold(ROUTE, 9).await.unwrap(), 5);
    resume(&store).await;
    assert_eq!(lanes.claim.let_go(2).await.unwrap().len(), 2);
    assert_eq!(ids(&lanes.claim(BILLING, 9).await), recorded[..2]);
    assert_eq!(lanes.claim.let_go(9).await.unwrap().len(), 3);
    assert_eq!(ids(&lanes.claim(BILLING, 9).await), recorded[2..]);
}

async fn a_held_one_keeps_its_successors_waiting(db: &TestDatabase) {
    let store = db.store().await;
    let mut lanes = Lanes::of(&store);
    let two = vec![ordered(BILLING, "deal"), ordered(BILLING, "deal")];
    let two = lanes.record_deliveries("k", two).await;
    pause(&store).await;
    assert_eq!(lanes.claim.hold(ROUTE, 9).await.unwrap(), 1, "the other one waits for it");
    assert!(lanes.claim(BILLING, 9).await.is_empty());
    resume(&store).await;
    lanes.claim.let_go(9).await.unwrap();
    for id in two {
        let claimed = lanes.claim(BILLING, 9).await;
        assert_eq!(ids(&claimed), [id]);
        lanes.finish(&[outcome(&claimed[0], Verdict::Succeeded)]).await;
    }
}

async fn a_delivery_that_runs_when_its_route_is_paused_is_not_held(db: &TestDatabase) {
    let store = db.store().await;
    let mut lanes = Lanes::of(&store);
    lanes.record_deliveries("k", vec![delivery(BILLING)]).await;
    let claimed = lanes.claim(BILLING, 1).await;
    pause(&store).await;
    assert_eq!(lanes.claim.hold(ROUTE, 9).await.unwrap(), 0);
    let done = tried(&claimed[0], Verdict::Succeeded, "succeeded");
    assert_eq!(lanes.finish(&[done]).await, [claimed[0].id]);
}
