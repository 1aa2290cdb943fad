//! What the typed calls give, as the fake answers from the recorded answers.

use attio_relay::{
    attio::{
        catalog::Holder,
        client::{ApiError, Query},
        learn::{learn, learn_attribute},
        value,
    },
    http::fake_attio::{
        DEAL, DEAL_STAGE, DEALS, ENTRY, Failure, SALES_PIPELINE, TOMASZ, WORKSPACE,
    },
};
use serde_json::{Value, json};

use super::{Scene, within};

const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);
const LEGACY_TIER: &str = "842ef5e2-295a-40b6-be56-41c7ac5dd868";

#[tokio::test]
async fn a_record_and_an_entry_are_read_by_slug_and_by_id() {
    let Scene { client, fake, .. } = Scene::start().await;
    for object in ["deals", DEALS] {
        let deal = client.record(object, DEAL, within(PATIENCE)).await.unwrap().unwrap();
        assert_eq!(value::attribute(&deal["values"]["stage"]), "Won 🎉");
    }
    for list in ["sales_pipeline", SALES_PIPELINE] {
        let entry = client.entry(list, ENTRY, within(PATIENCE)).await.unwrap().unwrap();
        assert_eq!(entry["parent_record_id"], DEAL);
    }
    assert!(fake.requests().iter().all(|seen| seen.status == Some(200)));
}

#[tokio::test]
async fn notes_tasks_comments_recordings_and_members_are_read() {
    let Scene { client, fake: _fake, .. } = Scene::start().await;
    let deadline = within(PATIENCE);
    let note = client.note("384e4e47-c948-4f92-bbb4-e4e8e7f0d019", deadline).await.unwrap();
    assert_eq!(note.unwrap()["title"], "Site visit");
    let task = client.task("5bc4ce20-75a4-41e6-bed3-be910b0b4cc1", deadline).await.unwrap();
    assert_eq!(task.unwrap()["is_completed"], false);
    let comment = client.comment("605c76dc-2505-4644-8f59-ec6304721dd8", deadline).await.unwrap();
    assert!(comment.unwrap()["thread_id"].is_string());
    let meeting = "1d945262-d02f-43b2-ab99-45904cbbe772";
    let recording = "099380ab-0059-432c-a027-24cc9b878f10";
    let recording = client.call_recording(meeting, recording, deadline).await.unwrap();
    assert_eq!(recording.unwrap()["status"], "completed");
    let meeting = client.meeting(meeting, deadline).await.unwrap();
    assert_eq!(meeting.unwrap()["title"], "Crane retrofit kick-off");
    let member = client.member(TOMASZ, deadline).await.unwrap();
    assert_eq!(member.unwrap()["first_name"], "Tomasz");
    assert!(client.members(deadline).await.unwrap().len() > 1);
}

#[tokio::test]
async fn what_is_not_there_is_a_fact() {
    let Scene { client, fake: _fake, .. } = Scene::start().await;
    let gone = "ef16c540-3a3c-43b7-97ea-e2f93f1ed4bf";
    let deadline = within(PATIENCE);
    assert_eq!(client.record("deals", gone, deadline).await, Ok(None));
    assert_eq!(client.note(gone, deadline).await, Ok(None));
    let deals = Holder::Object("deals");
    assert_eq!(client.history(deals, gone, "stage", deadline).await, Ok(Vec::new()));
    assert_eq!(client.attribute(deals, gone, deadline).await, Ok(None));
}

#[tokio::test]
async fn the_former_value_is_read_from_the_history() {
    let Scene { client, fake: _fake, .. } = Scene::start().await;
    let history =
        client.history(Holder::Object(DEALS), DEAL, DEAL_STAGE, within(PATIENCE)).await.unwrap();
    assert_eq!(history.len(), 3);
    assert_eq!(value::former(&history, time::OffsetDateTime::now_utc()), "In Progress");
}

#[tokio::test]
async fn the_owner_of_the_token_is_known_and_a_dead_token_is_denied() {
    let Scene { client, fake, .. } = Scene::start().await;
    let identity = client.identity(within(PATIENCE)).await.unwrap();
    assert_eq!(identity.workspace_id, WORKSPACE);
    assert_eq!(identity.workspace_slug, "harbour-lane");
    assert_eq!(Some(identity.client_id), fake.token_actor().id);
    assert!(identity.scopes.contains(&"webhook:read-write".to_owned()));
    fake.revoke_token();
    let denied = client.identity(within(PATIENCE)).await.unwrap_err();
    assert!(matches!(denied, ApiError::Denied { status: 200, .. }), "{denied:?}");
    fake.fail("GET", "/v2/self", 1, Failure::Error(400, "invalid_token"));
    let denied = client.identity(within(PATIENCE)).await.unwrap_err();
    assert!(matches!(denied, ApiError::Denied { status: 400, .. }), "{denied:?}");
}

#[tokio::test]
async fn statuses_and_options_have_titles() {
    let Scene { client, fake: _fake, .. } = Scene::start().await;
    let deals = Holder::Object("deals");
    let statuses = client.statuses(deals, "stage", within(PATIENCE)).await.unwrap();
    let titles: Vec<_> = statuses.iter().map(|status| status.title.as_str()).collect();
    assert_eq!(titles, ["Lead", "In Progress", "Won 🎉", "Lost"]);
    let options = client.options(deals, "priority", within(PATIENCE)).await.unwrap();
    assert!(options.iter().any(|option| option.title == "High"));
}

#[tokio::test]
async fn the_catalog_holds_all_objects_and_lists_and_the_attributes_that_were_asked_for() {
    let Scene { client, fake: _fake, .. } = Scene::start().await;
    let catalog = learn(&client, &["deals"], &[SALES_PIPELINE], within(PATIENCE)).await.unwrap();
    assert_eq!(catalog.object(DEALS).unwrap().slug, "deals");
    assert_eq!(catalog.object("people").unwrap().attributes, None);
    assert_eq!(catalog.list(SALES_PIPELINE).unwrap().parent_objects, ["deals"]);
    let stage = catalog.attribute(Holder::Object("deals"), "stage").unwrap();
    assert_eq!((stage.id.as_str(), stage.kind.as_str()), (DEAL_STAGE, "status"));
    assert!(catalog.attributes(Holder::List("sales_pipeline")).is_some());
    assert_eq!(catalog.identity.unwrap().workspace_id, WORKSPACE);
}

#[tokio::test]
async fn an_archived_attribute_is_learnt_by_its_id() {
    let Scene { client, fake: _fake, .. } = Scene::start().await;
    let mut catalog = learn(&client, &["deals"], &[], within(PATIENCE)).await.unwrap();
    let deals = Holder::Object("deals");
    assert_eq!(catalog.attribute(deals, LEGACY_TIER), None);
    let deadline = within(PATIENCE);
    assert!(learn_attribute(&client, &mut catalog, deals, LEGACY_TIER, deadline).await.unwrap());
    assert_eq!(catalog.attribute(deals, LEGACY_TIER).unwrap().slug, "legacy_tier");
    assert!(!learn_attribute(&client, &mut catalog, deals, "nothing", deadline).await.unwrap());
}

#[tokio::test]
async fn a_token_that_may_not_see_lists_is_enough_while_no_route_names_one() {
    let Scene { client, fake, .. } = Scene::start().await;
    fake.set_scopes("object_configuration:read record_permission:read");
    let catalog = learn(&client, &["deals"], &[], within(PATIENCE)).await.unwrap();
    assert!(catalog.lists.is_empty());
    let denied = learn(&client, &["deals"], &["renewals"], within(PATIENCE)).await.unwrap_err();
    assert!(matches!(denied, ApiError::Denied { status: 403, .. }), "{denied:?}");
}

#[tokio::test]
async fn every_page_of_a_query_is_read() {
    let Scene { client, fake, .. } = Scene::start().await;
    let sorts = json!([{"attribute": "created_at", "field": "value", "direction": "asc"}]);
    let mut query = Query { filter: json!({}), sorts, limit: 2, offset: 0 };
    let mut ids = Vec::new();
    loop {
        let page = client.query_records("deals", &query, within(PATIENCE)).await.unwrap();
        ids.extend(page.rows.into_iter().map(|mut row| row["id"]["record_id"].take()));
        let Some(next) = page.next else { break };
        query.offset = next;
    }
    let requests = fake.requests_to("POST", "/v2/objects/deals/records/query");
    assert_eq!(requests.len(), ids.len() / 2 + 1);
    ids.dedup();
    assert!(ids.len() >= 3 && ids.iter().all(Value::is_string), "{ids:?}");
}

#[tokio::test]
async fn meetings_are_read_by_cursor() {
    let Scene { client, fake: _fake, .. } = Scene::start().await;
    let first = client.meetings(2, None, within(PATIENCE)).await.unwrap();
    let next = first.next.expect("there is another page");
    let second = client.meetings(2, Some(&next), within(PATIENCE)).await.unwrap();
    assert!(!second.rows.is_empty() && second.rows[0] != first.rows[0]);
    assert_eq!(second.next, None);
}

#[tokio::test]
async fn every_page_of_webhooks_is_read() {
    let Scene { client, fake, .. } = Scene::start().await;
    let page = |from: usize, to: usize| {
        let row = |n: usize| {
            json!({
                "id": {"workspace_id": WORKSPACE, "webhook_id": n.to_string()},
                "target_url": "https://example.com", "subscriptions": [], "status": "active",
                "created_at": "2026-10-01T11:11:11.111000000Z",
            })
        };
        let rows: Vec<_> = (from..to).map(row).collect();
        Failure::Answer(200, Vec::new(), json!({ "data": rows }).to_string())
    };
    fake.fail("GET", "/v2/webhooks", 1, page(0, 100));
    fake.fail("GET", "/v2/webhooks", 1, page(100, 130));
    let webhooks = client.webhooks(within(PATIENCE)).await.unwrap();
    assert_eq!(webhooks.len(), 130);
    let offsets: Vec<_> = fake.requests().into_iter().map(|seen| seen.query).collect();
    let parameter = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(offsets[1], [parameter("limit", "100"), parameter("offset", "100")]);
}
