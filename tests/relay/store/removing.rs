//! What is old goes, whole or not at all; and what goes is old, ended and remembered by nothing.

use std::{sync::Arc, time::Duration};

use attio_relay::{
    retention::Retention,
    store::{
        Claimed, Deed, Lane, LaneKind, Removable, Removed, ReplayMode, Snapshot, SnapshotKind,
        Store, Verdict,
    },
    telemetry::Metrics,
};
use bytes::Bytes;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{on_both_engines, pausing::act, words::*};
use crate::support::{
    age::{age, older},
    app::sum,
    database::{Engine, TestDatabase, lane, store_config},
};

on_both_engines![
    what_ended_long_ago_goes_with_all_that_hangs_on_it_and_the_rest_stays,
    an_old_event_with_an_open_delivery_stays_whole,
    an_old_event_whose_replay_is_open_stays_whole_and_goes_after_that_has_ended,
    an_old_event_that_was_merged_into_an_open_one_stays,
    what_ended_lately_stays_however_old_its_event_is,
    what_is_replayed_between_the_look_and_the_removal_stays,
    what_fails_in_the_middle_has_removed_nothing_half,
    thousands_go_in_small_batches_and_each_is_counted,
];

const TABLES: [&str; 5] = ["messages", "events", "deliveries", "attempts", "snapshots"];

/// Removes what is due, once; the metrics tell what.
pub(super) async fn sweep(db: &TestDatabase, retention: u64, dedup_window: u64) -> String {
    let metrics = Arc::new(Metrics::new());
    let mut config = store_config(db.url());
    config.retention = Duration::from_hours(24 * retention);
    config.dedup_window = Duration::from_hours(24 * dedup_window);
    let stop = CancellationToken::new();
    let mut removing = Retention::new(&config, &db.bare_store(), &metrics, || false, stop);
    removing.sweep().await.unwrap();
    metrics.render()
}

pub(super) async fn rows(db: &TestDatabase) -> [i64; 5] {
    let mut counts = [0; 5];
    for (count, table) in counts.iter_mut().zip(TABLES) {
        *count = db.number(&format!("SELECT count(*) FROM {table}")).await;
    }
    counts
}

/// Records a message with a delivery that was tried and ended, and a snapshot.
pub(super) async fn ended(store: &Store, key: &str, verdict: Verdict) -> Claimed {
    let mut lanes = Lanes::of(store);
    lanes.record_deliveries(key, vec![delivery(BILLING)]).await;
    let claimed = lanes.claim_soon(BILLING, LONG).await;
    lanes.finish(&[tried(&claimed, verdict, "refused")]).await;
    let snapshot = Snapshot {
        event_id: claimed.event.id,
        kind: SnapshotKind::Record,
        looked_up_at: OffsetDateTime::now_utc(),
        value: Bytes::from_static(b"{}"),
    };
    lane(store, LaneKind::Look).keep_snapshots(&[snapshot]).await.unwrap();
    claimed
}

pub(super) fn people(store: &Store) -> Lane {
    lane(store, LaneKind::Act)
}

async fn replay(store: &Store, id: Uuid) -> Uuid {
    let mode = ReplayMode::default();
    people(store).replay(&[id], mode, &act(Deed::Replay)).await.unwrap()[0].id
}

async fn what_ended_long_ago_goes_with_all_that_hangs_on_it_and_the_rest_stays(db: &TestDatabase) {
    let store = db.store().await;
    ended(&store, "succeeded", Verdict::Succeeded).await;
    ended(&store, "dead", Verdict::Dead("refused".to_owned())).await;
    age(db, 31).await;
    ended(&store, "young", Verdict::Succeeded).await;
    assert_eq!(rows(db).await, [3; 5]);
    let told = sweep(db, 30, 30).await;
    assert_eq!(rows(db).await, [1; 5]);
    for table in TABLES {
        let removed = sum(&told, "attio_relay_removed_total", &[("table", table)]);
        assert_eq!(removed, 2.0, "{table}: {told}");
    }
    age(db, 29).await;
    sweep(db, 30, 30).await;
    assert_eq!(rows(db).await, [1; 5]);
    age(db, 2).await;
    sweep(db, 30, 30).await;
    assert_eq!(rows(db).await, [0; 5]);
}

async fn an_old_event_with_an_open_delivery_stays_whole(db: &TestDatabase) {
    let store = db.store().await;
    let mut lanes = Lanes::of(&store);
    let both = lanes.record_deliveries("k", vec![delivery(BILLING), delivery("slack")]).await;
    let claimed = lanes.claim_soon(BILLING, LONG).await;
    lanes.finish(&[tried(&claimed, Verdict::Succeeded, "succeeded")]).await;
    age(db, 400).await;
    sweep(db, 5, 30).await;
    assert_eq!(rows(db).await, [1, 1, 2, 1, 0]);
    let open = lanes.claim_soon("slack", LONG).await;
    assert_eq!(open.id, older(both[1], 400));
    assert!(!open.event.json.is_empty(), "and can still be performed");
    lanes.finish(&[tried(&open, Verdict::Succeeded, "succeeded")]).await;
    age(db, 6).await;
    sweep(db, 5, 30).await;
    assert_eq!(rows(db).await, [0; 5]);
}

async fn an_old_event_whose_replay_is_open_stays_whole_and_goes_after_that_has_ended(
    db: &TestDatabase,
) {
    let store = db.store().await;
    let first = ended(&store, "k", Verdict::Dead("refused".to_owned())).await;
    age(db, 20).await;
    let second = replay(&store, older(first.id, 20)).await;
    let mut lanes = Lanes::of(&store);
    let claimed = lanes.claim_soon(BILLING, LONG).await;
    assert_eq!(claimed.id, second);
    lanes.finish(&[tried(&claimed, Verdict::Dead("refused".to_owned()), "refused")]).await;
    age(db, 20).await;
    let third = replay(&store, older(second, 20)).await;
    age(db, 20).await;
    sweep(db, 10, 10).await;
    assert_eq!(rows(db).await, [1, 1, 3, 2, 1], "the replay of the replay is open");
    let claimed = lanes.claim_soon(BILLING, LONG).await;
    assert_eq!(claimed.id, older(third, 20));
    lanes.finish(&[tried(&claimed, Verdict::Succeeded, "succeeded")]).await;
    sweep(db, 10, 10).await;
    assert_eq!(rows(db).await, [1, 1, 3, 3, 1], "it ended but now");
    age(db, 11).await;
    sweep(db, 10, 10).await;
    assert_eq!(rows(db).await, [0; 5]);
}

async fn an_old_event_that_was_merged_into_an_open_one_stays(db: &TestDatabase) {
    let store = db.store().await;
    let merged = ended(&store, "1", Verdict::Skipped("merged".to_owned())).await;
    age(db, 3).await;
    let between = ended(&store, "2", Verdict::Skipped("merged".to_owned())).await;
    age(db, 3).await;
    let open = Lanes::of(&store).record_deliveries("3", vec![delivery(BILLING)]).await[0];
    let (merged, between) = (older(merged.id, 6), older(between.id, 3));
    for (from, into) in [(merged, between), (between, open), (open, open)] {
        let link = format!("UPDATE deliveries SET merged_into = '{into}' WHERE id = '{from}'");
        db.run(&link).await.unwrap();
    }
    age(db, 40).await;
    sweep(db, 30, 30).await;
    assert_eq!(rows(db).await, [3, 3, 3, 2, 2], "the open one tells of all three");
}

async fn what_ended_lately_stays_however_old_its_event_is(db: &TestDatabase) {
    let store = db.store().await;
    let mut lanes = Lanes::of(&store);
    lanes.record_deliveries("k", vec![delivery(BILLING)]).await;
    age(db, 40).await;
    let claimed = lanes.claim_soon(BILLING, LONG).await;
    lanes.finish(&[tried(&claimed, Verdict::Dead("refused".to_owned()), "refused")]).await;
    sweep(db, 30, 30).await;
    assert_eq!(rows(db).await, [1, 1, 1, 1, 0]);
}

async fn what_is_replayed_between_the_look_and_the_removal_stays(db: &TestDatabase) {
    let store = db.store().await;
    let dead = ended(&store, "k", Verdict::Dead("refused".to_owned())).await;
    let looked_at = [Removable { event: dead.event.id, deliveries: vec![dead.id] }];
    let replay = replay(&store, dead.id).await;
    let mut removing = lane(&store, LaneKind::Remove);
    assert_eq!(removing.remove_events(&looked_at).await.unwrap(), Removed::default());
    let both = [Removable { deliveries: vec![dead.id, replay], ..looked_at[0].clone() }];
    assert_eq!(removing.remove_events(&both).await.unwrap(), Removed::default(), "it is open");
    assert_eq!(rows(db).await, [1, 1, 2, 1, 1]);
}

async fn what_fails_in_the_middle_has_removed_nothing_half(db: &TestDatabase) {
    let store = db.store().await;
    ended(&store, "k", Verdict::Succeeded).await;
    let dead = ended(&store, "l", Verdict::Dead("refused".to_owned())).await;
    db.run(match db.engine {
        Engine::Postgres => {
            "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql
                 AS $$ BEGIN RAISE EXCEPTION 'the power went'; END $$;
             CREATE TRIGGER fails BEFORE DELETE ON events FOR EACH ROW EXECUTE FUNCTION fail()"
        }
        Engine::Sqlite => {
            "CREATE TRIGGER fails BEFORE DELETE ON events
             BEGIN SELECT RAISE(ABORT, 'the power went'); END"
        }
    })
    .await
    .unwrap();
    let batch = [Removable { event: dead.event.id, deliveries: vec![dead.id] }];
    lane(&store, LaneKind::Remove).remove_events(&batch).await.unwrap_err();
    assert_eq!(rows(db).await, [2; 5]);
}

async fn thousands_go_in_small_batches_and_each_is_counted(db: &TestDatabase) {
    db.store().await;
    db.run(&super::looking_filled::filled(db.engine, 5_000)).await.unwrap();
    let told = sweep(db, 30, 30).await;
    let removed = |table| sum(&told, "attio_relay_removed_total", &[("table", table)]);
    assert_eq!(
        (removed("events"), removed("deliveries"), removed("messages")),
        (4_999.0, 4_999.0, 4_999.0)
    );
    assert_eq!(rows(db).await, [1, 1, 1, 0, 0], "one is open");
}
