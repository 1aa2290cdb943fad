//! `explain`: what each route makes of an event, without running anything.

use std::fs;

use attio_relay::{
    attio::catalog::{Catalog, Identity, Object},
    store::{LaneKind, Snapshot, SnapshotKind, StoredCatalog},
};
use bytes::Bytes;
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    program::{Folder, Run, Server},
    small,
};
use crate::support::database::{TestDatabase, lane};

const DEALS: &str = "97052eb9-e65e-443f-a297-f2d9a4a7f795";
const ROUTES: &str = r#"
[attio]
token = "env:SECRET"
[[routes]]
name = "companies"
on = ["record.*"]
object = "companies"
ignore_actors = ["self"]
to = ["log"]
[[routes]]
name = "won"
on = ["record.updated"]
object = "97052eb9-e65e-443f-a297-f2d9a4a7f795"
when = 'record.stage == "Won"'
to = ["log"]
"#;

/// A folder whose store holds one event about a deal, and that event's id.
async fn received(database: &TestDatabase, routes: &str) -> (Folder, String) {
    let server = Server::start(small(&format!("{routes}[store]\nurl = \"{}\"\n", database.url())));
    let set = format!("id.object_id={DEALS}");
    let run = server.folder.run(&["send", "record.updated", "--set", &set]);
    assert_eq!(run.code, 0, "{run}");
    let (folder, _) = server.stop();
    (folder, database.text("SELECT id FROM events").await.unwrap())
}

fn explain(folder: &Folder, id: &str) -> Run {
    folder.run(&["explain", id])
}

fn in_json(folder: &Folder, id: &str) -> Value {
    let run = folder.run(&["explain", id, "--output", "json"]);
    assert_eq!((run.code, run.err.as_str()), (0, ""), "{run}");
    serde_json::from_str(&run.out).unwrap()
}

/// Keeps that the deals' object is called so.
async fn learn(database: &TestDatabase, slug: &str) {
    let workspace = database.text("SELECT workspace_id FROM events").await.unwrap();
    let identity = Identity { workspace_id: workspace.clone(), ..Identity::default() };
    let object = Object { id: DEALS.to_owned(), slug: slug.to_owned(), attributes: None };
    let catalog = Catalog { identity: Some(identity), objects: vec![object], lists: Vec::new() };
    let learnt_at = OffsetDateTime::now_utc();
    let mut look = lane(&database.store().await, LaneKind::Look);
    look.keep_catalog(&StoredCatalog { workspace, learnt_at, catalog }).await.unwrap();
}

/// Keeps what was looked up for the event.
async fn keep(database: &TestDatabase, id: &str, kind: SnapshotKind, value: &'static str) {
    let (event_id, looked_up_at) = (Uuid::parse_str(id).unwrap(), OffsetDateTime::now_utc());
    let kept =
        Snapshot { event_id, kind, looked_up_at, value: Bytes::from_static(value.as_bytes()) };
    let mut look = lane(&database.store().await, LaneKind::Look);
    look.keep_snapshots(&[kept]).await.unwrap();
}

#[tokio::test]
async fn explain_shows_each_condition_what_it_saw_and_the_verdict() {
    let database = TestDatabase::sqlite();
    let (folder, id) = received(&database, ROUTES).await;
    learn(&database, "deals").await;
    let shown = in_json(&folder, &id);
    assert_eq!(shown["event"]["id"], id);
    let condition = |condition, wants, saw: Value, holds: Value| json!({"condition": condition, "wants": wants, "saw": saw, "holds": holds});
    let all = &shown["routes"][0];
    assert_eq!(
        (&all["route"], &all["verdict"], &all["reason"]),
        (&json!("all"), &json!("wanted"), &Value::Null)
    );
    assert_eq!(
        all["conditions"],
        json!([condition("on", "*", json!("record.updated"), json!(true))])
    );
    let companies = &shown["routes"][1];
    assert_eq!(companies["reason"], "object is deals, the route wants companies");
    let object = condition("object", "companies", json!("deals"), json!(false));
    assert_eq!(companies["conditions"][1], object);
    assert_eq!(companies["conditions"][2]["wants"], "not self");
    let won = &shown["routes"][2];
    let when = &won["conditions"][2];
    assert_eq!(
        (&won["verdict"], &when["wants"]),
        (&json!("not known"), &json!("record.stage == \"Won\""))
    );
    assert_eq!((&when["holds"], &when["not_looked_up"]), (&Value::Null, &json!(["record"])));
    let table = explain(&folder, &id).out;
    assert!(table.contains("object is deals, the route wants companies"), "{table}");
}

#[tokio::test]
async fn explain_says_what_is_not_known_and_what_is_kept() {
    let database = TestDatabase::sqlite();
    let (folder, id) = received(&database, ROUTES).await;
    let table = explain(&folder, &id).out;
    assert!(table.contains("names: none were learnt"), "{table}");
    assert!(table.contains("not known: which object `companies` is"), "{table}");
    assert!(table.contains("won: not known: `record` was not looked up yet"), "{table}");
    assert!(table.contains("hint: explain asks nobody"), "{table}");
    keep(&database, &id, SnapshotKind::Record, r#"{"stage": "Lost"}"#).await;
    let table = explain(&folder, &id).out;
    assert!(
        table.contains("kept: the record, looked up at ") && !table.contains("hint"),
        "{table}"
    );
}

#[tokio::test]
async fn explain_evaluates_the_condition_over_what_was_kept() {
    let database = TestDatabase::sqlite();
    let (folder, id) = received(
        &database,
        &ROUTES.replace("when = 'r", "when = 'event.actor.type != \"x\" and r"),
    )
    .await;
    keep(&database, &id, SnapshotKind::Record, r#"{"stage": "Lost"}"#).await;
    let shown = in_json(&folder, &id);
    let (won, when) = (&shown["routes"][2], &shown["routes"][2]["conditions"][2]);
    assert_eq!((&won["verdict"], &when["holds"]), (&json!("unwanted"), &json!(false)));
    assert_eq!(when["values"][1], json!({"path": "record.stage", "value": "Lost"}));
    assert!(won["reason"].as_str().unwrap().contains("record.stage = \"Lost\""), "{won}");
    let table = explain(&folder, &id).out;
    assert!(table.contains("won: unwanted: the condition is not true: event.actor"), "{table}");
    assert!(
        table
            .lines()
            .filter(|line| line.starts_with(['│', '┌']))
            .all(|line| line.chars().count() <= 80),
        "{table}"
    );
}

#[tokio::test]
async fn explain_says_what_each_verdict_of_a_condition_comes_to() {
    let database = TestDatabase::sqlite();
    let when = "record.stage == \"Won\"";
    let (folder, id) = received(&database, ROUTES).await;
    keep(&database, &id, SnapshotKind::Record, r#"{"stage": "Won", "value": null}"#).await;
    for (other, verdict, reason) in [
        (when, "wanted", ""),
        ("record.value > 5", "unwanted", "`record.value` is empty"),
        ("record.stge == 5", "dead", "the condition failed"),
        (
            "entry.x == 5 and previous.y == 5",
            "not known",
            "`entry` and `previous` were not looked up yet",
        ),
        (
            "actor.type == \"system\" and actor.name == \"Ines\"",
            "not known",
            "`actor` was not looked up yet",
        ),
    ] {
        fs::write(folder.path("other.toml"), folder.text().replace(when, other)).unwrap();
        let run = folder.run(&["explain", &id, "--config", "other.toml", "--output", "json"]);
        let shown: Value = serde_json::from_str(&run.out).unwrap();
        let won = &shown["routes"][2];
        assert_eq!(won["verdict"], verdict, "{other} {won}");
        assert!(won["reason"].as_str().unwrap_or_default().contains(reason), "{other} {won}");
    }
}

#[tokio::test]
async fn explain_shows_what_became_of_each_delivery_beside_its_route() {
    let database = TestDatabase::sqlite();
    let (folder, id) = received(&database, "").await;
    let shown = in_json(&folder, &id);
    let delivery = &shown["routes"][0]["deliveries"][0];
    assert_eq!((&delivery["action"], &delivery["state"]), (&json!("log"), &json!("succeeded")));
    assert_eq!((&delivery["tries"], &delivery["reason"]), (&json!(1), &Value::Null));
    assert!(delivery["due_at"].is_null() && delivery["ended_at"].is_string(), "{delivery}");
    let dead = "UPDATE deliveries SET state = 'dead', reason = 'it is gone'";
    database.run(dead).await.unwrap();
    let table = explain(&folder, &id).out;
    assert!(table.contains(" to log: dead after 1 try: it is gone"), "{table}");
    let other = folder.text().replace("name = \"all\"", "name = \"other\"");
    fs::write(folder.path("other.toml"), other).unwrap();
    let other = folder.run(&["explain", &id, "--config", "other.toml"]).out;
    assert!(other.contains("of routes that this configuration does not have:"), "{other}");
    assert!(other.contains(" of all to log: dead after 1 try: it is gone"), "{other}");
}

#[tokio::test]
async fn explain_says_that_a_source_without_kept_values_cannot_be_explained_afterwards() {
    let database = TestDatabase::sqlite();
    let (folder, id) = received(&database, ROUTES).await;
    let folder = folder
        .replaced("path = \"/webhooks/attio\"", "path = \"/webhooks/attio\"\nkeep_values = false");
    let table = explain(&folder, &id).out;
    assert!(table.contains("of the source `crm` no values are kept"), "{table}");
}

#[tokio::test]
async fn explain_tells_what_another_configuration_would_do_and_runs_nothing() {
    let database = TestDatabase::sqlite();
    let (folder, id) = received(&database, "").await;
    let other = folder.text().replace("on = [\"*\"]", "on = [\"task.*\"]");
    fs::write(folder.path("other.toml"), other).unwrap();
    let before = database.texts("SELECT state || lease_no FROM deliveries").await;
    let run = folder.run(&["explain", &id, "--config", "other.toml"]);
    assert_eq!(run.code, 0, "{run}");
    assert!(run.out.contains("the event is record.updated, the route wants task.*"), "{run}");
    assert!(explain(&folder, &id).out.contains("wanted"));
    assert_eq!(database.texts("SELECT state || lease_no FROM deliveries").await, before);
}

#[tokio::test]
async fn explain_fails_for_an_event_that_is_not_there() {
    let database = TestDatabase::sqlite();
    let none = Uuid::nil().to_string();
    let folder = small(&format!("[store]\nurl = \"{}\"\n", database.url()));
    let run = explain(&folder, &none);
    assert!(run.code == 1 && run.err.contains("run `attio-relay migrate`"), "{run}");
    database.store().await;
    let run = explain(&folder, &none);
    assert!(run.code == 1 && run.err.contains("there is no event 00000000-"), "{run}");
    assert_eq!(explain(&folder, "deal").code, 2);
}
