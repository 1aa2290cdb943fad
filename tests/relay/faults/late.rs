//! A worker that sleeps past its lease.

use std::time::Duration;

use super::{books::texts, traffic::post};
use crate::support::{
    client::fresh_id,
    cluster::eventually,
    database::TestDatabase,
    process::{Relay, Setup},
    sink::{Reply, Sink},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_worker_that_wakes_after_its_lease_writes_nothing() {
    let database = TestDatabase::postgres().await;
    let sink = Sink::start().await;
    sink.next(1, &Reply::Hang);
    let setup = Setup::new(database.url(), sink.address);
    let late = Relay::spawn(&setup).await;
    assert_eq!(post(late.public, &fresh_id()).await.status(), Some(200));
    sink.wait_until_received(1).await;
    late.freeze();
    let other = Relay::spawn(&setup).await;
    sink.wait_until_taken(1).await;
    let attempts = "SELECT lease_no || ' ' || result FROM attempts ORDER BY lease_no";
    let expected = ["1 lease_lost", "2 succeeded"];
    eventually("the other one's outcome stands", Duration::from_secs(5), async || {
        texts(database.url(), attempts).await == expected
    })
    .await;

    // The destination says yes to the late one too, which then has something to write.
    late.thaw();
    sink.release();
    let lost = "attio_relay_leases_lost_total";
    eventually("the late one sees it", Duration::from_secs(15), async || {
        late.metric(lost).await > 0.5
    })
    .await;
    assert_eq!(texts(database.url(), attempts).await, expected);
    let row = "SELECT state || ' ' || lease_no || ' ' || tries || ' ' || lost FROM deliveries";
    assert_eq!(texts(database.url(), row).await, ["succeeded 2 1 0"]);
    assert!(other.metric(lost).await > 0.5, "the one that took over counts it too");
    let keys: Vec<_> = sink.received().iter().map(|request| request.key().to_owned()).collect();
    assert!(keys.len() == 2 && keys[0] == keys[1], "{keys:?}");
}
