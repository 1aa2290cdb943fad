//! What is paused waits on every replica, loses nothing, and goes on when it is resumed.

use std::time::{Duration, Instant};

use attio_relay::store::{Deed, Pause, PauseKind};

use super::{act, people};
use crate::{
    store::on_both_engines,
    support::{
        app::TestApp,
        client::{Message, sample},
        database::TestDatabase,
        sink::{Reply, Sink, route},
    },
};

on_both_engines![
    a_paused_action_waits_and_others_go_on,
    a_paused_route_waits_and_other_routes_of_its_action_go_on,
    what_410_paused_stays_so_over_a_restart_until_it_is_resumed,
];

pub(super) const BILLING: [(&str, &str); 1] = [("action", "billing")];
pub(super) const WAITING: [(&str, &str); 2] = [("action", "billing"), ("state", "paused")];
pub(super) const OPEN: &str = "attio_relay_deliveries_open";
pub(super) const PAUSED: &str = "attio_relay_action_paused";
const ROUTE_PAUSED: &str = "attio_relay_route_paused";

/// Records to billing by one route, tasks to billing and notes to the warehouse by others.
fn three_routes(sink: &Sink) -> String {
    sink.action("billing", "")
        + &sink.action("warehouse", "")
        + &route("records", r#"on = ["record.*"]"#, &["billing"])
        + &route("tasks", r#"on = ["task.*"]"#, &["billing"])
        + &route("notes", r#"on = ["note.*"]"#, &["warehouse"])
}

fn one_of_each() -> Message {
    Message::envelope(["record.updated", "task.created", "note.created"].map(sample))
}

pub(super) async fn pause(db: &TestDatabase, kind: PauseKind, name: &str) {
    let (by, reason) = ("ann@desk".to_owned(), "a test".to_owned());
    let pause = Pause { kind, name: name.to_owned(), by, reason };
    assert!(people(db).pause(&pause, &act(Deed::Pause)).await.unwrap());
}

pub(super) async fn resume(db: &TestDatabase, kind: PauseKind, name: &str) {
    assert!(people(db).resume(kind, name, &act(Deed::Resume)).await.unwrap());
}

async fn a_paused_action_waits_and_others_go_on(db: &TestDatabase) {
    let sink = Sink::start().await;
    let app = TestApp::start(db, &three_routes(&sink)).await;
    pause(db, PauseKind::Action, "billing").await;
    app.wait_for_metric(PAUSED, &BILLING, 1.0).await;
    app.post_all((0..5).map(|_| one_of_each())).await;
    sink.wait_until_received_by("warehouse", 5).await;
    app.wait_for_metric(OPEN, &WAITING, 10.0).await;
    assert!(sink.received_by("billing").is_empty());
    assert_eq!(app.metric("attio_relay_oldest_due_seconds", &[]).await, 0.0);
    resume(db, PauseKind::Action, "billing").await;
    app.wait_until_delivered(&sink, 15).await;
    app.eventually("nothing is paused", async || app.metric(PAUSED, &BILLING).await == 0.0).await;
    app.stop().await;
}

async fn a_paused_route_waits_and_other_routes_of_its_action_go_on(db: &TestDatabase) {
    let sink = Sink::start().await;
    pause_before_it_runs(db).await;
    let app = TestApp::start(db, &three_routes(&sink)).await;
    app.post_all((0..50).map(|_| Message::event("record.updated"))).await;
    app.post_all((0..5).map(|_| one_of_each())).await;
    app.wait_until_delivered(&sink, 10).await;
    let postponed = [("action", "billing"), ("reason", "paused")];
    app.wait_for_metric("attio_relay_postponed_total", &postponed, 55.0).await;
    app.wait_for_metric(OPEN, &WAITING, 55.0).await;
    assert_eq!(app.metric(PAUSED, &BILLING).await, 0.0);
    app.wait_for_metric(ROUTE_PAUSED, &[("route", "records")], 1.0).await;
    assert_eq!(app.metric(ROUTE_PAUSED, &[("route", "tasks")]).await, 0.0);
    let types: Vec<_> =
        sink.received_by("billing").iter().map(|one| one.json()["type"].clone()).collect();
    assert_eq!(types, vec!["task.created"; 5]);
    resume(db, PauseKind::Route, "records").await;
    app.wait_until_delivered(&sink, 65).await;
    app.eventually("no route is paused", async || app.metric(ROUTE_PAUSED, &[]).await == 0.0).await;
    app.stop().await;
    assert_eq!(db.number("SELECT count(*) FROM deliveries WHERE held IS NOT NULL").await, 0);
    let tries = db.number("SELECT CAST(sum(tries) AS bigint) FROM deliveries").await;
    assert_eq!(tries, 65, "waiting costs no tries");
}

async fn pause_before_it_runs(db: &TestDatabase) {
    db.store().await;
    pause(db, PauseKind::Route, "records").await;
}

async fn what_410_paused_stays_so_over_a_restart_until_it_is_resumed(db: &TestDatabase) {
    let sink = Sink::start().await;
    sink.next(1, &Reply::Status(410));
    let app = TestApp::start(db, &sink.all()).await;
    app.post(&Message::event("record.updated")).await.assert_accepted();
    app.wait_for_metric(PAUSED, &BILLING, 1.0).await;
    app.stop().await;
    let standing = people(db).pauses().await.unwrap();
    assert_eq!((standing[0].pause.by.as_str(), standing.len()), ("410", 1));
    assert_eq!(db.all_texts("SELECT who FROM acts").await, ["attio-relay"]);

    let app = TestApp::start(db, &sink.all()).await;
    app.post_all((0..3).map(|_| Message::event("record.updated"))).await;
    app.wait_for_metric(OPEN, &WAITING, 3.0).await;
    assert_eq!(sink.received().len(), 1);
    resume(db, PauseKind::Action, "billing").await;
    app.wait_until_delivered(&sink, 3).await;
    app.stop().await;
}

/// Two replicas on one database.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_replica_obeys_within_two_seconds() {
    let db = TestDatabase::postgres().await;
    let sink = Sink::start().await;
    let toml = three_routes(&sink);
    let replicas = [TestApp::start(&db, &toml).await, TestApp::start(&db, &toml).await];
    for (kind, name) in [(PauseKind::Action, "billing"), (PauseKind::Route, "records")] {
        let before = sink.received().len();
        pause(&db, kind, name).await;
        tokio::time::sleep(Duration::from_secs(2)).await; // what is promised
        for replica in &replicas {
            replica.post_all((0..10).map(|_| Message::event("record.updated"))).await;
            replica.post_all((0..10).map(|_| Message::event("note.created"))).await;
        }
        sink.wait_until_received(before + 20).await;
        tokio::time::sleep(Duration::from_millis(300)).await; // time to do wrong
        assert_eq!(sink.received().len(), before + 20, "{name} was not paused everywhere");
        let resumed = Instant::now();
        resume(&db, kind, name).await;
        sink.wait_until_received(before + 40).await;
        assert!(resumed.elapsed() < Duration::from_secs(5), "{:?}", resumed.elapsed());
    }
    for replica in replicas {
        replica.stop().await;
    }
    let ended = "SELECT count(*) FROM deliveries WHERE state = 'succeeded'";
    assert_eq!(db.number(ended).await, 80);
}
