//! What became of messages and deliveries: counted for a time, and what came last.

use attio_relay::store::{
    Activity, Counted, Fared, Lane, LaneKind, NewMessage, RouteActivity, SourceActivity, Span,
    Tally, quarter_of,
};
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::{NoContext, Timestamp, Uuid};

use super::{on_both_engines, words::*};
use crate::support::database::{TestDatabase, lane};

on_both_engines![
    deliveries_are_counted_by_what_became_of_them,
    the_last_success_and_the_last_failure_are_told_however_old,
    older_messages_are_the_last_and_not_counted,
    still_older_messages_are_not_looked_at_and_what_is_open_is,
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

fn sample(db: &TestDatabase) -> Lane {
    lane(&db.bare_store(), LaneKind::Sample)
}

async fn activity(db: &TestDatabase) -> Activity {
    sample(db).activity(span()).await.unwrap()
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

async fn deliveries_are_counted_by_what_became_of_them(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    let tally = |days: i64, result, count| Tally {
        bucket: quarter_of(now() - Duration::days(days)),
        route: "deals-to-billing".to_owned(),
        action: BILLING.to_owned(),
        result,
        count,
    };
    let tallies = [
        tally(0, Counted::Succeeded, 1),
        tally(29, Counted::Succeeded, 1),
        tally(31, Counted::Succeeded, 9),
        tally(0, Counted::Skipped, 3),
        tally(0, Counted::Dead, 4),
        tally(0, Counted::Discarded, 5),
        tally(0, Counted::Failed, 6),
    ];
    sample(db).add_tallies(&tallies, &[]).await.unwrap();
    lanes.record_deliveries("k", vec![delivery(BILLING), delivery(BILLING)]).await;
    lanes.record_deliveries("first", vec![ordered(BILLING, "a"), ordered(BILLING, "a")]).await;
    lanes.record_deliveries("other", vec![leased("slack", LONG)]).await;
    let counted = of(db, BILLING).await;
    let counts = [counted.succeeded, counted.skipped, counted.dead, counted.discarded];
    assert_eq!((counts, counted.open), ([2, 3, 4, 5], 4));
    assert_eq!(counted.route, "deals-to-billing");
    assert_eq!(of(db, "slack").await.open, 1);
}

async fn the_last_success_and_the_last_failure_are_told_however_old(db: &TestDatabase) {
    db.store().await;
    let (failed, succeeded) = (quarter_of(now()), quarter_of(now()) - Duration::days(70));
    let fared = Fared {
        route: "deals-to-billing".to_owned(),
        action: BILLING.to_owned(),
        last_success: Some(succeeded),
        last_failure: Some(failed),
        ..Fared::default()
    };
    sample(db).add_tallies(&[], &[fared]).await.unwrap();
    let told = of(db, BILLING).await;
    assert_eq!((told.last_failure, told.last_success), (Some(failed), Some(succeeded)));
}

async fn older_messages_are_the_last_and_not_counted(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    lanes.record(old("k", BILLING, 45)).await;
    let of_source = &activity(db).await.sources[0];
    assert_eq!(of_source.accepted, 0);
    assert!(of_source.last_accepted.is_some());
}

async fn still_older_messages_are_not_looked_at_and_what_is_open_is(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
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
