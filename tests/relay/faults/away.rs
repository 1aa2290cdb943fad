//! A Postgres that is stopped, frozen, restarted, full or not there yet.

use std::time::{Duration, Instant};

use super::{
    books::balance,
    traffic::{Doors, Sent, Traffic, Try},
};
use crate::support::{
    cluster::{Cluster, eventually},
    database::TestDatabase,
    process::{Relay, Setup},
    proxy::{Point, Proxy, Then},
    sink::Sink,
};

/// Every answer comes within this, whatever the database does.
const ANSWERED: Duration = Duration::from_secs(4);

/// Messages are accepted again so soon after the database's return.
const RECOVERED: Duration = Duration::from_secs(2);

/// The time between two messages.
const PAUSE: Duration = Duration::from_millis(50);

/// A cluster, a relay and constant traffic.
struct Rig {
    cluster: Cluster,
    sink: Sink,
    relay: Relay,
    traffic: Traffic,
}

/// From when to when nothing can be committed, and when Postgres is there for certain.
struct Outage {
    from: Instant,
    to: Instant,
    back: Instant,
}

impl Rig {
    async fn start() -> Self {
        let cluster = Cluster::start();
        let sink = Sink::start().await;
        let relay = Relay::spawn(&Setup::new(&cluster.url(), sink.address)).await;
        Self::with(cluster, sink, relay).await
    }

    async fn with(cluster: Cluster, sink: Sink, relay: Relay) -> Self {
        let traffic = Traffic::every(PAUSE, &Doors::one(relay.public));
        // Traffic flows before, during and after the fault.
        tokio::time::sleep(PAUSE * 10).await;
        Self { cluster, sink, relay, traffic }
    }

    async fn until_unready(&self) {
        let patience = Duration::from_secs(6);
        eventually("unready", patience, async || !self.relay.is_ready().await).await;
    }

    /// Ends an outage by starting the cluster again.
    fn start_again(&self, from: Instant) -> Outage {
        let to = Instant::now();
        self.cluster.start_again();
        Outage { from, to, back: Instant::now() }
    }

    /// Waits for the recovery, stops the traffic and checks every answer.
    async fn check(self, outages: &[Outage]) {
        let Self { cluster, sink, relay, traffic } = self;
        relay.until_ready(RECOVERED).await;
        tokio::time::sleep(PAUSE * 10).await;
        let sent = traffic.stop().await;
        let tries: Vec<&Try> = sent.iter().map(|sent| &sent.tries[0]).collect();
        for one in &tries {
            assert!(matches!(one.status(), Some(200 | 503)), "{one:?}");
            assert!(one.took < ANSWERED, "{one:?}");
        }
        for outage in outages {
            let lies = |one: &&&Try| {
                one.status() == Some(200) && one.at > outage.from && one.answered_at() < outage.to
            };
            assert_eq!(tries.iter().filter(lies).count(), 0, "200 while nothing can commit");
            let accepted = tries.iter().filter(|one| one.status() == Some(200));
            let first = accepted.map(|one| one.answered_at()).filter(|at| *at > outage.to).min();
            let late = first.expect("accepted again").saturating_duration_since(outage.back);
            assert!(late < RECOVERED, "accepted again only after {late:?}");
        }
        assert!(sent.iter().any(Sent::was_acknowledged));
        balance(&cluster.url(), &sent, &sink).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_postgres_means_503_and_its_return_is_noticed_within_two_seconds() {
    let rig = Rig::start().await;
    rig.cluster.stop();
    let from = Instant::now();
    rig.until_unready().await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    let outage = rig.start_again(from);
    rig.check(&[outage]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_restarts_is_survived() {
    let rig = Rig::start().await;
    let mut outages = Vec::new();
    for _ in 0..2 {
        rig.cluster.stop();
        let from = Instant::now();
        outages.push(rig.start_again(from));
        rig.relay.until_ready(RECOVERED).await;
        tokio::time::sleep(PAUSE * 10).await;
    }
    rig.check(&outages).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_postgres_means_503_in_time_and_its_thaw_is_noticed_within_two_seconds() {
    let rig = Rig::start().await;
    rig.cluster.freeze();
    let from = Instant::now();
    rig.until_unready().await;
    tokio::time::sleep_until((from + Duration::from_secs(10)).into()).await;
    let to = Instant::now();
    rig.cluster.thaw();
    rig.check(&[Outage { from, to, back: to }]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_away_at_start_is_waited_for() {
    let cluster = Cluster::start();
    cluster.stop();
    let from = Instant::now();
    let sink = Sink::start().await;
    let relay = Relay::launch(&Setup::new(&cluster.url(), sink.address)).await;
    assert!(!relay.is_ready().await);
    let rig = Rig::with(cluster, sink, relay).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let outage = rig.start_again(from);
    rig.check(&[outage]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_backends_are_replaced_at_once() {
    let rig = Rig::start().await;
    for _ in 0..3 {
        let to = Instant::now();
        assert!(rig.cluster.kill_backends().await > 0);
        rig.relay.until_ready(RECOVERED).await;
        assert!(to.elapsed() < RECOVERED);
        tokio::time::sleep(PAUSE * 4).await;
    }
    rig.check(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_postgres_means_503_and_room_is_noticed_within_two_seconds() {
    let cluster = Cluster::start();
    cluster.run("CREATE ROLE relay LOGIN").await;
    cluster.run("GRANT ALL ON SCHEMA public TO relay").await;
    let sink = Sink::start().await;
    let url = cluster.url().replace("postgres@", "relay@");
    let relay = Relay::spawn(&Setup::new(&url, sink.address)).await;
    let rig = Rig::with(cluster, sink, relay).await;
    rig.cluster.limit_connections("relay", 0).await;
    rig.cluster.kill_backends().await;
    let from = Instant::now();
    rig.until_unready().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let to = Instant::now();
    rig.cluster.limit_connections("relay", -1).await;
    rig.check(&[Outage { from, to, back: Instant::now() }]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_goes_silent_while_the_store_is_prepared_is_given_up() {
    let database = TestDatabase::postgres().await;
    let sink = Sink::start().await;
    let proxy = Proxy::start(url::Url::parse(database.url()).unwrap().port().unwrap()).await;
    let silent = proxy.arm("setup", "server_version_num", Point::NotForwarded, Then::Hold);
    let relay = Relay::launch(&Setup::new(&proxy.url(database.url()), sink.address)).await;
    silent.await.unwrap();
    relay.until_ready(Duration::from_secs(15)).await;
}
