//! The JSON API over real deliveries, on both engines.

use serde_json::{Value, json};

use super::{ask, get};
use crate::{
    store::on_both_engines,
    support::{
        app::TestApp,
        client::{Message, fresh_id},
        database::TestDatabase,
        sink::{Reply, Sink, route},
    },
};

on_both_engines![
    the_story_of_a_failing_delivery_is_told_to_its_end,
    a_route_that_does_not_want_an_event_says_why,
    each_filter_finds_what_fits_and_nothing_else,
    events_of_failed_deliveries_are_listed_once_across_pages,
    a_quarantined_message_is_shown_with_its_reason_and_its_body,
];

fn ids(listed: &Value) -> Vec<String> {
    let items = listed["items"].as_array().unwrap();
    items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

async fn the_story_of_a_failing_delivery_is_told_to_its_end(db: &TestDatabase) {
    let sink = Sink::start().await;
    let app = TestApp::start(db, &sink.all()).await;
    sink.next(1, &Reply::Full(503, Vec::new(), "bank is closed".to_owned()));
    sink.always(Reply::Full(400, Vec::new(), "no such deal".to_owned()));
    let record = fresh_id();
    app.post(&Message::record_updated(&record)).await.assert_accepted();
    app.wait_for_metric("attio_relay_deliveries_total", &[("result", "dead")], 1.0).await;
    let dead = get(&app, &format!("/api/deliveries?state=dead&record={record}")).await;
    assert_eq!(dead["items"][0]["tries"], 2);
    let event = dead["items"][0]["event_id"].as_str().unwrap().to_owned();
    let story = get(&app, &format!("/api/events/{event}?body=true")).await;
    assert_eq!(story["message"]["status"], "accepted");
    assert_eq!(story["event"]["record_id"], record);
    assert_eq!(story["body"]["id"]["record_id"], record);
    assert_eq!(story["routes"], json!([{"route": "all", "verdict": "wanted", "reason": null}]));
    let delivery = &story["deliveries"][0];
    assert_eq!(delivery["delivery"]["state"], "dead");
    let attempts = delivery["attempts"].as_array().unwrap();
    let told = |at: usize| {
        let one = &attempts[at];
        (&one["number"], &one["result"], &one["status"], &one["answer"])
    };
    assert_eq!(told(0), (&json!(1), &json!("failed"), &json!(503), &json!("bank is closed")));
    assert_eq!(told(1), (&json!(2), &json!("refused"), &json!(400), &json!("no such deal")));
    let id = delivery["delivery"]["id"].as_str().unwrap();
    let alone = get(&app, &format!("/api/deliveries/{id}")).await;
    assert_eq!((&alone["attempts"], &alone["body"]), (&delivery["attempts"], &Value::Null));
    app.stop().await;
}

async fn a_route_that_does_not_want_an_event_says_why(db: &TestDatabase) {
    let sink = Sink::start().await;
    let toml = sink.action("billing", "") + &route("notes", r#"on = ["note.*"]"#, &["billing"]);
    let app = TestApp::start(db, &toml).await;
    app.post(&Message::record_updated(&fresh_id())).await.assert_accepted();
    let event = ids(&get(&app, "/api/events").await).remove(0);
    let story = get(&app, &format!("/api/events/{event}")).await;
    assert_eq!(story["deliveries"], json!([]));
    assert_eq!(story["routes"][0]["verdict"], "unwanted");
    assert!(story["routes"][0]["reason"].as_str().unwrap().contains("record.updated"), "{story}");
    app.stop().await;
}

async fn each_filter_finds_what_fits_and_nothing_else(db: &TestDatabase) {
    let sink = Sink::start().await;
    let app = TestApp::start(db, &sink.all()).await;
    let record = fresh_id();
    app.post(&Message::record_updated(&record)).await.assert_accepted();
    app.post(&Message::event("note.created")).await.assert_accepted();
    app.wait_until_delivered(&sink, 2).await;
    let updated = get(&app, &format!("/api/events?record={record}")).await;
    let object = updated["items"][0]["object_id"].as_str().unwrap().to_owned();
    for (query, events) in [
        ("", 2),
        ("type=record.updated", 1),
        ("type=record.*", 1),
        (&*format!("object={object}&type=record.updated"), 1),
        (&*format!("record={record}"), 1),
        ("source=crm", 2),
        ("source=other", 0),
        ("origin=attio", 2),
        ("origin=alert", 0),
        ("route=all", 2),
        ("route=other", 0),
        ("action=billing&state=succeeded", 2),
        ("state=dead", 0),
        ("error=refused", 0),
        ("since=1h", 2),
        ("until=1h", 0),
        ("list=none", 0),
        ("entry=none", 0),
        ("limit=1", 1),
    ] {
        for list in ["events", "deliveries"] {
            let listed = get(&app, &format!("/api/{list}?{query}")).await;
            assert_eq!(ids(&listed).len(), events, "{list} {query}: {listed}");
        }
    }
    for (query, messages) in [("", 2), ("state=accepted", 2), ("state=quarantined", 0)] {
        assert_eq!(ids(&get(&app, &format!("/api/messages?{query}")).await).len(), messages);
    }
    app.stop().await;
}

async fn events_of_failed_deliveries_are_listed_once_across_pages(db: &TestDatabase) {
    let sink = Sink::start().await;
    let toml = sink.action("billing", "")
        + &sink.action("slack", "")
        + &route("all", r#"on = ["*"]"#, &["billing", "slack"]);
    let app = TestApp::start(db, &toml).await;
    sink.always(Reply::Status(400));
    let messages: Vec<_> = (0..5).map(|_| Message::record_updated(&fresh_id())).collect();
    app.post_all(messages).await;
    app.wait_for_metric("attio_relay_deliveries_total", &[("result", "dead")], 10.0).await;
    let (mut seen, mut next) = (Vec::new(), String::new());
    loop {
        let page = get(&app, &format!("/api/events?state=dead&limit=3&before={next}")).await;
        seen.extend(ids(&page));
        match page["next"].as_str() {
            Some(cursor) => cursor.clone_into(&mut next),
            None => break,
        }
    }
    assert_eq!(seen.len(), 5, "{seen:?}");
    let all = ids(&get(&app, "/api/events").await);
    assert!(all.iter().all(|id| seen.contains(id)), "{seen:?} {all:?}");
    app.stop().await;
}

async fn a_quarantined_message_is_shown_with_its_reason_and_its_body(db: &TestDatabase) {
    let sink = Sink::start().await;
    let app = TestApp::start(db, &sink.all()).await;
    app.post(&Message::of("<b>no JSON</b>")).await.assert_quarantined();
    let listed = get(&app, "/api/messages?state=quarantined").await;
    assert!(listed["items"][0]["reason"].is_string(), "{listed}");
    let id = ids(&listed).remove(0);
    let story = get(&app, &format!("/api/messages/{id}?body=true")).await;
    assert_eq!((&story["body"], &story["events"]), (&json!("<b>no JSON</b>"), &json!([])));
    assert_eq!(get(&app, &format!("/api/messages/{id}")).await["body"], Value::Null);
    app.stop().await;
}

#[tokio::test]
async fn what_cannot_be_asked_is_told_with_what_helps() {
    let (db, sink) = (TestDatabase::sqlite(), Sink::start().await);
    let app = TestApp::start(&db, &sink.all()).await;
    let none = "00000000-0000-7000-8000-000000000000";
    for (path, status, hint) in [
        ("/api/events?tpye=x", 400, "did you mean `type`?"),
        ("/api/events?limit=501", 400, "1 to 500"),
        ("/api/events?state=asleep", 400, "succeeded"),
        ("/api/events?since=soon", 400, "2026-11-22T09:00:00Z"),
        ("/api/events/nonsense", 400, "UUID"),
        (&*format!("/api/events/{none}"), 404, "kept for 30d"),
        (&*format!("/api/messages/{none}"), 404, "kept for 30d"),
        (&*format!("/api/deliveries/{none}?body=true"), 404, "kept for 30d"),
        ("/api/nothing", 404, "openapi.json"),
    ] {
        let (answered, value) = ask(&app, path).await;
        assert_eq!(answered, status, "{path}: {value}");
        assert!(value["hint"].as_str().unwrap().contains(hint), "{path}: {value}");
    }
    app.stop().await;
}
