//! What the database refuses, and what passes.

use std::time::Duration;

use attio_relay::action::Action;
use serde_json::json;
use sqlx::Executor as _;

use super::{
    super::{refused, retry},
    Warehouse, about, action_on, config_for, perform,
};
use crate::support::cluster::{Cluster, eventually};

const ID: [(&str, &str); 1] = [("id", "{{ event.id }}")];

#[tokio::test]
async fn an_unknown_column_is_refused_with_the_databases_message() {
    let warehouse = Warehouse::with("CREATE TABLE people (id text)").await;
    let action = warehouse.action(&[("id", "a"), ("emial", "{{ event.id }}")], &[]);
    let failure = refused(perform(&action, &json!({"id": "r1"})).await);
    assert_eq!(
        failure.what,
        "the database refused: column \"emial\" of relation \"people\" does not exist \
         (SQLSTATE 42703)"
    );
}

#[tokio::test]
async fn an_unknown_table_and_an_unknown_schema_are_refused_too() {
    let warehouse = Warehouse::with("CREATE TABLE other (id text)").await;
    let failure = refused(perform(&warehouse.action(&ID, &[]), &json!({"id": "r1"})).await);
    assert!(failure.what.contains("relation \"public.people\" does not exist"), "{failure:?}");
    let exists = "SELECT count(*) FROM pg_class WHERE relname = 'attio_relay_deliveries'";
    assert_eq!(warehouse.0.number(exists).await, 0);
}

#[tokio::test]
async fn a_wrong_value_is_refused_and_quoted_only_beside_what_is_logged() {
    let ddl = "CREATE TYPE stage AS ENUM ('New'); CREATE TABLE people (number int, day date,
        stage stage, short varchar(3), whole int)";
    let warehouse = Warehouse::with(ddl).await;
    for (column, value, said, quoted) in [
        ("number", json!("Ada"), "invalid input syntax for type integer: \"…\"", "\"Ada\""),
        ("day", json!("Ada"), "invalid input syntax for type date: \"…\"", "\"Ada\""),
        ("stage", json!("Ada"), "invalid input value for enum stage: \"…\"", "\"Ada\""),
        ("whole", json!(3_000_000_000_u64), "value \"…\" is out of range", "\"3000000000\""),
        ("short", json!("Adaline"), "value too long for type character varying(3)", ""),
    ] {
        let action = warehouse.action(&[(column, "{{ event.value }}")], &[]);
        let failure = refused(perform(&action, &json!({"value": value})).await);
        assert!(failure.what.contains(said), "{failure:?}");
        let answer = String::from_utf8(failure.answer.unwrap().to_vec()).unwrap();
        assert!(answer.contains(quoted), "{answer}");
    }
    assert_eq!((warehouse.rows().await.len(), warehouse.notes().await), (0, 0));
}

#[tokio::test]
async fn a_broken_rule_of_the_table_is_refused_by_its_name_and_without_the_row() {
    let ddl = "CREATE TABLE people (id text CONSTRAINT one_each UNIQUE, name text NOT NULL)";
    let warehouse = Warehouse::with(ddl).await;
    let action = warehouse.action(&[("id", "{{ event.id }}"), ("name", "{{ event.name }}")], &[]);
    let failure = refused(perform(&action, &json!({"id": "canary", "name": null})).await);
    assert!(failure.what.ends_with("(SQLSTATE 23502, column name)"), "{failure:?}");
    perform(&action, &json!({"id": "canary", "name": "Ada"})).await.unwrap();
    let again = refused(perform(&action, &json!({"id": "canary", "name": "Ada"})).await);
    assert!(again.what.ends_with("(SQLSTATE 23505, constraint one_each)"), "{again:?}");
    assert!(!format!("{failure:?}{again:?}").contains("canary"), "{failure:?}{again:?}");
}

#[tokio::test]
async fn a_table_that_is_altered_is_learnt_without_a_restart() {
    let warehouse = Warehouse::with("CREATE TABLE people (id int)").await;
    let action = warehouse.action(&[("id", "{{ event.id }}"), ("size", "{{ event.size }}")], &[]);
    let job = about(&json!({"id": 1, "size": 2}));
    refused(action.perform(&job).await);
    warehouse.0.run("ALTER TABLE people ADD COLUMN size int").await.unwrap();
    action.perform(&job).await.unwrap();
    let alter = "ALTER TABLE people ALTER COLUMN size TYPE text[] USING ARRAY[size::text]";
    warehouse.0.run(alter).await.unwrap();
    perform(&action, &json!({"id": 2, "size": ["big", "tall"]})).await.unwrap();
    let (one, two) = (json!({"id": 1, "size": ["2"]}), json!({"id": 2, "size": ["big", "tall"]}));
    assert_eq!(warehouse.rows().await, [one, two]);
}

#[tokio::test]
async fn a_database_that_is_away_is_a_retry_and_needs_no_restart() {
    let cluster = Cluster::start();
    cluster.run("CREATE TABLE people (id text)").await;
    let action = action_on(&cluster, &ID);
    perform(&action, &json!({"id": "before"})).await.unwrap();
    cluster.stop();
    let job = about(&json!({"id": "meanwhile"}));
    let failure = retry(action.perform(&job).await);
    assert!(failure.what.starts_with("cannot reach the database: "), "{failure:?}");
    assert!(action.check_online().await.unwrap_err().starts_with("cannot reach the database: "));
    cluster.start_again();
    action.perform(&job).await.unwrap();
    // One whose connections were thrown out meanwhile costs no attempt.
    assert!(cluster.kill_backends().await > 0);
    perform(&action, &json!({"id": "after"})).await.unwrap();
    let count = "SELECT count(*) FROM people";
    let rows: i64 =
        sqlx::query_scalar(count).fetch_one(&mut cluster.connect().await).await.unwrap();
    assert_eq!(rows, 3);
}

#[tokio::test]
async fn a_database_that_is_silent_ends_the_attempt_in_time_and_the_row_comes_once() {
    let cluster = Cluster::start();
    cluster.run("CREATE TABLE people (id text)").await;
    let action = action_on(&cluster, &ID);
    perform(&action, &json!({"id": "before"})).await.unwrap();
    cluster.freeze();
    let job = about(&json!({"id": "meanwhile"}));
    let failure = retry(action.perform(&job).await);
    assert!(failure.timed_out, "{failure:?}");
    cluster.thaw();
    action.perform(&job).await.unwrap();
    let count = "SELECT count(*) FROM people WHERE id = 'meanwhile'";
    let rows: i64 =
        sqlx::query_scalar(count).fetch_one(&mut cluster.connect().await).await.unwrap();
    assert_eq!(rows, 1);
}

#[tokio::test]
async fn what_is_given_up_does_not_wait_in_the_database_for_ever() {
    let cluster = Cluster::start();
    cluster.run("CREATE TABLE people (id text)").await;
    let action = action_on(&cluster, &ID);
    let mut other = cluster.connect().await;
    other.execute("BEGIN; LOCK TABLE people").await.unwrap();
    let failure = retry(perform(&action, &json!({"id": "r1"})).await);
    assert!(failure.timed_out, "{failure:?}");
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    eventually("nobody waits for the lock", Duration::from_secs(10), async || {
        let count: i64 = sqlx::query_scalar(waiting).fetch_one(&mut other).await.unwrap();
        count == 0
    })
    .await;
}

#[tokio::test]
async fn a_missing_right_is_a_retry_that_says_what_to_run() {
    let cluster = Cluster::start();
    cluster
        .run(
            "CREATE ROLE writer LOGIN; REVOKE CREATE ON SCHEMA public FROM PUBLIC;
             CREATE TABLE people (id text)",
        )
        .await;
    let url = cluster.url().replace("postgres@", "writer@");
    let action = Action::build(&config_for(&url, "people", &ID, &[]), None).unwrap();
    let job = about(&json!({"id": "r1"}));
    let failure = retry(action.perform(&job).await);
    let ddl = "let somebody run: CREATE TABLE IF NOT EXISTS \"public\".\"attio_relay_deliveries\" \
               (idempotency_key uuid PRIMARY KEY, \
               delivered_at timestamptz NOT NULL DEFAULT now());";
    assert!(failure.what.contains(ddl), "{failure:?}");
    let (_, ddl) = ddl.split_once(": ").unwrap();
    cluster.run(&format!("{ddl} GRANT INSERT ON attio_relay_deliveries TO writer")).await;
    let failure = retry(action.perform(&job).await);
    assert!(failure.what.contains("permission denied for table people"), "{failure:?}");
    assert_eq!(
        action.check_online().await.unwrap_err(),
        "no right to insert into the column `id` of public.people"
    );
    cluster.run("GRANT INSERT ON people TO writer").await;
    action.perform(&job).await.unwrap();
    action.check_online().await.unwrap();
}
