//! Webhooks: kept by Attio's rules, and really sent.

use std::time::Duration;

use attio_relay::{
    http::fake_attio::{Actor, DEAL, DEAL_STAGE, DEALS, Delivery, INES, SALES_PIPELINE},
    signature,
};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::{
    client::{PATIENCE, SECRET},
    fake_attio::TestAttio,
    sink::{Reply, Sink},
};

fn webhook(url: &str, subscriptions: &Value) -> Value {
    json!({"data": {"target_url": url, "subscriptions": subscriptions}})
}

fn url(sink: &Sink) -> String {
    format!("http://{}/webhooks/attio", sink.address)
}

async fn quiet(attio: &TestAttio) {
    assert!(timeout(PATIENCE, attio.wait_until_quiet()).await.is_ok(), "{:?}", attio.messages());
}

#[tokio::test]
async fn a_write_arrives_at_the_webhook_signed_with_the_secret_that_was_told_once() {
    let (attio, sink) = (TestAttio::start().await, Sink::start().await);
    let subscriptions = json!([{"event_type": "record.updated", "filter": null}]);
    let made = attio.post("/v2/webhooks", &webhook(&url(&sink), &subscriptions)).await.data();
    let id = made["id"]["webhook_id"].as_str().unwrap();
    let shown = attio.get(&format!("/v2/webhooks/{id}")).await.data();
    assert_eq!(shown.get("secret"), None);

    let body = json!({"data": {"values": {"stage": "Lost"}}});
    attio.patch(&format!("/v2/objects/deals/records/{DEAL}"), &body).await.ok();
    quiet(&attio).await;
    let received = sink.only();
    let secret = made["secret"].as_str().unwrap().into();
    let signature = signature::sign(&secret, &received.body);
    assert_eq!(received.header("attio-signature"), signature);
    assert_eq!(received.header("x-attio-signature"), signature);
    assert_eq!(received.header("content-type"), "application/json");
    assert_eq!(received.json(), json!({"webhook_id": id, "events": attio.events()}));
    assert!(!received.body.contains(&b'\n'), "the envelope is compact");
}

#[tokio::test]
async fn who_answers_every_event_with_a_write_is_sent_round_in_circles() {
    let (attio, sink) = (TestAttio::start().await, Sink::start().await);
    attio.add_webhook(&url(&sink), SECRET, None);
    attio.by(Actor::member(INES)).set_value("deals", DEAL, "name", "round 0").unwrap();
    for round in 1..4 {
        sink.wait_until_taken(round).await;
        let body = json!({"data": {"values": {"name": format!("round {round}")}}});
        attio.patch(&format!("/v2/objects/deals/records/{DEAL}"), &body).await.ok();
    }
    sink.wait_until_taken(4).await;
    let actors: Vec<_> =
        sink.taken().iter().map(|it| it.json()["events"][0]["actor"]["type"].clone()).collect();
    assert_eq!(actors, ["workspace-member", "api-token", "api-token", "api-token"]);
}

#[tokio::test]
async fn what_is_not_answered_2xx_comes_again_with_the_same_key_and_another_message_with_another() {
    let (attio, sink) = (TestAttio::start().await, Sink::start().await);
    sink.next(2, &Reply::Status(503));
    attio.add_webhook(&url(&sink), SECRET, None);
    let ines = attio.by(Actor::member(INES));
    ines.set_value("deals", DEAL, "stage", "Lost").unwrap();
    quiet(&attio).await;
    ines.set_value("deals", DEAL, "stage", "Lead").unwrap();
    quiet(&attio).await;
    let keys: Vec<_> = sink.received().iter().map(|request| request.key().to_owned()).collect();
    assert_eq!(keys.len(), 4);
    assert!(keys[0] == keys[1] && keys[1] == keys[2] && keys[2] != keys[3], "{keys:?}");
    let first = &attio.messages()[0];
    assert_eq!(first.tries, [Some(503), Some(503), Some(200)]);
    assert_eq!((first.delivery, first.key.as_str()), (Delivery::Taken, keys[0].as_str()));
}

#[tokio::test]
async fn a_webhook_that_takes_nothing_becomes_degraded_and_an_inactive_one_gets_nothing() {
    let (attio, sink) = (TestAttio::start().await, Sink::start().await);
    attio.set_retries(1, Duration::from_millis(1));
    sink.next(2, &Reply::Status(500));
    let id = attio.add_webhook(&url(&sink), SECRET, None);
    let ines = attio.by(Actor::member(INES));
    ines.set_value("deals", DEAL, "stage", "Lost").unwrap();
    quiet(&attio).await;
    assert_eq!(attio.messages()[0].delivery, Delivery::GivenUp);
    assert_eq!(attio.get("/v2/webhooks").await.data()[0]["status"], "degraded");

    ines.set_value("deals", DEAL, "stage", "Lead").unwrap();
    quiet(&attio).await;
    assert_eq!(sink.taken().len(), 1, "a degraded webhook still gets events");
    attio.set_webhook_status(&id, "inactive").unwrap();
    ines.set_value("deals", DEAL, "stage", "Lost").unwrap();
    assert_eq!((attio.messages().len(), attio.events().len()), (2, 3));
}

#[tokio::test]
async fn a_webhook_gets_what_its_filters_let_through() {
    let (attio, sink) = (TestAttio::start().await, Sink::start().await);
    let condition = |field: &str, operator: &str, value: &str| json!({"field": field, "operator": operator, "value": value});
    let subscriptions = json!([
        {"event_type": "record.updated", "filter": {"$and": [
            condition("id.object_id", "equals", DEALS),
            condition("id.attribute_id", "equals", DEAL_STAGE),
        ]}},
        {"event_type": "list-entry.created", "filter": {"$or": [
            condition("id.list_id", "equals", SALES_PIPELINE),
            condition("id.list_id", "equals", "another list"),
        ]}},
        {"event_type": "note.created", "filter": {"$and": [
            condition("actor.type", "not_equals", "api-token"),
        ]}},
    ]);
    attio.post("/v2/webhooks", &webhook(&url(&sink), &subscriptions)).await.ok();
    let ines = attio.by(Actor::member(INES));
    ines.set_value("deals", DEAL, "stage", "Lost").unwrap();
    ines.set_value("deals", DEAL, "fit_score", 1).unwrap();
    ines.add_to_list("sales_pipeline", "deals", DEAL, &json!({"stage": "Signed"})).unwrap();
    ines.write_note("deals", DEAL, "Title", "Text").unwrap();
    attio.by(attio.token_actor()).write_note("deals", DEAL, "Title", "Text").unwrap();
    ines.add_task("deals", DEAL, "Nobody listens").unwrap();
    quiet(&attio).await;
    let sent: Vec<_> = attio.messages().iter().map(|it| it.event["event_type"].clone()).collect();
    assert_eq!(sent, ["record.updated", "list-entry.created", "note.created"]);
    assert_eq!((sink.taken().len(), attio.events().len()), (3, 6));
}

#[tokio::test]
async fn a_message_can_be_held_back_and_released_or_lost() {
    let (attio, sink) = (TestAttio::start().await, Sink::start().await);
    attio.add_webhook(&url(&sink), SECRET, None);
    let ines = attio.by(Actor::member(INES));
    attio.hold_messages();
    ines.set_value("deals", DEAL, "stage", "Lost").unwrap();
    quiet(&attio).await;
    assert_eq!(attio.messages()[0].delivery, Delivery::Held);
    assert_eq!(attio.release_messages(), 1);
    quiet(&attio).await;
    assert_eq!(sink.taken().len(), 1);

    attio.hold_messages();
    ines.set_value("deals", DEAL, "stage", "Lead").unwrap();
    assert_eq!(attio.lose_messages(), 1);
    ines.set_value("deals", DEAL, "stage", "Lost").unwrap();
    quiet(&attio).await;
    assert_eq!(attio.messages()[1].delivery, Delivery::Lost);
    assert_eq!(sink.taken().len(), 2, "the second never arrives");
}

#[tokio::test]
async fn a_webhook_with_a_public_address_can_lead_to_this_machine_and_to_no_other() {
    let (attio, sink) = (TestAttio::start().await, Sink::start().await);
    attio.set_retries(0, Duration::from_millis(1));
    attio.add_webhook("https://hooks.example.com/attio?v=2", SECRET, None);
    let ines = attio.by(Actor::member(INES));
    ines.set_value("deals", DEAL, "stage", "Lost").unwrap();
    quiet(&attio).await;
    assert_eq!(attio.messages()[0].tries, [None], "nothing leaves this machine");

    attio.detour("https://hooks.example.com", &format!("http://{}", sink.address));
    ines.set_value("deals", DEAL, "stage", "Lead").unwrap();
    quiet(&attio).await;
    assert_eq!(sink.only().path, "/attio");
}

#[tokio::test]
async fn target_event_type_and_filter_are_unique_together() {
    let attio = TestAttio::start().await;
    let url = "https://hooks.example.com/attio";
    let one = json!([{"event_type": "task.created", "filter": null}]);
    let conflict = (409, "uniqueness_conflict");
    let first = attio.post("/v2/webhooks", &webhook(url, &one)).await.data();
    assert_eq!(attio.post("/v2/webhooks", &webhook(url, &one)).await.error(), conflict);
    let twice = json!([one[0], one[0]]);
    let elsewhere = format!("{url}?v=2");
    assert_eq!(attio.post("/v2/webhooks", &webhook(&elsewhere, &twice)).await.error(), conflict);
    let second = attio.post("/v2/webhooks", &webhook(&elsewhere, &one)).await.data();

    let path = format!("/v2/webhooks/{}", second["id"]["webhook_id"].as_str().unwrap());
    let moved = json!({"data": {"target_url": url}});
    assert_eq!(attio.patch(&path, &moved).await.error(), conflict);
    let gone = format!("/v2/webhooks/{}", first["id"]["webhook_id"].as_str().unwrap());
    assert_eq!(attio.delete(&gone).await.ok(), json!({}));
    let changed = attio.patch(&path, &moved).await.data();
    assert_eq!((&changed["target_url"], changed.get("secret")), (&json!(url), None));
}

#[tokio::test]
async fn a_webhook_that_attio_would_not_take_is_refused() {
    let attio = TestAttio::start().await;
    let url = "https://hooks.example.com/attio";
    let any = json!([{"event_type": "task.created", "filter": null}]);
    let wrong = [
        webhook("http://hooks.example.com/attio", &any),
        webhook("no address", &any),
        webhook(url, &json!([{"event_type": "task.created"}])),
        webhook(url, &json!([{"event_type": "task.completed", "filter": null}])),
        webhook(
            url,
            &json!([{"event_type": "task.created", "filter": {"$and": [{"field": "id"}]}}]),
        ),
        webhook(url, &json!([{"event_type": "task.created", "filter": {"$nor": []}}])),
        json!({"data": {"target_url": url}}),
    ];
    for body in wrong {
        let answer = attio.post("/v2/webhooks", &body).await;
        assert_eq!(answer.error(), (400, "validation_type"), "{body}");
    }
    assert!(attio.webhooks().is_empty());
}

#[tokio::test]
async fn webhooks_are_listed_ten_at_a_time() {
    let attio = TestAttio::start().await;
    for number in 0..12 {
        attio.add_webhook(&format!("https://hooks.example.com/{number}"), SECRET, None);
    }
    let count = async |path| attio.get(path).await.data().as_array().unwrap().len();
    assert_eq!(count("/v2/webhooks").await, 10);
    assert_eq!(count("/v2/webhooks?offset=10").await, 2);
    assert_eq!(count("/v2/webhooks?limit=100").await, 12);
    for limit in [9, 101] {
        assert_eq!(attio.get(&format!("/v2/webhooks?limit={limit}")).await.status, 400);
    }
}
