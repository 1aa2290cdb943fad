//! A claim and an outcome cost the same however long the queue and its history are.

use attio_relay::store::{postgres_statements, sqlite_statements};
use sqlx::{AssertSqlSafe, Executor as _, PgConnection, Row};

use super::words::*;
use crate::support::database::TestDatabase;

/// How old a queue is, and how it came to be so.
const YOUNG: &str = "INSERT INTO deliveries (id, event_id, route, action, idempotency_key, due_at)
    SELECT gen_random_uuid(), gen_random_uuid(), 'route', 'billing', gen_random_uuid(), now()
    FROM generate_series(1, 1000)";
const OLD: &str = "INSERT INTO deliveries (id, event_id, route, action, idempotency_key, due_at,
                                           state, ended_at, tries)
    SELECT gen_random_uuid(), gen_random_uuid(), 'route', 'billing', gen_random_uuid(), now(),
           CASE WHEN n % 100 = 0 THEN 'open' ELSE 'succeeded' END,
           CASE WHEN n % 100 = 0 THEN NULL ELSE now() END, n % 3
    FROM generate_series(1, 100000) n;
    ANALYZE deliveries";
const BEHIND_ONE_KEY: &str = "INSERT INTO deliveries (id, event_id, route, action, idempotency_key,
                                                      due_at, held, order_key)
    SELECT gen_random_uuid(), gen_random_uuid(), 'route', 'billing', gen_random_uuid(), now(),
           'order', decode(repeat('ab', 32), 'hex')
    FROM generate_series(1, 10000)";

/// By one route that stays paused, among the rest of an old queue.
const HELD_FOR_A_PAUSE: &str = "INSERT INTO pauses VALUES ('route', 'paused', now(), 'ann', '');
    INSERT INTO deliveries (id, event_id, route, action, idempotency_key, due_at, held)
    SELECT gen_random_uuid(), gen_random_uuid(), 'paused', 'billing', gen_random_uuid(), now(),
           'paused'
    FROM generate_series(1, 100000);
    ANALYZE deliveries";

/// A thousand keys of five that wait and twenty that were merged, among the others.
const DEBOUNCED: &str =
    "INSERT INTO deliveries (id, event_id, route, action, idempotency_key, due_at,
                                           state, ended_at, reason, debounce_key, merged_into)
    SELECT gen_random_uuid(), gen_random_uuid(), 'route', 'billing', gen_random_uuid(), now(),
           CASE WHEN n % 5 = 0 THEN 'open' ELSE 'skipped' END,
           CASE WHEN n % 5 = 0 THEN NULL ELSE now() END, 'merged',
           decode(md5((n % 1000)::text) || md5((n % 1000)::text), 'hex'),
           CASE WHEN n % 5 = 0 THEN NULL ELSE gen_random_uuid() END
    FROM generate_series(1, 25000) n;
    ANALYZE deliveries";
const MERGES: [&str; 4] = [
    "(decode(md5('0') || md5('0'), 'hex'), 0, false)",
    "(decode(md5('0') || md5('0'), 'hex'), gen_random_uuid(), 999999999, 0)",
    "(gen_random_uuid(), decode(md5('0') || md5('0'), 'hex'), gen_random_uuid(), 999999999, NULL, 'x')",
    "(gen_random_uuid())",
];

const CLAIM_TEN: &str = "(ARRAY['billing', 'slack'], ARRAY[10, 10], ARRAY[5, 5],
    ARRAY[20000000, 20000000], '00000000-0000-0000-0000-000000000001')";

/// Blocks of 8 KiB that a claim of ten may touch: a few for each row and index.
const MOST_BLOCKS: u64 = 400;

#[tokio::test]
async fn postgres_claims_by_the_queues_indexes_from_an_empty_table() {
    assert_claims_by_index("SELECT 1").await;
}

#[tokio::test]
async fn postgres_claims_by_the_queues_indexes_from_a_young_table() {
    assert_claims_by_index(YOUNG).await;
}

#[tokio::test]
async fn postgres_claims_by_the_queues_indexes_from_an_old_table() {
    assert_claims_by_index(OLD).await;
}

#[tokio::test]
async fn ten_thousand_behind_one_key_cost_postgres_nothing() {
    let mut db = filled_postgres(BEHIND_ONE_KEY).await;
    let plan = explain(&mut db, postgres_statements::CLAIM, CLAIM_TEN).await;
    assert!(blocks(&plan) < 40, "{plan}");
}

#[tokio::test]
async fn a_hundred_thousand_held_for_a_pause_cost_postgres_nothing() {
    let mut db = filled_postgres(HELD_FOR_A_PAUSE).await;
    for (statement, arguments) in
        [(postgres_statements::CLAIM, CLAIM_TEN), (postgres_statements::LET_GO, "(1000)")]
    {
        let plan = explain(&mut db, statement, arguments).await;
        assert!(blocks(&plan) < 60, "{plan}");
    }
}

#[tokio::test]
async fn postgres_finishes_by_id() {
    let mut db = filled_postgres(OLD).await;
    let one = "(ARRAY[(gen_random_uuid(), 1, 'succeeded', NULL, 0, NULL, 1, 1, 0, 0, 'succeeded',
        NULL, NULL, NULL)::outcome])";
    let plan = explain(&mut db, postgres_statements::FINISH, one).await;
    assert!(plan.contains("Index Scan using deliveries_pkey"), "{plan}");
    assert_grows_with_the_batch(&plan);
    assert!(blocks(&plan) < 40, "{plan}");
}

#[tokio::test]
async fn postgres_finds_the_next_of_a_key_by_index() {
    let mut db = filled_postgres(BEHIND_ONE_KEY).await;
    let one = "(ARRAY[decode(repeat('ab', 32), 'hex')], ARRAY[1])";
    let plan = explain(&mut db, postgres_statements::RELEASE_NEXT, one).await;
    assert!(plan.contains("using deliveries_held"), "{plan}");
    assert!(blocks(&plan) < 60, "{plan}");
}

#[tokio::test]
async fn postgres_merges_by_key_and_by_what_was_merged() {
    let mut db = filled_postgres(&format!("{OLD}; {DEBOUNCED}")).await;
    let indexes = ["deliveries_debounced", "deliveries_merged", "deliveries_debounced", "_merged"];
    let statements = postgres_statements::MERGE.into_iter().zip(MERGES).zip(indexes);
    for ((statement, arguments), index) in statements {
        let plan = explain(&mut db, statement, arguments).await;
        assert!(plan.contains(index) && !plan.contains("Seq Scan on deliveries"), "{plan}");
        assert!(blocks(&plan) < MOST_BLOCKS, "{plan}");
    }
}

#[tokio::test]
async fn postgres_tells_of_messages_by_a_range_of_ids() {
    let mut db = filled_postgres(OLD).await;
    // No id made by a clock is above these, so only what must be read of every row is.
    let above = "('ffffffff-0000-0000-0000-000000000000', 'ffffffff-0000-0000-0000-000000000000')";
    let plan = explain(&mut db, postgres_statements::RECEIVED, above).await;
    assert!(plan.contains("messages_pkey") && !plan.contains("Seq Scan"), "{plan}");
}

async fn assert_claims_by_index(fill: &str) {
    let mut db = filled_postgres(fill).await;
    let plan = explain(&mut db, postgres_statements::CLAIM, CLAIM_TEN).await;
    assert!(plan.contains("Index Scan using deliveries_first"), "{plan}");
    assert!(plan.contains("Index Scan using deliveries_again"), "{plan}");
    assert!(!plan.contains("Seq Scan") && !plan.contains("Bitmap"), "{plan}");
    assert_grows_with_the_batch(&plan);
    assert!(blocks(&plan) < MOST_BLOCKS, "{plan}");
}

/// A connection with a lane's settings. The database goes when the connection does not need it: it
/// is dropped by force at the end of the test at the latest.
pub(super) async fn filled_postgres(fill: &str) -> Filled {
    let database = TestDatabase::postgres().await;
    database.store().await;
    database.run(fill).await.unwrap();
    let mut db = database.pg().await;
    for (name, value) in postgres_statements::settings() {
        db.execute(AssertSqlSafe(format!("SET {name} = '{value}'"))).await.unwrap();
    }
    Filled { db, _database: database }
}

pub(super) struct Filled {
    db: PgConnection,
    _database: TestDatabase,
}

impl Filled {
    /// Sets more.
    pub(super) async fn set(
        &mut self,
        settings: impl Iterator<Item = (&'static str, &'static str)>,
    ) {
        for (name, value) in settings {
            let set = format!("SET {name} = '{value}'");
            self.db.execute(AssertSqlSafe(set)).await.unwrap();
        }
    }

    /// Asks for one text.
    pub(super) async fn text(&mut self, sql: &'static str) -> String {
        self.db.fetch_one(sql).await.unwrap().get(0)
    }
}

/// What a statement does, really run, and how much it reads.
pub(super) async fn explain(filled: &mut Filled, statement: &str, arguments: &str) -> String {
    let db = &mut filled.db;
    db.execute("DEALLOCATE ALL").await.unwrap();
    db.execute(AssertSqlSafe(format!("PREPARE asked AS {statement}"))).await.unwrap();
    let explain = format!("EXPLAIN (ANALYZE, BUFFERS, TIMING OFF) EXECUTE asked {arguments}");
    let rows = db.fetch_all(AssertSqlSafe(explain)).await.unwrap();
    rows.iter().map(|row| row.get::<String, _>(0) + "\n").collect()
}

/// Nothing is compared each with each: a batch of twice the size would take four times as long.
pub(super) fn assert_grows_with_the_batch(plan: &str) {
    assert!(!plan.contains("Join Filter"), "{plan}");
}

/// The blocks that the whole plan touched: its first figures include all below.
pub(super) fn blocks(plan: &str) -> u64 {
    let buffers = plan.lines().find(|line| line.trim().starts_with("Buffers:"));
    // What it dirtied (hints on young rows) was hit or read before, and is no further block.
    let figures = buffers.expect("BUFFERS was asked for").split(' ').filter_map(|figure| {
        let (what, blocks) = figure.split_once('=')?;
        matches!(what, "hit" | "read").then_some(blocks)
    });
    figures.map(|blocks| blocks.parse::<u64>().expect("a number of blocks")).sum()
}

const OLD_FILE: &str = "WITH RECURSIVE numbers (n) AS (
        SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 100000)
    INSERT INTO deliveries (id, event_id, route, action, idempotency_key, due_at, state, ended_at,
                            tries)
    SELECT hex(randomblob(16)), 'event', 'route', 'billing', 'key', n,
           CASE WHEN n % 100 = 0 THEN 'open' ELSE 'succeeded' END,
           CASE WHEN n % 100 = 0 THEN NULL ELSE n END, n % 3
    FROM numbers;
    ANALYZE";
const FILE_BEHIND_ONE_KEY: &str = "WITH RECURSIVE numbers (n) AS (
        SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 10000)
    INSERT INTO deliveries (id, event_id, route, action, idempotency_key, due_at, held, order_key)
    SELECT hex(randomblob(16)), 'event', 'route', 'billing', 'key', n, 'order', zeroblob(32)
    FROM numbers;
    ANALYZE";

#[tokio::test]
async fn sqlite_reaches_the_queue_by_its_indexes() {
    for fill in ["SELECT 1", OLD_FILE, FILE_BEHIND_ONE_KEY] {
        let db = TestDatabase::sqlite();
        db.store().await;
        db.run(fill).await.unwrap();
        let claim = plan(&db, sqlite_statements::CLAIM).await;
        assert!(claim.contains("INDEX deliveries_first (action=? AND due_at<?)"), "{claim}");
        assert!(claim.contains("INDEX deliveries_again (action=? AND due_at<?)"), "{claim}");
        let finish = plan(&db, sqlite_statements::FINISH).await;
        assert!(finish.contains("SEARCH deliveries USING INDEX") && finish.contains("(id=?)"));
        let next = plan(&db, sqlite_statements::RELEASE_NEXT).await;
        assert!(next.contains("INDEX deliveries_held (order_key=?)"), "{next}");
        let resumed = plan(&db, sqlite_statements::RESUMED).await;
        let let_go = plan(&db, sqlite_statements::LET_GO).await;
        assert!(let_go.contains("INDEX deliveries_paused (route=?)"), "{let_go}");
        assert!(resumed.contains("deliveries_paused (route>?)"), "{resumed}");
        for plan in [claim, finish, next, let_go] {
            assert!(!plan.contains("SCAN deliveries"), "{plan}");
        }
    }
}

#[tokio::test]
async fn sqlite_merges_by_key_and_by_what_was_merged() {
    let db = TestDatabase::sqlite();
    db.store().await;
    db.run(OLD_FILE).await.unwrap();
    let by_key = "INDEX deliveries_debounced (debounce_key=?";
    let by_target = "INDEX deliveries_merged (merged_into=?)";
    let indexes = [by_key, by_target, by_key, by_target];
    for (statement, index) in sqlite_statements::MERGE.into_iter().zip(indexes) {
        let plan = plan(&db, statement).await;
        assert!(plan.contains(index) && !plan.contains("SCAN deliveries"), "{plan}");
    }
}

/// Held rows are not in the index that a claim reads, so that it never walks over them.
#[tokio::test]
async fn ten_thousand_behind_one_key_are_not_in_the_index_that_sqlite_claims_by() {
    let db = TestDatabase::sqlite();
    let mut lanes = Lanes::of(&db.store().await);
    db.run(FILE_BEHIND_ONE_KEY).await.unwrap();
    let free = lanes.record_deliveries("free", vec![delivery(BILLING)]).await;
    let counted = "SELECT count(*) FROM deliveries INDEXED BY deliveries_first
                   WHERE ended_at IS NULL AND held IS NULL AND tries = 0";
    assert_eq!(db.number(counted).await, 1);
    assert_eq!(ids(&lanes.claim(BILLING, 10).await), free);
}

pub(super) async fn plan(db: &TestDatabase, statement: &str) -> String {
    let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
    let rows = db.lite().await.fetch_all(explain).await.unwrap();
    rows.iter().map(|row| row.get::<String, _>("detail") + "\n").collect()
}
