//! What gets into the table, and how often.

use attio_relay::config;
use futures_util::future::join_all;
use serde_json::json;

use super::{super::refused, Warehouse, about, perform};
use crate::support::{app::TestApp, client::Message, database::TestDatabase};

#[tokio::test]
async fn a_hundred_attempts_at_once_under_one_key_make_one_row() {
    let warehouse = Warehouse::with("CREATE TABLE people (id text)").await;
    let action = warehouse.action(&[("id", "{{ event.id }}")], &[]);
    let job = about(&json!({"id": "r1"}));
    for done in join_all((0..100).map(|_| action.perform(&job))).await {
        done.unwrap();
    }
    assert_eq!(warehouse.rows().await, [json!({"id": "r1"})]);
    assert_eq!(warehouse.notes().await, 1);
}

#[tokio::test]
async fn every_key_makes_a_row_of_its_own() {
    let warehouse = Warehouse::with("CREATE TABLE people (id text)").await;
    let action = warehouse.action(&[("id", "{{ event.id }}")], &[]);
    let event = json!({"id": "r1"});
    for done in join_all((0..50).map(|_| perform(&action, &event))).await {
        done.unwrap();
    }
    assert_eq!(warehouse.rows().await.len(), 50);
}

#[tokio::test]
async fn no_more_connections_are_made_than_the_action_may_have_attempts() {
    let warehouse = Warehouse::with("CREATE TABLE people (id text)").await;
    let config = warehouse.config(&[("id", "{{ event.id }}")], &[]);
    let action =
        attio_relay::action::Action::build(&config::Action { concurrency: 2, ..config }, None);
    let action = action.unwrap();
    let event = json!({"id": "r1"});
    join_all((0..20).map(|_| perform(&action, &event))).await;
    let count = "SELECT count(*) FROM pg_stat_activity
                 WHERE datname = current_database() AND application_name = 'attio-relay billing'";
    assert_eq!(warehouse.0.number(count).await, 2);
}

#[tokio::test]
async fn a_row_with_the_same_key_columns_is_updated_by_the_next_delivery() {
    let ddl = "CREATE TABLE people (id text, list int, stage text, noted text DEFAULT 'once',
                                    UNIQUE (list, id))";
    let warehouse = Warehouse::with(ddl).await;
    let columns =
        [("id", "{{ event.id }}"), ("list", "{{ event.list }}"), ("stage", "{{ event.stage }}")];
    let action = warehouse.action(&columns, &["id", "list"]);
    let first = about(&json!({"id": "r1", "list": 1, "stage": "New"}));
    action.perform(&first).await.unwrap();
    perform(&action, &json!({"id": "r1", "list": 1, "stage": "Won"})).await.unwrap();
    perform(&action, &json!({"id": "r1", "list": 2, "stage": null})).await.unwrap();
    // A repeat is no news.
    action.perform(&first).await.unwrap();
    let row = |list: u8, stage: Option<&str>| json!({"id": "r1", "list": list, "stage": stage, "noted": "once"});
    assert_eq!(warehouse.rows().await, [row(1, Some("Won")), row(2, None)]);
}

#[tokio::test]
async fn a_row_of_nothing_but_its_key_is_written_once() {
    let warehouse = Warehouse::with("CREATE TABLE people (id text PRIMARY KEY)").await;
    let action = warehouse.action(&[("id", "{{ event.id }}")], &["id"]);
    for _ in 0..2 {
        perform(&action, &json!({"id": "r1"})).await.unwrap();
    }
    assert_eq!((warehouse.rows().await.len(), warehouse.notes().await), (1, 2));
}

#[tokio::test]
async fn every_value_arrives_as_its_columns_type() {
    let ddl = "CREATE TYPE stage AS ENUM ('New', 'Won');
        CREATE DOMAIN facts AS jsonb;
        CREATE TABLE people (whole bigint, amount numeric(12,2), share float8, yes boolean,
            day date, at timestamptz, record uuid, stage stage, code char(4), short varchar(5),
            emails text[], numbers int[], grid int[], one text[], facts jsonb, named facts, plain json,
            many jsonb[], list_as_text text, built jsonb, fixed text, nothing int, none_at_all text[])";
    let warehouse = Warehouse::with(ddl).await;
    let columns = [
        ("whole", "{{ event.whole }}"),
        ("amount", "{{ event.amount }}"),
        ("share", "{{ event.share }}"),
        ("yes", "{{ event.yes }}"),
        ("day", "{{ event.at }}"),
        ("at", "{{ event.at }}"),
        ("record", "{{ event.record }}"),
        ("stage", "{{ event.stage }}"),
        ("code", "{{ event.code }}"),
        ("short", "{{ event.code }}{{ '!' }}"),
        ("emails", "{{ event.emails }}"),
        ("numbers", "{{ event.numbers }}"),
        ("grid", "{{ [event.numbers, event.numbers] }}"),
        ("one", "{{ event.code }}"),
        ("facts", "{{ event.facts }}"),
        ("named", "{{ event.code }}"),
        ("plain", "{{ event.emails }}"),
        ("many", "{{ [event.facts, event.code] }}"),
        ("list_as_text", "{{ event.numbers }}"),
        ("built", r#"{"code": {{ event.code|tojson }}}"#),
        ("fixed", "attio"),
        ("nothing", "{{ event.nothing }}"),
        ("none_at_all", "{{ event.nothing }}"),
    ];
    let event = json!({
        "whole": 9_007_199_254_740_993_i64, "amount": 1200.1, "share": 0.1, "yes": true,
        "at": "2026-11-22T09:00:00.123456000Z", "record": "0FCB1C4E-9d2a-4b7e-8c11-2f6d1f0a9b3c",
        "stage": "Won", "code": "EUR", "emails": ["a,\"b\\@x.y", "", "c@x.y\u{0}"], "numbers": [1, null],
        "facts": {"a": {"b": [1, "\u{0}"]}}, "nothing": null,
    });
    perform(&warehouse.action(&columns, &[]), &event).await.unwrap();
    let expected = json!({
        "whole": 9_007_199_254_740_993_i64, "amount": 1200.10, "share": 0.1, "yes": true,
        "day": "2026-11-22", "at": "2026-11-22T09:00:00.123456+00:00",
        "record": "0fcb1c4e-9d2a-4b7e-8c11-2f6d1f0a9b3c", "stage": "Won", "code": "EUR ",
        "short": "EUR!", "emails": ["a,\"b\\@x.y", "", "c@x.y\u{fffd}"], "numbers": [1, null],
        "grid": [[1, null], [1, null]], "one": ["EUR"],
        "facts": {"a": {"b": [1, "\u{fffd}"]}}, "named": "EUR",
        "plain": ["a,\"b\\@x.y", "", "c@x.y\u{fffd}"],
        "many": [{"a": {"b": [1, "\u{fffd}"]}}, "EUR"], "list_as_text": "[1,null]",
        "built": {"code": "EUR"}, "fixed": "attio", "nothing": null, "none_at_all": null,
    });
    assert_eq!(warehouse.rows().await, [expected]);
}

#[tokio::test]
async fn a_value_that_is_missing_in_the_event_is_refused_before_anything_is_sent() {
    let warehouse = Warehouse::with("CREATE TABLE people (id text)").await;
    let action = warehouse.action(&[("id", "{{ event.nope }}")], &[]);
    let failure = refused(perform(&action, &json!({})).await);
    assert!(failure.what.starts_with("the `id` template: line 1"), "{failure:?}");
    assert!(failure.what.contains("undefined"), "{failure:?}");
}

#[tokio::test]
async fn deliveries_of_long_ago_are_forgotten_when_a_connection_is_made() {
    let warehouse = Warehouse::with(
        "CREATE TABLE people (id text);
        CREATE TABLE attio_relay_deliveries
            (idempotency_key uuid PRIMARY KEY, delivered_at timestamptz NOT NULL DEFAULT now());
        INSERT INTO attio_relay_deliveries VALUES
            (gen_random_uuid(), now() - interval '91 days'),
            (gen_random_uuid(), now() - interval '89 days')",
    )
    .await;
    perform(&warehouse.action(&[("id", "x")], &[]), &json!({})).await.unwrap();
    assert_eq!(warehouse.notes().await, 2);
}

#[tokio::test]
async fn a_record_that_is_created_becomes_one_row_in_the_warehouse() {
    let (store, warehouse) = (
        TestDatabase::postgres().await,
        Warehouse::with("CREATE SCHEMA crm; CREATE TABLE crm.people (record_id uuid, who jsonb)")
            .await,
    );
    let home = tempfile::tempdir().unwrap();
    let reference = home.path().join("url");
    std::fs::write(&reference, warehouse.0.url()).unwrap();
    let toml = format!(
        r#"
[actions.warehouse]
kind = "postgres"
url = "file:{}"
table = "crm.people"
columns = {{ record_id = "{{{{ event.id.record_id }}}}", who = "{{{{ event.actor }}}}" }}
deliveries = "crm.notes"
[[routes]]
name = "people-to-warehouse"
on = ["record.created"]
to = ["warehouse"]
"#,
        reference.display()
    );
    let app = TestApp::start(&store, &toml).await;
    let message = Message::event("record.created");
    app.post(&message).await.assert_accepted();
    app.post(&message).await.assert_duplicate();
    let succeeded = [("action", "warehouse"), ("result", "succeeded")];
    app.wait_for_metric("attio_relay_deliveries_total", &succeeded, 1.0).await;
    let event = message.event_json();
    let rows = warehouse.0.all_texts("SELECT row_to_json(p)::text FROM crm.people p").await;
    let rows: Vec<serde_json::Value> =
        rows.iter().map(|row| serde_json::from_str(row).unwrap()).collect();
    let expected = json!({"record_id": event["id"]["record_id"], "who": event["actor"]});
    assert_eq!(rows, [expected]);
    assert_eq!(warehouse.0.number("SELECT count(*) FROM crm.notes").await, 1);
    app.stop().await;
}
