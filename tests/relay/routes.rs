//! Which deliveries an event causes, from the door to the destination.

use serde_json::{Value, json};

use crate::{
    store::on_both_engines,
    support::{
        app::TestApp,
        client::{Message, fresh_id, sample},
        database::TestDatabase,
        sink::{Sink, route},
    },
};

on_both_engines![
    several_routes_and_actions_each_get_their_own_delivery,
    what_a_debounced_route_wants_waits_and_nothing_else_does,
    a_route_that_was_taken_away_keeps_its_deliveries_until_it_is_back,
];

const OBJECT: &str = "57503590-1092-4cbb-9fc4-f253925f1244";
const LIST: &str = "33ebdbe9-e529-47c9-b894-0ba25e9c15c0";
const ATTRIBUTE: &str = "847cf08e-d682-4090-983a-0d138cfb4d4e";
const OTHER: &str = "00000000-1111-4222-8333-444444444444";

/// Sends the events through one route, and returns which of them were delivered.
async fn wanted_by(conditions: &str, events: &[Value]) -> Vec<usize> {
    let sink = Sink::start().await;
    let db = TestDatabase::sqlite();
    let routes = sink.action("billing", "")
        + &sink.action("end", "")
        + &route("tested", conditions, &["billing"])
        + &route("last", r#"on = ["the.end"]"#, &["end"]);
    let app = TestApp::start(&db, &routes).await;
    app.post(&Message::envelope(events.iter().cloned())).await.assert_accepted();
    app.post(&Message::envelope([json!({"event_type": "the.end"})])).await.assert_accepted();
    let deliveries = u32::try_from(db.number("SELECT count(*) FROM deliveries").await).unwrap();
    app.wait_until_delivered(&sink, deliveries).await;
    app.stop().await;
    let received = sink.received_by("billing");
    let is_delivered =
        |event: &Value| received.iter().any(|received| received.json()["event"] == *event);
    (0..events.len()).filter(|number| is_delivered(&events[*number])).collect()
}

fn events<const N: usize>(types: [&str; N]) -> Vec<Value> {
    types.iter().map(|event_type| json!({"event_type": event_type, "n": fresh_id()})).collect()
}

/// An event about something, with changes given as JSON.
fn about(event_type: &str, changes: &[(&str, &str)]) -> Value {
    let mut event = sample(event_type);
    for (pointer, value) in changes {
        *event.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}")) = json!(value);
    }
    event
}

#[tokio::test]
async fn types_are_matched_exactly_by_group_or_all() {
    let types = ["record.updated", "record.updated2", "record.created", "list-entry.created", "x"];
    let events = events(types);
    assert_eq!(wanted_by(r#"on = ["record.updated"]"#, &events).await, [0]);
    assert_eq!(wanted_by(r#"on = ["record.*"]"#, &events).await, [0, 1, 2]);
    assert_eq!(wanted_by(r#"on = ["list-entry.*", "x"]"#, &events).await, [3, 4]);
    assert_eq!(wanted_by(r#"on = ["*"]"#, &events).await, [0, 1, 2, 3, 4]);
}

#[tokio::test]
async fn the_object_is_that_of_the_events_subject() {
    let events = [
        about("record.updated", &[("/id/object_id", OBJECT)]),
        about("record.updated", &[("/id/object_id", OTHER)]),
        about("list-entry.created", &[("/parent_object_id", OBJECT)]),
        about("note.created", &[("/parent_object_id", OBJECT)]),
        about("note-content.updated", &[("/parent_object_id", OTHER)]),
        about("comment.created", &[("/object_id", OBJECT)]),
        about("object-attribute.created", &[("/id/object_id", OBJECT)]),
        about("record.merged", &[("/id/object_id", OBJECT)]),
        about("task.created", &[]),
        about("activity-record.created", &[]),
    ];
    let conditions = format!("on = [\"*\"]\nobject = \"{OBJECT}\"");
    assert_eq!(wanted_by(&conditions, &events).await, [0, 2, 3, 5, 6, 7]);
}

#[tokio::test]
async fn the_list_is_that_of_the_events_subject() {
    let events = [
        about("list-entry.updated", &[("/id/list_id", LIST)]),
        about("list-entry.updated", &[("/id/list_id", OTHER)]),
        about("list-attribute.updated", &[("/id/list_id", LIST)]),
        about("comment.created", &[("/list_id", LIST)]),
        about("comment.created", &[]),
        about("record.updated", &[]),
    ];
    let conditions = format!("on = [\"*\"]\nlist = \"{LIST}\"");
    assert_eq!(wanted_by(&conditions, &events).await, [0, 2, 3]);
}

#[tokio::test]
async fn only_changes_of_the_attributes_that_are_asked_for_match() {
    let events = [
        about("record.updated", &[("/id/attribute_id", ATTRIBUTE)]),
        about("record.updated", &[("/id/attribute_id", OTHER)]),
        about("list-entry.updated", &[("/id/attribute_id", ATTRIBUTE)]),
        about("record.created", &[]),
    ];
    let conditions = format!("on = [\"*\"]\nchanged = [\"{ATTRIBUTE}\", \"{LIST}\"]");
    assert_eq!(wanted_by(&conditions, &events).await, [0, 2]);
}

#[tokio::test]
async fn actors_are_ignored_by_type_or_by_type_and_id() {
    let by = |kind: Value, id: Value| {
        let mut event = sample("record.updated");
        event["actor"] = json!({"type": kind, "id": id});
        event
    };
    let mut nobody = sample("record.updated");
    nobody.as_object_mut().unwrap().remove("actor");
    let events = [
        by(json!("system"), Value::Null),
        by(json!("api-token"), json!(OBJECT)),
        by(json!("api-token"), json!(OTHER)),
        by(json!("workspace-member"), json!(OBJECT)),
        by(Value::Null, Value::Null),
        nobody,
    ];
    let conditions = format!("on = [\"*\"]\nignore_actors = [\"system\", \"api-token:{OBJECT}\"]");
    assert_eq!(wanted_by(&conditions, &events).await, [2, 3, 4, 5]);
}

async fn several_routes_and_actions_each_get_their_own_delivery(db: &TestDatabase) {
    let sink = Sink::start().await;
    let toml = sink.action("billing", "")
        + &sink.action("warehouse", "")
        + &route("records", r#"on = ["record.*"]"#, &["billing", "warehouse"])
        + &route("all", r#"on = ["*"]"#, &["warehouse"]);
    let app = TestApp::start(db, &toml).await;
    app.post(&Message::event("record.updated")).await.assert_accepted();
    app.post(&Message::event("task.created")).await.assert_accepted();
    app.wait_until_delivered(&sink, 4).await;
    app.stop().await;
    assert_eq!(sink.received_by("billing").len(), 1);
    let mut routes: Vec<_> =
        sink.received_by("warehouse").iter().map(|one| one.json()["route"].to_string()).collect();
    routes.sort_unstable();
    assert_eq!(routes, [r#""all""#, r#""all""#, r#""records""#]);
    let keys: std::collections::HashSet<_> =
        sink.received().iter().map(|one| one.key().to_owned()).collect();
    assert_eq!(keys.len(), 4, "each delivery has its own key");
}

async fn what_a_debounced_route_wants_waits_and_nothing_else_does(db: &TestDatabase) {
    let sink = Sink::start().await;
    let conditions = "on = [\"*\"]\ndebounce = \"1h\"\nignore_actors = [\"app\"]";
    let toml = sink.action("billing", "")
        + &sink.action("warehouse", "")
        + &route("calm", conditions, &["billing"])
        + &route("eager", r#"on = ["*"]"#, &["warehouse"]);
    let app = TestApp::start(db, &toml).await;
    // A task has no record: there is nothing to wait for.
    for event_type in ["record.updated", "list-entry.updated", "task.created"] {
        app.post(&Message::event(event_type)).await.assert_accepted();
    }
    app.wait_until_delivered(&sink, 4).await;
    app.stop().await;
    assert_eq!(sink.received_by("billing").len(), 1);
    let waiting = "SELECT count(DISTINCT debounce_key) FROM deliveries
                   WHERE state = 'open' AND owner IS NULL AND lease_no = 0 AND route = 'calm'";
    assert_eq!(db.number(waiting).await, 2);
}

async fn a_route_that_was_taken_away_keeps_its_deliveries_until_it_is_back(db: &TestDatabase) {
    let sink = Sink::start().await;
    sink.always(crate::support::sink::Reply::Status(503));
    let action = sink.action("billing", r#"retry = { first = "1ms", max = "1ms" }"#);
    let with_route = action.clone() + &route("old", r#"on = ["*"]"#, &["billing"]);
    let without = action + &route("new", r#"on = ["never"]"#, &["billing"]);

    let app = TestApp::start(db, &with_route).await;
    app.post(&Message::event("record.updated")).await.assert_accepted();
    sink.wait_until_received(1).await;
    app.stop().await;
    sink.release();
    let tried = sink.received().len();

    let app = TestApp::start(db, &without).await;
    let orphaned = "SELECT count(*) FROM deliveries WHERE held = 'orphaned' AND state = 'open'";
    app.eventually("it is orphaned", async || db.number(orphaned).await == 1).await;
    app.wait_for_metric("attio_relay_deliveries_open", &[("state", "orphaned")], 1.0).await;
    app.stop().await;
    assert_eq!(sink.received().len(), tried);

    let app = TestApp::start(db, &with_route).await;
    app.wait_until_delivered(&sink, 1).await;
    app.stop().await;
}
