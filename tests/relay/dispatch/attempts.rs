//! What a destination is sent, and what is written down about it.

use crate::{
    store::on_both_engines,
    support::{
        app::{OLD_SECRET, TestApp},
        client::Message,
        database::TestDatabase,
        sink::{Reply, Sink, route},
    },
};

on_both_engines![
    every_attempt_is_written_down,
    of_a_failed_answer_the_first_4_kib_are_kept,
    of_an_endless_answer_the_first_4_kib_are_kept,
    a_timeout_is_written_down_as_one,
    known_secrets_in_an_answer_are_masked,
];

#[tokio::test]
async fn the_body_and_the_headers_are_those_of_the_contract() {
    let (db, sink) = (TestDatabase::sqlite(), Sink::start().await);
    let signed = "signing_secret = \"env:SIGNING\"\nheaders = { X-Team = \"revops\" }";
    let toml = sink.action("billing", signed) + &route("all", r#"on = ["*"]"#, &["billing"]);
    let app = TestApp::start(&db, &toml).await;
    let message = Message::event("record.updated");
    app.post(&message).await.assert_accepted();
    app.wait_until_delivered(&sink, 1).await;
    app.stop().await;

    let request = sink.only();
    let body = request.json();
    let delivery = db.text("SELECT CAST(id AS TEXT) FROM deliveries").await.unwrap();
    let event = db.text("SELECT CAST(id AS TEXT) FROM events").await.unwrap();
    let mut keys: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["attempt", "event", "id", "received_at", "route", "source", "type"]);
    assert_eq!((&body["id"], &body["type"]), (&event.into(), &"record.updated".into()));
    assert_eq!((&body["source"], &body["route"]), (&"crm".into(), &"all".into()));
    assert_eq!((&body["event"], &body["attempt"]), (&message.event_json(), &1.into()));
    assert_eq!(body["received_at"].as_str().unwrap().len(), "2026-11-22T09:00:00.123Z".len());
    assert_eq!((request.key(), request.header("webhook-id")), (delivery.as_str(), &*delivery));
    assert_eq!(request.header("content-type"), "application/json");
    assert_eq!(request.header("x-team"), "revops");
    assert!(request.header("user-agent").starts_with("attio-relay/"));
    assert!(request.header("webhook-signature").starts_with("v1,"));
    assert!(request.header("webhook-timestamp").parse::<u64>().is_ok());
}

async fn every_attempt_is_written_down(db: &TestDatabase) {
    let sink = Sink::start().await;
    sink.next(1, &Reply::Full(503, vec![], "come back later".to_owned()));
    let app = TestApp::start(db, &sink.all()).await;
    app.post(&Message::event("record.updated")).await.assert_accepted();
    app.wait_until_delivered(&sink, 1).await;
    app.stop().await;
    let row = "number || ' ' || result || ' ' || status";
    let rows = db.all_texts(&format!("SELECT {row} FROM attempts ORDER BY lease_no")).await;
    assert_eq!(rows, ["1 failed 503", "2 succeeded 200"]);
    let failed = "FROM attempts WHERE number = 1";
    assert!(db.text(&format!("SELECT error {failed}")).await.unwrap().contains("503"));
    assert_eq!(
        db.hex("answer", "attempts WHERE number = 1").await.to_lowercase(),
        hex::encode("come back later")
    );
    assert!((0..60).contains(&db.seconds_ago("started_at", "attempts WHERE number = 2").await));
    let complete = "SELECT count(*) FROM attempts WHERE duration_us > 0 AND started_at IS NOT NULL";
    assert_eq!(db.number(complete).await, 2);
    let clean =
        "SELECT count(*) FROM attempts WHERE number = 2 AND error IS NULL AND answer IS NULL";
    assert_eq!(db.number(clean).await, 1);
    assert_eq!(db.number("SELECT CAST(tries AS bigint) FROM deliveries").await, 2);
}

/// Delivers to a destination that refuses for good, and returns the start of its answer.
async fn kept_of(db: &TestDatabase, sink: &Sink, reply: Reply, more: &str) -> String {
    sink.always(reply);
    let toml = sink.action("billing", more) + &route("all", r#"on = ["*"]"#, &["billing"]);
    let app = TestApp::start(db, &toml).await;
    app.post(&Message::event("record.updated")).await.assert_accepted();
    app.wait_for_metric("attio_relay_deliveries_total", &[("result", "dead")], 1.0).await;
    app.stop().await;
    let bytes = hex::decode(db.hex("answer", "attempts").await).unwrap();
    String::from_utf8(bytes).unwrap()
}

async fn of_a_failed_answer_the_first_4_kib_are_kept(db: &TestDatabase) {
    let sink = Sink::start().await;
    let answer = "0123456789".repeat(1_000);
    let kept = kept_of(db, &sink, Reply::Full(400, vec![], answer.clone()), "").await;
    assert_eq!(kept, answer[..4096]);
}

async fn of_an_endless_answer_the_first_4_kib_are_kept(db: &TestDatabase) {
    let sink = Sink::start().await;
    assert_eq!(kept_of(db, &sink, Reply::Endless(400), "").await, "x".repeat(4096));
}

async fn known_secrets_in_an_answer_are_masked(db: &TestDatabase) {
    let sink = Sink::start().await;
    let answer = format!("you sent {OLD_SECRET} to me");
    let headers = r#"headers = { Authorization = "env:OLD_SECRET" }"#;
    let kept = kept_of(db, &sink, Reply::Full(400, vec![], answer), headers).await;
    assert_eq!(sink.only().header("authorization"), OLD_SECRET);
    assert!(kept.starts_with("you sent ") && !kept.contains(OLD_SECRET), "{kept}");
}

async fn a_timeout_is_written_down_as_one(db: &TestDatabase) {
    let sink = Sink::start().await;
    sink.always(Reply::Hang);
    let action = sink.action("billing", "timeout = \"100ms\"\nretry = { attempts = 1 }");
    let app = TestApp::start(db, &(action + &route("all", r#"on = ["*"]"#, &["billing"]))).await;
    app.post(&Message::event("record.updated")).await.assert_accepted();
    let timeout = [("action", "billing"), ("result", "timeout")];
    app.wait_for_metric("attio_relay_attempts_total", &timeout, 1.0).await;
    app.stop().await;
    assert_eq!(db.text("SELECT result FROM attempts").await.unwrap(), "timeout");
    assert_eq!(db.text("SELECT state FROM deliveries").await.unwrap(), "dead");
    let duration = db.number("SELECT duration_us FROM attempts").await;
    assert!((100_000..1_000_000).contains(&duration), "{duration}");
}
