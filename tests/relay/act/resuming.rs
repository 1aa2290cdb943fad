//! What was paused goes on carefully: its destination may be as it was.

use std::time::Duration;

use attio_relay::store::PauseKind::Action;

use super::pausing::{BILLING, OPEN, PAUSED, WAITING, pause, resume};
use crate::{
    store::on_both_engines,
    support::{
        app::TestApp,
        client::Message,
        database::TestDatabase,
        sink::{Reply, Sink, route},
    },
};

on_both_engines![
    an_open_breaker_whose_probe_was_answered_410_lets_all_go_on_when_it_is_resumed,
    what_answers_410_again_costs_one_more_dead_letter,
    what_was_resumed_goes_one_at_a_time_until_one_was_answered_well,
];

const DEAD: &str = "SELECT count(*) FROM deliveries WHERE state = 'dead'";

fn to_billing(sink: &Sink, concurrency: usize) -> String {
    sink.action("billing", &format!("concurrency = {concurrency}"))
        + &route("all", r#"on = ["*"]"#, &["billing"])
}

fn messages(count: usize) -> impl Iterator<Item = Message> {
    (0..count).map(|_| Message::event("record.updated"))
}

async fn an_open_breaker_whose_probe_was_answered_410_lets_all_go_on_when_it_is_resumed(
    db: &TestDatabase,
) {
    let sink = Sink::start().await;
    sink.next(10, &Reply::Status(503));
    sink.next(1, &Reply::Status(410));
    let app = TestApp::start(db, &to_billing(&sink, 1)).await;
    app.post_all(messages(12)).await;
    app.wait_for_metric(PAUSED, &BILLING, 1.0).await;
    assert_eq!(sink.received().len(), 11, "ten failures open the breaker, then a probe goes");
    app.eventually("the breaker knows of the answer", async || {
        app.metric("attio_relay_breaker_open", &BILLING).await == 0.0
    })
    .await;
    app.wait_for_metric(OPEN, &WAITING, 11.0).await;
    resume(db, Action, "billing").await;
    app.wait_until_delivered(&sink, 11).await;
    app.stop().await;
    assert_eq!(db.number(DEAD).await, 1);
}

async fn what_answers_410_again_costs_one_more_dead_letter(db: &TestDatabase) {
    let sink = Sink::start().await;
    sink.always(Reply::Status(410));
    let app = TestApp::start(db, &to_billing(&sink, 8)).await;
    app.post_all(messages(1)).await;
    app.wait_for_metric(PAUSED, &BILLING, 1.0).await;
    app.post_all(messages(20)).await;
    app.wait_for_metric(OPEN, &WAITING, 20.0).await;
    resume(db, Action, "billing").await;
    sink.wait_until_received(2).await;
    app.eventually("it is paused again", async || {
        db.number("SELECT count(*) FROM pauses").await == 1
    })
    .await;
    app.wait_for_metric(OPEN, &WAITING, 19.0).await;
    app.stop().await;
    assert_eq!((sink.received().len(), db.number(DEAD).await), (2, 2));
}

async fn what_was_resumed_goes_one_at_a_time_until_one_was_answered_well(db: &TestDatabase) {
    let sink = Sink::start().await;
    let app = TestApp::start(db, &to_billing(&sink, 8)).await;
    pause(db, Action, "billing").await;
    app.wait_for_metric(PAUSED, &BILLING, 1.0).await;
    app.post_all(messages(20)).await;
    app.wait_for_metric(OPEN, &WAITING, 20.0).await;
    sink.next(1, &Reply::Status(400));
    sink.next(9, &Reply::Hang);
    resume(db, Action, "billing").await;
    sink.wait_until_received(2).await;
    tokio::time::sleep(Duration::from_millis(300)).await; // time to do wrong
    assert_eq!(sink.received().len(), 2, "a refusal is no reason to hurry");
    sink.release();
    sink.wait_until_received(10).await;
    assert_eq!(sink.most_in_flight(), 8);
    sink.release();
    app.wait_until_delivered(&sink, 19).await;
    app.stop().await;
    assert_eq!(db.number(DEAD).await, 1);
}
