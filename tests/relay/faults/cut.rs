//! A database connection that breaks exactly after a batch was sent.

use std::time::Duration;

use super::{
    books::{balance, stored},
    traffic::{Doors, Sent, Traffic, post},
};
use crate::support::{
    client::fresh_id,
    cluster::eventually,
    database::TestDatabase,
    process::{Relay, Setup},
    proxy::{Point, Proxy, Then},
    sink::Sink,
};

/// Far less than a lease (20 s).
const AT_ONCE: Duration = Duration::from_secs(5);

/// How often the connection is cut.
const CUTS: usize = 5;

async fn cut_again_and_again(point: Point) {
    let database = TestDatabase::postgres().await;
    let sink = Sink::start().await;
    let proxy = Proxy::start(url::Url::parse(database.url()).unwrap().port().unwrap()).await;
    let relay = Relay::spawn(&Setup::new(&proxy.url(database.url()), sink.address)).await;
    let traffic = Traffic::every(Duration::from_millis(20), &Doors::one(relay.public));
    let mut special = Vec::new();
    for _ in 0..CUTS {
        let key = fresh_id();
        let cut = proxy.arm("intake", &key, point, Then::Cut);
        let (answered, cut) = tokio::join!(post(relay.public, &key), cut);
        cut.expect("the trap springs");
        let count = stored(database.url(), &key).await;
        match answered.status() {
            Some(200) => assert_eq!(count, 1, "acknowledged, and not there"),
            status => assert_eq!(status, Some(503)),
        }
        let again = post(relay.public, &key).await;
        let word = if count == 1 { "duplicate" } else { "accepted" };
        assert_eq!(again.answer, Some((200, format!(r#"{{"status":"{word}"}}"#))));
        assert_eq!(stored(database.url(), &key).await, 1);
        eventually("its delivery starts at once", AT_ONCE, async || {
            sink.received().iter().any(|request| request.record() == key)
        })
        .await;
        special.push(Sent { key, tries: vec![answered, again] });
    }
    let mut sent = traffic.stop().await;
    let is_right = |sent: &Sent| matches!(sent.tries[0].status(), Some(200 | 503));
    assert!(sent.iter().all(is_right), "{sent:?}");
    sent.extend(special);
    let lost = relay.metric("attio_relay_leases_lost_total").await;
    assert!(lost.abs() < 0.5, "{lost} leases were lost");
    balance(database.url(), &sent, &sink).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_cut_after_a_batch_that_committed_leaves_true_answers_and_no_wait() {
    cut_again_and_again(Point::Committed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_cut_before_a_batch_committed_leaves_true_answers_and_no_wait() {
    cut_again_and_again(Point::NotForwarded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_cut_while_a_batch_commits_leaves_true_answers_and_no_wait() {
    cut_again_and_again(Point::Forwarded).await;
}
