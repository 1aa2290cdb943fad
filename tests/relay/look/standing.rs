//! How everything stands, over real deliveries, on both engines.

use attio_relay::store::{Act, Deed, DeliveryState, Filter, Lane, LaneKind, Pause, PauseKind};
use serde_json::{Value, json};

use super::get;
use crate::{
    store::on_both_engines,
    support::{
        app::TestApp,
        client::{Message, fresh_id},
        database::{Engine, TestDatabase, lane},
        sink::{Reply, Sink, route},
    },
};

on_both_engines![
    what_was_delivered_and_what_failed_is_counted_for_its_route_and_action,
    dead_letters_are_grouped_and_gone_when_discarded,
    what_is_paused_says_by_whom_since_when_and_why,
    what_is_configured_no_longer_waits_orphaned,
    counts_of_the_last_moment_are_told_at_the_stop,
];

/// Two routes to two actions.
fn two(good: &Sink, bad: &Sink) -> String {
    good.action("good", "")
        + &bad.action("bad", "retry = { attempts = 2, first = \"10ms\" }")
        + &route("tasks", "on = [\"task.*\"]\nowner = \"ann\"\npurpose = \"Tasks\"", &["good"])
        + &route("notes", "on = [\"note.*\"]", &["bad"])
}

pub fn named<'v>(list: &'v Value, name: &str) -> &'v Value {
    let items = list["items"].as_array().unwrap();
    items.iter().find(|item| item["name"] == name).unwrap_or_else(|| panic!("{name}: {list}"))
}

/// Waits until a path answers so; returns the answer.
pub async fn until(app: &TestApp, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    app.eventually(path, async || is_so(&get(app, path).await)).await;
    get(app, path).await
}

pub fn problem<'v>(overview: &'v Value, what: &str) -> Option<&'v Value> {
    overview["problems"].as_array().unwrap().iter().find(|problem| problem["what"] == what)
}

/// The sum over a day, and what the present quarter of an hour and the one before it have: the
/// clock may turn in between.
fn counted(quarters: &Value) -> (u64, u64) {
    let all: Vec<u64> =
        quarters.as_array().unwrap().iter().map(|it| it.as_u64().unwrap()).collect();
    assert_eq!(all.len(), 96);
    (all.iter().sum(), all[94..].iter().sum())
}

async fn what_was_delivered_and_what_failed_is_counted_for_its_route_and_action(db: &TestDatabase) {
    let (good, bad) = (Sink::start().await, Sink::start().await);
    bad.always(Reply::Status(503));
    let app = TestApp::start(db, &two(&good, &bad)).await;
    for event in ["task.created", "task.created", "note.created"] {
        app.post(&Message::event(event)).await.assert_accepted();
    }
    app.wait_until_delivered(&good, 2).await;
    let routes = until(&app, "/api/routes", |routes| {
        counted(&named(routes, "notes")["day"]["failed"]).0 == 2
            && counted(&named(routes, "tasks")["day"]["delivered"]).0 == 2
    })
    .await;
    let (tasks, notes) = (named(&routes, "tasks"), named(&routes, "notes"));
    assert_eq!(counted(&tasks["day"]["delivered"]), (2, 2));
    assert_eq!(counted(&notes["day"]["failed"]), (2, 2), "one try again, one dead: {notes}");
    assert_eq!((&tasks["day"]["succeeded"], &notes["day"]["dead"]), (&json!(2), &json!(1)));
    assert_eq!((&tasks["success_rate"], &notes["success_rate"]), (&json!(1.0), &json!(0.0)));
    assert_eq!((&tasks["state"], &notes["state"]), (&json!("running"), &json!("failing")));
    assert_eq!((&tasks["owner"], &tasks["purpose"]), (&json!("ann"), &json!("Tasks")));
    assert_eq!((&tasks["on"], &tasks["to"]), (&json!(["task.*"]), &json!(["good"])));
    assert!(tasks["last_success"].is_string() && tasks["last_failure"].is_null(), "{tasks}");
    let actions = get(&app, "/api/actions").await;
    let (good, bad) = (named(&actions, "good"), named(&actions, "bad"));
    assert_eq!((&good["day"], &bad["day"]), (&tasks["day"], &notes["day"]));
    assert_eq!((&bad["kind"], &bad["routes"]), (&json!("http"), &json!(["notes"])));
    assert!(bad["writes"].as_str().unwrap().starts_with("POST to http://127.0.0.1:"), "{bad}");
    assert_eq!((&good["dead_letters"], &bad["dead_letters"]), (&json!(0), &json!(1)));
    let overview = get(&app, "/api/overview").await;
    let days = overview["routes"].as_array().unwrap();
    assert_eq!((&days[0]["route"], &days[0]["day"]), (&json!("tasks"), &tasks["day"]));
    assert_eq!(overview["rates"]["accepted"], 3.0);
    assert_eq!(overview["rates"]["delivered"], 2.0);
    assert_eq!(overview["ack"]["count"], 3);
    assert!(overview["ack"]["p50_seconds"].as_f64().unwrap() > 0.0, "{overview}");
    let inventory = get(&app, "/api/inventory").await;
    let entries = inventory["entries"].as_array().unwrap();
    let entry = entries.iter().find(|one| one["name"] == "bad").unwrap();
    assert_eq!((&entry["counts"]["dead"], &entry["last_success"]), (&json!(1), &Value::Null));
    app.stop().await;
}

async fn dead_letters_are_grouped_and_gone_when_discarded(db: &TestDatabase) {
    let sink = Sink::start().await;
    sink.next(2, &Reply::Status(400));
    sink.always(Reply::Status(422));
    let toml = sink.action("billing", "") + &route("all", r#"on = ["*"]"#, &["billing"]);
    let app = TestApp::start(db, &toml).await;
    for dead in [1.0, 2.0, 3.0] {
        app.post(&Message::record_updated(&fresh_id())).await.assert_accepted();
        app.wait_for_metric("attio_relay_deliveries_total", &[("result", "dead")], dead).await;
    }
    let letters = get(&app, "/api/dead-letters").await;
    assert_eq!((&letters["total"], &letters["grouped"]), (&json!(3), &json!(3)));
    let groups = letters["groups"].as_array().unwrap();
    let told: Vec<_> =
        groups.iter().map(|it| (&it["action"], &it["count"], &it["routes"])).collect();
    let (billing, all) = (json!("billing"), json!(["all"]));
    assert_eq!(told, [(&billing, &json!(1), &all), (&billing, &json!(2), &all)]);
    assert!(groups[0]["reason"].as_str().unwrap().contains("422"), "{letters}");
    assert!(groups[1]["oldest"].as_str() < groups[1]["newest"].as_str(), "{letters}");
    let newest = get(&app, "/api/deliveries?state=dead").await["items"][0].clone();
    assert_eq!((&groups[0]["example"], &groups[0]["newest"]), (&newest["id"], &newest["ended_at"]));
    let found =
        format!("/api/deliveries?error={}", groups[1]["part"].as_str().unwrap().replace(' ', "+"));
    assert_eq!(get(&app, &found).await["items"].as_array().unwrap().len(), 2, "{found}");
    let overview = get(&app, "/api/overview").await;
    let waiting = problem(&overview, "dead_letters").unwrap();
    assert_eq!((&overview["dead_letters"], &waiting["place"]), (&json!(3), &json!("dead_letters")));
    discard_all(db).await;
    assert_eq!(get(&app, "/api/dead-letters").await["groups"], json!([]));
    let routes = get(&app, "/api/routes").await;
    assert_eq!(named(&routes, "all")["day"]["discarded"], 3, "counted with the act itself");
    app.stop().await;
}

/// The store as a command has it, beside the relay.
fn people(db: &TestDatabase) -> Lane {
    lane(&db.bare_store(), LaneKind::Act)
}

fn act(what: Deed) -> Act {
    Act::new("ann@laptop", what, &json!({}))
}

pub async fn discard_all(db: &TestDatabase) {
    let mut people = people(db);
    let dead = Filter { states: vec![DeliveryState::Dead], ..Filter::default() };
    let ids: Vec<_> = people.select(&dead).await.unwrap().iter().map(|one| one.id).collect();
    people.discard(&ids, "a test", &act(Deed::Discard)).await.unwrap();
}

async fn what_is_paused_says_by_whom_since_when_and_why(db: &TestDatabase) {
    let sink = Sink::start().await;
    let toml = sink.action("billing", "") + &route("all", r#"on = ["*"]"#, &["billing"]);
    let app = TestApp::start(db, &toml).await;
    let mut people = people(db);
    let (by, reason) = ("ann@laptop".to_owned(), "moving house".to_owned());
    for (kind, name) in [(PauseKind::Route, "all"), (PauseKind::Action, "billing")] {
        let pause = Pause { kind, name: name.into(), by: by.clone(), reason: reason.clone() };
        people.pause(&pause, &act(Deed::Pause)).await.unwrap();
    }
    for (path, name) in [("/api/routes", "all"), ("/api/actions", "billing")] {
        let list = get(&app, path).await;
        let paused = named(&list, name);
        assert_eq!(paused["state"], "paused", "{path}");
        assert_eq!(
            (&paused["paused"]["by"], &paused["paused"]["reason"]),
            (&json!(by), &json!(reason))
        );
        assert!(paused["paused"]["since"].is_string());
    }
    let overview = get(&app, "/api/overview").await;
    let told = problem(&overview, "paused").unwrap();
    assert_eq!((&told["weight"], &overview["is_healthy"]), (&json!("notice"), &json!(true)));
    assert!(told["text"].as_str().unwrap().contains("ann@laptop") && told["since"].is_string());
    app.wait_for_metric("attio_relay_action_paused", &[], 1.0).await;
    app.post(&Message::event("note.created")).await.assert_accepted();
    let overview = until(&app, "/api/overview", |it| it["open"]["paused"] == 1).await;
    assert_eq!(overview["oldest_due_seconds"], 0.0, "it does not wait, it is paused");
    for (by, state) in [("410", "paused"), ("loop", "loop_paused")] {
        db.run(&format!("UPDATE pauses SET by = '{by}' WHERE kind = 'action'")).await.unwrap();
        assert_eq!(named(&get(&app, "/api/actions").await, "billing")["state"], state);
        assert_eq!(get(&app, "/api/overview").await["is_healthy"], false, "{by}");
    }
    app.stop().await;
}

async fn what_is_configured_no_longer_waits_orphaned(db: &TestDatabase) {
    let sink = Sink::start().await;
    let toml = sink.action("billing", "") + &route("all", r#"on = ["*"]"#, &["billing"]);
    let app = TestApp::start(db, &toml).await;
    let hour_ago = match db.engine {
        Engine::Postgres => "now() - interval '1 hour'",
        Engine::Sqlite => "(unixepoch() - 3600) * 1000000",
    };
    let (id, event) = (fresh_id(), fresh_id());
    db.run(&format!(
        "INSERT INTO deliveries (id, event_id, route, action, idempotency_key, due_at)
         VALUES ('{id}', '{event}', 'gone', 'away', '{id}', {hour_ago})"
    ))
    .await
    .unwrap();
    let (routes, actions) = (get(&app, "/api/routes").await, get(&app, "/api/actions").await);
    for orphaned in [named(&routes, "gone"), named(&actions, "away")] {
        assert_eq!((&orphaned["state"], &orphaned["open"]), (&json!("orphaned"), &json!(1)));
        assert_eq!(orphaned["open_is_at_least"], false);
        assert!(orphaned["oldest_due_seconds"].as_f64().unwrap() >= 3599.0, "{orphaned}");
    }
    let overview = get(&app, "/api/overview").await;
    assert_eq!(overview["open"]["orphaned"], 1);
    assert!(overview["oldest_due_seconds"].as_f64().unwrap() >= 3599.0);
    assert_eq!(overview["routes"].as_array().unwrap().len(), 1, "those that are configured");
    assert!(problem(&overview, "orphaned").is_some() && problem(&overview, "late").is_some());
    app.stop().await;
}

async fn counts_of_the_last_moment_are_told_at_the_stop(db: &TestDatabase) {
    let sink = Sink::start().await;
    let app = TestApp::start(db, &sink.all()).await;
    for _ in 0..5 {
        app.post(&Message::event("note.created")).await.assert_accepted();
    }
    app.wait_until_delivered(&sink, 5).await;
    app.stop().await;
    let told = db
        .number("SELECT CAST(sum(count) AS bigint) FROM tallies WHERE result = 'succeeded'")
        .await;
    assert_eq!(told, 5);
    assert_eq!(db.number("SELECT count(*) FROM standings WHERE last_success IS NOT NULL").await, 1);
}

#[tokio::test]
async fn the_overview_names_the_configuration_and_the_process() {
    let (db, sink) = (TestDatabase::sqlite(), Sink::start().await);
    let app = TestApp::start(&db, &sink.all()).await;
    let overview = get(&app, "/api/overview").await;
    assert_eq!(overview["configuration"]["generation"], 1);
    assert_eq!(overview["configuration"]["fingerprint"].as_str().unwrap().len(), 12);
    assert_eq!(overview["process"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(overview["ack"], Value::Null, "nothing was answered yet");
    assert_eq!(problem(&overview, "review").unwrap()["weight"], "notice");
    for _ in 0..6 {
        let forged =
            Message::event("note.created").signatures([("Attio-Signature", &"00".repeat(32))]);
        app.post(&forged).await.assert_refused(401, "signature");
    }
    let overview = get(&app, "/api/overview").await;
    assert_eq!(overview["rates"]["refused"], 6.0);
    assert!(problem(&overview, "refused").is_some(), "{overview}");
    app.stop().await;
}
