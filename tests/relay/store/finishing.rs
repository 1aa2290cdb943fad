//! What became of deliveries: written only by whoever holds the lease.

use std::time::Duration;

use attio_relay::store::{Attempt, Backlog, LaneKind, Outcome, Verdict};
use bytes::Bytes;

use super::{on_both_engines, words::*};
use crate::support::database::{TestDatabase, lane};

on_both_engines![
    a_late_worker_cannot_finish,
    a_late_worker_does_not_keep_the_outcomes_of_others_out,
    what_ended_cannot_end_again,
    what_was_given_back_cannot_be_finished_under_the_old_lease,
    what_was_born_leased_is_finished_under_its_first_lease,
    an_ended_delivery_says_when_and_why,
    an_ended_delivery_is_not_claimed,
    a_retry_waits_and_counts_a_try,
    a_postponed_delivery_waits_and_costs_no_try,
    an_attempt_that_was_cut_off_is_recorded_and_costs_no_try,
    an_attempt_is_recorded_with_all_that_is_known,
    an_orphaned_delivery_waits_for_its_own_route,
    an_adopted_delivery_goes_on_where_it_was,
    the_backlog_counts_what_is_open_and_what_is_dead,
    the_backlog_tells_how_long_the_oldest_has_waited,
    an_empty_store_has_no_backlog,
];

async fn a_late_worker_cannot_finish(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    lanes.record_deliveries("k", vec![delivery(BILLING)]).await;
    let late = lanes.claim_soon(BILLING, NO_TIME).await;
    let now = lanes.claim_soon(BILLING, LONG).await;
    assert_eq!(lanes.finish(&[tried(&late, Verdict::Succeeded, "succeeded")]).await, NONE);
    assert_eq!(states(db).await, ["open"]);
    assert_eq!(db.all_texts("SELECT result FROM attempts").await, ["lease_lost"]);
    assert_eq!(lanes.finish(&[tried(&now, Verdict::Succeeded, "succeeded")]).await, [now.id]);
}

async fn a_late_worker_does_not_keep_the_outcomes_of_others_out(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    lanes.record_deliveries("k", vec![delivery(BILLING), delivery("slack")]).await;
    let late = lanes.claim_soon(BILLING, NO_TIME).await;
    lanes.claim_soon(BILLING, LONG).await;
    let timely = lanes.claim_soon("slack", LONG).await;
    let both = [&late, &timely].map(|claimed| tried(claimed, Verdict::Succeeded, "succeeded"));
    assert_eq!(lanes.finish(&both).await, [timely.id]);
}

async fn what_ended_cannot_end_again(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    lanes.record_deliveries("k", vec![delivery(BILLING)]).await;
    let claimed = lanes.claim_soon(BILLING, LONG).await;
    assert_eq!(lanes.finish(&[outcome(&claimed, Verdict::Succeeded)]).await, [claimed.id]);
    assert_eq!(lanes.finish(&[outcome(&claimed, Verdict::Dead("no".into()))]).await, NONE);
    assert_eq!(states(db).await, ["succeeded"]);
}

async fn what_was_given_back_cannot_be_finished_under_the_old_lease(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    lanes.record_deliveries("k", vec![delivery(BILLING)]).await;
    let claimed = lanes.claim_soon(BILLING, LONG).await;
    lanes.finish(&[outcome(&claimed, Verdict::Postponed(LONG))]).await;
    assert_eq!(lanes.finish(&[tried(&claimed, Verdict::Succeeded, "succeeded")]).await, NONE);
    assert_eq!(states(db).await, ["open"]);
    assert_eq!(db.number("SELECT count(*) FROM attempts").await, 0);
}

async fn what_was_born_leased_is_finished_under_its_first_lease(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    let born = lanes.record_deliveries("k", vec![leased(BILLING, LONG)]).await[0];
    let ended = Outcome {
        id: born,
        lease_no: 1,
        verdict: Verdict::Succeeded,
        order_key: None,
        attempt: None,
    };
    assert_eq!(lanes.finish(&[ended]).await, [born]);
}

async fn an_ended_delivery_says_when_and_why(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    let three = vec![delivery("a"), delivery("b"), delivery("c")];
    lanes.record_deliveries("k", three).await;
    for (action, verdict) in [
        ("a", Verdict::Succeeded),
        ("b", Verdict::Skipped("amount was empty".into())),
        ("c", Verdict::Dead("410 Gone".into())),
    ] {
        let claimed = lanes.claim_soon(action, LONG).await;
        lanes.finish(&[outcome(&claimed, verdict)]).await;
    }
    assert_eq!(states(db).await, ["succeeded", "skipped", "dead"]);
    let reasons = db.texts("SELECT reason FROM deliveries ORDER BY seq").await;
    assert_eq!(reasons, [None, Some("amount was empty".into()), Some("410 Gone".into())]);
    let ended = "SELECT count(*) FROM deliveries WHERE ended_at IS NOT NULL AND owner IS NULL";
    assert_eq!(db.number(ended).await, 3);
}

async fn an_ended_delivery_is_not_claimed(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    lanes.record_deliveries("k", vec![delivery(BILLING)]).await;
    let claimed = lanes.claim_soon(BILLING, NO_TIME).await;
    lanes.finish(&[outcome(&claimed, Verdict::Dead("no".into()))]).await;
    assert!(lanes.claim(BILLING, 9).await.is_empty());
}

async fn a_retry_waits_and_counts_a_try(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    lanes.record_deliveries("k", vec![delivery(BILLING)]).await;
    let claimed = lanes.claim_soon(BILLING, LONG).await;
    lanes.finish(&[tried(&claimed, Verdict::Retry(LONG), "failed")]).await;
    assert!(lanes.claim(BILLING, 9).await.is_empty());
    db.make_older(claimed.id, LONG.as_secs()).await;
    let again = lanes.claim_soon(BILLING, LONG).await;
    assert_eq!((again.id, again.tries, again.lease_no), (claimed.id, 1, 2));
}

async fn a_postponed_delivery_waits_and_costs_no_try(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    lanes.record_deliveries("k", vec![delivery(BILLING)]).await;
    let claimed = lanes.claim_soon(BILLING, LONG).await;
    lanes.finish(&[outcome(&claimed, Verdict::Postponed(LONG))]).await;
    assert!(lanes.claim(BILLING, 9).await.is_empty());
    db.make_older(claimed.id, LONG.as_secs()).await;
    assert_eq!(lanes.claim_soon(BILLING, LONG).await.tries, 0);
}

async fn an_attempt_that_was_cut_off_is_recorded_and_costs_no_try(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    lanes.record_deliveries("k", vec![delivery(BILLING)]).await;
    let claimed = lanes.claim_soon(BILLING, LONG).await;
    lanes.finish(&[tried(&claimed, Verdict::Postponed(NO_TIME), "cut_off")]).await;
    assert_eq!(db.all_texts("SELECT result FROM attempts").await, ["cut_off"]);
    assert_eq!(lanes.claim_soon(BILLING, LONG).await.tries, 0);
}

async fn an_attempt_is_recorded_with_all_that_is_known(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    lanes.record_deliveries("k", vec![delivery(BILLING)]).await;
    let claimed = lanes.claim_soon(BILLING, LONG).await;
    let attempt = Attempt {
        number: 1,
        started_ago: Duration::from_secs(3),
        duration: Duration::from_micros(2_999_001),
        result: "failed",
        status: Some(503),
        error: Some("\"busy\"".to_owned()),
        answer: Some(Bytes::from_static(b"\0\xff")),
    };
    let failed = Outcome { attempt: Some(attempt), ..outcome(&claimed, Verdict::Retry(LONG)) };
    lanes.finish(&[failed]).await;
    let row = "SELECT lease_no || ' ' || number || ' ' || duration_us || ' ' || result || ' ' \
               || status || ' ' || error FROM attempts";
    assert_eq!(db.all_texts(row).await, ["1 1 2999001 failed 503 \"busy\""]);
    assert_eq!(db.hex("answer", "attempts").await.to_lowercase(), "00ff");
    assert!((3..60).contains(&db.seconds_ago("started_at", "attempts").await));
}

async fn an_orphaned_delivery_waits_for_its_own_route(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    lanes.record_deliveries("k", vec![delivery(BILLING)]).await;
    let claimed = lanes.claim_soon(BILLING, LONG).await;
    lanes.finish(&[outcome(&claimed, Verdict::Orphaned)]).await;
    assert_eq!(db.all_texts("SELECT held FROM deliveries").await, ["orphaned"]);
    assert_eq!(lanes.claim.adopt(&["another-route"]).await.unwrap(), 0);
    assert_eq!(lanes.claim.adopt(&[]).await.unwrap(), 0);
    assert!(lanes.claim(BILLING, 9).await.is_empty());
}

async fn an_adopted_delivery_goes_on_where_it_was(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    lanes.record_deliveries("k", vec![delivery(BILLING)]).await;
    let claimed = lanes.claim_soon(BILLING, LONG).await;
    lanes.finish(&[retry_now(&claimed)]).await;
    let claimed = lanes.claim_soon(BILLING, LONG).await;
    lanes.finish(&[outcome(&claimed, Verdict::Orphaned)]).await;
    let routes = ["another-route", "deals-to-billing"];
    assert_eq!(lanes.claim.adopt(&routes).await.unwrap(), 1);
    let again = lanes.claim_soon(BILLING, LONG).await;
    assert_eq!((again.id, again.tries), (claimed.id, 1));
}

async fn the_backlog_counts_what_is_open_and_what_is_dead(db: &TestDatabase) {
    let store = db.store().await;
    let mut lanes = Lanes::of(&store);
    lanes.record_deliveries("k", (0..6).map(|_| delivery(BILLING)).collect()).await;
    let claimed = lanes.claim(BILLING, 5).await;
    lanes
        .finish(&[
            tried(&claimed[0], Verdict::Succeeded, "succeeded"),
            tried(&claimed[1], Verdict::Retry(LONG), "failed"),
            tried(&claimed[2], Verdict::Dead("no".into()), "refused"),
            outcome(&claimed[3], Verdict::Orphaned),
        ])
        .await;
    let deals = vec![ordered("slack", "deal"), ordered("slack", "deal")];
    lanes.record_deliveries("ordered", deals).await;
    let backlog = sorted(lane(&store, LaneKind::Sample).backlog().await.unwrap());
    let counted: Vec<_> =
        backlog.iter().map(|b| (b.action.as_str(), b.due, b.leased, b.orphaned, b.dead)).collect();
    assert_eq!(counted, [(BILLING, 2, 1, 1, 1), ("slack", 2, 0, 0, 0)]);
}

async fn the_backlog_tells_how_long_the_oldest_has_waited(db: &TestDatabase) {
    let store = db.store().await;
    let mut lanes = Lanes::of(&store);
    let two = lanes.record_deliveries("k", vec![delivery(BILLING), delivery(BILLING)]).await;
    lanes.record_deliveries("leased", vec![leased("slack", LONG)]).await;
    db.make_older(two[1], 100).await;
    let backlog = sorted(lane(&store, LaneKind::Sample).backlog().await.unwrap());
    assert!((100..160).contains(&backlog[0].oldest_due.as_secs()), "{backlog:?}");
    assert_eq!(backlog[1].oldest_due, Duration::ZERO);
}

async fn an_empty_store_has_no_backlog(db: &TestDatabase) {
    let mut sample = lane(&db.store().await, LaneKind::Sample);
    sample.ping().await.unwrap();
    assert_eq!(sample.backlog().await.unwrap(), []);
}

fn sorted(mut backlog: Vec<Backlog>) -> Vec<Backlog> {
    backlog.sort_by(|one, other| one.action.cmp(&other.action));
    backlog
}
