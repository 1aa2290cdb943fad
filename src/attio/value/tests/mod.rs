//! Every recorded answer with values, made plain.

use std::path::Path;

use super::*;
use crate::attio::catalog::{Identity, List, Object};

fn fixture(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/api").join(name);
    let answer: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    answer["data"].clone()
}

fn catalog() -> Catalog {
    let object = |id: &str, slug: &str| Object {
        id: id.to_owned(),
        slug: slug.to_owned(),
        attributes: None,
    };
    Catalog {
        identity: Some(Identity {
            workspace_slug: "harbour-lane".to_owned(),
            ..Identity::default()
        }),
        objects: vec![
            object("57503590-1092-4cbb-9fc4-f253925f1244", "deals"),
            object("cc9f97e2-c110-4aa1-a732-21f4f69ebdc1", "people"),
        ],
        lists: vec![List {
            id: "7c286440-7285-467c-8be6-47be43b0e30a".to_owned(),
            slug: "sales_pipeline".to_owned(),
            parent_objects: vec!["deals".to_owned()],
            attributes: None,
        }],
    }
}

const DEAL: &str = "04162223-4cbb-465a-9aa1-70815956f705";
const LEONIE: &str = "3307f9de-fba3-417e-8217-6901c719a24a";
const TOMASZ: &str = "d11da930-2c90-4e73-8025-3c50f5b1da3d";

#[test]
fn every_attribute_of_a_deal_is_plain() {
    let member = json!({"type": "workspace-member", "id": "57ba5b8d-fe49-4ae4-848f-7b28a3915d48"});
    let person = |id: &str| json!({"object": "people", "record_id": id});
    let expected = json!({
        "id": DEAL,
        "object": "deals",
        "url": format!("https://app.attio.com/harbour-lane/deal/{DEAL}"),
        "created_at": "2026-09-01T10:02:11.004000000Z",
        "record_id": DEAL,
        "name": "Harbour crane retrofit – phase 2",
        "stage": "Won 🎉",
        "owner": member,
        "value": {"amount": 48500, "currency": "EUR"},
        "associated_people": [person(LEONIE), person("2829bc85-afef-4b9f-95df-f81806cdc5da")],
        "associated_company":
            {"object": "companies", "record_id": "79930ffc-d1c0-499b-96c8-5500f3873b33"},
        "priority": "High",
        "close_date": "2026-12-18",
        "next_check_in": "2026-11-25T13:30:00.000000000Z",
        "fit_score": 4,
        "created_by": member,
    });
    assert_eq!(record(&fixture("get-record.deal.json"), &catalog()), expected);
}

#[test]
fn every_attribute_of_a_person_is_plain() {
    let plain = record(&fixture("get-record.person.json"), &catalog());
    assert_eq!(plain["object"], "people");
    assert_eq!(
        plain["name"],
        json!({
            "first_name": "Léonie",
            "last_name": "Bäcker-Sørensen",
            "full_name": "Léonie Bäcker-Sørensen",
        })
    );
    assert_eq!(plain["email_addresses"], "leonie@ops.quayworks.example");
    assert_eq!(plain["phone_numbers"], "+4930901820");
    let location = plain["primary_location"].as_object().unwrap();
    let names: Vec<_> = location.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "country_code",
            "latitude",
            "line_1",
            "line_2",
            "line_3",
            "line_4",
            "locality",
            "longitude",
            "postcode",
            "region"
        ]
    );
    assert_eq!(plain["last_email_interaction"]["owner"]["id"], TOMASZ);
    assert_eq!(plain["last_email_interaction"]["at"], "2026-11-17T11:09:00.000000000Z");
    assert_eq!(plain["last_email_interaction"]["type"], "email");
    assert_eq!(plain["created_by"], json!({"type": "system", "id": null}));
}

#[test]
fn every_attribute_of_a_company_is_plain() {
    let plain = record(&fixture("get-record.company.json"), &Catalog::default());
    assert_eq!(plain["domains"], json!(["quayworks.example", "de.quayworks.example"]));
    assert_eq!(plain["categories"], json!(["Logistics", "Manufacturing"]));
    assert_eq!(plain["team"], json!({"object": "people", "record_id": LEONIE}));
    assert_eq!(plain["is_key_account"], true);
    assert_eq!(plain["fleet_size"], 17);
    // The catalog does not know its slug.
    assert_eq!(plain["object"], "ee170cbe-4bad-40ed-8184-5ea0cbe2a754");
}

#[test]
fn an_attribute_without_a_value_is_null() {
    let plain = entry(&fixture("get-list-entry.json"), &catalog());
    assert_eq!(plain["due_on"], Value::Null);
    assert!(plain.as_object().unwrap().contains_key("due_on"));
}

#[test]
fn an_entry_names_its_list_and_its_parent() {
    let plain = entry(&fixture("get-list-entry.json"), &catalog());
    assert_eq!(plain["id"], "91178188-5fbb-461e-bb17-b0c79f02647f");
    assert_eq!(plain["list"], "sales_pipeline");
    assert_eq!(plain["parent"], json!({"object": "deals", "record_id": DEAL}));
    assert_eq!(plain["url"], format!("https://app.attio.com/harbour-lane/deal/{DEAL}"));
    assert_eq!(plain["stage"], "In legal review");
    assert_eq!(plain["amount"], json!({"amount": 48500, "currency": "EUR"}));
}

#[test]
fn a_records_address_is_built_where_attio_gives_none() {
    let mut answer = fixture("get-record.deal.json");
    answer["web_url"] = Value::Null;
    let url = |catalog: &Catalog| record(&answer, catalog)["url"].clone();
    assert_eq!(url(&catalog()), format!("https://app.attio.com/harbour-lane/deal/{DEAL}"));
    assert_eq!(url(&Catalog::default()), Value::Null);
}

#[test]
fn amounts_may_come_as_text_and_choices_as_bare_ids() {
    let plain = |value: Value| item(&value);
    let amount = |value: Value| {
        plain(json!({"attribute_type": "currency", "currency_value": value, "currency_code": null}))
    };
    assert_eq!(amount(json!("12000.50")), json!({"amount": 12000.5, "currency": null}));
    assert_eq!(amount(json!("12000")), json!({"amount": 12000, "currency": null}));
    assert_eq!(amount(json!("much")), json!({"amount": "much", "currency": null}));
    assert_eq!(plain(json!({"attribute_type": "status", "status": "97eb"})), "97eb");
    assert_eq!(plain(json!({"attribute_type": "select", "option": "b5ab"})), "b5ab");
}

#[test]
fn a_type_that_came_later_is_passed_on_without_bookkeeping() {
    let value = json!({
        "active_from": "2026-09-14T09:14:22Z", "active_until": null, "created_by_actor": {},
        "attribute_type": "duration", "duration": "P1D", "unit": "day",
    });
    assert_eq!(item(&value), json!({"duration": "P1D", "unit": "day"}));
}

#[test]
fn the_former_value_is_the_one_before_the_change_that_the_event_is_about() {
    let mut history = fixture("list-attribute-values.deal-stage-history.json");
    let history = history.as_array_mut().unwrap();
    let at = |moment: &str| OffsetDateTime::parse(moment, &Rfc3339).unwrap();
    for _ in 0..2 {
        assert_eq!(former(history, at("2026-11-02T16:40:07Z")), "In Progress");
        // Our clock is a little behind Attio's.
        assert_eq!(former(history, at("2026-11-02T16:40:04Z")), "In Progress");
        // Decided late: the deal was won meanwhile.
        assert_eq!(former(history, at("2026-10-06T09:48:58Z")), "Lead");
        assert_eq!(former(history, at("2026-09-01T10:02:12Z")), Value::Null);
        assert_eq!(former(history, at("2026-08-01T00:00:00Z")), Value::Null);
        history.reverse();
    }
    assert_eq!(former(&[], at("2026-09-01T10:02:12Z")), Value::Null);
}

#[test]
fn the_former_value_of_what_was_cleared_or_held_several_values() {
    let value = |value: &str, from: &str, until: Option<&str>| json!({"attribute_type": "text", "value": value, "active_from": from, "active_until": until});
    let (one, two, three) =
        ("2026-01-01T00:00:01Z", "2026-01-01T00:00:02Z", "2026-01-01T00:00:03Z");
    let at = OffsetDateTime::parse("2026-02-01T00:00:00Z", &Rfc3339).unwrap();
    assert_eq!(former(&[value("a", one, Some(two))], at), "a");
    let several = [value("b", two, None), value("a", one, None), value("c", three, None)];
    assert_eq!(former(&several, at), json!(["a", "b"]));
}

#[test]
fn notes_tasks_comments_and_recordings_are_plain() {
    let note = thing(&fixture("get-note.json"), &catalog());
    assert_eq!(note["id"], "384e4e47-c948-4f92-bbb4-e4e8e7f0d019");
    assert_eq!(note["title"], "Site visit");
    assert_eq!(note["parent"], json!({"object": "deals", "record_id": DEAL}));
    assert_eq!(note["created_by_actor"]["id"], TOMASZ);
    let task = thing(&fixture("get-task.json"), &catalog());
    assert_eq!(task["linked_records"], json!([{"object": "deals", "record_id": DEAL}]));
    assert_eq!(task["assignees"], json!([{"type": "workspace-member", "id": TOMASZ}]));
    assert_eq!(task["is_completed"], false);
    let comment = thing(&fixture("get-comment.json"), &catalog());
    assert_eq!(comment["record"], json!({"object": "deals", "record_id": DEAL}));
    assert_eq!((&comment["entry"], &comment["resolved_by"]), (&Value::Null, &Value::Null));
    let comment = thing(&fixture("get-comment.on-entry.json"), &catalog());
    assert_eq!(comment["entry"]["list"], "sales_pipeline");
    assert_eq!(comment["resolved_by"]["id"], TOMASZ);
    let recording = thing(&fixture("get-call-recording.json"), &catalog());
    assert_eq!(recording["id"], "099380ab-0059-432c-a027-24cc9b878f10");
    assert_eq!(recording["meeting_id"], "1d945262-d02f-43b2-ab99-45904cbbe772");
    assert_eq!(recording["status"], "completed");
    let meeting = thing(&fixture("list-meetings.page-1.json")[0], &catalog());
    assert_eq!(meeting["id"], "1d945262-d02f-43b2-ab99-45904cbbe772");
    assert_eq!(meeting["linked_records"], json!([{"object": "people", "record_id": LEONIE}]));
}

#[test]
fn an_actor_has_a_name_and_an_address_where_it_is_a_member() {
    let member = fixture("get-workspace-member.json");
    let plain = actor(Some("workspace-member"), Some(TOMASZ), Some(&member));
    let expected = json!({
        "type": "workspace-member", "id": TOMASZ,
        "name": "Tomasz Wren", "email": "tomasz@harbourlane.example",
    });
    assert_eq!(plain, expected);
    let nobody = json!({"type": "system", "id": null, "name": null, "email": null});
    assert_eq!(actor(Some("system"), None, None), nobody);
}
