//! Stopping in order, behind a load balancer, and at once.

use std::time::{Duration, Instant};

use tokio::{net::TcpStream, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{
    balancer::Balancer,
    books::{balance, texts},
    traffic::{Sent, Try, post},
    wire,
};
use crate::support::{
    client::fresh_id,
    cluster::{Cluster, eventually},
    database::TestDatabase,
    process::{Relay, Setup},
    sink::{Reply, Sink},
};

/// The whole stop takes so long at the most.
const HARD_LIMIT: Duration = Duration::from_secs(45);

/// One client that keeps its connection and posts without a pause. Every failure ends the test.
async fn keep_posting(to: std::net::SocketAddr, stop: CancellationToken) -> Vec<Sent> {
    let mut stream = TcpStream::connect(to).await.unwrap();
    let mut sent = Vec::new();
    while !stop.is_cancelled() {
        let key = fresh_id();
        let at = Instant::now();
        let request = wire::message(&key);
        let answer = wire::exchange(&mut stream, &request).await.expect("no request fails");
        assert_eq!(answer.status, 200, "{answer:?}");
        let answer = Some((answer.status, answer.body));
        sent.push(Sent { key, tries: vec![Try { at, took: at.elapsed(), answer }] });
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    sent
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_behind_a_load_balancer_fails_no_request_and_its_deliveries_go_on_elsewhere() {
    let database = TestDatabase::postgres().await;
    let sink = Sink::start().await;
    let setup = Setup::new(database.url(), sink.address);
    let (mut stopped, stays) = tokio::join!(Relay::spawn(&setup), Relay::spawn(&setup));
    let balancer = Balancer::start(&[stopped.public, stays.public]).await;
    let stop = CancellationToken::new();
    let mut clients = JoinSet::new();
    for _ in 0..8 {
        clients.spawn(keep_posting(balancer.address, stop.clone()));
    }
    sink.wait_until_received(200).await;

    stopped.terminate();
    let status = stopped.wait_exit(HARD_LIMIT).await;
    let gone = Instant::now();
    assert_eq!(status.code(), Some(0));
    stop.cancel();
    let sent: Vec<Sent> = clients.join_all().await.into_iter().flatten().collect();
    eventually("all go on elsewhere", Duration::from_secs(2), async || {
        let open = "SELECT id::text FROM deliveries WHERE ended_at IS NULL";
        texts(database.url(), open).await.is_empty()
    })
    .await;
    assert!(gone.elapsed() < Duration::from_secs(4));
    let lost = "SELECT delivery_id::text FROM attempts WHERE result IN ('lease_lost', 'cut_off')";
    assert!(texts(database.url(), lost).await.is_empty(), "the stop waits for what runs");
    balance(database.url(), &sent, &sink).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_becomes_due_while_a_process_stops_is_done_by_another_within_two_seconds() {
    let database = TestDatabase::postgres().await;
    let sink = Sink::start().await;
    let setup = Setup::new(database.url(), sink.address);
    let (mut stopped, _stays) = tokio::join!(Relay::spawn(&setup), Relay::spawn(&setup));
    stopped.terminate();
    eventually("it drains", HARD_LIMIT, async || !stopped.is_ready().await).await;
    let key = fresh_id();
    let sent = post(stopped.public, &key).await;
    assert_eq!(sent.status(), Some(200), "requests that still come are served");
    eventually("another does it", Duration::from_secs(2), async || {
        sink.received().iter().any(|request| request.record() == key)
    })
    .await;
    assert_eq!(stopped.wait_exit(HARD_LIMIT).await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_cut_off_by_a_stop_costs_no_try_and_goes_on_elsewhere() {
    let database = TestDatabase::postgres().await;
    let sink = Sink::start().await;
    sink.next(1, &Reply::Hang);
    let mut setup = Setup::new(database.url(), sink.address);
    setup.timeout = "2m";
    let mut stopped = Relay::spawn(&setup).await;
    assert_eq!(post(stopped.public, &fresh_id()).await.status(), Some(200));
    sink.wait_until_received(1).await;
    let _stays = Relay::spawn(&setup).await;
    stopped.terminate();
    assert_eq!(stopped.wait_exit(HARD_LIMIT).await.code(), Some(0));
    let attempts = "SELECT lease_no || ' ' || number || ' ' || result FROM attempts
        ORDER BY lease_no";
    eventually("another does it", Duration::from_secs(2), async || {
        texts(database.url(), attempts).await == ["1 1 cut_off", "2 1 succeeded"]
    })
    .await;
    let row = "SELECT state || ' ' || tries || ' ' || lost FROM deliveries";
    assert_eq!(texts(database.url(), row).await, ["succeeded 1 0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_request_to_stop_ends_it_at_once() {
    let database = TestDatabase::sqlite();
    let sink = Sink::start().await;
    sink.next(1, &Reply::Hang);
    let mut relay = Relay::spawn(&Setup::new(database.url(), sink.address)).await;
    assert_eq!(post(relay.public, &fresh_id()).await.status(), Some(200));
    sink.wait_until_received(1).await;
    relay.terminate();
    eventually("it drains", HARD_LIMIT, async || !relay.is_ready().await).await;
    relay.terminate();
    relay.wait_exit(Duration::from_secs(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_within_45_seconds_whatever_hangs() {
    let cluster = Cluster::start();
    let sink = Sink::start().await;
    sink.next(1, &Reply::Hang);
    let mut setup = Setup::new(&cluster.url(), sink.address);
    (setup.timeout, setup.drain_delay) = ("2m", "20s");
    let mut relay = Relay::spawn(&setup).await;
    assert_eq!(post(relay.public, &fresh_id()).await.status(), Some(200));
    sink.wait_until_received(1).await;
    cluster.freeze();
    let asked = Instant::now();
    relay.terminate();
    assert_eq!(post(relay.public, &fresh_id()).await.status(), Some(503), "and intake is in doubt");
    assert_eq!(relay.wait_exit(HARD_LIMIT + Duration::from_secs(1)).await.code(), Some(0));
    let took = asked.elapsed();
    assert!(took > Duration::from_secs(20), "it drains first");
    assert!(took < HARD_LIMIT + Duration::from_secs(1), "the stop took {took:?}");
}
