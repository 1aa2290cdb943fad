//! A deal becomes Closed Won: billing is told over HTTP.

use std::time::Duration;

use attio_relay::http::fake_attio::{BUOY_DEAL, Failure, Options, TUG_DEAL};
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;

use super::{Rig, SIGNING_SECRET};
use crate::support::sink::{Received, Reply};

async fn rig() -> Rig {
    Rig::new("closed-won-to-billing").await
}

impl Rig {
    fn move_deal(&self, deal: &str, stage: &str) {
        self.ines().set_value("deals", deal, "stage", stage).unwrap();
    }
}

/// What billing computes to believe a request: <https://www.standardwebhooks.com>.
fn signature(request: &Received) -> String {
    let key = STANDARD.decode(SIGNING_SECRET.strip_prefix("whsec_").unwrap()).unwrap();
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&key).unwrap();
    let (id, timestamp) = (request.header("webhook-id"), request.header("webhook-timestamp"));
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(&request.body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[tokio::test]
async fn a_deal_that_becomes_closed_won_is_billed_with_its_values_signed() {
    let rig = rig().await;
    let app = rig.relay().await;
    rig.move_deal(TUG_DEAL, "Closed Won");
    rig.sink.wait_until_taken(1).await;
    assert_eq!(rig.ended(1).await, ["succeeded"]);
    app.stop().await;
    let request = rig.sink.only();
    assert_eq!(request.path, "/attio");
    assert_eq!(request.header("authorization"), "Bearer of billing");
    assert_eq!(request.header("webhook-signature"), signature(&request));
    assert_eq!(request.header("webhook-id"), request.key());
    let billed = json!({
        "deal": "Tug fleet inspection",
        "deal_id": TUG_DEAL,
        "company_id": "8531d649-4789-49ef-9a98-54d9a57341da",
        "amount": 12900.5,
        "currency": "EUR",
        "stage_before": "In Progress",
        "won_by": "Ines Okafor",
        "url": format!("https://app.attio.com/harbour-lane/deal/{TUG_DEAL}"),
    });
    assert_eq!(request.json(), billed);
}

#[tokio::test]
async fn the_same_message_again_bills_nobody_before_and_after_a_restart() {
    let rig = rig().await;
    let app = rig.relay().await;
    rig.move_deal(TUG_DEAL, "Closed Won");
    rig.ended(1).await;
    rig.send_first_again(&app).await;
    let app = rig.restart(app).await;
    rig.send_first_again(&app).await;
    rig.move_deal(BUOY_DEAL, "Closed Won");
    assert_eq!(rig.ended(2).await, ["succeeded", "succeeded"]);
    app.stop().await;
    let billed = rig.sink.received();
    let deals: Vec<_> = billed.iter().map(|one| one.json()["deal_id"].clone()).collect();
    assert_eq!(deals, [TUG_DEAL, BUOY_DEAL], "each once");
}

#[tokio::test]
async fn another_stage_is_skipped_and_says_what_it_saw() {
    let rig = rig().await;
    let app = rig.relay().await;
    rig.move_deal(BUOY_DEAL, "In Progress");
    let ended = rig.ended(1).await;
    app.stop().await;
    assert!(ended[0].starts_with("skipped: "), "{ended:?}");
    for saw in ["record.stage", "In Progress"] {
        assert!(ended[0].contains(saw), "{ended:?}");
    }
    assert!(rig.sink.received().is_empty());
}

#[tokio::test]
async fn a_deal_that_was_won_already_is_not_billed_again_by_whatever_changes() {
    let options = Options { repeats_are_changes: true, ..Options::default() };
    let rig = Rig::with("closed-won-to-billing", options).await;
    let app = rig.relay().await;
    rig.move_deal(TUG_DEAL, "Closed Won");
    rig.ended(1).await;
    // Attio tells of it, although nothing is other than before.
    rig.move_deal(TUG_DEAL, "Closed Won");
    let ended = rig.ended(2).await;
    assert!(ended[1].starts_with("skipped: ") && ended[1].contains("previous.stage"), "{ended:?}");
    // Of another attribute no delivery is made: the event alone shows that the route wants it not.
    rig.ines().set_value("deals", TUG_DEAL, "priority", "Low").unwrap();
    app.wait_for_metric("attio_relay_unrouted_events_total", &[], 1.0).await;
    app.stop().await;
    assert_eq!(rig.ended(2).await.len(), 2);
    rig.sink.only();
}

#[tokio::test]
async fn what_our_own_token_writes_bills_nobody() {
    let rig = rig().await;
    let app = rig.relay().await;
    // Names and whose token it is are known from here on.
    rig.move_deal(BUOY_DEAL, "In Progress");
    rig.ended(1).await;
    let path = format!("/v2/objects/deals/records/{TUG_DEAL}");
    let won = json!({"data": {"values": {"stage": "Closed Won"}}});
    rig.attio.patch(&path, &won).await.ok();
    app.wait_for_metric("attio_relay_unrouted_events_total", &[], 1.0).await;
    app.stop().await;
    assert_eq!(rig.ended(1).await.len(), 1);
    assert!(rig.sink.received().is_empty());
}

#[tokio::test]
async fn a_restart_between_two_attempts_bills_once_under_one_key() {
    let rig = rig().await;
    rig.sink.always(Reply::Status(503));
    let app = rig.relay().await;
    rig.move_deal(TUG_DEAL, "Closed Won");
    rig.sink.wait_until_received(1).await;
    let app = rig.restart(app).await;
    rig.sink.release();
    assert_eq!(rig.ended(1).await, ["succeeded"]);
    app.stop().await;
    let keys: std::collections::HashSet<_> =
        rig.sink.received().iter().map(|request| request.key().to_owned()).collect();
    assert_eq!((keys.len(), rig.sink.taken().len()), (1, 1));
    let stages: Vec<_> =
        rig.sink.received().iter().map(|one| one.json()["stage_before"].clone()).collect();
    assert!(stages.iter().all(|stage| stage == "In Progress"), "{stages:?}");
}

#[tokio::test]
async fn a_restart_while_attio_is_away_loses_no_bill_and_guesses_none() {
    let rig = rig().await;
    let app = rig.relay().await;
    rig.move_deal(BUOY_DEAL, "In Progress");
    rig.ended(1).await;
    rig.attio.fail_all("GET", "/v2/objects/deals/records", Failure::Error(503, "internal"));
    rig.move_deal(TUG_DEAL, "Closed Won");
    app.wait_for_metric("attio_relay_postponed_total", &[("reason", "attio")], 1.0).await;
    let app = rig.restart(app).await;
    assert!(rig.sink.received().is_empty(), "nothing is sent that was not decided");
    rig.attio.heal();
    assert_eq!(rig.ended(2).await[1], "succeeded");
    app.stop().await;
    assert_eq!(rig.sink.only().json()["deal"], "Tug fleet inspection");
}

#[tokio::test]
async fn what_attio_says_while_the_relay_restarts_arrives_and_is_billed_once() {
    let rig = rig().await;
    rig.attio.set_retries(400, Duration::from_millis(5));
    rig.relay().await.stop().await;
    rig.move_deal(TUG_DEAL, "Closed Won");
    let app = rig.relay().await;
    assert_eq!(rig.ended(1).await, ["succeeded"]);
    rig.quiet().await;
    app.stop().await;
    rig.sink.only();
}
