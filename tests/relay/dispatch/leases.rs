//! Deliveries whose process died, or stopped in the middle.

use crate::{
    store::on_both_engines,
    support::{
        app::{TestApp, sum},
        client::Message,
        database::TestDatabase,
        sink::{Reply, Sink},
    },
};

on_both_engines![
    a_delivery_whose_process_died_is_taken_over_under_the_same_key,
    five_lost_leases_make_a_dead_letter_that_is_called_poison,
    an_attempt_cut_off_by_a_stop_costs_no_try_and_is_given_back,
];

/// Leaves one delivery leased to a process that is gone.
async fn crash_in_an_attempt(db: &TestDatabase, sink: &Sink) {
    sink.always(Reply::Hang);
    let app = TestApp::start(db, &sink.all()).await;
    app.post(&Message::event("record.updated")).await.assert_accepted();
    sink.wait_until_received(1).await;
    app.stop_at_once().await;
    assert_eq!(db.number("SELECT count(*) FROM deliveries WHERE owner IS NOT NULL").await, 1);
    sink.release();
}

/// Lets a delivery's lease run out.
async fn expire(db: &TestDatabase, lost: u32) {
    let id = db.text("SELECT CAST(id AS TEXT) FROM deliveries").await.unwrap();
    db.run(&format!("UPDATE deliveries SET lost = {lost}")).await.unwrap();
    db.make_older(id.parse().unwrap(), 60).await;
}

async fn a_delivery_whose_process_died_is_taken_over_under_the_same_key(db: &TestDatabase) {
    let sink = Sink::start().await;
    crash_in_an_attempt(db, &sink).await;
    expire(db, 0).await;
    let app = TestApp::start(db, &sink.all()).await;
    sink.wait_until_received(2).await;
    app.wait_for_metric("attio_relay_deliveries_total", &[("result", "succeeded")], 1.0).await;
    assert_eq!(app.metric("attio_relay_leases_lost_total", &[]).await, 1.0);
    app.stop().await;
    let received = sink.received();
    assert_eq!(received.len(), 2);
    assert_eq!(received[0].key(), received[1].key());
    let results = db.all_texts("SELECT result FROM attempts ORDER BY lease_no").await;
    assert_eq!(results, ["lease_lost", "succeeded"]);
    assert_eq!(db.number("SELECT CAST(lost AS bigint) FROM deliveries").await, 0, "in a row");
}

async fn five_lost_leases_make_a_dead_letter_that_is_called_poison(db: &TestDatabase) {
    let sink = Sink::start().await;
    crash_in_an_attempt(db, &sink).await;
    expire(db, 4).await;
    let app = TestApp::start(db, &sink.all()).await;
    app.wait_for_metric("attio_relay_deliveries_total", &[("result", "dead")], 1.0).await;
    app.post(&Message::event("record.updated")).await.assert_accepted();
    app.wait_for_metric("attio_relay_deliveries_total", &[("result", "succeeded")], 1.0).await;
    app.stop().await;
    let reason = db.text("SELECT reason FROM deliveries WHERE state = 'dead'").await.unwrap();
    assert!(reason.contains("poison"), "{reason}");
    assert_eq!(sink.received().len(), 2, "the poison was not sent again");
}

async fn an_attempt_cut_off_by_a_stop_costs_no_try_and_is_given_back(db: &TestDatabase) {
    let sink = Sink::start().await;
    sink.always(Reply::Hang);
    let slow = "timeout = \"5m\"";
    let toml = sink.action("billing", slow)
        + &crate::support::sink::route("all", r#"on = ["*"]"#, &["billing"]);
    let app = TestApp::start(db, &toml).await;
    app.post(&Message::event("record.updated")).await.assert_accepted();
    sink.wait_until_received(1).await;
    let metrics = app.stop_and_measure().await;
    let stopping = [("action", "billing"), ("reason", "stopping")];
    assert_eq!(sum(&metrics, "attio_relay_postponed_total", &stopping), 1.0);
    assert_eq!(db.text("SELECT result FROM attempts").await.unwrap(), "cut_off");
    let given_back = "SELECT count(*) FROM deliveries
        WHERE state = 'open' AND owner IS NULL AND tries = 0 AND lost = 0";
    assert_eq!(db.number(given_back).await, 1);
    assert!(db.seconds_ago("due_at", "deliveries").await >= 0, "due at once");

    sink.release();
    let app = TestApp::start(db, &toml).await;
    app.wait_for_metric("attio_relay_deliveries_total", &[("result", "succeeded")], 1.0).await;
    app.stop().await;
    let received = sink.received();
    assert_eq!(received[0].key(), received[1].key());
    assert_eq!((received[1].attempt(), received.len()), (1, 2));
}
