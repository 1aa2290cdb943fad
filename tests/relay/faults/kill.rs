//! `kill -9` under load, twenty times: at random moments and at named points, from outside.
//!
//! Every rig has a store, a destination and traffic of its own; all run at once, so that the
//! leases of the dead run out side by side.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use time::OffsetDateTime;

use super::{
    books::{balance, stored, texts},
    traffic::{Doors, Sent, Traffic, post},
};
use crate::support::{
    client::fresh_id,
    cluster::eventually,
    database::{Engine, TestDatabase},
    process::{Relay, Setup},
    proxy::{Point, Proxy, Then},
    sink::{Received, Reply, Sink},
};

/// A killed process delays its deliveries by its lease (20 s) and 5 s at the most.
const TAKEN_OVER: Duration = Duration::from_secs(25);

/// The pauses between two messages: where the moment is random, and where it is chosen.
const DENSE: Duration = Duration::from_millis(10);
const SPARSE: Duration = Duration::from_millis(40);

/// The pause between two looks at the store.
const LOOK: Duration = Duration::from_millis(500);

/// A store, a destination, traffic, and the last kill.
struct Rig {
    name: &'static str,
    database: TestDatabase,
    sink: Sink,
    doors: Doors,
    traffic: Traffic,
    kills: usize,
    killed_at: OffsetDateTime,
}

impl Rig {
    async fn new(name: &'static str, database: TestDatabase, pause: Duration) -> Self {
        let doors = Doors::default();
        let traffic = Traffic::every_until_acknowledged(pause, &doors);
        let sink = Sink::start().await;
        Self {
            name,
            database,
            sink,
            doors,
            traffic,
            kills: 0,
            killed_at: OffsetDateTime::now_utc(),
        }
    }

    /// One more replica, reached by the traffic.
    async fn spawn(&self) -> Relay {
        self.spawn_on(self.database.url()).await
    }

    async fn spawn_on(&self, store: &str) -> Relay {
        let relay = Relay::spawn(&self.setup(store)).await;
        self.doors.open(relay.public);
        relay
    }

    fn setup(&self, store: &str) -> Setup {
        Setup::new(store, self.sink.address)
    }

    /// The traffic learns of it by its broken connections.
    fn kill(&mut self, mut relay: Relay) {
        relay.kill9();
        self.killed_at = OffsetDateTime::now_utc();
        self.kills += 1;
        self.doors.close(relay.public);
    }

    /// Lets traffic flow for a random while, so that the kill hits anything.
    async fn random_moment(&self) {
        tokio::time::sleep(Duration::from_millis(fastrand::u64(200..900))).await;
    }

    /// Stops the traffic and checks everything. Returns how many kills were survived.
    async fn check(self, further: Vec<Sent>) -> usize {
        // So that what is waited for is the leases of the dead, and not a busy machine.
        let mut sent = self.traffic.stop().await;
        assert!(sent.iter().all(Sent::was_acknowledged));
        let taken = [r#"{"status":"accepted"}"#, r#"{"status":"duplicate"}"#];
        for answer in sent.iter().flat_map(|sent| &sent.tries).filter_map(|one| one.answer.as_ref())
        {
            let is_right = answer.0 == 503 || answer.0 == 200 && taken.contains(&&*answer.1);
            assert!(is_right, "{}: {answer:?}", self.name);
        }
        is_taken_over(self.name, &self.database, self.killed_at).await;
        sent.extend(further);
        balance(self.database.url(), &sent, &self.sink).await;
        self.kills
    }
}

/// What was accepted before the last kill is done in time.
async fn is_taken_over(name: &str, database: &TestDatabase, killed_at: OffsetDateTime) {
    let micros = killed_at.unix_timestamp_nanos() / 1000;
    let before = match database.engine {
        Engine::Sqlite => format!("{micros}"),
        Engine::Postgres => format!("to_timestamp({micros} / 1e6)"),
    };
    let open = format!(
        "SELECT d.id || ' lease ' || d.lease_no || ' lost ' || d.lost || ' due ' || d.due_at
         FROM deliveries d JOIN events e ON e.id = d.event_id
         JOIN messages m ON m.id = e.message_id
         WHERE d.ended_at IS NULL AND m.received_at < {before}"
    );
    loop {
        let rows = texts(database.url(), &open).await;
        if rows.is_empty() {
            return;
        }
        let now = OffsetDateTime::now_utc();
        assert!(now < killed_at + TAKEN_OVER, "{name}: killed {killed_at}, now {now}: {rows:#?}");
        tokio::time::sleep(LOOK).await;
    }
}

/// Two replicas take turns in dying.
async fn two_replicas_at_random() -> usize {
    let mut rig = Rig::new("two replicas at random", TestDatabase::postgres().await, DENSE).await;
    let (mut one, mut other) = tokio::join!(rig.spawn(), rig.spawn());
    for _ in 0..5 {
        rig.random_moment().await;
        rig.kill(one);
        one = other;
        other = rig.spawn().await;
    }
    rig.random_moment().await;
    rig.check(Vec::new()).await
}

/// One process dies and comes back.
async fn one_process_at_random(database: TestDatabase, pause: Duration) -> usize {
    let mut rig = Rig::new("one process at random", database, pause).await;
    let mut relay = rig.spawn().await;
    for _ in 0..3 {
        rig.random_moment().await;
        rig.kill(relay);
        relay = rig.spawn().await;
    }
    rig.random_moment().await;
    rig.check(Vec::new()).await
}

/// Dies between sending a batch and hearing of its commit, which happened or did not.
async fn around_the_commit(point: Point) -> usize {
    let mut rig = Rig::new("around the commit", TestDatabase::postgres().await, SPARSE).await;
    let port = url::Url::parse(rig.database.url()).unwrap().port().unwrap();
    let proxy = Proxy::start(port).await;
    let through = proxy.url(rig.database.url());
    let mut special = Vec::new();
    let mut relay = rig.spawn_on(&through).await;
    for _ in 0..2 {
        let next = rig.spawn_on(&through).await;
        let key = fresh_id();
        let sprung = proxy.arm("intake", &key, point, Then::Hold);
        let (first, ()) = tokio::join!(post(relay.public, &key), async {
            sprung.await.unwrap();
            rig.kill(relay);
        });
        assert_eq!(first.answer, None, "{point:?}: answered before it was known");
        let committed = i64::from(point == Point::Committed);
        assert_eq!(stored(rig.database.url(), &key).await, committed, "{point:?}");
        let again = post(next.public, &key).await;
        let status = if committed == 1 { "duplicate" } else { "accepted" };
        let right = (200, format!(r#"{{"status":"{status}"}}"#));
        assert_eq!(again.answer, Some(right), "{point:?}");
        special.push(Sent { key, tries: vec![first, again] });
        relay = next;
    }
    rig.random_moment().await;
    rig.check(special).await
}

/// Dies while the destination works; the delivery comes again, under the same key.
async fn in_an_attempt(database: TestDatabase, kills: usize) -> usize {
    let mut rig = Rig::new("in an attempt", database, SPARSE).await;
    let mut special = Vec::new();
    let mut relay = rig.spawn().await;
    for _ in 0..kills {
        let key = fresh_id();
        let came = hang_once(&rig.sink, &key);
        let sent = post(relay.public, &key).await;
        assert_eq!(sent.status(), Some(200));
        eventually("the attempt", TAKEN_OVER, async || came.load(Ordering::Relaxed) > 0).await;
        if rig.database.engine == Engine::Sqlite {
            rig.kill(relay);
            relay = rig.spawn().await;
        } else {
            let next = rig.spawn().await;
            rig.kill(relay);
            relay = next;
        }
        special.push(Sent { key, tries: vec![sent] });
    }
    let sink = rig.sink.clone();
    let keys: Vec<String> = special.iter().map(|sent| sent.key.clone()).collect();
    let kills = rig.check(special).await;
    for key in keys {
        let of_it = |request: &&Received| request.record() == key;
        assert!(sink.received().iter().filter(of_it).count() >= 2, "it came again");
    }
    kills
}

/// Dies when the destination has said yes and the store has not heard of it.
async fn before_the_outcome() -> usize {
    let mut rig = Rig::new("before the outcome", TestDatabase::postgres().await, SPARSE).await;
    let port = url::Url::parse(rig.database.url()).unwrap().port().unwrap();
    let mut proxy = Proxy::start(port).await;
    let mut relay = rig.spawn_on(&proxy.url(rig.database.url())).await;
    for _ in 0..2 {
        let next_proxy = Proxy::start(port).await;
        let next = rig.spawn_on(&next_proxy.url(rig.database.url())).await;
        let sprung = proxy.arm("outcome", "succeeded", Point::NotForwarded, Then::Hold);
        sprung.await.unwrap();
        rig.kill(relay);
        (relay, proxy) = (next, next_proxy);
    }
    let sink = rig.sink.clone();
    let kills = rig.check(Vec::new()).await;
    let received = sink.received();
    let keys: HashSet<&str> = received.iter().map(Received::key).collect();
    assert!(received.len() >= keys.len() + 2, "nothing was done twice: the kills missed");
    kills
}

/// The first request about this record hangs. Returns how many came.
fn hang_once(sink: &Sink, record: &str) -> Arc<AtomicUsize> {
    let came = Arc::new(AtomicUsize::new(0));
    let (record, counted) = (record.to_owned(), Arc::clone(&came));
    sink.decide(move |request| {
        let is_first = || counted.fetch_add(1, Ordering::Relaxed) == 0;
        (request.record() == record && is_first()).then_some(Reply::Hang)
    });
    came
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_kills_lose_nothing_that_was_acknowledged_and_store_nothing_twice() {
    let (at_random, around_the_commit, in_an_attempt, before_the_outcome) = tokio::join!(
        async {
            let (two, one, sqlite) = tokio::join!(
                two_replicas_at_random(),
                one_process_at_random(TestDatabase::postgres().await, DENSE),
                one_process_at_random(TestDatabase::sqlite(), SPARSE),
            );
            two + one + sqlite
        },
        async {
            let (before, after) = tokio::join!(
                around_the_commit(Point::NotForwarded),
                around_the_commit(Point::Committed),
            );
            before + after
        },
        async {
            let (postgres, sqlite) = tokio::join!(
                in_an_attempt(TestDatabase::postgres().await, 2),
                in_an_attempt(TestDatabase::sqlite(), 1),
            );
            postgres + sqlite
        },
        before_the_outcome(),
    );
    assert_eq!(at_random + around_the_commit + in_an_attempt + before_the_outcome, 20);
}
