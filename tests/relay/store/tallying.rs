//! What became of deliveries is added up by quarters of an hour, by all processes alike.

use attio_relay::store::{Act, Counted, Deed, Fared, Lane, LaneKind, Tally, quarter_of};
use time::{Duration, OffsetDateTime};

use super::{on_both_engines, words::*};
use crate::support::database::{Engine, TestDatabase, lane};

on_both_engines![
    two_processes_add_to_the_same_quarter,
    quarters_routes_actions_and_results_are_counted_apart,
    a_tally_is_read_from_a_quarter_on,
    the_last_success_and_failure_are_those_of_all_processes,
    failing_began_with_the_first_failure_after_the_last_success_of_any_process,
    what_is_discarded_is_counted_with_the_act,
    open_deliveries_are_counted_by_route_up_to_a_limit,
    dead_letters_are_told_apart_by_action_route_and_reason_up_to_a_limit,
];

/// A whole quarter of an hour.
fn quarter() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap()
}

fn at(seconds: i64) -> OffsetDateTime {
    quarter() + Duration::seconds(seconds)
}

fn tally(result: Counted, count: u64) -> Tally {
    let (route, action) = ("r".to_owned(), "a".to_owned());
    Tally { bucket: quarter(), route, action, result, count }
}

fn fared(success: Option<i64>, failure: Option<i64>, failing: Option<i64>) -> Fared {
    Fared {
        route: "r".to_owned(),
        action: "a".to_owned(),
        last_success: success.map(at),
        last_failure: failure.map(at),
        last_error: failure.map(|second| format!("error {second}")),
        failing_since: failing.map(at),
    }
}

async fn process(db: &TestDatabase) -> Lane {
    lane(&db.store().await, LaneKind::Look)
}

async fn two_processes_add_to_the_same_quarter(db: &TestDatabase) {
    let (mut one, mut other) = (process(db).await, process(db).await);
    let fares = [fared(Some(1), None, None), fared(Some(2), None, None)];
    for _ in 0..10 {
        let both = [tally(Counted::Succeeded, 1), tally(Counted::Dead, 2)];
        let turned = [both[1].clone(), both[0].clone()];
        let (first, second) = tokio::join!(
            one.add_tallies(&both, &fares[..1]),
            other.add_tallies(&turned, &fares[1..])
        );
        first.and(second).unwrap();
    }
    let told = one.tallies(quarter()).await.unwrap();
    assert_eq!(told, [tally(Counted::Dead, 40), tally(Counted::Succeeded, 20)]);
}

async fn quarters_routes_actions_and_results_are_counted_apart(db: &TestDatabase) {
    let mut lane = process(db).await;
    let first = tally(Counted::Succeeded, 1);
    let apart = [
        Tally { bucket: at(900), ..first.clone() },
        Tally { route: "s".to_owned(), ..first.clone() },
        Tally { action: "b".to_owned(), ..first.clone() },
        Tally { result: Counted::Failed, ..first.clone() },
        Tally { result: Counted::Skipped, ..first.clone() },
        first,
    ];
    lane.add_tallies(&apart, &[]).await.unwrap();
    let told = lane.tallies(quarter()).await.unwrap();
    assert_eq!(told.len(), apart.len());
    assert!(apart.iter().all(|one| told.contains(one)), "{told:?}");
}

async fn a_tally_is_read_from_a_quarter_on(db: &TestDatabase) {
    let mut lane = process(db).await;
    let old = Tally { bucket: at(-900), ..tally(Counted::Succeeded, 7) };
    lane.add_tallies(&[old, tally(Counted::Succeeded, 1)], &[]).await.unwrap();
    assert_eq!(lane.tallies(quarter()).await.unwrap(), [tally(Counted::Succeeded, 1)]);
}

async fn the_last_success_and_failure_are_those_of_all_processes(db: &TestDatabase) {
    let mut lane = process(db).await;
    for told in
        [fared(Some(5), None, None), fared(None, Some(3), Some(3)), fared(Some(2), Some(1), None)]
    {
        lane.add_tallies(&[], &[told]).await.unwrap();
    }
    assert_eq!(lane.fared().await.unwrap(), [fared(Some(5), Some(3), None)]);
}

async fn failing_began_with_the_first_failure_after_the_last_success_of_any_process(
    db: &TestDatabase,
) {
    let mut lane = process(db).await;
    for (told, since) in [
        (fared(None, Some(2), Some(2)), Some(2)),
        (fared(None, Some(3), Some(1)), Some(1)),
        (fared(Some(4), None, None), None),
        (fared(None, Some(6), Some(1)), Some(6)),
        (fared(None, Some(8), Some(7)), Some(6)),
        (fared(Some(5), Some(9), Some(9)), Some(6)),
        (fared(Some(10), Some(12), Some(11)), Some(11)),
    ] {
        lane.add_tallies(&[], std::slice::from_ref(&told)).await.unwrap();
        let stands = lane.fared().await.unwrap().remove(0).failing_since;
        assert_eq!(stands, since.map(at), "after {told:?}");
    }
}

async fn what_is_discarded_is_counted_with_the_act(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    let ids = lanes.record_deliveries("k", vec![delivery(BILLING), delivery(BILLING)]).await;
    let mut people = process(db).await;
    let act = Act::new("ann", Deed::Discard, &serde_json::json!({}));
    assert_eq!(
        people.discard(&ids, "no", &act).await.unwrap(),
        [(); 2].map(|()| ("deals-to-billing".to_owned(), BILLING.to_owned()))
    );
    assert_eq!(people.discard(&ids, "no", &act).await.unwrap(), []);
    let told = people.tallies(quarter_of(OffsetDateTime::now_utc()) - Duration::hours(1)).await;
    let discarded = Tally {
        bucket: told.as_ref().unwrap()[0].bucket,
        route: "deals-to-billing".to_owned(),
        action: BILLING.to_owned(),
        result: Counted::Discarded,
        count: 2,
    };
    assert_eq!(discarded.bucket, quarter_of(discarded.bucket), "a whole quarter");
    assert_eq!(told.unwrap(), [discarded]);
}

async fn open_deliveries_are_counted_by_route_up_to_a_limit(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    lanes.record_deliveries("k", vec![delivery(BILLING), delivery(BILLING)]).await;
    lanes.record_deliveries("o", vec![ordered(BILLING, "a"), ordered(BILLING, "a")]).await;
    lanes.record_deliveries("s", vec![leased("slack", LONG)]).await;
    let mut lane = process(db).await;
    let told = lane.open_tallies(100).await.unwrap();
    let counts: Vec<_> =
        told.iter().map(|one| (one.route.as_str(), one.action.as_str(), one.count)).collect();
    assert_eq!(counts, [("deals-to-billing", BILLING, 4), ("deals-to-billing", "slack", 1)]);
    assert!(told[0].due_since.is_some() && told[1].due_since.is_none(), "{told:?}");
    let few: u64 = lane.open_tallies(1).await.unwrap().iter().map(|one| one.count).sum();
    assert_eq!(few, 2, "one of each kind");
}

async fn dead_letters_are_told_apart_by_action_route_and_reason_up_to_a_limit(db: &TestDatabase) {
    db.store().await;
    let moment = |second: i64| match db.engine {
        Engine::Postgres => format!("to_timestamp({second})"),
        Engine::Sqlite => format!("{second} * 1000000"),
    };
    let rows = [
        (1, "billing", "r", "no"),
        (2, "billing", "r", "no"),
        (3, "slack", "r", "no"),
        (4, "billing", "s", "no"),
        (5, "billing", "r", "never"),
        (6, "billing", "r", "replayed"),
    ];
    for (number, action, route, reason) in rows {
        let id = format!("0190000{number}-0000-7000-8000-000000000000");
        let by = if reason == "replayed" { format!("'{id}'") } else { "NULL".to_owned() };
        let (at, ended) = (moment(number), moment(100 + number));
        db.run(&format!(
            "INSERT INTO deliveries (id, event_id, route, action, idempotency_key, due_at, state,
                                     ended_at, reason, replayed_by)
             VALUES ('{id}', '{id}', '{route}', '{action}', '{id}', {at}, 'dead', {ended},
                     '{reason}', {by})"
        ))
        .await
        .unwrap();
    }
    let mut lane = process(db).await;
    assert_eq!(lane.dead_count().await.unwrap(), 5);
    let told = lane.dead_tallies(100).await.unwrap();
    assert_eq!(told.len(), 4, "{told:?}");
    let two = told.iter().find(|one| one.count == 2).unwrap();
    assert_eq!(
        (two.action.as_str(), two.route.as_str(), two.reason.as_str()),
        ("billing", "r", "no")
    );
    assert_eq!((two.oldest.unix_timestamp(), two.newest.unix_timestamp()), (101, 102));
    assert!(two.example.to_string().starts_with("01900002"), "{two:?}");
    assert!(two.first.to_string().starts_with("01900001"), "{two:?}");
    let newest: u64 = lane.dead_tallies(3).await.unwrap().iter().map(|one| one.count).sum();
    assert_eq!(newest, 3);
}
