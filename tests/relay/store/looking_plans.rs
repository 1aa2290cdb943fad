//! How much of the tables a list reads: by an index always, and never more than a bounded part.

use std::time::{Duration, Instant};

use attio_relay::store::{
    LaneKind, MessageStatus, Page, Search, State, Table, postgres_statements, sqlite_statements,
};

use super::{
    looking_filled::{filled, first_moment},
    plans::{blocks, explain, filled_postgres, plan},
};
use crate::support::database::{Engine, TestDatabase, lane};

const ALL: &str = "'00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff'";
const NOTHING: &str = "NULL, NULL, NULL, NULL, NULL, NULL, NULL";

fn named<'s>(statements: &[&'s str], name: &str) -> &'s str {
    let is_it = |statement: &&&str| {
        statement.lines().next().is_some_and(|line| line.ends_with(&format!("::{name}")))
    };
    statements.iter().find(is_it).unwrap_or_else(|| panic!("there is no {name}"))
}

/// The arguments of a search that finds the one rare row far behind all others.
fn arguments(name: &str) -> String {
    match name {
        "find_messages" => format!("({ALL}, 50, 'rare', NULL, NULL, NULL)"),
        "find_events" => format!("({ALL}, 50, NULL, NULL, NULL, NULL, 'rare', NULL, NULL, NULL)"),
        "find_dead" | "find_deliveries" | "find_open" => {
            format!("({ALL}, 50, {NOTHING}, NULL, 'billing', NULL, NULL, 0, NULL, false, NULL)")
        }
        "most_open" => "(2000)".to_owned(),
        floor if floor.starts_with("floor") => format!("({ALL}, 20000)"),
        _ => panic!("{name} takes other arguments"),
    }
}

#[tokio::test]
async fn postgres_walks_the_primary_key_backwards_and_sorts_nothing() {
    let mut db = filled_postgres(&filled(Engine::Postgres, 100_000)).await;
    db.set(postgres_statements::read_settings()).await;
    for (name, index, most) in [
        ("floor_messages", "Backward using messages_pkey", 3_000),
        ("floor_events", "Backward using events_pkey", 3_000),
        ("floor_deliveries", "Backward using deliveries_pkey", 3_000),
        ("floor_dead", "Backward using deliveries_dead", 20),
        ("find_events", "Backward using events_pkey", 6_000),
        ("find_messages", "Backward using messages_pkey", 10_000),
        ("find_deliveries", "Backward using deliveries_pkey", 60),
        ("find_dead", "Backward using deliveries_dead", 20),
        ("find_open", "using deliveries_again", 60),
        ("most_open", "using deliveries_again", 60),
    ] {
        let statement = named(&postgres_statements::LOOK, name);
        let plan = explain(&mut db, statement, &arguments(name)).await;
        assert!(plan.contains(index), "{name}: {plan}");
        let is_whole = ["Seq Scan", "Bitmap", "hashed"].iter().any(|way| plan.contains(way));
        assert!(!is_whole, "{name}: {plan}");
        assert!(name == "find_open" || !plan.contains("Sort"), "{name}: {plan}");
        assert!(blocks(&plan) < most, "{name}: {plan}");
    }
}

#[tokio::test]
async fn postgres_asks_for_rows_by_their_ids() {
    let mut db = filled_postgres(&filled(Engine::Postgres, 100_000)).await;
    db.set(postgres_statements::read_settings()).await;
    let ids = db
        .text(
            "SELECT array_agg(id)::text FROM
        (SELECT id FROM deliveries ORDER BY id DESC LIMIT 50) newest",
        )
        .await;
    for (name, most) in [("delivery_rows", 1_500), ("attempt_rows", 400)] {
        let statement = named(&postgres_statements::LOOK, name);
        let plan = explain(&mut db, statement, &format!("('{ids}')")).await;
        assert!(!plan.contains("Seq Scan") && blocks(&plan) < most, "{name}: {plan}");
    }
}

#[tokio::test]
async fn sqlite_walks_the_primary_key_backwards_and_sorts_nothing() {
    let db = TestDatabase::sqlite();
    db.store().await;
    db.run(&filled(Engine::Sqlite, 10_000)).await.unwrap();
    for statement in sqlite_statements::LOOK {
        let plan = plan(&db, statement).await;
        for table in ["messages", "events", "deliveries", "attempts"] {
            let whole = format!("SCAN {table}\n");
            assert!(!plan.contains(&whole), "{statement}: {plan}");
        }
        let sorts = [
            "find_open",
            "events_of",
            "deliveries_of",
            "attempt_rows",
            "message_rows",
            "event_rows",
            "delivery_rows",
        ];
        let name = statement.lines().next().unwrap().rsplit("::").next().unwrap();
        let is_sorted = plan.contains("USE TEMP B-TREE FOR ORDER BY");
        assert!(!is_sorted || sorts.contains(&name), "{statement}: {plan}");
    }
}

/// Run by hand: it takes a minute or two to fill.
#[tokio::test]
#[ignore = "fills a million rows"]
async fn every_list_of_a_million_events_answers_within_100_ms() {
    for db in [TestDatabase::postgres().await, TestDatabase::sqlite()] {
        let store = db.store().await;
        db.run(&filled(db.engine, 1_000_000)).await.unwrap();
        let mut lane = lane(&store, LaneKind::Read);
        for (table, filter) in questions() {
            let page = Page::first(50);
            lane.find(table, &filter, &page).await.unwrap();
            let started = Instant::now();
            let found = lane.find(table, &filter, &page).await.unwrap();
            match table {
                Table::Messages => drop(lane.message_rows(&found.ids).await.unwrap()),
                Table::Events => drop(lane.event_rows(&found.ids).await.unwrap()),
                Table::Deliveries => drop(lane.delivery_rows(&found.ids).await.unwrap()),
            }
            let took = started.elapsed();
            println!("{:?} {table:?} {took:?} {} {filter:?}", db.engine, found.ids.len());
            assert!(took < Duration::from_millis(100), "{took:?} {table:?} {filter:?}");
        }
    }
}

fn questions() -> Vec<(Table, Search)> {
    let none = Search::default;
    let text = |text: &str| Some(text.to_owned());
    let middle = Some(first_moment() + time::Duration::seconds(500));
    let both = [
        none(),
        Search { since: middle, ..none() },
        Search { until: middle, ..none() },
        Search { source: text("rare"), ..none() },
        Search { event_type: text("list-entry.*"), ..none() },
        Search { record: text("rare"), ..none() },
        Search { object: text("rare"), source: text("crm"), ..none() },
    ];
    let of_deliveries = [
        Search { route: text("rare"), ..none() },
        Search { action: text("rare"), ..none() },
        Search { error: text("rare"), ..none() },
        Search { state: Some(State::Dead), ..none() },
        Search { state: Some(State::Open), ..none() },
        Search { state: Some(State::Failing), error: text("rare"), ..none() },
        Search { state: Some(State::Skipped), ..none() },
        Search { action: text("billing"), state: Some(State::Succeeded), ..none() },
    ];
    let of_messages = [
        Search { status: Some(MessageStatus::Quarantined), ..none() },
        Search { error: text("rare"), ..none() },
    ];
    let events = both.clone().map(|filter| (Table::Events, filter));
    let deliveries = both.into_iter().chain(of_deliveries).map(|it| (Table::Deliveries, it));
    let messages = of_messages.map(|filter| (Table::Messages, filter));
    events.into_iter().chain(deliveries).chain(messages).collect()
}
