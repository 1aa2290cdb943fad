//! Clients that do not wait for their answer.

use std::time::Duration;

use crate::{
    store::on_both_engines,
    support::{
        app::TestApp,
        client::{Connection, Message},
        database::TestDatabase,
        sink::Sink,
    },
};

on_both_engines![a_thousand_hang_ups_at_random_moments_leave_nothing_half_done];

async fn a_thousand_hang_ups_at_random_moments_leave_nothing_half_done(db: &TestDatabase) {
    let sink = Sink::start().await;
    let app = TestApp::start(db, &sink.all()).await;
    for round in 0..50 {
        let hang_ups = (0..20).map(|number| hang_up(&app, round * 20 + number));
        futures_util::future::join_all(hang_ups).await;
    }
    app.post_all((0..100).map(|_| Message::event("record.updated"))).await;
    let ended = "SELECT count(*) FROM deliveries WHERE state <> 'open'";
    let stored = "SELECT count(*) FROM messages";
    app.eventually("all that was stored is delivered", async || {
        db.number(ended).await == db.number(stored).await
    })
    .await;
    app.stop().await;
    let count = db.number(stored).await;
    assert!((100..=1_100).contains(&count), "{count}");
    assert_eq!(db.number("SELECT count(*) FROM events").await, count, "messages are whole");
    let succeeded = "SELECT count(*) FROM deliveries WHERE state = 'succeeded'";
    assert_eq!(db.number(succeeded).await, count);
    assert_eq!(i64::try_from(sink.received().len()).unwrap(), count, "each is delivered once");
}

/// Sends a message, perhaps not all of it, and is gone after a random moment.
async fn hang_up(app: &TestApp, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let request = Message::event("record.updated").request();
    let length = if random.bool() { request.len() } else { random.usize(..request.len()) };
    let mut connection: Connection = app.connect().await;
    connection.send(&request[..length]).await;
    let patience = Duration::from_micros(random.u64(0..3_000));
    let _answer = tokio::time::timeout(patience, connection.next_answer()).await;
}
