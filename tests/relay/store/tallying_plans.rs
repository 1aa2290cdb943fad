//! How much the answers about how everything stands read: by an index, and a bounded part.

use std::time::{Duration, Instant};

use attio_relay::store::{LaneKind, MOST_COUNTED, postgres_statements, sqlite_statements};
use time::OffsetDateTime;

use super::{
    looking_filled::filled,
    plans::{blocks, explain, filled_postgres, plan},
};
use crate::support::database::{Engine, TestDatabase, lane};

/// Of so many deliveries one in twenty is dead, for one of fifty reasons, and each has a tally of
/// its own quarter of an hour.
fn with_dead(engine: Engine, count: u64) -> String {
    let (numbers, quarter) = match engine {
        Engine::Postgres => (
            "generate_series(1, 100000) n".to_owned(),
            "to_timestamp(1700000100 + n * 900 / 20 * 20)",
        ),
        Engine::Sqlite => (
            "(WITH RECURSIVE all_of (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM all_of
              WHERE n < 100000) SELECT n FROM all_of)"
                .to_owned(),
            "(1700000100 + n * 900) * 1000000",
        ),
    };
    format!(
        "{}
         UPDATE deliveries SET state = 'dead', reason = 'refused: status ' || (seq / 20 % 50)
         WHERE seq % 20 = 0 AND ended_at IS NOT NULL;
         INSERT INTO tallies (bucket, route, action, result, count)
         SELECT {quarter}, 'r' || n, 'a', 'succeeded', 1 FROM {numbers};
         ANALYZE;",
        filled(engine, count)
    )
}

#[tokio::test]
async fn postgres_tells_how_everything_stands_by_indexes() {
    let mut db = filled_postgres(&with_dead(Engine::Postgres, 100_000)).await;
    db.set(postgres_statements::read_settings()).await;
    let [tallies, summed, _fared, open, dead, count] = postgres_statements::TALLIES;
    for (statement, arguments, index, most) in [
        (tallies, "(to_timestamp(1700000100 + 99900 * 900))", "tallies_pkey", 300),
        (summed, "(to_timestamp(1700000100 + 99900 * 900))", "tallies_pkey", 300),
        (open, "(20000)", "deliveries_again", 60),
        (dead, "(1000)", "Backward using deliveries_dead", 1_200),
        (count, "", "deliveries_dead", 5_500),
    ] {
        let plan = explain(&mut db, statement, arguments).await;
        assert!(plan.contains(index) && !plan.contains("Seq Scan"), "{plan}");
        assert!(blocks(&plan) < most, "{plan}");
    }
}

#[tokio::test]
async fn postgres_adds_to_tallies_by_their_keys() {
    let mut db = filled_postgres(&with_dead(Engine::Postgres, 10_000)).await;
    let one = "(ARRAY[to_timestamp(1700000100)], ARRAY['r'], ARRAY['a'], ARRAY['dead'], ARRAY[1],
        ARRAY['r'], ARRAY['a'], ARRAY[now()], ARRAY[now()], ARRAY['no'], ARRAY[now()])";
    let plan = explain(&mut db, postgres_statements::ADD_TALLIES, one).await;
    assert!(plan.contains("tallies_pkey") && plan.contains("standings_pkey"), "{plan}");
    assert!(blocks(&plan) < 40, "{plan}");
}

#[tokio::test]
async fn sqlite_tells_how_everything_stands_by_indexes() {
    let db = TestDatabase::sqlite();
    db.store().await;
    db.run(&with_dead(Engine::Sqlite, 10_000)).await.unwrap();
    let [tallies, summed, _fared, open, dead, count] = sqlite_statements::TALLIES;
    let indexes = ["deliveries_first", "_again", "_held", "_orphaned", "_paused"];
    for (statement, parts) in [
        (tallies, &["SEARCH tallies USING PRIMARY KEY (bucket>?)"][..]),
        (summed, &["SEARCH tallies USING PRIMARY KEY (bucket>?)"]),
        (open, &indexes),
        (dead, &["deliveries_dead"]),
        (count, &["COVERING INDEX deliveries_dead"]),
    ] {
        let plan = plan(&db, statement).await;
        assert!(parts.iter().all(|part| plan.contains(part)), "{plan}");
        assert!(!plan.contains("SCAN deliveries\n"), "{plan}");
        assert!(!plan.contains("TEMP B-TREE FOR ORDER BY"), "{plan}");
    }
}

/// Run by hand: it takes a minute or two to fill.
#[tokio::test]
#[ignore = "fills a million rows"]
async fn how_a_million_events_stand_is_told_within_100_ms() {
    for db in [TestDatabase::postgres().await, TestDatabase::sqlite()] {
        let store = db.store().await;
        db.run(&with_dead(db.engine, 1_000_000)).await.unwrap();
        let mut lane = lane(&store, LaneKind::Read);
        let newest = 1_700_000_100 + 100_000 * 900;
        let since = OffsetDateTime::from_unix_timestamp(newest - 2_000 * 900).unwrap();
        for round in ["cold", "warm"] {
            let started = Instant::now();
            let dead = lane.dead_tallies(attio_relay::look::dead::MOST_GROUPED).await.unwrap();
            let total = lane.dead_count().await.unwrap();
            let letters = started.elapsed();
            let started = Instant::now();
            let tallies = lane.tallies(since).await.unwrap();
            assert!((1_000..3_000).contains(&tallies.len()), "a day of many routes");
            lane.fared().await.unwrap();
            lane.open_tallies(MOST_COUNTED).await.unwrap();
            lane.backlog().await.unwrap();
            let stands = started.elapsed();
            let groups = dead.len();
            println!(
                "{:?} {round} {total} dead {groups} groups {letters:?}, all {stands:?}",
                db.engine
            );
            let slowest = letters.max(stands);
            assert!(slowest < Duration::from_millis(100) || round == "cold", "{slowest:?}");
        }
    }
}
