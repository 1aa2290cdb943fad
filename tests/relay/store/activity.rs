//! What became of messages and deliveries: counted for a time, and what came last.

use attio_relay::store::{
    Activity, LaneKind, NewMessage, Outcome, RouteActivity, SourceActivity, Span, Verdict,
};
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::{NoContext, Timestamp, Uuid};

use super::{on_both_engines, words::*};
use crate::support::database::{Engine, TestDatabase, lane};

on_both_engines![
    deliveries_are_counted_by_what_became_of_them,
    the_last_success_and_the_last_failure_are_told,
    what_is_older_is_the_last_and_not_counted,
    what_is_older_still_is_not_looked_at_but_for_what_is_open,
    messages_are_counted_by_their_source,
    an_empty_store_shows_no_activity,
];

fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

/// The last 30 days, and 30 more that are looked at.
fn span() -> Span {
    Span { oldest: now() - Duration::days(60), counted_since: now() - Duration::days(30) }
}

async fn activity(db: &TestDatabase) -> Activity {
    lane(&db.bare_store(), LaneKind::Sample).activity(span()).await.unwrap()
}

async fn of(db: &TestDatabase, action: &str) -> RouteActivity {
    let deliveries = activity(db).await.deliveries;
    deliveries.into_iter().find(|one| one.action == action).unwrap()
}

/// An id as it was made so many days ago.
fn days_ago(days: i64) -> Uuid {
    let seconds = u64::try_from((now() - Duration::days(days)).unix_timestamp()).unwrap();
    Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, 0))
}

/// A message that came so many days ago, with its delivery.
fn old(key: &str, action: &str, days: i64) -> NewMessage {
    let mut old = message(key, vec![delivery(action)]);
    old.id = days_ago(days);
    old.received_at = now() - Duration::days(days);
    old.events[0].deliveries[0].id = days_ago(days);
    old
}

/// The moment in a column, as text, to the microsecond.
async fn moment(db: &TestDatabase, expression: &str) -> OffsetDateTime {
    let micros = match db.engine {
        Engine::Postgres => format!("(extract(epoch FROM {expression}) * 1000000)::int8"),
        Engine::Sqlite => expression.to_owned(),
    };
    let micros = db.number(&format!("SELECT {micros} FROM deliveries d, attempts a")).await;
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000).unwrap()
}

async fn deliveries_are_counted_by_what_became_of_them(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    let verdicts = [
        Verdict::Succeeded,
        Verdict::Succeeded,
        Verdict::Skipped("no".into()),
        Verdict::Dead("no".into()),
        Verdict::Orphaned,
        Verdict::Retry(LONG),
    ];
    let all = verdicts.iter().map(|_| delivery(BILLING)).collect();
    lanes.record_deliveries("k", all).await;
    let claimed = lanes.claim(BILLING, 6).await;
    let ends: Vec<Outcome> =
        claimed.iter().zip(verdicts).map(|(it, verdict)| outcome(it, verdict)).collect();
    lanes.finish(&ends).await;
    lanes.record_deliveries("first", vec![ordered(BILLING, "a"), ordered(BILLING, "a")]).await;
    lanes.record_deliveries("other", vec![leased("slack", LONG)]).await;
    let counted = of(db, BILLING).await;
    let counts = [counted.succeeded, counted.skipped, counted.dead, counted.discarded];
    assert_eq!((counts, counted.open), ([2, 1, 1, 0], 4));
    assert_eq!(counted.route, "deals-to-billing");
    assert_eq!(of(db, "slack").await.open, 1);
}

async fn the_last_success_and_the_last_failure_are_told(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    lanes.record_deliveries("k", vec![delivery(BILLING)]).await;
    let claimed = lanes.claim_soon(BILLING, LONG).await;
    let cut_off = tried(&claimed, Verdict::Postponed(NO_TIME), "cut_off");
    lanes.finish(&[cut_off]).await;
    assert_eq!(of(db, BILLING).await.last_failure, None, "a stop is no failure");
    let claimed = lanes.claim_soon(BILLING, LONG).await;
    db.run("DELETE FROM attempts").await.unwrap();
    lanes.finish(&[retry_now(&claimed)]).await;
    let failed = match db.engine {
        Engine::Postgres => "a.started_at + a.duration_us * interval '1 microsecond'",
        Engine::Sqlite => "a.started_at + a.duration_us",
    };
    let failed = moment(db, failed).await;
    let told = of(db, BILLING).await;
    assert_eq!((told.last_failure, told.last_success), (Some(failed), None));
    let claimed = lanes.claim_soon(BILLING, LONG).await;
    lanes.finish(&[outcome(&claimed, Verdict::Succeeded)]).await;
    let succeeded = moment(db, "d.ended_at").await;
    let told = of(db, BILLING).await;
    assert_eq!((told.last_failure, told.last_success), (Some(failed), Some(succeeded)));
    lanes.record_deliveries("l", vec![delivery(BILLING)]).await;
    let claimed = lanes.claim_soon(BILLING, LONG).await;
    lanes.finish(&[outcome(&claimed, Verdict::Dead("the condition failed".into()))]).await;
    assert!(of(db, BILLING).await.last_failure > Some(succeeded), "dead without an attempt");
}

async fn what_is_older_is_the_last_and_not_counted(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    lanes.record(old("k", BILLING, 45)).await;
    let claimed = lanes.claim_soon(BILLING, LONG).await;
    lanes.finish(&[tried(&claimed, Verdict::Retry(NO_TIME), "timeout")]).await;
    let claimed = lanes.claim_soon(BILLING, LONG).await;
    lanes.finish(&[tried(&claimed, Verdict::Succeeded, "succeeded")]).await;
    let told = of(db, BILLING).await;
    assert_eq!(told.succeeded, 0);
    assert!(told.last_success.is_some() && told.last_failure.is_some());
    let of_source = &activity(db).await.sources[0];
    assert_eq!(of_source.accepted, 0);
    assert!(of_source.last_accepted.is_some());
}

async fn what_is_older_still_is_not_looked_at_but_for_what_is_open(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    lanes.record(old("k", BILLING, 70)).await;
    let claimed = lanes.claim_soon(BILLING, LONG).await;
    lanes.finish(&[tried(&claimed, Verdict::Dead("no".into()), "refused")]).await;
    lanes.record(old("l", "slack", 80)).await;
    let told = activity(db).await;
    assert_eq!(told.sources, []);
    let open = RouteActivity {
        route: "deals-to-billing".into(),
        action: "slack".into(),
        open: 1,
        ..RouteActivity::default()
    };
    assert_eq!(told.deliveries, [open]);
}

async fn messages_are_counted_by_their_source(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    let at = OffsetDateTime::parse("2026-11-20T08:00:00Z", &Rfc3339).unwrap();
    let received = |key: &str, second| NewMessage {
        received_at: at + Duration::seconds(second),
        ..quiet(key)
    };
    let aside =
        NewMessage { quarantined: Some("not readable"), events: Vec::new(), ..received("c", 3) };
    let other = NewMessage { source: "billing".into(), ..received("d", 4) };
    for message in [received("a", 2), received("b", 1), aside, other] {
        lanes.record(message).await;
    }
    let of_crm = SourceActivity {
        source: "crm".into(),
        accepted: 2,
        quarantined: 1,
        last_accepted: Some(at + Duration::seconds(2)),
        last_quarantined: Some(at + Duration::seconds(3)),
    };
    let told = activity(db).await.sources;
    assert_eq!((told[0].source.as_str(), told[0].accepted), ("billing", 1));
    assert_eq!(told[1..], [of_crm]);
}

async fn an_empty_store_shows_no_activity(db: &TestDatabase) {
    db.store().await;
    assert_eq!(activity(db).await, Activity::default());
}
