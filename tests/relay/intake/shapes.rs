//! What a message may look like: everything that is signed is kept, nothing is refused.

use serde_json::json;

use crate::{
    store::on_both_engines,
    support::{
        app::TestApp,
        client::{Message, sample},
        database::TestDatabase,
        sink::{Received, Sink, route},
    },
};

on_both_engines![
    every_known_type_is_delivered_as_it_was_sent,
    fifty_events_in_one_message_make_fifty_deliveries,
    a_message_without_events_is_kept,
    odd_events_are_delivered_byte_for_byte,
    what_cannot_be_read_is_quarantined_and_kept_byte_for_byte,
    events_that_no_route_wants_are_kept_and_counted,
];

const EVENTS: &str = "SELECT count(*) FROM events";

/// The event's JSON exactly as it stands in the standard body.
fn delivered_event(received: &Received) -> &str {
    let body = std::str::from_utf8(&received.body).unwrap();
    let start = body.find(r#""event":"#).unwrap() + r#""event":"#.len();
    let end = body.rfind(r#","attempt":"#).unwrap();
    &body[start..end]
}

async fn every_known_type_is_delivered_as_it_was_sent(db: &TestDatabase) {
    let sink = Sink::start().await;
    let app = TestApp::start(db, &sink.all()).await;
    let mut sent = Vec::new();
    for event_type in attio_relay::attio::event::KNOWN_TYPES {
        let event = sample(event_type);
        app.post(&Message::envelope([event.clone()])).await.assert_accepted();
        assert_eq!(app.metric("attio_relay_events_total", &[("type", event_type)]).await, 1.0);
        sent.push(event.to_string());
    }
    app.wait_until_delivered(&sink, 34).await;
    app.stop().await;
    let received = sink.received();
    let mut delivered: Vec<_> = received.iter().map(delivered_event).collect();
    delivered.sort_unstable();
    sent.sort_unstable();
    assert_eq!(delivered, sent);
}

async fn fifty_events_in_one_message_make_fifty_deliveries(db: &TestDatabase) {
    let sink = Sink::start().await;
    let app = TestApp::start(db, &sink.all()).await;
    let message = Message::envelope((0..50).map(|_| sample("record.updated")));
    app.post(&message).await.assert_accepted();
    app.post(&message).await.assert_duplicate();
    app.wait_until_delivered(&sink, 50).await;
    app.stop().await;
    let records: std::collections::HashSet<_> =
        sink.received().iter().map(Received::record).collect();
    assert_eq!((records.len(), sink.received().len()), (50, 50));
    assert_eq!(db.number(EVENTS).await, 50);
}

async fn a_message_without_events_is_kept(db: &TestDatabase) {
    let app = TestApp::start(db, "").await;
    app.post(&Message::envelope([])).await.assert_accepted();
    app.stop().await;
    assert_eq!(db.number("SELECT count(*) FROM messages WHERE status = 'accepted'").await, 1);
    assert_eq!(db.number(EVENTS).await, 0);
}

async fn odd_events_are_delivered_byte_for_byte(db: &TestDatabase) {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let events = [
        r#"{"event_type":"quite.new","id":{}}"#.to_owned(),
        r#"{"event_type":"record.created","id":{"record_id":"a"},"actor":null}"#.to_owned(),
        r#"{"event_type":"record.created","actor":{"type":null,"id":7}}"#.to_owned(),
        r#"{ "event_type" : "record.created" , "id":{"record_id":"nul\u0000nul"}}"#.to_owned(),
        r#"{"event_type":"record.created","id":{"record_id":"\ud800 alone"},"x":"\udfff"}"#
            .to_owned(),
        r#"{"event_type":"a","event_type":"record.created","id":1,"id":{"record_id":"b"}}"#
            .to_owned(),
        "{\"event_type\":\"record.created\",\r\n\t\"text\":\"Ünïcødé 🚢 \u{202e}\"}".to_owned(),
        r#"{"event_type":"","id":null}"#.to_owned(),
        format!(r#"{{"event_type":"{}"}}"#, "long".repeat(1_000)),
        format!(r#"{{"event_type":"record.created","id":{{"record_id":"c"}},"deep":{deep}}}"#),
        format!(r#"{{"event_type":"record.created","number":1e999,"big":{}}}"#, "9".repeat(400)),
    ];
    let sink = Sink::start().await;
    let app = TestApp::start(db, &sink.all()).await;
    let mut sent = Vec::new();
    for event in &events {
        let enveloped = format!(r#"{{"webhook_id":"w","events":[{event}]}}"#);
        for body in [enveloped.clone(), format!("\u{feff}{enveloped}"), event.clone()] {
            let answer = app.post(&Message::of(body)).await;
            assert!(answer.body.contains("accepted"), "{answer:?} to {event:.100}");
            sent.push(event.as_str());
        }
    }
    app.wait_until_delivered(&sink, 33).await;
    app.stop().await;
    let received = sink.received();
    let mut delivered: Vec<_> = received.iter().map(delivered_event).collect();
    delivered.sort_unstable();
    sent.sort_unstable();
    assert!(delivered == sent, "every event is delivered as it was sent");
}

async fn what_cannot_be_read_is_quarantined_and_kept_byte_for_byte(db: &TestDatabase) {
    let sink = Sink::start().await;
    let app = TestApp::start(db, &sink.all()).await;
    let bodies: [&[u8]; 9] = [
        b"",
        b"\xff\xfe\x00",
        b"not JSON",
        b"[]",
        b"null",
        b"{}",
        br#"{"events":{}}"#,
        br#"{"events":[1]}"#,
        br#"{"events":[{"event_type":"record.created"}"#,
    ];
    for body in bodies {
        let message = Message::of(body);
        app.post(&message).await.assert_quarantined();
        app.post(&message).await.assert_quarantined();
    }
    app.stop().await;
    let hex = if db.url().starts_with("sqlite") { "hex(body)" } else { "encode(body, 'hex')" };
    let kept = db.all_texts(&format!("SELECT {hex} FROM messages WHERE reason <> ''")).await;
    let mut kept: Vec<_> = kept.iter().map(|body| body.to_lowercase()).collect();
    let mut sent: Vec<_> = bodies.iter().map(hex::encode).collect();
    kept.sort_unstable();
    sent.sort_unstable();
    assert_eq!(kept, sent, "each once");
    assert!(sink.received().is_empty());
}

async fn events_that_no_route_wants_are_kept_and_counted(db: &TestDatabase) {
    let sink = Sink::start().await;
    let routes = sink.action("billing", "") + &route("tasks", r#"on = ["task.*"]"#, &["billing"]);
    let app = TestApp::start(db, &routes).await;
    app.post(&Message::event("record.updated")).await.assert_accepted();
    let new = json!({"event_type": "quite.new", "id": {}});
    app.post(&Message::envelope([new.clone(), new])).await.assert_accepted();
    let events = "attio_relay_events_total";
    assert_eq!(app.metric(events, &[("type", "record.updated")]).await, 1.0);
    assert_eq!(app.metric(events, &[("type", "other")]).await, 2.0);
    app.stop().await;
    assert_eq!(db.number(EVENTS).await, 3);
    assert_eq!(db.number("SELECT count(*) FROM deliveries").await, 0);
}
