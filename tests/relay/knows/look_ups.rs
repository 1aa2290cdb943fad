//! What is looked up, for whom, and what is not.

use attio_relay::http::fake_attio::{Actor, COMPANY, ENTRY, INES};
use serde_json::json;

use super::*;
use crate::support::client::fresh_id;

/// Attio fills it itself.
const CREATED_AT: &str = "f115e67c-4d2d-4764-9c32-45f81dbfe93b";

#[tokio::test]
async fn a_route_that_needs_no_values_asks_attio_nothing() {
    let world = World::postgres().await;
    let app = world
        .knowing_relay("on = [\"*\"]\nignore_actors = [\"self\"]\nwhen = 'event.id.record_id'")
        .await;
    let before = world.attio.requests().len();
    app.post_all((0..20).map(|_| stage_changed())).await;
    app.wait_until_delivered(&world.sink, 20).await;
    assert_eq!(world.attio.requests().len(), before);
    assert!(world.sink.received()[0].json().get("record").is_none());
    app.stop().await;
}

#[tokio::test]
async fn what_only_the_message_needs_is_not_looked_up_where_the_condition_does_not_hold() {
    let world = World::postgres().await;
    let body = "body = '{\"who\": {{ actor.name | tojson }}}'";
    let rest = world.sink.action("billing", body)
        + &to_billing("on = [\"record.updated\"]\nwhen = 'record.stage == \"Lead\"'");
    let app = world.relay_with("", &rest).await;
    world.until_names_are_kept(&app).await;
    app.post(&stage_changed()).await.assert_accepted();
    until_ended(&app, "skipped", 1).await;
    assert_eq!(world.attio.requests_to("GET", "/v2/workspace_members").len(), 0);
    world.write("stage", "Lead");
    app.post(&stage_changed()).await.assert_accepted();
    app.wait_until_delivered(&world.sink, 1).await;
    assert_eq!(world.sink.only().json(), json!({"who": "Ines Okafor"}));
    app.stop().await;
}

/// The event goes on when the condition holds, on what was looked up.
async fn holds(event_type: &str, condition: &str) {
    let world = World::postgres().await;
    let app = world.knowing_relay(&format!("on = [\"{event_type}\"]\nwhen = '{condition}'")).await;
    let mut event = sample(event_type);
    if event_type.starts_with("record.") {
        event["id"]["record_id"] = DEAL.into();
    }
    app.post(&Message::envelope([event])).await.assert_accepted();
    app.eventually(condition, async || {
        let deliveries = world.deliveries().await;
        assert!(!deliveries[0].starts_with("skipped"), "{deliveries:?}");
        assert!(!deliveries[0].starts_with("dead"), "{deliveries:?}");
        deliveries[0].starts_with("succeeded")
    })
    .await;
    app.stop().await;
}

#[tokio::test]
async fn a_note_is_looked_up() {
    holds("note.created", r#"note.title == "Site visit" and note.parent.object == "deals""#).await;
}

#[tokio::test]
async fn a_task_is_looked_up() {
    holds("task.created", r#"task.content_plaintext == "Send crane quote to Quayworks""#).await;
}

#[tokio::test]
async fn a_comment_and_its_record_are_looked_up() {
    let condition = r#"comment.author.id and record.stage == "Won 🎉""#;
    holds("comment.created", condition).await;
}

#[tokio::test]
async fn a_call_recording_is_looked_up() {
    holds("call-recording.created", r#"meeting.status == "completed""#).await;
}

#[tokio::test]
async fn an_entry_and_its_parent_record_are_looked_up() {
    let condition = r#"entry.stage == "In legal review" and entry.list == "sales_pipeline" and record.stage == "Won 🎉""#;
    holds("list-entry.updated", condition).await;
}

#[tokio::test]
async fn the_actors_name_and_address_and_the_workspace_are_looked_up() {
    let condition = r#"actor.name == "Ines Okafor" and actor.email == "ines@harbourlane.example" and workspace.slug == "harbour-lane""#;
    holds("record.updated", condition).await;
}

#[tokio::test]
async fn an_actor_that_is_no_person_has_no_name_and_nobody_is_asked() {
    holds("list-entry.updated", r#"actor.type == "api-token" and actor.name is none"#).await;
}

#[tokio::test]
async fn the_former_value_of_what_changed_is_known() {
    let world = World::postgres().await;
    let when = r#"when = 'previous.stage != "Lost" and record.stage == "Lost"'"#;
    let app = world.knowing_relay(&format!("on = [\"record.updated\"]\n{when}")).await;
    world.write("stage", "Lost");
    app.post(&stage_changed()).await.assert_accepted();
    app.wait_until_delivered(&world.sink, 1).await;
    app.stop().await;
}

#[tokio::test]
async fn the_former_value_of_an_entry_is_known() {
    let world = World::postgres().await;
    let when = r#"when = 'previous.stage == "In legal review" and entry.stage == "Signed"'"#;
    let app = world.knowing_relay(&format!("on = [\"list-entry.updated\"]\n{when}")).await;
    world
        .attio
        .by(Actor::member(INES))
        .set_entry_value("sales_pipeline", ENTRY, "stage", "Signed")
        .unwrap();
    app.post(&Message::envelope([sample("list-entry.updated")])).await.assert_accepted();
    app.wait_until_delivered(&world.sink, 1).await;
    app.stop().await;
}

#[tokio::test]
async fn an_attribute_whose_history_attio_refuses_has_no_former_value() {
    let world = World::postgres().await;
    let when = "when = 'previous.created_at is none and previous.name == record.name'";
    let app = world.knowing_relay(&format!("on = [\"record.updated\"]\n{when}")).await;
    let refused = Failure::Error(400, "system_edit_unauthorized");
    world.attio.fail_all("GET", &format!("{DEALS_AT}{DEAL}/attributes"), refused);
    app.post(&change(DEAL, CREATED_AT)).await.assert_accepted();
    app.wait_until_delivered(&world.sink, 1).await;
    app.stop().await;
}

#[tokio::test]
async fn a_deleted_record_is_a_fact() {
    let world = World::postgres().await;
    let app = world.knowing_relay("on = [\"record.*\"]\nwhen = 'record is none'").await;
    world.attio.by(Actor::member(INES)).delete_record("deals", DEAL).unwrap();
    let mut deleted = sample("record.deleted");
    deleted["id"]["record_id"] = DEAL.into();
    deleted["id"]["object_id"] = attio_relay::http::fake_attio::DEALS.into();
    app.post(&Message::envelope([deleted])).await.assert_accepted();
    app.wait_until_delivered(&world.sink, 1).await;
    let body = world.sink.only().json();
    assert_eq!(body.get("record"), Some(&Value::Null), "{body}");
    assert_eq!(world.lookups()[0].status, Some(404));
    app.stop().await;
}

#[tokio::test]
async fn a_merged_record_that_is_gone_is_a_fact() {
    let world = World::postgres().await;
    let app = world.knowing_relay("on = [\"record.merged\"]\nwhen = 'record is none'").await;
    app.post(&Message::event("record.merged")).await.assert_accepted();
    app.wait_until_delivered(&world.sink, 1).await;
    app.stop().await;
}

#[tokio::test]
async fn an_event_of_another_workspace_is_dead_and_attio_is_not_asked() {
    let world = World::postgres().await;
    let app = world.knowing_relay("on = [\"record.updated\"]\nwhen = 'record.name'").await;
    let before = world.attio.requests().len();
    let mut foreign = sample("record.updated");
    foreign["id"]["workspace_id"] = fresh_id().into();
    app.post(&Message::envelope([foreign])).await.assert_accepted();
    until_ended(&app, "dead", 1).await;
    let deliveries = world.deliveries().await;
    assert!(deliveries[0].starts_with("dead 0 cannot be looked up: the event is of the workspace"));
    assert_eq!(world.attio.requests().len(), before);
    app.stop().await;
}

#[tokio::test]
async fn a_company_is_looked_up_by_a_route_that_names_no_object() {
    let world = World::postgres().await;
    let when = r#"when = 'record.domains[0] and record.object == "companies"'"#;
    let app = world.knowing_relay(&format!("on = [\"record.updated\"]\n{when}")).await;
    let mut event = sample("record.updated");
    event["id"]["record_id"] = COMPANY.into();
    event["id"]["object_id"] =
        world.attio.record("companies", COMPANY).unwrap()["id"]["object_id"].clone();
    app.post(&Message::envelope([event])).await.assert_accepted();
    app.wait_until_delivered(&world.sink, 1).await;
    app.stop().await;
}
