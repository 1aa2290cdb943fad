//! How it stands with Attio, as the API tells it without asking Attio.

use std::time::Duration;

use attio_relay::http::fake_attio::{Failure, Options, RetryAfter};
use serde_json::{Value, json};

use super::get;
use crate::support::{
    app::TestApp,
    client::fresh_id,
    database::TestDatabase,
    fake_attio::TestAttio,
    message::Message,
    sink::{Sink, route},
};

const HOME: &str = "https://hooks.example.com/webhooks/attio";

/// May do all but read records.
const FEW: &str = "webhook:read object_configuration:read list_configuration:read";

async fn relay(attio: &TestAttio, db: &TestDatabase, sink: &Sink) -> TestApp {
    let toml = format!(
        "[server]\npublic_url = \"https://hooks.example.com\"\n[attio]\ntoken = \
         \"env:ATTIO_TOKEN\"\nbase_url = \"{}\"\nreads = \"20/s\"\nwrites = \"5/s\"\n{}{}",
        attio.base_url(),
        sink.action("billing", ""),
        route(
            "deals",
            "on = [\"record.updated\"]\nobject = \"deals\"\nwhen = 'record.name == \"x\"'",
            &["billing"]
        ),
    );
    TestApp::start(db, &toml).await
}

async fn until(app: &TestApp, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    app.eventually(what, async || is_so(&get(app, "/api/attio").await)).await;
    get(app, "/api/attio").await
}

fn scope<'v>(told: &'v Value, name: &str) -> &'v Value {
    let scopes = told["scopes"].as_array().unwrap();
    scopes.iter().find(|scope| scope["scope"] == name).unwrap_or_else(|| panic!("{name}: {told}"))
}

#[tokio::test]
async fn without_access_it_says_so_and_nothing_else() {
    let (db, sink) = (TestDatabase::sqlite(), Sink::start().await);
    let app = TestApp::start(&db, &sink.all()).await;
    let told = get(&app, "/api/attio").await;
    assert_eq!((&told["configured"], &told["webhooks"]), (&json!(false), &json!([])));
    assert!(told["not_watched"].as_str().unwrap().contains("[attio]"), "{told}");
    assert!(told["names"].is_null() && told["reads"].is_null() && told["granted"].is_null());
    app.stop().await;
}

#[tokio::test]
async fn the_workspace_the_names_the_limits_and_the_scopes_are_told() {
    let (db, sink) = (TestDatabase::sqlite(), Sink::start().await);
    let attio = TestAttio::with(Options { scopes: FEW.to_owned(), ..Options::default() }).await;
    let app = relay(&attio, &db, &sink).await;
    let told = until(&app, "the names are learnt", |told| !told["names"].is_null()).await;
    assert_eq!(told["base_url"], format!("{}/", attio.base_url()));
    assert!(told["workspace"]["slug"].is_string(), "{told}");
    assert!(told["names"]["objects"].as_u64().unwrap() > 0, "{told}");
    assert!(told["names"]["lists"].as_u64().unwrap() > 0, "{told}");
    assert!((0..60).contains(&told["names"]["age_seconds"].as_i64().unwrap()), "{told}");
    db.run("UPDATE catalogs SET learnt_at = learnt_at - 7200000000").await.unwrap();
    let aged = get(&app, "/api/attio").await["names"]["age_seconds"].as_i64().unwrap();
    assert!((7200..7300).contains(&aged), "{aged}");
    assert_eq!(told["reads"], json!({"per_second": 20.0, "paused_until": null}));
    assert_eq!(told["writes"]["per_second"], 5.0);
    assert_eq!(told["granted"].as_array().unwrap().len(), 3);
    assert_eq!(scope(&told, "object_configuration:read")["is_granted"], true);
    let lacking = scope(&told, "record_permission:read");
    assert_eq!(lacking["is_granted"], false);
    assert_eq!(lacking["needed_by"], json!(["the condition of the route `deals`"]));
    let overview = get(&app, "/api/overview").await;
    let problems = overview["problems"].as_array().unwrap();
    let lacks = problems.iter().find(|problem| problem["what"] == "scopes").unwrap();
    assert!(lacks["text"].as_str().unwrap().contains("record_permission:read"), "{lacks}");
    app.stop().await;
}

#[tokio::test]
async fn a_pause_that_attio_asked_for_is_told_until_when() {
    let (db, sink, attio) = (TestDatabase::sqlite(), Sink::start().await, TestAttio::start().await);
    let app = relay(&attio, &db, &sink).await;
    until(&app, "the names are learnt", |told| !told["names"].is_null()).await;
    let wait = Failure::Limited(RetryAfter::Date, Duration::from_mins(2));
    attio.fail_all("GET", "/v2/objects/deals/records/", wait);
    let mut deal = Message::record_updated(&fresh_id()).event_json();
    deal["id"]["object_id"] = json!(attio_relay::http::fake_attio::DEALS);
    app.post(&Message::envelope([deal])).await.assert_accepted();
    let told = until(&app, "reads are paused", |it| it["reads"]["paused_until"].is_string()).await;
    assert!(told["writes"]["paused_until"].is_null(), "{told}");
    app.stop().await;
}

#[tokio::test]
async fn the_webhook_is_told_as_it_was_seen_with_what_differs_from_the_routes() {
    let (db, sink, attio) = (TestDatabase::sqlite(), Sink::start().await, TestAttio::start().await);
    let id = attio.add_webhook(HOME, "x", None);
    attio.set_webhook_status(&id, "degraded").unwrap();
    let app = relay(&attio, &db, &sink).await;
    let told = until(&app, "the webhooks are seen", |told| {
        !told["webhooks"][0].is_null() && !told["names"].is_null()
    })
    .await;
    let webhook = &told["webhooks"][0];
    assert_eq!((&webhook["source"], &webhook["webhook_id"]), (&json!("crm"), &json!(id)));
    assert_eq!((&webhook["status"], &webhook["target_url"]), (&json!("degraded"), &json!(HOME)));
    assert!(webhook["status_since"].is_string() && told["seen_at"].is_string(), "{told}");
    assert!(told["not_seen"].is_null() && told["not_watched"].is_null(), "{told}");
    assert!(!webhook["subscriptions"].as_array().unwrap().is_empty(), "{webhook}");
    let drift: Vec<_> =
        webhook["drift"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    assert!(drift.iter().any(|line| line.starts_with("differing:")), "{drift:?}");
    assert!(drift.iter().any(|line| line.starts_with("degraded:")), "{drift:?}");
    let overview = get(&app, "/api/overview").await;
    let problems = overview["problems"].as_array().unwrap();
    let degraded = problems.iter().find(|problem| problem["what"] == "webhook").unwrap();
    assert_eq!((&degraded["name"], &degraded["place"]), (&json!("crm"), &json!("attio")));
    assert_eq!(degraded["since"], webhook["status_since"]);
    app.stop().await;
}

#[tokio::test]
async fn webhooks_that_could_not_be_looked_at_are_no_missing_ones() {
    let (db, sink, attio) = (TestDatabase::sqlite(), Sink::start().await, TestAttio::start().await);
    attio.fail_all("GET", "/v2/webhooks", Failure::Error(403, "forbidden"));
    let app = relay(&attio, &db, &sink).await;
    let told = until(&app, "the look failed", |told| told["not_seen"].is_string()).await;
    assert_eq!((&told["webhooks"], &told["seen_at"]), (&json!([]), &Value::Null));
    app.stop().await;
}
