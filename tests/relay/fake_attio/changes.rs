//! What is written is kept, in the forms and by the rules of Attio.

use attio_relay::http::fake_attio::{Actor, COMPANY, DEAL, ENTRY, INES, Options, PERSON, TOMASZ};
use serde_json::{Value, json};

use crate::support::fake_attio::TestAttio;

fn values(values: &Value) -> Value {
    json!({"data": {"values": values}})
}

fn deal() -> String {
    format!("/v2/objects/deals/records/{DEAL}")
}

async fn stage_history(attio: &TestAttio) -> Vec<Value> {
    let path = format!("{}/attributes/stage/values?show_historic=true", deal());
    attio.get(&path).await.data().as_array().unwrap().clone()
}

#[tokio::test]
async fn history_keeps_former_values() {
    let attio = TestAttio::start().await;
    attio.patch(&deal(), &values(&json!({"stage": "Lost"}))).await.ok();
    attio.by(Actor::member(TOMASZ)).set_value("deals", DEAL, "stage", "Lead").unwrap();
    let history = stage_history(&attio).await;
    let titles: Vec<_> = history.iter().map(|value| value["status"]["title"].clone()).collect();
    assert_eq!(titles, ["Lead", "In Progress", "Won 🎉", "Lost", "Lead"]);
    for pair in history.windows(2) {
        assert_eq!(pair[0]["active_until"], pair[1]["active_from"]);
    }
    assert_eq!(history[3]["created_by_actor"]["id"], json!(attio.token_actor().id));
    assert_eq!(history[4]["created_by_actor"]["id"], TOMASZ);
    let now = attio.get(&format!("{}/attributes/stage/values", deal())).await.data();
    assert_eq!(now.as_array().unwrap().len(), 1);
    assert_eq!(attio.get(&deal()).await.data()["values"]["stage"], now);
}

#[tokio::test]
async fn what_is_there_already_makes_no_history_unless_asked_for() {
    let attio = TestAttio::start().await;
    let again = values(&json!({"stage": ["Won 🎉"], "fit_score": 4}));
    attio.patch(&deal(), &again).await.ok();
    assert_eq!((stage_history(&attio).await.len(), attio.events().len()), (3, 0));

    let options = Options { repeats_are_changes: true, ..Options::default() };
    let attio = TestAttio::with(options).await;
    attio.patch(&deal(), &again).await.ok();
    assert_eq!((stage_history(&attio).await.len(), attio.events().len()), (4, 2));
}

#[tokio::test]
async fn patch_adds_to_several_values_and_put_replaces_them() {
    let attio = TestAttio::start().await;
    let company = format!("/v2/objects/companies/records/{COMPANY}");
    let domains = |answer: &Value| -> Vec<Value> {
        let all = answer["values"]["domains"].as_array().unwrap();
        all.iter().map(|value| value["domain"].clone()).collect()
    };
    let new = values(&json!({"domains": ["quayworks.test"]}));
    let added = attio.patch(&company, &new).await.data();
    assert_eq!(domains(&added), ["quayworks.example", "de.quayworks.example", "quayworks.test"]);
    let replaced = attio.put(&company, &new).await.data();
    assert_eq!(domains(&replaced), ["quayworks.test"]);
}

#[tokio::test]
async fn a_record_is_made_or_updated_by_a_unique_attribute() {
    let attio = TestAttio::start().await;
    let path = "/v2/objects/people/records?matching_attribute=email_addresses";
    let person = |title: &str| {
        values(&json!({"email_addresses": ["Noor@tideline.example"], "job_title": title}))
    };
    let made = attio.put(path, &person("Pilot")).await.data();
    let updated = attio.put(path, &person("Harbour master")).await.data();
    assert_eq!(updated["id"], made["id"]);
    assert_eq!(updated["values"]["job_title"][0]["value"], "Harbour master");
    assert_eq!(updated["values"]["email_addresses"][0]["email_address"], "noor@tideline.example");
    assert_eq!(attio.records("people").unwrap().len(), 3);

    let both = ["leonie@ops.quayworks.example", "noor@tideline.example"];
    let ambiguous = values(&json!({"email_addresses": both}));
    assert_eq!(attio.put(path, &ambiguous).await.error(), (400, "multiple_match_results"));
    let without = values(&json!({"job_title": "Pilot"}));
    assert_eq!(attio.put(path, &without).await.error(), (400, "missing_value"));
    let not_unique = "/v2/objects/people/records?matching_attribute=job_title";
    assert_eq!(attio.put(not_unique, &without).await.error(), (400, "value_not_found"));
}

#[tokio::test]
async fn matching_by_a_domain_keeps_the_other_domains_and_replaces_other_values() {
    let attio = TestAttio::start().await;
    let body = values(&json!({"domains": ["quayworks.example"], "categories": ["Logistics"]}));
    let path = "/v2/objects/companies/records?matching_attribute=domains";
    let company = attio.put(path, &body).await.data();
    assert_eq!(company["id"]["record_id"], COMPANY);
    assert_eq!(company["values"]["domains"].as_array().unwrap().len(), 2);
    assert_eq!(company["values"]["categories"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_unique_value_cannot_be_had_twice() {
    let attio = TestAttio::start().await;
    let shipment = values(&json!({"reference": "S-1"}));
    attio.post("/v2/objects/shipments/records", &shipment).await.ok();
    let second = attio.post("/v2/objects/shipments/records", &shipment).await;
    assert_eq!(second.error(), (409, "uniqueness_conflict"));
    assert_eq!(attio.records("shipments").unwrap().len(), 1);
}

#[tokio::test]
async fn every_type_of_attribute_takes_its_forms() {
    let attio = TestAttio::start().await;
    let forms = [
        ("name", json!([{"value": "Quay wall"}]), json!({"value": "Quay wall"})),
        ("value", json!(12.5), json!({"currency_value": 12.5, "currency_code": "EUR"})),
        (
            "value",
            json!({"currency_value": "7", "currency_code": "USD"}),
            json!({"currency_value": 7, "currency_code": "USD"}),
        ),
        ("close_date", json!("2027-01-31"), json!({"value": "2027-01-31"})),
        (
            "next_check_in",
            json!("2027-01-31T10:00:00+01:00"),
            json!({"value": "2027-01-31T09:00:00.000000000Z"}),
        ),
        ("fit_score", json!(2), json!({"value": 2})),
        (
            "owner",
            json!("tomasz@harbourlane.example"),
            json!({"referenced_actor_type": "workspace-member", "referenced_actor_id": TOMASZ}),
        ),
        (
            "owner",
            json!([{"referenced_actor_type": "workspace-member", "referenced_actor_id": INES}]),
            json!({"referenced_actor_id": INES}),
        ),
        (
            "associated_company",
            json!("tideline.example"),
            json!({"target_record_id": "8531d649-4789-49ef-9a98-54d9a57341da"}),
        ),
        (
            "associated_company",
            json!([{"target_object": "companies", "target_record_id": COMPANY}]),
            json!({"target_object": "companies", "target_record_id": COMPANY}),
        ),
        (
            "associated_people",
            json!([{"target_object": "people", "email_addresses": [
                {"email_address": "leonie@ops.quayworks.example"}]}]),
            json!({"target_record_id": PERSON}),
        ),
    ];
    for (attribute, written, kept) in forms {
        attio.by(Actor::member(INES)).set_value("deals", DEAL, attribute, written).unwrap();
        let found = attio.record("deals", DEAL).unwrap()["values"][attribute][0].clone();
        for (field, value) in kept.as_object().unwrap() {
            assert_eq!(found[field], *value, "{attribute}: {found}");
        }
    }
    let person = json!({
        "name": "Bergström, Ida", "phone_numbers": ["+49 40 1234"],
        "primary_location": {"locality": "Kiel", "country_code": "DE"},
    });
    let id = attio.by(Actor::member(INES)).create_record("people", &person).unwrap();
    let person = &attio.record("people", &id).unwrap()["values"];
    assert_eq!(person["name"][0]["full_name"], "Ida Bergström");
    assert_eq!(person["phone_numbers"][0]["country_code"], "DE");
    assert_eq!(person["primary_location"][0]["locality"], "Kiel");
    assert_eq!(person["created_by"][0]["referenced_actor_id"], INES);
    assert_eq!(person["record_id"][0]["value"], id.as_str());
}

#[tokio::test]
async fn what_attio_would_not_take_changes_nothing() {
    let attio = TestAttio::start().await;
    let refused = [
        (json!({"stage": "Perhaps"}), "value_not_found"),
        (json!({"no_such": 1}), "value_not_found"),
        (json!({"fit_score": 6}), "validation_type"),
        (json!({"close_date": "31.1.2027"}), "validation_type"),
        (json!({"value": [1, 2]}), "validation_type"),
        (json!({"created_at": "2027-01-31"}), "immutable_value"),
        (json!({"associated_company": "nobody.example"}), "value_not_found"),
    ];
    for (mut wrong, code) in refused {
        wrong["name"] = "New name".into();
        assert_eq!(attio.patch(&deal(), &values(&wrong)).await.error(), (400, code), "{wrong}");
    }
    let unnamed = values(&json!({"stage": "Lead", "owner": "ines@harbourlane.example"}));
    let answer = attio.post("/v2/objects/deals/records", &unnamed).await;
    assert_eq!(answer.error(), (400, "missing_value"));
    assert_eq!(attio.patch(&deal(), &json!({"values": {}})).await.status, 400);
    assert!(attio.events().is_empty());
}

#[tokio::test]
async fn a_new_record_has_the_usual_values() {
    let attio = TestAttio::start().await;
    let values = json!({"name": "Dry dock", "stage": "Lead", "owner": "ines@harbourlane.example"});
    let id = attio.by(Actor::member(INES)).create_record("deals", &values).unwrap();
    let deal = attio.record("deals", &id).unwrap();
    assert_eq!(deal["values"]["priority"][0]["option"]["title"], "Medium");
    assert_eq!(deal["values"]["value"], json!([]));
}

#[tokio::test]
async fn an_entry_is_made_once_for_a_record_and_updated_after_that() {
    let attio = TestAttio::start().await;
    let other = "a5b8b63b-96c1-4dbb-bc5c-d8ecb622c0cb";
    let entry = |stage: &str| {
        json!({"data": {
            "parent_object": "deals", "parent_record_id": other, "entry_values": {"stage": stage},
        }})
    };
    let path = "/v2/lists/sales_pipeline/entries";
    let made = attio.put(path, &entry("Prospecting")).await.data();
    let updated = attio.put(path, &entry("Signed")).await.data();
    assert_eq!(updated["id"], made["id"]);
    assert_eq!(updated["entry_values"]["stage"][0]["status"]["title"], "Signed");
    let on = attio.get(&format!("/v2/objects/deals/records/{other}/entries")).await.data();
    assert_eq!(on[0]["entry_id"], made["id"]["entry_id"]);

    attio.post(path, &entry("Signed")).await.ok();
    assert_eq!(attio.put(path, &entry("Signed")).await.error(), (400, "multiple_match_results"));
    assert_eq!(attio.entries("sales_pipeline").unwrap().len(), 3);
}

#[tokio::test]
async fn an_entry_is_updated_by_its_id() {
    let attio = TestAttio::start().await;
    let path = format!("/v2/lists/sales_pipeline/entries/{ENTRY}");
    let body = json!({"data": {"entry_values": {"amount": 50000}}});
    let entry = attio.patch(&path, &body).await.data();
    assert_eq!(entry["entry_values"]["amount"][0]["currency_value"], 50000);
    let history = format!("{path}/attributes/amount/values?show_historic=true");
    assert_eq!(attio.get(&history).await.data().as_array().unwrap().len(), 2);
}
