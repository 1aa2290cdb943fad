//! Every change makes the events that Attio makes.

use attio_relay::http::fake_attio::{
    Actor, COMPANY, DEAL, DEAL_STAGE, DEALS, ENTRY, INES, SALES_PIPELINE, TOMASZ, WORKSPACE,
};
use serde_json::{Value, json};

use crate::support::fake_attio::TestAttio;

fn fixture(event_type: &str) -> Value {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/events");
    let text = std::fs::read_to_string(format!("{folder}/{event_type}.json")).unwrap();
    serde_json::from_str::<Value>(&text).unwrap()["events"][0].take()
}

/// The names of an event's fields, those of its ids among them.
fn names(event: &Value) -> Vec<String> {
    let fields = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    [fields(event), fields(&event["id"]), fields(&event["actor"])].concat()
}

fn types(attio: &TestAttio) -> Vec<Value> {
    attio.events().iter().map(|event| event["event_type"].clone()).collect()
}

#[tokio::test]
async fn one_write_of_three_attributes_makes_three_events_in_the_tokens_name() {
    let attio = TestAttio::start().await;
    let body = json!({"data": {"values": {"stage": "Lost", "value": 1, "fit_score": null}}});
    attio.patch(&format!("/v2/objects/deals/records/{DEAL}"), &body).await.ok();
    let events = attio.events();
    assert_eq!(types(&attio), ["record.updated"; 3]);
    let actor = json!({"type": "api-token", "id": attio.token_actor().id});
    assert!(events.iter().all(|event| event["actor"] == actor));
    let stage = json!({
        "workspace_id": WORKSPACE, "object_id": DEALS, "record_id": DEAL,
        "attribute_id": DEAL_STAGE,
    });
    assert!(events.iter().any(|event| event["id"] == stage), "{events:?}");
}

#[tokio::test]
async fn a_persons_edit_makes_the_event_of_the_fixture() {
    let attio = TestAttio::start().await;
    attio.by(Actor::member(INES)).set_value("deals", DEAL, "stage", "Lost").unwrap();
    assert_eq!(attio.events(), [fixture("record.updated")]);
}

#[tokio::test]
async fn a_write_to_an_entry_makes_the_event_of_the_fixture() {
    let attio = TestAttio::start().await;
    let body = json!({"data": {"entry_values": {"stage": "Signed"}}});
    attio.patch(&format!("/v2/lists/sales_pipeline/entries/{ENTRY}"), &body).await.ok();
    assert_eq!(attio.events(), [fixture("list-entry.updated")]);
}

#[tokio::test]
async fn everything_that_people_do_makes_events_as_the_fixtures_show_them() {
    let attio = TestAttio::start().await;
    let ines = attio.by(Actor::member(INES));
    let shipment = ines.create_record("shipments", &json!({"reference": "S-1"})).unwrap();
    ines.delete_record("shipments", &shipment).unwrap();
    let stage = json!({"stage": "Signed"});
    let entry = ines.add_to_list("sales_pipeline", "deals", DEAL, &stage).unwrap();
    ines.remove_from_list("sales_pipeline", &entry).unwrap();
    ines.write_note("deals", DEAL, "Title", "Text").unwrap();
    let task = ines.add_task("deals", DEAL, "Call back").unwrap();
    ines.complete_task(&task).unwrap();
    let comment = ines.add_comment("deals", DEAL, "Really?").unwrap();
    ines.resolve_comment(&comment).unwrap();
    ines.add_attribute("deals", "berth", "text").unwrap();
    ines.rename_attribute("deals", "berth", "mooring").unwrap();
    ines.rename_list("sales_pipeline", "pipeline").unwrap();
    let expected = [
        "record.created",
        "record.deleted",
        "list-entry.created",
        "list-entry.deleted",
        "note.created",
        "task.created",
        "task.updated",
        "comment.created",
        "comment.resolved",
        "object-attribute.created",
        "object-attribute.updated",
        "list.updated",
    ];
    assert_eq!(types(&attio), expected);
    for event in attio.events() {
        let event_type = event["event_type"].as_str().unwrap();
        assert_eq!(names(&event), names(&fixture(event_type)), "{event_type}");
    }
}

#[tokio::test]
async fn any_other_event_can_be_reported() {
    let attio = TestAttio::start().await;
    let recording = json!({
        "meeting_id": "1d945262-d02f-43b2-ab99-45904cbbe772",
        "call_recording_id": "099380ab-0059-432c-a027-24cc9b878f10",
    });
    let system = attio.by(Actor::system());
    system.report("call-recording.created", recording, json!({})).unwrap();
    assert_eq!(attio.events(), [fixture("call-recording.created")]);
}

#[tokio::test]
async fn a_deleted_record_is_not_found_and_its_entries_are_gone() {
    let attio = TestAttio::start().await;
    attio.by(Actor::member(TOMASZ)).delete_record("deals", DEAL).unwrap();
    let answer = attio.get(&format!("/v2/objects/deals/records/{DEAL}")).await;
    assert_eq!(answer.error(), (404, "not_found"));
    assert!(attio.entries("sales_pipeline").unwrap().is_empty());
}

#[tokio::test]
async fn a_merge_makes_one_new_record_of_two_and_an_event_for_each() {
    let attio = TestAttio::start().await;
    let other = "8531d649-4789-49ef-9a98-54d9a57341da";
    let new = attio.by(Actor::member(INES)).merge_records("companies", COMPANY, other).unwrap();
    let events = attio.events();
    assert_eq!(types(&attio), ["record.merged"; 2]);
    assert_eq!(names(&events[0]), names(&fixture("record.merged")));
    assert!(events.iter().all(|event| event["id"]["record_id"] == new.as_str()));
    let duplicates: Vec<_> =
        events.iter().map(|event| event["duplicate_record_id"].clone()).collect();
    assert_eq!(duplicates, [COMPANY, other]);
    for old in [COMPANY, other] {
        assert_eq!(attio.get(&format!("/v2/objects/companies/records/{old}")).await.status, 404);
    }
    assert_eq!(
        attio.record("companies", &new).unwrap()["values"]["name"][0]["value"],
        "Quayworks GmbH"
    );
}

#[tokio::test]
async fn a_new_name_and_a_new_choice_are_known_at_once() {
    let attio = TestAttio::start().await;
    let ines = attio.by(Actor::member(INES));
    ines.rename_attribute("deals", "stage", "phase").unwrap();
    ines.add_choice("deals", "phase", "Closed Won").unwrap();
    ines.set_value("deals", DEAL, "phase", "Closed Won").unwrap();
    let deal = attio.get(&format!("/v2/objects/deals/records/{DEAL}")).await.data();
    assert_eq!(deal["values"]["phase"][0]["status"]["title"], "Closed Won");
    assert_eq!(attio.get("/v2/objects/deals/attributes/stage").await.status, 404);
    let by_id = attio.get(&format!("/v2/objects/deals/attributes/{DEAL_STAGE}")).await.data();
    assert_eq!(by_id["api_slug"], "phase");
    ines.rename_list("sales_pipeline", "pipeline").unwrap();
    let list = attio.get(&format!("/v2/lists/{SALES_PIPELINE}")).await.data();
    assert_eq!(list["api_slug"], "pipeline");
}
