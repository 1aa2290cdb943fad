//! Acting over the API: what the commands do, from our own pages and from programs only, bounded,
//! and with a trace.

use serde_json::{Value, json};

use super::{TOKEN, behind_a_token, knowing, own, send, with, without};
use crate::{
    look::description::{assert_fits, description},
    store::on_both_engines,
    support::{
        app::{TestApp, eventually},
        client::{Answer, Message, SECRET},
        database::TestDatabase,
        sink::{Reply, Sink},
    },
};

on_both_engines![
    dead_letters_are_counted_replayed_once_and_delivered,
    what_is_paused_waits_until_it_is_resumed,
    what_nobody_wants_is_discarded_with_its_reason,
    a_quarantined_message_is_let_in,
];

const DEAD: [(&str, &str); 1] = [("action", "billing")];

/// Asks for a deed as a program does; its answer is as it is described.
pub(super) async fn post(app: &TestApp, path: &str, body: &Value) -> (u16, Value) {
    let answer = posted(app, path, &knowing(app), body).await;
    let value: Value = serde_json::from_str(&answer.body).unwrap();
    let all = description();
    let described = all["paths"].as_object().unwrap().iter().find(|(known, _)| fits(known, path));
    let deed = &described.expect("it is described").1["post"]["responses"];
    let told = &deed[answer.status.to_string()];
    let told = told["$ref"].as_str().map_or(told, |to| all.pointer(&to[1..]).unwrap());
    let schema = &told["content"]["application/json"]["schema"];
    assert!(schema.is_object(), "{path} {answer:?}");
    assert_fits(&all, schema, &value, path);
    (answer.status, value)
}

fn fits(known: &str, path: &str) -> bool {
    match known.split_once("{id}") {
        Some((start, end)) => path.starts_with(start) && path.ends_with(end) && !end.is_empty(),
        None => known == path,
    }
}

async fn posted(app: &TestApp, path: &str, headers: &[(String, String)], body: &Value) -> Answer {
    let headers = with(headers.to_vec(), "content-type", "application/json");
    send(&app.admin, "POST", path, &headers, &body.to_string()).await
}

/// A relay whose destination has refused so many.
async fn with_dead_letters(db: &TestDatabase, count: u32) -> (TestApp, Sink) {
    let sink = Sink::start().await;
    sink.always(Reply::Status(404));
    let app = TestApp::start(db, &behind_a_token(&sink)).await;
    app.post_all((0..count).map(|_| Message::event("record.updated"))).await;
    app.wait_for_metric("attio_relay_dead_letters", &DEAD, count.into()).await;
    sink.release();
    (app, sink)
}

async fn dead_letters_are_counted_replayed_once_and_delivered(db: &TestDatabase) {
    let (app, sink) = with_dead_letters(db, 3).await;
    let of_billing = json!({"action": "billing"});
    let (_, counted) =
        post(&app, "/api/replay", &json!({"action": "billing", "dry_run": true})).await;
    assert_eq!((&counted["meant"], &counted["replayed"]), (&json!(3), &json!([])));
    let (one, other) = tokio::join!(
        post(&app, "/api/replay", &of_billing),
        post(&app, "/api/replay", &of_billing)
    );
    let replayed = |done: &(u16, Value)| done.1["replayed"].as_array().unwrap().len();
    assert_eq!(
        (one.0, other.0, replayed(&one) + replayed(&other)),
        (200, 200, 3),
        "a double click"
    );
    app.wait_until_delivered(&sink, 3).await;
    let first = [one, other].into_iter().find(|done| replayed(done) > 0).unwrap();
    let (old, new) = (&first.1["replayed"][0]["replay_of"], &first.1["replayed"][0]["id"]);
    let (_, again) = post(&app, "/api/replay", &json!({"ids": [old]})).await;
    let why = again["left"][0]["why"].as_str().unwrap();
    assert!(why.contains(new.as_str().unwrap()), "{again}");
    let acts = send(&app.admin, "GET", "/api/acts", &knowing(&app), "").await;
    let acts: Value = serde_json::from_str(&acts.body).unwrap();
    assert_eq!(
        acts["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|act| act["changed"].as_u64().unwrap())
            .sum::<u64>(),
        3
    );
    let act = acts["items"].as_array().unwrap().last().unwrap();
    assert_eq!((&act["what"], &act["who"]), (&json!("replay"), &json!("token@127.0.0.1")));
    assert_eq!(act["details"]["action"], "billing");
    let all = description();
    assert_fits(&all, &all["components"]["schemas"]["Acts"], &acts, "acts");
    app.stop().await;
}

async fn what_is_paused_waits_until_it_is_resumed(db: &TestDatabase) {
    let sink = Sink::start().await;
    let app = TestApp::start(db, &behind_a_token(&sink)).await;
    let billing = json!({"kind": "action", "name": "billing"});
    let why = json!({"kind": "action", "name": "billing", "reason": "they move"});
    assert_eq!(post(&app, "/api/pause", &why).await.1, json!({"changed": true, "held": 0}));
    assert_eq!(post(&app, "/api/pause", &why).await.1["changed"], false);
    assert_eq!(db.all_texts("SELECT reason FROM pauses").await, ["they move"]);
    app.wait_for_metric("attio_relay_action_paused", &DEAD, 1.0).await;
    app.post(&Message::event("record.updated")).await.assert_accepted();
    assert_eq!(post(&app, "/api/resume", &billing).await.1, json!({"changed": true}));
    app.wait_until_delivered(&sink, 1).await;
    for (path, body) in [
        ("/api/pause", &json!({"kind": "route", "name": "goen"})),
        ("/api/resume", &json!({"kind": "action", "name": "goen"})),
    ] {
        assert_eq!(post(&app, path, body).await.0, 404, "{path}");
    }
    assert_eq!(post(&app, "/api/pause", &json!({"kind": "source", "name": "crm"})).await.0, 400);
    app.stop().await;
}

async fn what_nobody_wants_is_discarded_with_its_reason(db: &TestDatabase) {
    let (app, _sink) = with_dead_letters(db, 2).await;
    assert_eq!(post(&app, "/api/discard", &json!({"error": "404"})).await.0, 400, "no reason");
    let body = json!({"error": "404", "reason": "an old\ntest"});
    let discarded = [("route", "all"), ("action", "billing"), ("result", "discarded")];
    let count = async || app.metric("attio_relay_deliveries_total", &discarded).await;
    assert_eq!(count().await, 0.0);
    assert_eq!(post(&app, "/api/discard", &body).await.1["discarded"], 2);
    assert_eq!(count().await, 2.0);
    let reasons = db.all_texts("SELECT reason FROM deliveries").await;
    assert!(
        reasons.iter().all(|reason| reason.starts_with("an old test (was dead")),
        "{reasons:?}"
    );
    app.stop().await;
}

async fn a_quarantined_message_is_let_in(db: &TestDatabase) {
    let sink = Sink::start().await;
    let app = TestApp::start(db, &behind_a_token(&sink)).await;
    app.post(&Message::record_updated("one").key("k")).await.assert_accepted();
    app.post(&Message::record_updated("other").key("k")).await.assert_quarantined();
    let aside = "SELECT CAST(id AS text) FROM messages WHERE status = 'quarantined'";
    let path = format!("/api/messages/{}/release", db.text(aside).await.unwrap());
    assert_eq!(post(&app, &path, &json!({})).await, (200, json!({"events": 1, "deliveries": 1})));
    app.wait_until_delivered(&sink, 2).await;
    assert_eq!(post(&app, &path, &json!({})).await.0, 409);
    let none = "/api/messages/00000000-0000-0000-0000-000000000000/release";
    assert_eq!(post(&app, none, &json!({})).await.0, 404);
    app.stop().await;
}

#[tokio::test]
async fn only_who_knows_the_token_and_only_from_here_changes_anything() {
    let db = TestDatabase::sqlite();
    let (app, _sink) = with_dead_letters(&db, 1).await;
    let (right, body) = (knowing(&app), json!({"states": ["dead"]}));
    let refused = [
        ("no token", 401, own(&app)),
        ("a wrong token", 401, with(right.clone(), "authorization", "Bearer wrong")),
        ("another origin", 403, with(right.clone(), "origin", "http://evil.example")),
        ("an origin that hides", 403, with(right.clone(), "origin", "null")),
        ("another site", 403, with(right.clone(), "sec-fetch-site", "cross-site")),
        ("a sister of this site", 403, with(right.clone(), "sec-fetch-site", "same-site")),
        ("no word of where from", 403, without(right.clone(), "origin")),
    ];
    for (what, status, headers) in refused {
        for path in ["/api/replay", "/api/discard", "/api/pause", "/api/resume"] {
            let answer = posted(&app, path, &headers, &body).await;
            assert_eq!(answer.status, status, "{what}: {answer:?}");
        }
    }
    let cookie = logged_in(&app).await;
    let browser = with(own(&app), "cookie", &cookie);
    assert_eq!(posted(&app, "/api/replay", &browser, &body).await.status, 403, "as a form could");
    let ours = with(browser, "x-attio-relay", "1");
    let form = with(ours.clone(), "content-type", "application/x-www-form-urlencoded");
    let answer = send(&app.admin, "POST", "/api/replay", &form, "states=dead").await;
    assert_eq!(answer.status, 415, "{answer:?}");
    let get = send(&app.admin, "GET", "/api/replay", &right, "").await;
    assert_eq!((get.status, db.number("SELECT count(*) FROM acts").await), (405, 0));
    assert_eq!(posted(&app, "/api/replay", &ours, &body).await.status, 200);
    assert_eq!(db.all_texts("SELECT who FROM acts").await, ["login@127.0.0.1"]);
    app.stop().await;
}

async fn logged_in(app: &TestApp) -> String {
    let form = with(own(app), "content-type", "application/x-www-form-urlencoded");
    let answer = send(&app.admin, "POST", "/login", &form, &format!("token={SECRET}")).await;
    let cookie = answer.header("set-cookie").unwrap_or_else(|| panic!("{answer:?}"));
    cookie.split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn without_a_token_a_rebound_name_changes_nothing() {
    let (db, sink) = (TestDatabase::sqlite(), Sink::start().await);
    let app = TestApp::start(&db, &sink.all()).await;
    let pause = json!({"kind": "action", "name": "billing"});
    let ours = with(own(&app), "x-attio-relay", "1");
    let rebound = with(ours.clone(), "host", "evil.example");
    let rebound = with(rebound, "origin", "http://evil.example");
    assert_eq!(posted(&app, "/api/pause", &rebound, &pause).await.status, 403);
    assert_eq!(db.number("SELECT count(*) FROM pauses").await, 0);
    assert_eq!(posted(&app, "/api/pause", &ours, &pause).await.status, 200);
    assert_eq!(db.all_texts("SELECT who FROM acts").await, ["local@127.0.0.1"]);
    app.stop().await;
}

#[tokio::test]
async fn the_public_port_changes_nothing() {
    let (db, sink) = (TestDatabase::sqlite(), Sink::start().await);
    let app = TestApp::start(&db, &behind_a_token(&sink)).await;
    for path in ["/api/replay", "/pages/replay", "/login", "/logout"] {
        let answer = send(&app.client, "POST", path, &knowing(&app), "{}").await;
        assert_eq!(answer.status, 404, "{path}");
    }
    app.stop().await;
}

#[tokio::test]
async fn what_is_misspelt_too_much_or_nothing_at_all_is_refused() {
    let db = TestDatabase::sqlite();
    let (app, _sink) = with_dead_letters(&db, 1).await;
    let many: Vec<_> = (0..5001).map(|_| "0198a000-0000-7000-8000-000000000000").collect();
    for wrong in [
        json!({}),
        json!({"ids": []}),
        json!({"acton": "billing"}),
        json!({"states": ["lost"]}),
        json!({"ids": many}),
    ] {
        assert_eq!(post(&app, "/api/replay", &wrong).await.0, 400);
    }
    let long = json!({"error": "x".repeat(300_000)});
    assert_eq!(posted(&app, "/api/replay", &knowing(&app), &long).await.status, 413);
    assert_eq!(db.number("SELECT count(*) FROM acts").await, 0);
    app.stop().await;
}

#[tokio::test]
async fn the_api_never_sends_to_private_addresses() {
    let db = TestDatabase::sqlite();
    let (app, sink) = with_dead_letters(&db, 1).await;
    let seen = sink.received().len();
    for to in ["http://10.0.0.1/", "http://[::1]/", "http://169.254.169.254/", "ftp://example.com/"]
    {
        let (status, told) =
            post(&app, "/api/replay", &json!({"states": ["dead"], "to": to})).await;
        assert_eq!(status, 400, "{to}: {told}");
    }
    let by_name = format!("http://localhost:{}/", sink.address.port());
    let (status, told) =
        post(&app, "/api/replay", &json!({"states": ["dead"], "to": by_name})).await;
    assert_eq!((status, &told["sent"]), (200, &json!(0)), "{told}");
    assert!(told["left"][0]["why"].as_str().unwrap().contains("public"), "{told}");
    assert_eq!(sink.received().len(), seen);
    app.stop().await;
}

#[tokio::test]
async fn acts_are_listed_by_the_command_too() {
    let db = TestDatabase::sqlite();
    let (app, sink) = with_dead_letters(&db, 1).await;
    post(&app, "/api/replay", &json!({"states": ["dead"]})).await;
    eventually("it is sent", async || sink.received().len() == 2).await;
    app.stop().await;
    let toml = crate::support::app::configuration(db.url(), &(TOKEN.to_owned() + &sink.all()));
    let folder = crate::commands::program::Folder::with(&toml).env("SECRET", SECRET);
    let run = folder.run(&["acts", "list"]);
    assert!(run.code == 0 && run.out.contains("replay    token@127.0.0.1  1 changed"), "{run}");
    let json = folder.run(&["acts", "list", "--output", "json", "--limit", "1"]);
    assert!(json.out.contains(r#""who": "token@127.0.0.1""#), "{json}");
}
