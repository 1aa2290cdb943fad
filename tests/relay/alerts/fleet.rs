//! Two processes tell what one would tell.

use super::{Scene, states, toml};
use crate::support::{app::TestApp, database::TestDatabase, sink::Sink};

const MESSAGES: &str = "SELECT count(*) FROM messages WHERE origin = 'alert'";

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_send_one_message_for_the_start_and_one_for_the_end() {
    let (db, sink) = (TestDatabase::postgres().await, Sink::start().await);
    let toml = toml(&sink, "", "");
    let (one, other) = (TestApp::start(&db, &toml).await, TestApp::start(&db, &toml).await);
    let scene = Scene { sink, app: one };
    scene.billing_answers(410);
    scene.send().await;
    scene.until_told("gone", "action/billing", &["started"]).await;
    scene.until_firing("gone", 1.0).await;
    let firing = [("alert", "gone")];
    other.wait_for_metric("attio_relay_alerts_firing", &firing, 1.0).await;
    db.run("DELETE FROM pauses").await.unwrap();
    scene.until_told("gone", "action/billing", &["started", "ended"]).await;
    scene.app.stop().await;
    other.stop().await;
    assert_eq!(states(&scene.sink, "gone", "action/billing"), ["started", "ended"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_dies_takes_neither_start_nor_end_with_it() {
    let (db, sink) = (TestDatabase::postgres().await, Sink::start().await);
    let toml = toml(&sink, "", "");
    let mut one = TestApp::start(&db, &toml).await;
    for round in 0..3 {
        // Whoever judges now may die at any point of it.
        db.run("INSERT INTO pauses VALUES ('action', 'billing', now(), '410', '')").await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(400 * round)).await;
        let next = TestApp::start(&db, &toml).await;
        std::mem::replace(&mut one, next).stop_at_once().await;
        let begun = ["started", "ended"].repeat(usize::try_from(round).unwrap());
        super::until_told(&sink, "gone", "action/billing", &[&begun[..], &["started"]].concat())
            .await;
        db.run("DELETE FROM pauses").await.unwrap();
        let ended = [&begun[..], &["started", "ended"]].concat();
        super::until_told(&sink, "gone", "action/billing", &ended).await;
    }
    one.stop().await;
    assert_eq!(db.number(MESSAGES).await, 6, "six messages for three times");
}
