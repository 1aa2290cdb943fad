//! A record is put on a list: a person is told in Slack.

use attio_relay::http::fake_attio::{Actor, COMPANY, ENTRY, Failure, SALES_PIPELINE, TUG_DEAL};
use serde_json::json;

use super::Rig;
use crate::support::sink::Reply;

async fn rig() -> Rig {
    let rig = Rig::new("list-entry-to-slack").await;
    rig.sink.always(says(r#"{"ok":true,"ts":"1790000000.000100"}"#));
    rig
}

fn says(body: &str) -> Reply {
    Reply::Full(200, Vec::new(), body.to_owned())
}

impl Rig {
    /// Ines puts the deal on the sales pipeline; the entry's id.
    fn put_on_list(&self, amount: f64) -> String {
        let values = json!({"stage": "Prospecting", "amount": amount});
        self.ines().add_to_list(SALES_PIPELINE, "deals", TUG_DEAL, &values).unwrap()
    }
}

#[tokio::test]
async fn a_record_on_the_list_becomes_a_message_to_a_person_with_values_of_both() {
    let rig = rig().await;
    let app = rig.relay().await;
    rig.put_on_list(12900.5);
    assert_eq!(rig.ended(1).await, ["succeeded"]);
    app.stop().await;
    let call = rig.sink.only();
    assert_eq!(call.path, "/api/chat.postMessage");
    assert_eq!(call.header("authorization"), "Bearer xoxb-of-the-bot");
    let text = format!(
        "Ines Okafor put <https://app.attio.com/harbour-lane/deal/{TUG_DEAL}|Tug fleet inspection> \
         on the sales pipeline.\nStage: Prospecting. Amount: 12900.5 EUR."
    );
    assert_eq!(call.json(), json!({"channel": "U024BE7LH", "text": text}));
}

#[tokio::test]
async fn an_entry_of_which_little_is_known_makes_a_whole_message() {
    let rig = rig().await;
    let app = rig.relay().await;
    rig.ines()
        .add_to_list(SALES_PIPELINE, "deals", TUG_DEAL, &json!({"stage": "Prospecting"}))
        .unwrap();
    assert_eq!(rig.ended(1).await, ["succeeded"]);
    app.stop().await;
    let text = rig.sink.only().json()["text"].as_str().unwrap().to_owned();
    assert!(text.ends_with("Stage: Prospecting. Amount: not known yet."), "{text}");
}

#[tokio::test]
async fn the_same_message_again_tells_nobody_before_and_after_a_restart() {
    let rig = rig().await;
    let app = rig.relay().await;
    rig.put_on_list(1.0);
    rig.ended(1).await;
    rig.send_first_again(&app).await;
    let app = rig.restart(app).await;
    rig.send_first_again(&app).await;
    rig.put_on_list(2.0);
    assert_eq!(rig.ended(2).await, ["succeeded", "succeeded"]);
    app.stop().await;
    assert_eq!(rig.sink.received().len(), 2, "each once");
}

#[tokio::test]
async fn a_restart_while_slack_limits_us_sends_the_message_once() {
    let rig = rig().await;
    rig.sink.always(says(r#"{"ok":false,"error":"ratelimited"}"#));
    let app = rig.relay().await;
    rig.put_on_list(1.0);
    app.wait_for_metric("attio_relay_attempts_total", &[("result", "failed")], 1.0).await;
    let app = rig.restart(app).await;
    rig.sink.always(says(r#"{"ok":true}"#));
    assert_eq!(rig.ended(1).await, ["succeeded"]);
    let calls = rig.sink.received();
    app.stop().await;
    assert!(calls.iter().all(|call| call.body == calls[0].body));
    let made = rig.store.number("SELECT count(*) FROM attempts WHERE result = 'succeeded'").await;
    assert_eq!(made, 1);
}

#[tokio::test]
async fn other_lists_and_changed_entries_tell_nobody_nor_do_machines() {
    let rig = rig().await;
    let app = rig.relay().await;
    rig.put_on_list(1.0);
    rig.ended(1).await;
    rig.ines().set_entry_value(SALES_PIPELINE, ENTRY, "stage", "Signed").unwrap();
    let values = json!({"stage": "Upcoming"});
    rig.ines().add_to_list("renewals", "companies", COMPANY, &values).unwrap();
    for actor in [Actor::system(), rig.attio.token_actor()] {
        let machine = rig.attio.by(actor);
        machine
            .add_to_list(SALES_PIPELINE, "deals", TUG_DEAL, &json!({"stage": "Prospecting"}))
            .unwrap();
    }
    app.wait_for_metric("attio_relay_unrouted_events_total", &[], 4.0).await;
    app.stop().await;
    assert_eq!(rig.ended(1).await.len(), 1);
    rig.sink.only();
}

#[tokio::test]
async fn an_entry_that_is_gone_before_it_was_looked_up_is_skipped() {
    let rig = rig().await;
    let app = rig.relay().await;
    rig.put_on_list(1.0);
    rig.ended(1).await;
    rig.attio.fail_all("GET", "/v2/lists/sales_pipeline/entries", Failure::Error(503, "internal"));
    let entry = rig.put_on_list(2.0);
    app.wait_for_metric("attio_relay_postponed_total", &[("reason", "attio")], 1.0).await;
    rig.ines().remove_from_list(SALES_PIPELINE, &entry).unwrap();
    let app = rig.restart(app).await;
    rig.attio.heal();
    let ended = rig.ended(2).await;
    app.stop().await;
    assert!(ended[1].starts_with("skipped: ") && ended[1].contains("entry"), "{ended:?}");
    rig.sink.only();
}
