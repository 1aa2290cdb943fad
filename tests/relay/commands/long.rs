//! `migrate` beside others: what it says meanwhile, and what an interruption leaves.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStderr},
};

use sqlx::Executor as _;

use super::{program::interrupted, small};
use crate::support::{
    app::eventually,
    database::{Engine, TestDatabase},
};

/// Somebody holds what the first migration needs, for as long as the value lives.
enum Held {
    Postgres { _db: sqlx::PgConnection },
    Sqlite { _db: sqlx::SqliteConnection },
}

async fn hold(db: &TestDatabase) -> Held {
    match db.engine {
        Engine::Postgres => {
            let mut held = db.pg().await;
            let taken = "SET application_name = 'a report'; BEGIN; CREATE TABLE messages ()";
            held.execute(taken).await.unwrap();
            Held::Postgres { _db: held }
        }
        Engine::Sqlite => {
            let path = db.url().strip_prefix("sqlite:").unwrap();
            std::fs::File::create(path).unwrap();
            let mut held = db.lite().await;
            held.execute("BEGIN IMMEDIATE; CREATE TABLE messages (x)").await.unwrap();
            Held::Sqlite { _db: held }
        }
    }
}

fn store(db: &TestDatabase) -> String {
    format!("[store]\nurl = \"{}\"\nallow_fsync_off = true\n", db.url())
}

/// Reads what the command says until a line holds this. What it says after that stays to be read.
fn until_says(child: &mut Child, text: &str) -> BufReader<ChildStderr> {
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains(text) {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "it ended before it said: {text}");
    }
    said
}

async fn whoever_is_in_the_way_is_named_and_migrating_goes_on_after(db: &TestDatabase, says: &str) {
    let held = hold(db).await;
    let folder = small(&store(db));
    let mut child = folder.spawn(&["migrate"]);
    let mut rest = until_says(&mut child, says);
    drop(held);
    assert!(child.wait().unwrap().success());
    let mut said = String::new();
    rest.read_to_string(&mut said).unwrap();
    assert!(!said.contains('\u{1b}'), "plain lines: {said}");
    assert_eq!(db.number("SELECT count(*) FROM messages").await, 0);
    assert_eq!(db.number("SELECT count(*) FROM _sqlx_migrations").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_in_the_way_is_named_and_migrating_goes_on_after_on_postgres() {
    let db = TestDatabase::postgres().await;
    let says = "(a report), in a transaction since ";
    whoever_is_in_the_way_is_named_and_migrating_goes_on_after(&db, says).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_in_the_way_is_named_and_migrating_goes_on_after_on_sqlite() {
    let db = TestDatabase::sqlite();
    whoever_is_in_the_way_is_named_and_migrating_goes_on_after(&db, "waiting, ").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_migration_leaves_a_whole_version_and_goes_on_where_it_says() {
    let db = TestDatabase::postgres().await;
    let held = hold(&db).await;
    let folder = small(&store(&db));
    let child = folder.spawn(&["migrate"]);
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid IN \
                 (SELECT pid FROM pg_stat_activity WHERE datname = current_database())";
    eventually("it is in the middle", async || db.number(waits).await == 1).await;
    let (run, again) = interrupted(child);
    assert!(run.code == 1 && run.err.contains("what was applied stays"), "{run}");
    drop(held);
    let nobody = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                  AND pid <> pg_backend_pid()";
    eventually("it is gone", async || db.number(nobody).await == 0).await;
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND \
                  tablename <> '_sqlx_migrations'";
    assert_eq!(db.number(tables).await, 0, "all of a version or nothing");
    assert_eq!(folder.run_again(&again).code, 0);
    assert_eq!(db.number("SELECT count(*) FROM _sqlx_migrations").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_one_that_migrates_is_waited_for() {
    let db = TestDatabase::postgres().await;
    let mut held = db.pg().await;
    held.execute("SET application_name = 'another'; SELECT pg_advisory_lock(7022365715160104961)")
        .await
        .unwrap();
    let folder = small(&store(&db));
    let mut child = folder.spawn(&["migrate"]);
    let _rest = until_says(&mut child, "another one migrates: process ");
    drop(held);
    assert!(child.wait().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_terminal_it_shows_what_it_is_at() {
    let db = TestDatabase::postgres().await;
    let held = hold(&db).await;
    let folder = small(&store(&db));
    let run = std::thread::spawn(move || folder.run_on_a_terminal(&["migrate"]));
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid IN \
                 (SELECT pid FROM pg_stat_activity WHERE datname = current_database())";
    eventually("it is in the middle", async || db.number(waits).await == 1).await;
    drop(held);
    let run = run.join().unwrap();
    assert!(run.code == 0 && run.out.contains("applying 0001 "), "{run}");
    assert!(run.out.contains("1 of 1") && run.out.contains('\u{1b}'), "{run}");
}
