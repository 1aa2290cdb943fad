//! `store.retention` and `store.dedup_window` in the running program.

use crate::{
    look::ask,
    store::on_both_engines,
    support::{
        age::age, app::TestApp, client::Message, database::TestDatabase, message::fresh_id,
        sink::Sink,
    },
};

on_both_engines![
    a_copy_of_a_removed_message_is_a_duplicate_inside_the_window_and_new_after_it,
    what_is_removed_is_said_to_be_kept_for_so_long,
    messages_are_taken_at_once_while_thousands_of_old_ones_go,
    the_size_of_the_store_is_shown,
];

const REMOVED: &str = "attio_relay_removed_total";

/// Days that events and keys are kept for.
fn kept(sink: &Sink, events: u32, keys: u32) -> String {
    format!("[store]\nretention = '{events}d'\ndedup_window = '{keys}d'\n\n{}", sink.all())
}

fn spelled(text: &str, key: &str) -> Message {
    Message::of(text).key(key)
}

/// As the sample is, in other words of the same meaning, and of another.
const SAME: [&str; 2] = [
    r#"{"webhook_id":"w","events":[{"event_type":"record.updated","n":1.5}]}"#,
    r#"{ "events": [ {"n": 15e-1, "event_type": "record.updated"} ], "webhook_id": "w" }"#,
];
const OTHER: &str = r#"{"webhook_id":"w","events":[{"event_type":"record.updated","n":2}]}"#;

async fn a_copy_of_a_removed_message_is_a_duplicate_inside_the_window_and_new_after_it(
    db: &TestDatabase,
) {
    let (sink, key) = (Sink::start().await, fresh_id());
    let toml = kept(&sink, 5, 30);
    let app = TestApp::start(db, &toml).await;
    app.post(&spelled(SAME[0], &key)).await.assert_accepted();
    app.wait_until_delivered(&sink, 1).await;
    app.stop().await;
    age(db, 10).await;
    let app = TestApp::start(db, &toml).await;
    app.wait_for_metric(REMOVED, &[("table", "bodies")], 1.0).await;
    assert_eq!(db.number("SELECT count(*) FROM events").await, 0);
    for _ in 0..2 {
        app.post(&spelled(SAME[0], &key)).await.assert_duplicate();
        app.post(&spelled(SAME[1], &key)).await.assert_duplicate();
        app.post(&spelled(OTHER, &key)).await.assert_quarantined();
    }
    app.stop().await;
    age(db, 21).await;
    let app = TestApp::start(db, &toml).await;
    app.wait_for_metric(REMOVED, &[("table", "messages")], 1.0).await;
    app.post(&spelled(SAME[1], &key)).await.assert_accepted();
    sink.wait_until_taken(2).await;
    app.stop().await;
}

async fn what_is_removed_is_said_to_be_kept_for_so_long(db: &TestDatabase) {
    let sink = Sink::start().await;
    let toml = kept(&sink, 5, 30);
    let app = TestApp::start(db, &toml).await;
    app.post(&Message::event("record.updated")).await.assert_accepted();
    app.wait_until_delivered(&sink, 1).await;
    app.stop().await;
    age(db, 10).await;
    let id = |table: &str| format!("SELECT CAST(id AS text) FROM {table}");
    let (message, event) = (db.text(&id("messages")).await, db.text(&id("events")).await);
    let app = TestApp::start(db, &toml).await;
    app.wait_for_metric(REMOVED, &[("table", "bodies")], 1.0).await;
    let (status, gone) = ask(&app, &format!("/api/events/{}", event.unwrap())).await;
    assert_eq!(status, 404);
    assert!(gone.to_string().contains("not there (any more): kept for 5d"), "{gone}");
    let (status, bare) = ask(&app, &format!("/api/messages/{}?body=true", message.unwrap())).await;
    assert_eq!((status, &bare["message"]["body_bytes"]), (200, &0.into()), "{bare}");
    assert!(bare["events"] == serde_json::json!([]) && bare["body"].is_null(), "{bare}");
    app.stop().await;
}

async fn messages_are_taken_at_once_while_thousands_of_old_ones_go(db: &TestDatabase) {
    let sink = Sink::start().await;
    db.store().await;
    db.run(&crate::store::filled(db.engine, 20_000)).await.unwrap();
    let app = TestApp::start(db, &kept(&sink, 30, 30)).await;
    app.wait_for_metric(REMOVED, &[("table", "events")], 1.0).await;
    app.post_all((0..500).map(|_| Message::event("record.updated"))).await;
    let left = "SELECT count(*) FROM messages WHERE source = 'crm'";
    assert!(db.number(left).await > 501, "it was still at work");
    app.wait_until_delivered(&sink, 500).await;
    app.stop().await;
}

async fn the_size_of_the_store_is_shown(db: &TestDatabase) {
    let sink = Sink::start().await;
    db.store().await;
    db.run(&crate::store::filled(db.engine, 1_000)).await.unwrap();
    let app = TestApp::start(db, &kept(&sink, 3_650, 30)).await;
    let last = [("loop", "retention")];
    app.wait_for_metric("attio_relay_last_success_timestamp_seconds", &last, 1.0).await;
    for table in ["messages", "events", "deliveries"] {
        assert_eq!(app.metric("attio_relay_store_rows", &[("table", table)]).await, 1_000.0);
    }
    assert!(app.metric("attio_relay_store_bytes", &[]).await > 300_000.0);
    // Their ids are of November 2023.
    let age = app.metric("attio_relay_oldest_event_seconds", &[]).await;
    assert!(age > 86_400.0 * 365.0, "{age}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_replicas_one_removes_and_nothing_is_removed_twice() {
    let (db, sink) = (TestDatabase::postgres().await, Sink::start().await);
    db.store().await;
    db.run(&crate::store::filled(db.engine, 3_000)).await.unwrap();
    let toml = kept(&sink, 30, 30);
    let (one, other) = (TestApp::start(&db, &toml).await, TestApp::start(&db, &toml).await);
    let removed = async |app: &TestApp| app.metric(REMOVED, &[("table", "messages")]).await;
    one.eventually("all but the open one is gone", async || {
        removed(&one).await + removed(&other).await >= 2_999.0
    })
    .await;
    let (by_one, by_other) = (removed(&one).await, removed(&other).await);
    assert_eq!(by_one.max(by_other), 2_999.0);
    assert_eq!(by_one.min(by_other), 0.0);
    assert_eq!(db.number("SELECT count(*) FROM turns WHERE task = 'retention'").await, 1);
    one.stop().await;
    other.stop().await;
}
