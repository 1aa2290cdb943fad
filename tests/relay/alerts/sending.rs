//! How alerts are told: together, without a flood, and seen when they cannot be.

use super::{Scene, answers, told, until_told};
use crate::{
    commands::program::Folder,
    store::on_both_engines,
    support::{
        app::{TestApp, configuration},
        client::SECRET,
        database::TestDatabase,
        sink::{Reply, Sink, route},
    },
};

on_both_engines![
    ten_at_once_are_one_message,
    what_comes_and_goes_is_told_once,
    an_alert_that_cannot_be_sent_is_seen_and_arrives_later,
    an_alert_that_is_refused_is_seen_makes_no_other_and_can_be_replayed,
];

const MESSAGES: &str = "SELECT count(*) FROM messages WHERE origin = 'alert'";

fn is(db: &TestDatabase, what: &str) -> String {
    let now = match db.engine {
        crate::support::database::Engine::Postgres => "now()",
        crate::support::database::Engine::Sqlite => "unixepoch() * 1000000",
    };
    format!("INSERT INTO pauses VALUES ('action', '{what}', {now}, '410', 'gone')")
}

async fn ten_at_once_are_one_message(db: &TestDatabase) {
    let scene = Scene::with(db, "", "").await;
    scene.app.stop().await;
    let more: String = (0..10).map(|n| scene.sink.action(&format!("a{n}"), "")).collect();
    for number in 0..10 {
        db.run(&is(db, &format!("a{number}"))).await.unwrap();
    }
    let toml = super::toml(&scene.sink, "", &more).replace("gather = \"1ms\"", "gather = \"3s\"");
    let app = TestApp::start(db, &toml).await;
    until_told(&scene.sink, "gone", "action/a9", &["started"]).await;
    assert_eq!(told(&scene.sink).len(), 10);
    let ops = scene.sink.received_by("ops");
    assert_eq!((ops.len(), db.number(MESSAGES).await), (1, 1));
    let text = ops[0].json()["event"]["text"].as_str().unwrap().to_owned();
    assert!(text.starts_with("attio-relay: 10 alerts\n"), "{text}");
    app.stop().await;
}

async fn what_comes_and_goes_is_told_once(db: &TestDatabase) {
    let sink = Sink::start().await;
    let toml = super::toml(&sink, "", "").replace("calm = \"1ms\"", "calm = \"1h\"");
    let app = TestApp::start(db, &toml).await;
    let scene = Scene { sink, app };
    db.run(&is(db, "billing")).await.unwrap();
    scene.until_told("gone", "action/billing", &["started"]).await;
    let judged = match db.engine {
        crate::support::database::Engine::Postgres => {
            "SELECT (extract(epoch FROM due_at) * 1000)::int8 FROM turns WHERE task = 'alerts'"
        }
        crate::support::database::Engine::Sqlite => {
            "SELECT due_at FROM turns WHERE task = 'alerts'"
        }
    };
    for is_there in [false, true, false, true] {
        let sql = if is_there { is(db, "billing") } else { "DELETE FROM pauses".to_owned() };
        db.run(&sql).await.unwrap();
        for _ in 0..2 {
            let before = db.number(judged).await;
            scene.app.eventually("the next turn", async || db.number(judged).await > before).await;
        }
    }
    assert_eq!(told(&scene.sink).len(), 1);
    scene.until_firing("gone", 1.0).await;
    scene.app.stop().await;
}

async fn an_alert_that_cannot_be_sent_is_seen_and_arrives_later(db: &TestDatabase) {
    let scene = Scene::start(db).await;
    scene.sink.decide(|_| Some(Reply::Status(503)));
    scene.send().await;
    scene.until_firing("failures", 1.0).await;
    scene.until_firing("not_sent", 1.0).await;
    let api = scene.app.admin.ask(b"GET /api/alerts HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert!(api.body.contains("could not be sent by action `ops`"), "{api:?}");
    let overview =
        scene.app.admin.ask(b"GET /api/overview HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert!(overview.body.contains("\"what\":\"not_sent\""), "{overview:?}");
    scene.sink.release();
    scene.until_told("failures", "action/billing", &["started", "ended"]).await;
    scene.until_firing("not_sent", 0.0).await;
    let sent = [("action", "ops"), ("result", "succeeded")];
    scene.app.wait_for_metric("attio_relay_alerts_sent_total", &sent, 2.0).await;
    assert!(told(&scene.sink).iter().all(|alert| alert["alert"] != "not_sent"), "not by itself");
    scene.app.stop().await;
}

async fn an_alert_that_is_refused_is_seen_makes_no_other_and_can_be_replayed(db: &TestDatabase) {
    let scene = Scene::start(db).await;
    answers(&scene.sink, "ops", 400);
    db.run(&is(db, "billing")).await.unwrap();
    scene.until_firing("not_sent", 1.0).await;
    let dead = [("action", "ops"), ("result", "dead")];
    scene.app.wait_for_metric("attio_relay_alerts_sent_total", &dead, 1.0).await;
    assert_eq!(scene.firing("dead_letters").await, 0.0, "no alert of an alert");

    answers(&scene.sink, "nobody", 400);
    let toml = super::toml(&scene.sink, "", "");
    let folder = Folder::with(&configuration(db.url(), &toml)).env("SECRET", SECRET);
    let run = folder.run(&["replay", "--route", "alerts", "--state", "dead", "--yes"]);
    assert_eq!(run.code, 0, "{run}");
    scene.until_told("gone", "action/billing", &["started"]).await;
    scene.until_firing("not_sent", 0.0).await;
    assert_eq!(db.number(MESSAGES).await, 1);
    let listed = folder.run(&["alerts", "list"]);
    assert!(listed.out.contains("firing gone"), "{listed}");
    assert!(listed.out.contains("attio-relay resume action/billing"), "{listed}");
    let json = folder.run(&["alerts", "list", "--output", "json"]);
    let told: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    let gone = told["items"].as_array().unwrap().iter().find(|one| one["alert"] == "gone").unwrap();
    assert_eq!((&gone["about"], &gone["state"]), (&"action/billing".into(), &"firing".into()));
    scene.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_says_what_the_alert_says_and_a_body_that_knows_events_only_is_left_out() {
    let (db, sink) = (TestDatabase::sqlite(), Sink::start().await);
    let slack = format!(
        "[actions.slack]\nkind = \"slack\"\nallow_private = true\nwebhook = \"env:HOOK\"\n\
         text = \"{{{{ event.id.record_id }}}} changed\"\n{}",
        sink.action("page", "body = '{\"page\": {{ event.text | tojson }}}'")
    );
    let strict = sink.action("strict", "body = '{\"r\": \"{{ event.id.record_id.x }}\"}'");
    let link = "link = \"https://relay.internal/desk\"\n";
    let toml = super::toml(&sink, link, &(slack + &strict))
        .replace("to = [\"ops\"]", "to = [\"slack\", \"page\", \"strict\"]")
        .replace("env:HOOK", &format!("env:HOOK_{}", sink.address.port()));
    let toml = toml + &route("more", "on = [\"note.created\"]", &["ops"]);
    let address = sink.address;
    let text = configuration(db.url(), &toml);
    let env = move |name: &str| {
        let hook = name.starts_with("HOOK").then(|| format!("http://{address}/slack"));
        hook.or_else(|| crate::support::app::environment(name))
    };
    let outside =
        attio_relay::config::Outside { env: &env, templates: &attio_relay::action::Action::check };
    let (config, _) = attio_relay::config::parse(&text, "relay.toml", &outside)
        .unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    let app = TestApp::run(config).await;
    app.eventually("it is ready", async || app.client.get("/readyz").await.status == 200).await;
    db.run("INSERT INTO pauses VALUES ('action', 'billing', 1, '410', 'it said <gone> & \"bye\"')")
        .await
        .unwrap();
    sink.wait_until_received_by("slack", 1).await;
    sink.wait_until_received_by("page", 1).await;
    sink.wait_until_received_by("strict", 1).await;
    let said = sink.received_by("slack")[0].json()["text"].as_str().unwrap().to_owned();
    assert!(said.contains("action `billing` is paused"), "{said}");
    assert!(said.contains("it said &lt;gone&gt; &amp; \"bye\""), "{said}");
    assert!(said.contains("https://relay.internal/desk/routes"), "{said}");
    let page = sink.received_by("page")[0].json();
    assert!(page["page"].as_str().unwrap().contains("it said <gone>"), "{page}");
    let strict = sink.received_by("strict")[0].json();
    assert_eq!((&strict["type"], &strict["route"]), (&"relay.alert".into(), &"alerts".into()));
    app.stop().await;
}
