//! Writes, and what they leave behind.

use attio_relay::{
    attio::{
        client::{Subscription, Update},
        value,
    },
    http::fake_attio::{DEAL, ENTRY, INES},
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::{Scene, within};

const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

#[tokio::test]
async fn a_company_is_asserted_by_its_domain_and_twice_is_one() {
    let Scene { client, fake, .. } = Scene::start().await;
    let values = json!({ "domains": ["new.example"], "name": ["New"] });
    let mut ids = Vec::new();
    for _ in 0..2 {
        let company = client.assert_record("companies", "domains", &values, within(PATIENCE));
        ids.push(company.await.unwrap()["id"]["record_id"].take());
    }
    assert_eq!(ids[0], ids[1]);
    let asked = &fake.requests()[0];
    assert_eq!(asked.query, [("matching_attribute".to_owned(), "domains".to_owned())]);
    assert_eq!(asked.body, json!({ "data": { "values": values } }));
}

#[tokio::test]
async fn an_update_joins_the_values_that_are_there_or_takes_their_place() {
    let Scene { client, fake: _fake, .. } = Scene::start().await;
    let company = json!({ "domains": ["a.example"] });
    let company = client.assert_record("companies", "domains", &company, within(PATIENCE)).await;
    let id = company.unwrap()["id"]["record_id"].as_str().unwrap().to_owned();
    for (update, expected) in
        [(Update::Add, json!(["a.example", "b.example"])), (Update::Replace, json!("b.example"))]
    {
        let values = json!({ "domains": ["b.example"] });
        let updated = client.update_record("companies", &id, &values, update, within(PATIENCE));
        let updated = updated.await.unwrap();
        assert_eq!(value::attribute(&updated["values"]["domains"]), expected, "{update:?}");
    }
}

#[tokio::test]
async fn an_entry_is_asserted_by_its_parent() {
    let Scene { client, fake: _fake, .. } = Scene::start().await;
    let data = json!({
        "parent_record_id": DEAL, "parent_object": "deals",
        "entry_values": { "amount": [{ "currency_value": 7, "currency_code": "EUR" }] },
    });
    let entry = client.assert_entry("sales_pipeline", &data, within(PATIENCE)).await.unwrap();
    assert_eq!(entry["id"]["entry_id"], ENTRY);
    assert_eq!(value::attribute(&entry["entry_values"]["amount"])["amount"], 7);
}

#[tokio::test]
async fn notes_tasks_and_comments_are_created() {
    let scene = Scene::start().await;
    let note = scene.write_note(PATIENCE).await.unwrap();
    assert_eq!(note["parent_record_id"], DEAL);
    let linked = json!([{ "target_object": "deals", "target_record_id": DEAL }]);
    let task = json!({
        "content": "Call", "format": "plaintext", "deadline_at": null, "is_completed": false,
        "linked_records": linked, "assignees": [],
    });
    let task = scene.client.create_task(&task, within(PATIENCE)).await.unwrap();
    assert_eq!(task["content_plaintext"], "Call");
    let comment = json!({
        "format": "plaintext", "content": "Sign?",
        "author": { "type": "workspace-member", "id": INES },
        "record": { "object": "deals", "record_id": DEAL },
    });
    let comment = scene.client.create_comment(&comment, within(PATIENCE)).await.unwrap();
    assert_eq!(comment["content_plaintext"], "Sign?");
}

#[tokio::test]
async fn a_webhook_is_made_with_its_secret_and_changed_and_ended_once() {
    let Scene { client, fake: _fake, .. } = Scene::start().await;
    let deadline = within(PATIENCE);
    let subscribe = |event_type: &str, filter: Option<Value>| {
        vec![Subscription { event_type: event_type.to_owned(), filter }]
    };
    let tasks = subscribe("task.created", None);
    let made = client.create_webhook("https://new.example/in", &tasks, deadline).await.unwrap();
    assert!(made.secret.expose_secret().len() >= 16);
    assert!(!format!("{made:?}").contains(made.secret.expose_secret()));
    let id = made.webhook.id.as_str();
    assert_eq!(client.webhook(id, deadline).await.unwrap().as_ref(), Some(&made.webhook));
    assert!(client.webhooks(deadline).await.unwrap().contains(&made.webhook));
    let filter =
        json!({ "$and": [{ "field": "actor.type", "operator": "equals", "value": "app" }] });
    let notes = subscribe("note.created", Some(filter));
    let changed = client.update_webhook(id, None, &notes, deadline).await.unwrap().unwrap();
    assert_eq!((changed.subscriptions, changed.target_url), (notes, made.webhook.target_url));
    for _ in 0..2 {
        client.delete_webhook(id, deadline).await.unwrap();
        assert_eq!(client.webhook(id, deadline).await, Ok(None));
    }
}
