//! What a destination is spared: too many at once, too many a second, anything while it is down.

use std::time::Duration;

use crate::{
    store::on_both_engines,
    support::{
        app::TestApp,
        client::Message,
        database::TestDatabase,
        sink::{Reply, Sink, gap, route},
    },
};

on_both_engines![
    no_more_attempts_are_open_at_once_than_the_action_allows,
    no_more_attempts_are_made_a_second_than_the_action_allows,
    a_destination_that_keeps_failing_is_left_alone_until_a_probe_succeeds,
];

fn to_billing(sink: &Sink, limits: &str) -> String {
    sink.action("billing", limits) + &route("all", r#"on = ["*"]"#, &["billing"])
}

fn messages(count: usize) -> impl Iterator<Item = Message> {
    (0..count).map(|_| Message::event("record.updated"))
}

async fn no_more_attempts_are_open_at_once_than_the_action_allows(db: &TestDatabase) {
    let sink = Sink::start().await;
    sink.always(Reply::Hang);
    let app = TestApp::start(db, &to_billing(&sink, "concurrency = 3")).await;
    app.post_all(messages(30)).await;
    sink.wait_until_received(3).await;
    app.post_all(messages(30)).await;
    sink.release();
    app.wait_until_delivered(&sink, 60).await;
    app.stop().await;
    assert_eq!(sink.most_in_flight(), 3);
}

async fn no_more_attempts_are_made_a_second_than_the_action_allows(db: &TestDatabase) {
    let sink = Sink::start().await;
    let app = TestApp::start(db, &to_billing(&sink, "rate = \"10/s\"")).await;
    app.post_all(messages(30)).await;
    app.wait_until_delivered(&sink, 30).await;
    app.stop().await;
    let received = sink.received();
    for (earlier, later) in received.iter().zip(&received[11..]) {
        let second = gap(earlier, later);
        assert!(second > Duration::from_millis(850), "11 more within {second:?}");
    }
    let all = gap(&received[0], &received[29]);
    assert!(all < Duration::from_secs(10), "the rate is used: {all:?}");
}

async fn a_destination_that_keeps_failing_is_left_alone_until_a_probe_succeeds(db: &TestDatabase) {
    let sink = Sink::start().await;
    sink.always(Reply::Status(500));
    let retry = "retry = { attempts = 100, first = \"1ms\", max = \"1ms\" }";
    let app = TestApp::start(db, &to_billing(&sink, retry)).await;
    app.post_all(messages(100)).await;
    let open = [("action", "billing")];
    app.wait_for_metric("attio_relay_breaker_open", &open, 1.0).await;
    sink.release();
    app.wait_until_delivered(&sink, 100).await;
    app.eventually("the breaker is closed", async || {
        app.metric("attio_relay_breaker_open", &open).await == 0.0
    })
    .await;
    app.stop().await;
    let failed = sink.received().len() - 100;
    // Ten in a row open it; those on their way at that moment, and a probe or two, come on top.
    assert!((10..=24).contains(&failed), "{failed} attempts failed");
    let tries = db.number("SELECT CAST(sum(tries) AS bigint) FROM deliveries").await;
    assert_eq!(usize::try_from(tries).unwrap(), sink.received().len(), "waiting costs no tries");
}
