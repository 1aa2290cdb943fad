//! Deliveries that end without success.

use crate::{
    store::on_both_engines,
    support::{
        app::{TestApp, sum},
        client::{Message, sample},
        database::TestDatabase,
        sink::{Reply, Sink, route},
    },
};

on_both_engines![
    after_the_last_try_a_delivery_is_dead_and_says_why,
    a_refusal_is_final_at_once,
    a_destination_that_is_gone_pauses_its_action_and_no_other,
    a_template_that_puts_an_empty_value_in_order_ends_the_delivery_skipped,
];

const DEAD: [(&str, &str); 1] = [("result", "dead")];

async fn after_the_last_try_a_delivery_is_dead_and_says_why(db: &TestDatabase) {
    let sink = Sink::start().await;
    sink.always(Reply::Status(503));
    let action = sink.action("billing", "retry = { attempts = 3, first = \"1ms\" }");
    let app = TestApp::start(db, &(action + &route("all", r#"on = ["*"]"#, &["billing"]))).await;
    app.post(&Message::event("record.updated")).await.assert_accepted();
    app.wait_for_metric("attio_relay_deliveries_total", &DEAD, 1.0).await;
    app.stop().await;
    assert_eq!(sink.received().len(), 3);
    assert_eq!(db.text("SELECT CAST(state AS text) FROM deliveries").await.unwrap(), "dead");
    assert_eq!(db.number("SELECT CAST(tries AS bigint) FROM deliveries").await, 3);
    let reason = db.text("SELECT CAST(reason AS text) FROM deliveries").await.unwrap();
    assert!(reason.contains("no try left") && reason.contains("503"), "{reason}");
}

async fn a_refusal_is_final_at_once(db: &TestDatabase) {
    let statuses = [400, 404, 409, 422, 301, 307];
    let sink = Sink::start().await;
    for status in statuses {
        sink.next(1, &Reply::Full(status, vec![("location", "/other".to_owned())], String::new()));
    }
    let app = TestApp::start(db, &sink.all()).await;
    app.post_all(statuses.map(|_| Message::event("record.updated"))).await;
    app.wait_for_metric("attio_relay_deliveries_total", &DEAD, 6.0).await;
    app.post(&Message::event("record.updated")).await.assert_accepted();
    app.wait_until_delivered(&sink, 1).await;
    app.stop().await;
    assert_eq!(sink.received().len(), 7, "none was tried twice, no redirect was followed");
    let refused = "SELECT count(*) FROM attempts WHERE result = 'refused' AND status IS NOT NULL";
    assert_eq!(db.number(refused).await, 6);
    let says_why =
        "SELECT count(*) FROM deliveries WHERE state = 'dead' AND reason LIKE 'refused%'";
    assert_eq!(db.number(says_why).await, 6);
}

async fn a_destination_that_is_gone_pauses_its_action_and_no_other(db: &TestDatabase) {
    let sink = Sink::start().await;
    sink.next(1, &Reply::Status(410));
    let toml = sink.action("billing", "")
        + &sink.action("warehouse", "")
        + &route("records", r#"on = ["record.*"]"#, &["billing"])
        + &route("tasks", r#"on = ["task.*"]"#, &["warehouse"]);
    let app = TestApp::start(db, &toml).await;
    app.post(&Message::event("record.updated")).await.assert_accepted();
    app.wait_for_metric("attio_relay_deliveries_total", &DEAD, 1.0).await;

    let pair = || [sample("record.updated"), sample("task.created")];
    app.post_all((0..5).map(|_| Message::envelope(pair()))).await;
    app.wait_until_delivered(&sink, 5).await;
    let waiting = [("action", "billing"), ("state", "paused")];
    app.wait_for_metric("attio_relay_deliveries_open", &waiting, 5.0).await;
    assert_eq!(sink.received_by("billing").len(), 1);
    assert_eq!(sink.received_by("warehouse").len(), 5);
    app.stop().await;
}

async fn a_template_that_puts_an_empty_value_in_order_ends_the_delivery_skipped(db: &TestDatabase) {
    let sink = Sink::start().await;
    let body = r#"body = "{% if event.id.nothing > 5 %}1{% endif %}""#;
    let toml = sink.action("billing", body) + &route("all", r#"on = ["*"]"#, &["billing"]);
    let app = TestApp::start(db, &toml).await;
    app.post(&Message::event("record.updated")).await.assert_accepted();
    let skipped = [("result", "skipped")];
    app.wait_for_metric("attio_relay_deliveries_total", &skipped, 1.0).await;
    let metrics = app.stop_and_measure().await;
    assert_eq!(sum(&metrics, "attio_relay_attempts_total", &[]), 0.0, "nobody was asked");
    assert!(sink.received().is_empty());
    assert_eq!(db.number("SELECT count(*) FROM attempts").await, 0);
    let reason = "SELECT CAST(reason AS text) FROM deliveries WHERE state = 'skipped'";
    assert_eq!(
        db.text(reason).await.unwrap(),
        "the body template: line 1, column 7: `event.id.nothing` is empty"
    );
}
