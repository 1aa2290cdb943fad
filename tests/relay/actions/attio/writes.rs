//! What each form writes.

use attio_relay::http::fake_attio::{COMPANY, DEAL, DEALS, INES, PERSON, SALES_PIPELINE, TOMASZ};
use serde_json::{Value, json};

use super::{DEAL_PATH, Scene, about, ines, job, stage_changed};

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["event_type"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_company_is_made_by_its_domain_and_a_repeat_changes_nothing() {
    let scene = Scene::start().await;
    let keys = "write = \"record\"\nobject = \"companies\"\n\
                values = { domains = [\"{{ record.domain }}\"], name = \"{{ record.name }}\", \
                fleet_size = \"{{ record.cranes }}\", is_key_account = true }";
    let job = about(json!({"domain": "cranes.example", "name": "Cranes & Co", "cranes": 3}));
    let companies = scene.attio.records("companies").unwrap().len();
    let (first, second) = scene.perform_twice(keys, &job).await;
    assert_eq!((types(&first), second.len()), (vec!["record.created"], 0));
    assert_eq!(scene.attio.records("companies").unwrap().len(), companies + 1);
    let request = &scene.attio.requests_to("PUT", "/v2/objects/companies/records")[0];
    assert_eq!(request.query, [("matching_attribute".to_owned(), "domains".to_owned())]);
    let values = json!({
        "domains": ["cranes.example"], "name": ["Cranes & Co"], "fleet_size": [3],
        "is_key_account": [true],
    });
    assert_eq!(request.body, json!({"data": {"values": values}}));
}

#[tokio::test]
async fn a_person_that_is_there_is_updated_by_the_e_mail_address() {
    let scene = Scene::start().await;
    let person = scene.attio.record("people", PERSON).unwrap();
    let email = person["values"]["email_addresses"][0]["original_email_address"].clone();
    let keys = "write = \"record\"\nobject = \"people\"\n\
                values = { email_addresses = \"{{ record.email }}\", job_title = \"Buyer\" }";
    let people = scene.attio.records("people").unwrap().len();
    let (first, second) = scene.perform_twice(keys, &about(json!({"email": email}))).await;
    assert_eq!((types(&first), second.len()), (vec!["record.updated"], 0));
    let person = scene.attio.record("people", PERSON).unwrap();
    assert_eq!(person["values"]["job_title"][0]["value"], "Buyer");
    assert_eq!(scene.attio.records("people").unwrap().len(), people);
}

#[tokio::test]
async fn an_update_goes_to_the_record_that_the_event_is_about() {
    let scene = Scene::start().await;
    let keys = "write = \"update\"\nvalues = { close_date = \"{{ record.day }}\", \
                value = \"{{ record.amount }}\", priority = \"{{ record.none }}\" }";
    let record = json!({
        "day": "2026-12-01", "amount": {"amount": 5, "currency": "USD"}, "none": null,
    });
    let (first, second) = scene.perform_twice(keys, &about(record)).await;
    assert!(first.iter().all(|event| event["actor"]["type"] == "api-token"));
    assert_eq!((types(&first), second.len()), (vec!["record.updated"; 3], 0));
    let values = scene.attio.record("deals", DEAL).unwrap()["values"].take();
    assert_eq!(values["close_date"][0]["value"], "2026-12-01");
    assert_eq!(values["value"][0]["currency_value"], 5);
    assert_eq!(values["value"][0]["currency_code"], "USD");
    assert_eq!(values["priority"], json!([]), "none empties the attribute");
}

#[tokio::test]
async fn an_update_replaces_several_values_or_adds_to_them() {
    for (multiselect, method, expected) in [
        ("replace", "PUT", vec!["new.example"]),
        ("add", "PATCH", vec!["quayworks.example", "de.quayworks.example", "new.example"]),
    ] {
        let scene = Scene::start().await;
        let keys = format!(
            "write = \"update\"\nobject = \"companies\"\nrecord = \"{{{{ record.company.record_id }}}}\"\n\
             multiselect = \"{multiselect}\"\nvalues = {{ domains = \"new.example\" }}"
        );
        let record = json!({"company": {"object": "companies", "record_id": COMPANY}});
        scene.perform(&keys, &about(record)).await.unwrap();
        let path = format!("/v2/objects/companies/records/{COMPANY}");
        assert_eq!(scene.sent(method, &path), json!({"values": {"domains": ["new.example"]}}));
        let company = scene.attio.record("companies", COMPANY).unwrap();
        let domains = company["values"]["domains"].as_array().unwrap().iter();
        let domains: Vec<_> = domains.map(|item| item["domain"].as_str().unwrap()).collect();
        assert_eq!(domains, expected);
    }
}

#[tokio::test]
async fn a_record_is_put_on_a_list_once_and_its_entry_is_updated() {
    let scene = Scene::start().await;
    let keys = "write = \"entry\"\nlist = \"sales_pipeline\"\nvalues = { stage = \"Signed\" }";
    let (first, second) = scene.perform_twice(keys, &job(&stage_changed(&ines()))).await;
    assert_eq!((types(&first), second.len()), (vec!["list-entry.updated"], 0));
    assert_eq!(first[0]["id"]["list_id"], SALES_PIPELINE);
    let requests = scene.attio.requests_to("PUT", "/v2/lists/sales_pipeline/entries");
    let data = json!({
        "parent_record_id": DEAL, "parent_object": DEALS, "entry_values": {"stage": ["Signed"]},
    });
    assert_eq!(requests[0].body, json!({"data": data}));

    let scene = Scene::start().await;
    let made = scene.attio.by(attio_relay::http::fake_attio::Actor::member(INES));
    let owner = json!({"referenced_actor_type": "workspace-member", "referenced_actor_id": INES});
    let new = json!({"name": "New", "stage": "Lead", "owner": owner});
    let new = made.create_record("deals", &new).unwrap();
    let mut event = stage_changed(&ines());
    event["id"]["record_id"] = new.into();
    let before = scene.attio.events().len();
    let (first, second) = scene.perform_twice(keys, &job(&event)).await;
    assert_eq!((types(&first[before..]), second.len()), (vec!["list-entry.created"], 0));
}

#[tokio::test]
async fn a_note_is_written_about_the_record() {
    let scene = Scene::start().await;
    let keys = "write = \"note\"\ntitle = \"Won: {{ record.name }}\"\nformat = \"markdown\"\n\
                content = \"**{{ record.name }}** is won\"";
    scene.perform(keys, &about(json!({"name": "Crane"}))).await.unwrap();
    let note = scene.attio.notes().pop().unwrap();
    assert_eq!((&note["title"], &note["parent_record_id"]), (&json!("Won: Crane"), &json!(DEAL)));
    assert_eq!(note["content_plaintext"], "Crane is won");
    assert_eq!(scene.sent("POST", "/v2/notes")["format"], "markdown");
}

#[tokio::test]
async fn a_task_is_made_about_the_record_for_members_by_id_and_by_e_mail() {
    let scene = Scene::start().await;
    let email = scene.attio.get("/v2/workspace_members").await.data();
    let email = email[0]["email_address"].clone();
    let keys = "write = \"task\"\ncontent = \"Call {{ record.name }}\"\n\
                deadline = \"{{ record.due }}\"\n\
                assignees = [\"{{ record.owner.id }}\", \"{{ record.email }}\", \"{{ record.nobody }}\"]";
    let record = json!({
        "name": "Crane", "due": "2026-11-30T09:00:00Z", "owner": {"id": TOMASZ}, "email": email,
        "nobody": null,
    });
    scene.perform(keys, &about(record)).await.unwrap();
    let sent = scene.sent("POST", "/v2/tasks");
    assert_eq!(
        sent,
        json!({
            "content": "Call Crane", "format": "plaintext", "deadline_at": "2026-11-30T09:00:00Z",
            "is_completed": false,
            "linked_records": [{"target_object": DEALS, "target_record_id": DEAL}],
            "assignees": [
                {"referenced_actor_type": "workspace-member", "referenced_actor_id": TOMASZ},
                {"workspace_member_email_address": email},
            ],
        })
    );
    assert_eq!(scene.attio.tasks().last().unwrap()["content_plaintext"], "Call Crane");
}

#[tokio::test]
async fn a_task_needs_neither_record_nor_deadline() {
    let scene = Scene::start().await;
    let mut event = stage_changed(&ines());
    event["event_type"] = "workspace-member.created".into();
    scene.perform("write = \"task\"\ncontent = \"Welcome\"", &job(&event)).await.unwrap();
    let sent = scene.sent("POST", "/v2/tasks");
    assert_eq!((&sent["linked_records"], &sent["deadline_at"]), (&json!([]), &Value::Null));
}

#[tokio::test]
async fn a_comment_is_made_in_a_members_name() {
    let scene = Scene::start().await;
    let keys = format!(
        "write = \"comment\"\nobject = \"deals\"\nrecord = \"{DEAL}\"\nauthor = \"{INES}\"\n\
         content = \"Billing knows\""
    );
    let mut event = stage_changed(&ines());
    event["event_type"] = "task.created".into();
    scene.perform(&keys, &job(&event)).await.unwrap();
    let comment = scene.attio.comments().pop().unwrap();
    assert_eq!(comment["author"], json!({"type": "workspace-member", "id": INES}));
    assert_eq!(comment["record"]["record_id"], DEAL);
    assert_eq!(comment["content_plaintext"], "Billing knows");
}

#[tokio::test]
async fn nothing_is_written_where_nothing_says_to_what() {
    let scene = Scene::start().await;
    for keys in [
        "write = \"update\"\nrecord = \"{{ record.none }}\"\nvalues = { name = \"x\" }",
        "write = \"record\"\nobject = \"companies\"\nvalues = { domains = \"{{ record.none }}\" }",
    ] {
        let result = scene.perform(keys, &about(json!({"none": null}))).await;
        let Err(attio_relay::action::ActionError::Skipped(why)) = result else {
            panic!("not skipped: {result:?}")
        };
        assert!(why.contains("is empty"), "{why}");
    }
    assert!(scene.attio.requests_to("PUT", DEAL_PATH).is_empty());
    assert!(scene.attio.events().is_empty());
}
