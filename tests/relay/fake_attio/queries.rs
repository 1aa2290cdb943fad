//! Filters, sorting and pages.

use attio_relay::http::fake_attio::{Actor, DEAL, INES};
use serde_json::{Value, json};

use crate::support::fake_attio::TestAttio;

const OTHERS: [&str; 2] =
    ["a5b8b63b-96c1-4dbb-bc5c-d8ecb622c0cb", "69ae43ed-14af-46df-b9bd-bf17f1cf0ae0"];

async fn deals(attio: &TestAttio, query: Value) -> Vec<Value> {
    let found = attio.post("/v2/objects/deals/records/query", &query).await.data();
    found.as_array().unwrap().iter().map(|deal| deal["id"]["record_id"].clone()).collect()
}

#[tokio::test]
async fn records_are_found_by_what_they_are() {
    let attio = TestAttio::start().await;
    let cases = [
        (json!({"stage": "Won 🎉"}), vec![DEAL]),
        (json!({"stage": {"status": {"$eq": "Lead"}}}), vec![OTHERS[1]]),
        (json!({"value": {"currency_value": {"$gte": 12900.5}}}), vec![DEAL, OTHERS[0]]),
        (json!({"record_id": {"$in": [OTHERS[0]]}}), vec![OTHERS[0]]),
        (json!({"name": {"$contains": "crane"}}), vec![DEAL]),
        (json!({"$or": [{"stage": "Lead"}, {"stage": "Won 🎉"}]}), vec![DEAL, OTHERS[1]]),
        (json!({"$not": {"stage": "Lead"}, "fit_score": 4}), vec![DEAL, OTHERS[0]]),
        (json!({"associated_people": {"$not_empty": true}}), vec![DEAL, OTHERS[0]]),
        (json!({"created_at": {"$gt": "2026-09-01T10:02:11.004Z"}}), vec![]),
        (
            json!({"created_at": {"$gte": "2026-09-01T12:02:11.004+02:00"}}),
            vec![DEAL, OTHERS[0], OTHERS[1]],
        ),
    ];
    for (filter, wanted) in cases {
        assert_eq!(deals(&attio, json!({"filter": filter})).await, wanted, "{filter}");
    }
}

#[tokio::test]
async fn what_is_new_since_a_moment_is_found() {
    let attio = TestAttio::start().await;
    let since = "2026-10-01T00:00:00Z";
    let values = json!({"name": "Dry dock", "stage": "Lead", "owner": "ines@harbourlane.example"});
    let id = attio.by(Actor::member(INES)).create_record("deals", &values).unwrap();
    let query = json!({"filter": {"created_at": {"$gte": since}}});
    assert_eq!(deals(&attio, query).await, [id.as_str()]);

    let entry = attio.by(Actor::member(INES));
    let entry = entry.add_to_list("sales_pipeline", "deals", &id, &json!({"stage": "Signed"}));
    let query = json!({"filter": {"created_at": {"$gte": since}}});
    let found = attio.post("/v2/lists/sales_pipeline/entries/query", &query).await.data();
    assert_eq!(found.as_array().unwrap().len(), 1);
    assert_eq!(found[0]["id"]["entry_id"], entry.unwrap().as_str());
}

#[tokio::test]
async fn records_are_sorted_and_paged() {
    let attio = TestAttio::start().await;
    let by_value = json!([{"attribute": "value", "field": "currency_value", "direction": "desc"}]);
    let page = |offset| json!({"sorts": by_value, "limit": 2, "offset": offset});
    assert_eq!(deals(&attio, page(0)).await, [DEAL, OTHERS[0]]);
    assert_eq!(deals(&attio, page(2)).await, [OTHERS[1]]);
}

#[tokio::test]
async fn what_is_not_understood_is_refused() {
    let attio = TestAttio::start().await;
    for filter in
        [json!({"no_such": 1}), json!({"name": {"$like": "x"}}), json!({"$and": 1}), json!([])]
    {
        let answer =
            attio.post("/v2/objects/deals/records/query", &json!({"filter": filter})).await;
        assert_eq!(answer.error(), (400, "filter_error"), "{filter}");
    }
    let answer = attio.post("/v2/objects/deals/records/query", &json!({"limit": 501})).await;
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn long_lists_are_paged_by_offset() {
    let attio = TestAttio::start().await;
    for number in 0..12 {
        let ines = attio.by(Actor::member(INES));
        ines.write_note("deals", DEAL, &format!("Note {number}"), "text").unwrap();
        ines.add_task("deals", DEAL, &format!("Task {number}")).unwrap();
    }
    let count = async |path| attio.get(path).await.data().as_array().unwrap().len();
    assert_eq!(count("/v2/notes").await, 10);
    assert_eq!(count("/v2/notes?limit=50&offset=10").await, 3);
    assert_eq!(attio.get("/v2/notes?limit=51").await.status, 400);
    assert_eq!(count("/v2/tasks").await, 13);
    assert_eq!(count("/v2/tasks?limit=5&offset=10").await, 3);
    let newest = attio.get("/v2/tasks?sort=created_at:desc&limit=1").await.data();
    assert_eq!(newest[0]["content_plaintext"], "Task 11");
    assert_eq!(count("/v2/objects/deals/attributes?limit=5&offset=10").await, 3);
    assert_eq!(count("/v2/objects/deals/attributes?show_archived=true").await, 14);
}
