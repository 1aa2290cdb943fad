//! A relay that writes to Attio, whose every write comes back to it as an event.

use std::time::Duration;

use attio_relay::{
    action::ActionError,
    http::fake_attio::{Actor, DEAL, Failure, FakeAttio, INES, Options, RetryAfter, TOKEN},
};
use serde_json::json;

use super::{DEAL_PATH, Scene, UPDATE, action, ines, job, section, stage_changed};
use crate::support::{
    app::{TestApp, sum},
    client::{PATIENCE, SECRET},
    database::TestDatabase,
    fake_attio::TestAttio,
    sink::route,
};

/// A relay that writes back to the deal whose change it is told of, and is told of what it wrote.
async fn circle(db: &TestDatabase, keys: &str, guard: &str) -> (TestAttio, TestApp) {
    let options = Options { repeats_are_changes: true, ..Options::default() };
    let attio = TestAttio::with(options).await;
    let on = format!("on = [\"record.updated\"]\nobject = \"deals\"\n{guard}");
    let toml =
        section(&attio) + &action(&format!("{UPDATE}\n{keys}")) + &route("back", &on, &["crm"]);
    let app = TestApp::start(db, &toml).await;
    attio.add_webhook(&format!("http://{}/webhooks/attio", app.client.address), SECRET, None);
    (attio, app)
}

fn change_by_ines(attio: &FakeAttio) {
    attio.by(Actor::member(INES)).set_value("deals", DEAL, "stage", "Lost").unwrap();
}

fn writes(attio: &FakeAttio) -> usize {
    attio.requests_to("PUT", DEAL_PATH).len()
}

async fn quiet(attio: &FakeAttio) {
    let quiet = tokio::time::timeout(PATIENCE, attio.wait_until_quiet()).await;
    assert!(quiet.is_ok(), "{:?}", attio.messages());
}

#[tokio::test]
async fn a_route_that_ignores_self_writes_once_and_is_not_moved_by_what_it_wrote() {
    let db = TestDatabase::sqlite();
    let (attio, app) = circle(&db, "", "ignore_actors = [\"self\"]").await;
    change_by_ines(&attio);
    attio.until_requested("PUT", DEAL_PATH, 1).await;
    app.wait_for_metric("attio_relay_messages_total", &[("result", "accepted")], 2.0).await;
    quiet(&attio).await;
    let succeeded = [("action", "crm"), ("result", "succeeded")];
    app.wait_for_metric("attio_relay_deliveries_total", &succeeded, 1.0).await;
    app.eventually("nothing is open", async || {
        db.number("SELECT count(*) FROM deliveries WHERE state = 'open'").await == 0
    })
    .await;
    app.stop().await;
    assert_eq!(writes(&attio), 1);
    assert_eq!(attio.events().len(), 2);
}

#[tokio::test]
async fn an_action_that_runs_in_circles_is_paused_and_what_it_was_to_do_waits() {
    let db = TestDatabase::sqlite();
    let (attio, app) = circle(&db, "loop_limit = 3", "allow_loop = true").await;
    change_by_ines(&attio);
    app.wait_for_metric("attio_relay_action_paused", &[("action", "crm")], 1.0).await;
    let postponed = [("action", "crm"), ("reason", "loop")];
    app.wait_for_metric("attio_relay_postponed_total", &postponed, 1.0).await;
    app.wait_for_metric("attio_relay_alerts_firing", &[("alert", "loop")], 1.0).await;
    quiet(&attio).await;
    assert_eq!(writes(&attio), 4, "one for Ines, three for its own");
    // While it is paused nothing at all is written, and nothing is lost.
    change_by_ines(&attio);
    app.wait_for_metric("attio_relay_messages_total", &[("result", "accepted")], 6.0).await;
    let metrics = app.stop_and_measure().await;
    assert_eq!(writes(&attio), 4);
    let open = "SELECT count(*) FROM deliveries WHERE state = 'open'";
    assert_eq!(db.number(open).await, 2);
    let tries = "SELECT max(tries) FROM deliveries WHERE state = 'open'";
    assert_eq!(db.number(tries).await, 0, "waiting costs no try");
    let dead = [("result", "dead")];
    assert_eq!(sum(&metrics, "attio_relay_deliveries_total", &dead), 0.0, "{metrics}");
    assert!(!metrics.contains(TOKEN), "{metrics}");
}

#[tokio::test]
async fn writes_that_have_no_room_in_attios_limits_are_put_off_and_cost_no_try() {
    let db = TestDatabase::sqlite();
    let keys = "timeout = \"500ms\"\nconcurrency = 1\nretry = { attempts = 2 }";
    let (attio, app) = circle(&db, keys, "ignore_actors = [\"self\"]").await;
    let wait = Duration::from_secs(3);
    attio.fail("PUT", DEAL_PATH, 1, Failure::Limited(RetryAfter::Seconds, wait));
    change_by_ines(&attio);
    attio.until_requested("PUT", DEAL_PATH, 1).await;
    change_by_ines(&attio);
    let put_off = [("action", "crm"), ("reason", "limits")];
    app.wait_for_metric("attio_relay_postponed_total", &put_off, 1.0).await;
    let succeeded = [("action", "crm"), ("result", "succeeded")];
    app.wait_for_metric("attio_relay_deliveries_total", &succeeded, 2.0).await;
    app.stop().await;
    let sent = attio.requests_to("PUT", DEAL_PATH);
    assert_eq!(sent.len(), 3);
    assert!(sent[1].started - sent[0].started > Duration::from_secs(2), "the pause is kept");
    assert_eq!(db.number("SELECT sum(tries) FROM deliveries WHERE state = 'succeeded'").await, 3);
}

#[tokio::test]
async fn only_writes_that_our_own_events_caused_count() {
    let scene = Scene::start().await;
    let action = scene.action(&format!("{UPDATE}\nloop_limit = 2"));
    let ours = scene.attio.token_actor();
    let ours = stage_changed(&json!({"type": ours.kind, "id": ours.id}));
    let stranger = stage_changed(&json!({"type": "api-token", "id": "somebody-elses"}));
    for _ in 0..5 {
        action.perform(&job(&stage_changed(&ines()))).await.unwrap();
        action.perform(&job(&stranger)).await.unwrap();
    }
    action.perform(&job(&ours)).await.unwrap();
    let second = job(&ours);
    action.perform(&second).await.unwrap();
    action.perform(&second).await.unwrap();
    let third = action.perform(&job(&ours)).await;
    let Err(ActionError::Loop(what)) = third else { panic!("{third:?}") };
    assert!(what.contains("2 times within a minute"), "{what}");
}
