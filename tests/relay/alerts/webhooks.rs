//! What Attio says of its webhooks, and what was made up for.

use attio_relay::http::fake_attio::{Actor, INES};
use serde_json::json;

use super::{AT_ONCE, states, until_another_came_and_went, until_told};
use crate::{
    commands::program::Folder,
    store::on_both_engines,
    support::{
        app::{TestApp, configuration},
        client::{PATH, SECRET},
        database::TestDatabase,
        fake_attio::TestAttio,
        sink::{Sink, route},
    },
};

on_both_engines![
    a_degraded_and_an_inactive_webhook_are_told_and_their_end,
    an_inactive_webhook_that_is_deleted_is_not_over_and_a_missing_one_is_told,
    what_reconcile_made_up_for_is_told,
];

fn toml(attio: &TestAttio, sink: &Sink) -> String {
    let new = "on = [\"record.created\"]\nobject = \"deals\"\nreconcile = true";
    format!(
        "[server]\npublic_url = \"https://hooks.example.com\"\n[attio]\ntoken = \
         \"env:ATTIO_TOKEN\"\nbase_url = \"{}\"\n{}{}{}{AT_ONCE}",
        attio.base_url(),
        sink.action("billing", ""),
        sink.action("ops", ""),
        route("new", new, &["billing"]),
    )
}

async fn a_degraded_and_an_inactive_webhook_are_told_and_their_end(db: &TestDatabase) {
    let (attio, sink) = (TestAttio::start().await, Sink::start().await);
    let webhook = attio.add_webhook(&format!("https://hooks.example.com{PATH}"), SECRET, None);
    let toml = toml(&attio, &sink);
    // It looks at its start, and then every few minutes.
    attio.set_webhook_status(&webhook, "degraded").unwrap();
    let app = TestApp::start(db, &toml).await;
    until_told(&sink, "webhook_degraded", "source/crm", &["started"]).await;
    app.stop().await;
    attio.set_webhook_status(&webhook, "inactive").unwrap();
    let app = TestApp::start(db, &toml).await;
    until_told(&sink, "webhook_degraded", "source/crm", &["started", "ended"]).await;
    until_told(&sink, "webhook_inactive", "source/crm", &["started"]).await;
    app.stop().await;
    attio.set_webhook_status(&webhook, "active").unwrap();
    let app = TestApp::start(db, &toml).await;
    until_told(&sink, "webhook_inactive", "source/crm", &["started", "ended"]).await;
    app.stop().await;
}

async fn an_inactive_webhook_that_is_deleted_is_not_over_and_a_missing_one_is_told(
    db: &TestDatabase,
) {
    let (attio, sink) = (TestAttio::start().await, Sink::start().await);
    let target = format!("https://hooks.example.com{PATH}");
    let webhook = attio.add_webhook(&target, SECRET, None);
    // Long enough for a restart, after which it looks again.
    let toml = toml(&attio, &sink).replace("calm = \"1ms\"", "calm = \"6s\"");
    attio.set_webhook_status(&webhook, "inactive").unwrap();
    let app = TestApp::start(db, &toml).await;
    until_told(&sink, "webhook_inactive", "source/crm", &["started"]).await;
    app.stop().await;
    attio.delete(&format!("/v2/webhooks/{webhook}")).await.ok();
    let app = TestApp::start(db, &toml).await;
    until_another_came_and_went(db, &sink).await;
    assert_eq!(states(&sink, "webhook_inactive", "source/crm"), ["started"]);
    let detail = "SELECT detail FROM alerts WHERE what = 'webhook_inactive'";
    assert_eq!(db.text(detail).await.unwrap(), "no webhook posts to this source");
    app.stop().await;
    attio.add_webhook(&target, SECRET, None);
    let app = TestApp::start(db, &toml).await;
    until_told(&sink, "webhook_inactive", "source/crm", &["started", "ended"]).await;
    app.stop().await;
}

async fn what_reconcile_made_up_for_is_told(db: &TestDatabase) {
    let (attio, sink) = (TestAttio::start().await, Sink::start().await);
    attio.set_back(std::time::Duration::from_hours(1));
    let toml = toml(&attio, &sink);
    let app = TestApp::start(db, &toml).await;
    attio.hold_messages();
    let values = json!({"name": "Quay", "stage": "Lead", "owner": "ines@harbourlane.example"});
    attio.by(Actor::member(INES)).create_record("deals", &values).unwrap();
    assert_eq!(attio.lose_messages(), 0, "nobody had subscribed");
    let folder = Folder::with(&configuration(db.url(), &toml))
        .env("SECRET", SECRET)
        .env("ATTIO_TOKEN", attio.token());
    let run = folder.run(&["reconcile", "--since", "2h", "--yes"]);
    assert_eq!(run.code, 0, "{run}");
    until_told(&sink, "reconciled", "", &["started"]).await;
    db.run("UPDATE sights SET expires_at = since FROM (SELECT min(received_at) AS since FROM messages) m")
        .await
        .unwrap();
    until_told(&sink, "reconciled", "", &["started", "ended"]).await;
    app.stop().await;
}
