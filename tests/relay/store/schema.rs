//! The schema: how it comes to be, and what it refuses to hold.

use attio_relay::store::{Act, Deed, Verdict};

use super::{on_both_engines, words::*};
use crate::support::database::{Engine, TestDatabase, unusable_text};

on_both_engines![
    a_fresh_database_is_brought_up,
    migrating_again_changes_nothing,
    several_processes_may_migrate_at_once,
    a_newer_schema_is_refused,
    another_builds_schema_is_refused,
    an_old_schema_is_refused_where_migrating_is_not_wanted,
    a_schema_that_fits_is_taken_where_migrating_is_not_wanted,
    rows_cannot_lie,
    every_column_has_a_comment,
];

async fn a_fresh_database_is_brought_up(db: &TestDatabase) {
    let store = db.bare_store();
    let before = store.schema_status().await.unwrap();
    assert_eq!(before.newest_applied, 0);
    assert!(before.steps.iter().all(|(_, applied)| !applied));
    store.prepare(true).await.unwrap();
    let after = store.schema_status().await.unwrap();
    assert_eq!(after.newest_applied, after.newest_known);
    assert!(after.steps.iter().all(|(_, applied)| *applied));
    assert_eq!(after.steps[0].0, "0001 messages events deliveries");
}

async fn migrating_again_changes_nothing(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    lanes.record(quiet("k")).await;
    db.bare_store().prepare(true).await.unwrap();
    assert_eq!(db.number("SELECT count(*) FROM messages").await, 1);
}

async fn several_processes_may_migrate_at_once(db: &TestDatabase) {
    let processes: Vec<_> = (0..4)
        .map(|_| {
            let store = db.bare_store();
            tokio::spawn(async move { store.prepare(true).await })
        })
        .collect();
    for process in processes {
        process.await.unwrap().unwrap();
    }
    assert_eq!(db.number("SELECT count(*) FROM _sqlx_migrations").await, 1);
}

async fn a_newer_schema_is_refused(db: &TestDatabase) {
    let store = db.store().await;
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, \
                 execution_time) SELECT 9999, 'later', success, checksum, 0 FROM _sqlx_migrations";
    db.run(newer).await.unwrap();
    for migrate in [true, false] {
        let text = unusable_text(store.prepare(migrate).await);
        assert!(text.contains("at version 9999, which is newer"), "{text}");
    }
}

async fn another_builds_schema_is_refused(db: &TestDatabase) {
    let store = db.store().await;
    db.run("UPDATE _sqlx_migrations SET checksum = substr(checksum, 2)").await.unwrap();
    let text = unusable_text(store.prepare(true).await);
    assert!(text.contains("belongs to another build"), "{text}");
}

async fn an_old_schema_is_refused_where_migrating_is_not_wanted(db: &TestDatabase) {
    let text = unusable_text(db.bare_store().prepare(false).await);
    assert!(text.contains("run `attio-relay migrate`, or set store.migrate = true"), "{text}");
}

async fn a_schema_that_fits_is_taken_where_migrating_is_not_wanted(db: &TestDatabase) {
    db.store().await.prepare(false).await.unwrap();
}

/// Each statement would make a row say something that cannot be.
const LIES: [&str; 28] = [
    "UPDATE messages SET origin = 'elsewhere'",
    "UPDATE messages SET dedup = substr(dedup, 2)",
    "UPDATE messages SET status = 'lost'",
    "UPDATE messages SET status = 'quarantined'",
    "UPDATE messages SET reason = 'none'",
    "UPDATE events SET body_start = -1",
    "UPDATE events SET body_length = 0",
    "UPDATE deliveries SET state = 'asleep'",
    "UPDATE deliveries SET held = 'back'",
    "UPDATE deliveries SET held = 'order'",
    "UPDATE deliveries SET lease_no = -1",
    "UPDATE deliveries SET lost = -1",
    "UPDATE deliveries SET tries = -1",
    "UPDATE deliveries SET state = 'succeeded'",
    "UPDATE deliveries SET ended_at = due_at",
    "UPDATE deliveries SET state = 'dead', ended_at = due_at",
    "UPDATE deliveries SET state = 'succeeded', ended_at = due_at, owner = id",
    "UPDATE deliveries SET state = 'succeeded', ended_at = due_at, held = 'orphaned'",
    "UPDATE deliveries SET owner = id, lease_no = 0",
    "UPDATE deliveries SET owner = id, held = 'orphaned'",
    "UPDATE deliveries SET replayed_by = id",
    "UPDATE order_keys SET pending = -1",
    "UPDATE attempts SET number = 0",
    "UPDATE attempts SET duration_us = -1",
    "UPDATE attempts SET result = 'lease_lost'",
    "UPDATE attempts SET started_at = NULL, duration_us = NULL",
    "UPDATE tallies SET count = 0",
    "UPDATE tallies SET result = 'open'",
];

async fn rows_cannot_lie(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    lanes.record_deliveries("k", vec![delivery(BILLING)]).await;
    let claimed = lanes.claim_soon(BILLING, LONG).await;
    lanes.finish(&[tried(&claimed, Verdict::Retry(LONG), "failed")]).await;
    lanes.record_deliveries("ordered", vec![ordered("slack", "deal")]).await;
    let ids = lanes.record_deliveries("unwanted", vec![delivery("slack")]).await;
    let act = Act::new("ann", Deed::Discard, &serde_json::json!({}));
    lanes.outcome.discard(&ids, "no", &act).await.unwrap();
    let long_answer = match db.engine {
        Engine::Postgres => "UPDATE attempts SET answer = decode(repeat('00', 4097), 'hex')",
        Engine::Sqlite => "UPDATE attempts SET answer = zeroblob(4097)",
    };
    let odd_result = "UPDATE attempts SET result = 'fine'";
    for lie in LIES.into_iter().chain([long_answer, odd_result]) {
        let refused = db.run(lie).await.expect_err(lie);
        let refused = refused.as_database_error().expect("the database answers");
        assert!(refused.is_check_violation(), "{lie}: {refused}");
    }
}

async fn every_column_has_a_comment(db: &TestDatabase) {
    db.store().await;
    let bare = db.all_texts(match db.engine {
        Engine::Postgres => {
            "SELECT attrelid::regclass || '.' || attname FROM pg_attribute
             JOIN pg_class ON pg_class.oid = attrelid
             WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0
                   AND NOT attisdropped AND relname <> '_sqlx_migrations'
                   AND coalesce(col_description(attrelid, attnum), '') = ''"
        }
        // The comment stands on the line that starts with the column's name.
        Engine::Sqlite => {
            "SELECT t.name || '.' || c.name
             FROM sqlite_schema t CROSS JOIN pragma_table_info(t.name) c
             WHERE t.type = 'table' AND t.name NOT LIKE '\\_sqlx%' ESCAPE '\\'
                   AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
                   AND NOT EXISTS (
                       SELECT 1 FROM json_each('[\"' ||
                           replace(replace(t.sql, '\"', ''), char(10), '\",\"') || '\"]') line
                       WHERE ltrim(line.value) LIKE c.name || ' %'
                             AND line.value LIKE '% -- _%')"
        }
    });
    assert_eq!(bare.await, Vec::<String>::new());
    assert!(db.all_texts(COLUMNS).await.len() >= 4);
}

/// That the question above sees our tables at all.
const COLUMNS: &str = "SELECT CAST(count(*) AS text) FROM messages UNION ALL \
                       SELECT CAST(count(*) AS text) FROM events UNION ALL \
                       SELECT CAST(count(*) AS text) FROM deliveries UNION ALL \
                       SELECT CAST(count(*) AS text) FROM attempts";
