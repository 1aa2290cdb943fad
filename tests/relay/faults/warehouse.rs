//! `kill -9` of the real binary while it writes rows: at random moments, and around the commit in
//! the other database. The table has no unique index, so that nothing hides a row that comes twice.

use std::{collections::HashSet, net::SocketAddr, time::Duration};

use tempfile::TempDir;

use super::{
    books::{all_ended, number, texts},
    traffic::{Doors, Sent, Traffic, post},
};
use crate::support::{
    client::fresh_id,
    database::TestDatabase,
    process::{Relay, Setup},
    proxy::{Point, Proxy, Then},
};

/// The pause between two messages.
const PAUSE: Duration = Duration::from_millis(10);

/// Relays with a store and a warehouse.
struct Rig {
    store: TestDatabase,
    warehouse: TestDatabase,
    home: TempDir,
}

impl Rig {
    async fn new() -> Self {
        let (store, warehouse) = tokio::join!(TestDatabase::postgres(), TestDatabase::postgres());
        warehouse.run("CREATE TABLE people (record_id text NOT NULL)").await.unwrap();
        Self { store, warehouse, home: TempDir::new().unwrap() }
    }

    /// A relay that writes to the warehouse, whose address is this one.
    async fn spawn(&self, warehouse: &str) -> Relay {
        let reference = self.home.path().join(fresh_id());
        std::fs::write(&reference, warehouse).unwrap();
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
        let mut setup = Setup::new(self.store.url(), nowhere);
        setup.routing = Some(format!(
            r#"
[actions.warehouse]
kind = "postgres"
url = "file:{}"
table = "people"
columns = {{ record_id = "{{{{ event.id.record_id }}}}" }}
retry = {{ attempts = 1000, first = "100ms", max = "200ms" }}
[[routes]]
name = "people"
on = ["record.updated"]
to = ["warehouse"]
"#,
            reference.display()
        ));
        Relay::spawn(&setup).await
    }

    /// Everything acknowledged has one row, nothing has two, and nothing came from elsewhere.
    async fn check(&self, sent: &[Sent]) {
        all_ended(self.store.url()).await;
        let not_done = "SELECT count(*) FROM deliveries WHERE state <> 'succeeded'";
        assert_eq!(number(self.store.url(), not_done).await, 0);
        let rows = texts(self.warehouse.url(), "SELECT record_id FROM people").await;
        let records: HashSet<&str> = rows.iter().map(String::as_str).collect();
        assert_eq!(records.len(), rows.len(), "a row came twice");
        let lost: Vec<_> = sent
            .iter()
            .filter(|sent| sent.was_acknowledged() && !records.contains(&*sent.key))
            .collect();
        assert!(lost.is_empty(), "acknowledged and no row: {lost:?}");
        let stored = number(self.store.url(), "SELECT count(*) FROM messages").await;
        assert_eq!(usize::try_from(stored).unwrap(), rows.len());
    }
}

/// Two replicas take turns in dying under traffic.
async fn at_random(kills: usize) -> usize {
    let rig = Rig::new().await;
    let doors = Doors::default();
    let url = rig.warehouse.url();
    let (mut one, mut other) = tokio::join!(rig.spawn(url), rig.spawn(url));
    doors.open(one.public);
    doors.open(other.public);
    let traffic = Traffic::every_until_acknowledged(PAUSE, &doors);
    for _ in 0..kills {
        tokio::time::sleep(Duration::from_millis(fastrand::u64(100..500))).await;
        one.kill9();
        doors.close(one.public);
        one = other;
        other = rig.spawn(url).await;
        doors.open(other.public);
    }
    rig.check(&traffic.stop().await).await;
    kills
}

/// Dies when the row was sent, and is committed or not: the relay never hears it.
async fn around_the_commit(point: Point, kills: usize) -> usize {
    let rig = Rig::new().await;
    let port = url::Url::parse(rig.warehouse.url()).unwrap().port().unwrap();
    let mut all = Vec::new();
    for _ in 0..kills {
        let proxy = Proxy::start(port).await;
        let mut relay = rig.spawn(&proxy.url(rig.warehouse.url())).await;
        let key = fresh_id();
        let sprung = proxy.arm("warehouse", &key, point, Then::Hold);
        let sent = post(relay.public, &key).await;
        assert_eq!(sent.status(), Some(200));
        sprung.await.unwrap();
        relay.kill9();
        let of_it = format!("SELECT count(*) FROM people WHERE record_id = '{key}'");
        let rows = number(rig.warehouse.url(), &of_it).await;
        match point {
            Point::NotForwarded => assert_eq!(rows, 0),
            Point::Forwarded => {}
            Point::Committed => assert_eq!(rows, 1),
        }
        all.push(Sent { key, tries: vec![sent] });
    }
    let _last = rig.spawn(rig.warehouse.url()).await;
    rig.check(&all).await;
    kills
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_comes_to_the_warehouse_once_under_twenty_kills() {
    let (random, before, meanwhile, after) = tokio::join!(
        at_random(12),
        around_the_commit(Point::NotForwarded, 2),
        around_the_commit(Point::Forwarded, 3),
        around_the_commit(Point::Committed, 3),
    );
    assert_eq!(random + before + meanwhile + after, 20);
}
