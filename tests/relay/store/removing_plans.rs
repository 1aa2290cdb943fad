//! Removing reads what it removes and little beside it, however much else there is.

use attio_relay::store::{LaneKind, moment_between, postgres_statements, sqlite_statements};
use uuid::Uuid;

use super::{
    looking_filled::filled,
    plans::{assert_grows_with_the_batch, blocks, explain, filled_postgres, plan},
};
use crate::support::database::{Engine, TestDatabase, lane};

/// The least an id can be, and more than any.
const NONE: &str = "'00000000-0000-0000-0000-000000000000'";
const ALL: &str = "'ffffffff-ffff-ffff-ffff-ffffffffffff'";

/// The ids of ten rows, and the first ten seconds of all hundred.
const TEN: &str = "SELECT array_agg(id)::text FROM (SELECT id FROM deliveries LIMIT 10) ten";
const SOON: &str = "'018bcfe5-8f00-0000-0000-000000000000'";

#[tokio::test]
async fn postgres_reaches_what_it_removes_by_primary_keys() {
    let mut db = filled_postgres(&filled(Engine::Postgres, 100_000)).await;
    let ten = db.text(TEN).await;
    for statement in postgres_statements::REMOVE {
        let (_, name) = statement.lines().next().unwrap().split_once("::").unwrap();
        let (arguments, index, most) = match name.trim_start_matches("postgres::") {
            "old_events" => (format!("({NONE}, {ALL}, 2000)"), "events_pkey", 300),
            "old_messages" => (format!("({NONE}, {ALL}, 2000)"), "messages_pkey", 600),
            "old_deliveries" => (format!("({NONE}, {SOON}, '{ten}')"), "deliveries_pkey", 3_000),
            "told_by" => (format!("({NONE}, {SOON}, '{ten}')"), "events_pkey", 3_000),
            "linked_deliveries" => (format!("('{ten}')"), "deliveries_pkey", 100),
            "bodies" => (format!("('{ten}')"), "messages_pkey", 100),
            "remove lock" => (format!("('{ten}', '{ten}')"), "deliveries_pkey", 300),
            "remove attempts" => (format!("('{ten}')"), "attempts_pkey", 100),
            "remove snapshots" => (format!("('{ten}')"), "snapshots_pkey", 100),
            "remove deliveries" => (format!("('{ten}')"), "deliveries_pkey", 300),
            "remove events" => (format!("('{ten}')"), "events_pkey", 300),
            "remove messages" => (format!("('{ten}', '{{}}')"), "messages_pkey", 300),
            "slim" => (format!("('{ten}', ARRAY[sha256('')], '{{}}')"), "messages_pkey", 300),
            "remove acts" => (format!("({ALL}, 100)"), "acts_pkey", 100),
            other => panic!("{other} is not known here"),
        };
        let plan = explain(&mut db, statement, &arguments).await;
        assert!(plan.contains(index) && !plan.contains("Seq Scan"), "{name}: {plan}");
        assert_grows_with_the_batch(&plan);
        assert!(blocks(&plan) < most, "{name}: {plan}");
    }
}

#[tokio::test]
async fn sqlite_reaches_what_it_removes_by_primary_keys() {
    let db = TestDatabase::sqlite();
    db.store().await;
    db.run(&filled(Engine::Sqlite, 10_000)).await.unwrap();
    for statement in sqlite_statements::REMOVE {
        let plan = plan(&db, statement).await;
        let rows = plan.lines().filter(|line| !line.contains("VIRTUAL TABLE"));
        let is_whole = |line: &str| {
            line.contains("SCAN") && !line.contains("INDEX") && !line.contains("CONSTANT")
        };
        assert!(!rows.into_iter().any(is_whole), "{statement}: {plan}");
        assert!(plan.contains("sqlite_autoindex"), "{statement}: {plan}");
    }
}

/// A file keeps its freed pages and uses them again: it does not grow with all that ever was.
#[tokio::test]
async fn a_sqlite_file_does_not_grow_for_ever() {
    let db = TestDatabase::sqlite();
    let store = db.store().await;
    let size = async || db.number("SELECT page_count FROM pragma_page_count()").await;
    db.run(&filled(Engine::Sqlite, 5_000)).await.unwrap();
    let full = size().await;
    for _ in 0..3 {
        for table in ["messages", "events", "deliveries"] {
            db.run(&format!("DELETE FROM {table}")).await.unwrap();
        }
        let sizes = lane(&store, LaneKind::Read).sizes().await.unwrap();
        let of = |name: &str| sizes.iter().find(|size| size.of == name).unwrap().bytes.unwrap();
        assert!(of("free") > of("file") / 2, "{sizes:?}");
        db.run(&filled(Engine::Sqlite, 5_000)).await.unwrap();
        assert!(size().await <= full + full / 10);
    }
}

#[tokio::test]
async fn sizes_are_told_without_counting() {
    let db = TestDatabase::sqlite();
    let store = db.store().await;
    db.run(&filled(Engine::Sqlite, 1_000)).await.unwrap();
    db.run("DELETE FROM events WHERE rowid <= 400").await.unwrap();
    let sizes = lane(&store, LaneKind::Read).sizes().await.unwrap();
    let rows = |name: &str| sizes.iter().find(|size| size.of == name).unwrap().rows.unwrap();
    assert_eq!((rows("messages"), rows("events"), rows("snapshots")), (1_000, 600, 0));
}

#[test]
fn a_moment_reaches_as_far_on_either_side() {
    let (first, last) = (Uuid::now_v7(), Uuid::now_v7());
    let moments = moment_between(first, last);
    assert!(moments.least < first && last < moments.before);
}
