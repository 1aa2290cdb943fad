//! What makes a message new.

use futures_util::future::join_all;

use crate::{
    store::on_both_engines,
    support::{
        app::TestApp,
        client::{Message, fresh_id},
        database::TestDatabase,
        sink::Sink,
    },
};

on_both_engines![
    equal_bytes_under_different_keys_are_different_messages,
    a_key_with_other_json_is_quarantined_each_time_and_delivered_never,
    the_same_json_in_other_bytes_is_a_duplicate,
    without_a_key_every_message_is_new,
    an_event_id_in_the_body_serves_where_no_key_came,
    a_key_counts_within_its_source_and_its_webhook,
    the_same_message_many_times_at_once_is_stored_and_delivered_once,
];

const MESSAGES: &str = "SELECT count(*) FROM messages";
const ACCEPTED: &str = "SELECT count(*) FROM messages WHERE status = 'accepted'";
const QUARANTINED: &str = "SELECT count(*) FROM messages WHERE status = 'quarantined'";
const EVENTS: &str = "SELECT count(*) FROM events";
const SUCCEEDED: &str = "SELECT count(*) FROM deliveries WHERE state = 'succeeded'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_message_a_hundred_times_at_once_at_two_replicas_is_delivered_once() {
    let db = TestDatabase::postgres().await;
    let sink = Sink::start().await;
    let replicas = [TestApp::start(&db, &sink.all()).await, TestApp::start(&db, &sink.all()).await];
    let message = Message::event("record.updated");
    let answers = join_all((0..100).map(|number| replicas[number % 2].post(&message))).await;
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    let accepted = answers.iter().filter(|answer| answer.body.contains("accepted")).count();
    assert_eq!(accepted, 1);
    sink.wait_until_taken(1).await;
    for replica in replicas {
        replica.stop().await;
    }
    sink.only();
    assert_eq!((db.number(MESSAGES).await, db.number(EVENTS).await), (1, 1));
    assert_eq!(db.number(SUCCEEDED).await, 1);
}

async fn the_same_message_many_times_at_once_is_stored_and_delivered_once(db: &TestDatabase) {
    let sink = Sink::start().await;
    let app = TestApp::start(db, &sink.all()).await;
    for _ in 0..10 {
        let message = Message::event("record.updated");
        let answers = join_all((0..20).map(|_| app.post(&message))).await;
        assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    }
    app.wait_until_delivered(&sink, 10).await;
    app.stop().await;
    assert_eq!(sink.received().len(), 10);
    assert_eq!((db.number(MESSAGES).await, db.number(SUCCEEDED).await), (10, 10));
}

async fn equal_bytes_under_different_keys_are_different_messages(db: &TestDatabase) {
    let sink = Sink::start().await;
    let app = TestApp::start(db, &sink.all()).await;
    let message = Message::event("record.updated");
    app.post(&message).await.assert_accepted();
    app.post(&message.again_under_a_new_key()).await.assert_accepted();
    app.wait_until_delivered(&sink, 2).await;
    assert_eq!(app.metric("attio_relay_same_body_new_key_total", &[("source", "crm")]).await, 1.0);
    app.stop().await;
    assert_eq!((db.number(EVENTS).await, db.number(SUCCEEDED).await), (2, 2));
    let keys = sink.received();
    assert_ne!(keys[0].key(), keys[1].key());
}

async fn a_key_with_other_json_is_quarantined_each_time_and_delivered_never(db: &TestDatabase) {
    let sink = Sink::start().await;
    let app = TestApp::start(db, &sink.all()).await;
    let first = Message::event("record.updated");
    let key = first.key.clone().unwrap();
    app.post(&first).await.assert_accepted();
    let (other, third) =
        (Message::event("task.created").key(&key), Message::event("note.created").key(&key));
    for message in [&other, &other, &third, &other] {
        app.post(message).await.assert_quarantined();
    }
    app.post(&first).await.assert_duplicate();
    app.wait_until_delivered(&sink, 1).await;
    app.stop().await;
    sink.only();
    assert_eq!(db.number(QUARANTINED).await, 2, "each body is kept once");
    assert_eq!(db.number(EVENTS).await, 1);
}

async fn the_same_json_in_other_bytes_is_a_duplicate(db: &TestDatabase) {
    let app = TestApp::start(db, "").await;
    let message = Message::event("record.updated");
    app.post(&message).await.assert_accepted();
    let json: serde_json::Value = serde_json::from_slice(&message.body).unwrap();
    let spaced = serde_json::to_vec_pretty(&json).unwrap();
    let key = message.key.clone().unwrap();
    app.post(&Message::of(spaced).key(&key)).await.assert_duplicate();
    app.stop().await;
    assert_eq!(db.number(MESSAGES).await, 1);
}

async fn without_a_key_every_message_is_new(db: &TestDatabase) {
    let app = TestApp::start(db, "").await;
    let message = Message::event("record.updated").without_key();
    app.post(&message).await.assert_accepted();
    app.post(&message).await.assert_accepted();
    assert_eq!(app.metric("attio_relay_missing_key_total", &[("source", "crm")]).await, 2.0);
    app.stop().await;
    assert_eq!(db.number(ACCEPTED).await, 2);
}

async fn an_event_id_in_the_body_serves_where_no_key_came(db: &TestDatabase) {
    let app = TestApp::start(db, "").await;
    let with_id = |id: &str, more: &str| {
        let body = format!(r#"{{"webhook_id":"w","event_id":"{id}","events":[]{more}}}"#);
        Message::of(body).without_key()
    };
    let id = fresh_id();
    app.post(&with_id(&id, "")).await.assert_accepted();
    app.post(&with_id(&id, "")).await.assert_duplicate();
    app.post(&with_id(&id, r#","more":1"#)).await.assert_quarantined();
    app.post(&with_id(&fresh_id(), "")).await.assert_accepted();
    app.stop().await;
}

async fn a_key_counts_within_its_source_and_its_webhook(db: &TestDatabase) {
    let source = |name| {
        format!("[[sources]]\nname = \"{name}\"\npath = \"/{name}\"\nsecrets = [\"env:SECRET\"]\n")
    };
    let app = TestApp::start(db, &(source("crm") + &source("sales"))).await;
    let of_webhook = |id| Message::of(format!(r#"{{"webhook_id":"{id}","events":[]}}"#)).key("k");
    app.post(&of_webhook("one").at("/crm")).await.assert_accepted();
    app.post(&of_webhook("one").at("/sales")).await.assert_accepted();
    app.post(&of_webhook("two").at("/crm")).await.assert_accepted();
    app.post(&of_webhook("two").at("/crm")).await.assert_duplicate();
    app.stop().await;
    assert_eq!(db.number(ACCEPTED).await, 3);
}
