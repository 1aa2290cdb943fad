//! What makes an alert, and what ends it.

use super::{AT_ONCE, Scene, states, told, until_another_came_and_went, until_told};
use crate::{
    store::on_both_engines,
    support::{
        client::Message as Sent,
        cluster::eventually,
        database::{Engine, TestDatabase},
        process::{Relay, Setup},
        sink::{Reply, Sink, route},
    },
};

on_both_engines![
    failures_in_a_row_are_told_once_and_their_end_once,
    failures_in_a_row_are_over_when_a_person_discards_what_failed,
    the_first_dead_letter_is_told_and_that_none_is_left,
    a_destination_that_is_gone_is_told_until_somebody_resumes,
    what_waits_for_too_long_is_told_until_it_went,
    many_wrong_signatures_are_told_and_a_few_are_not,
    what_a_dead_process_saw_is_over,
];

const BILLING: &str = "action/billing";

async fn failures_in_a_row_are_told_once_and_their_end_once(db: &TestDatabase) {
    let scene = Scene::start(db).await;
    scene.billing_answers(503);
    scene.send().await;
    scene.until_told("failures", BILLING, &["started"]).await;
    scene.until_told("breaker_open", BILLING, &["started"]).await;
    let told = told(&scene.sink);
    let failures = told.iter().find(|alert| alert["alert"] == "failures").unwrap();
    assert!(failures["title"].as_str().unwrap().contains("`billing` failed"), "{failures}");
    assert!(failures["detail"].as_str().unwrap().contains("503"), "{failures}");
    let next = failures["next"].as_str().unwrap();
    assert!(next.contains("attio-relay deliveries list --action billing"), "{next}");
    scene.until_firing("failures", 1.0).await;

    scene.billing_answers(200);
    scene.until_told("failures", BILLING, &["started", "ended"]).await;
    scene.until_told("breaker_open", BILLING, &["started", "ended"]).await;
    scene.until_firing("failures", 0.0).await;
    let others = scene.sink.received_by("billing").iter().all(|one| one.json()["route"] == "all");
    assert!(others, "alerts reach no route, `*` included");
    scene.app.stop().await;
}

async fn failures_in_a_row_are_over_when_a_person_discards_what_failed(db: &TestDatabase) {
    let scene = Scene::start(db).await;
    scene.billing_answers(400);
    for _ in 0..3 {
        scene.send().await;
    }
    scene.until_told("failures", BILLING, &["started"]).await;
    let one = "UPDATE deliveries SET state = 'discarded' WHERE id IN (SELECT CAST(max(CAST(id AS \
               text)) AS uuid) FROM deliveries WHERE state = 'dead')";
    let one = match db.engine {
        Engine::Postgres => one.to_owned(),
        Engine::Sqlite => one.replace("CAST(max(CAST(id AS text)) AS uuid)", "max(id)"),
    };
    db.run(&one).await.unwrap();
    until_another_came_and_went(db, &scene.sink).await;
    assert_eq!(states(&scene.sink, "failures", BILLING), ["started"], "others are left");
    let rest = "UPDATE deliveries SET state = 'discarded' WHERE state = 'dead'";
    db.run(rest).await.unwrap();
    scene.until_told("failures", BILLING, &["started", "ended"]).await;
    scene.app.stop().await;
}

async fn the_first_dead_letter_is_told_and_that_none_is_left(db: &TestDatabase) {
    let scene = Scene::start(db).await;
    scene.billing_answers(400);
    scene.send().await;
    scene.until_told("dead_letters", BILLING, &["started"]).await;
    scene.send().await;
    let dead = "SELECT count(*) FROM deliveries WHERE state = 'dead'";
    scene.app.eventually("another one", async || db.number(dead).await == 2).await;
    let discard = "UPDATE deliveries SET state = 'discarded' WHERE state = 'dead'";
    db.run(discard).await.unwrap();
    scene.until_told("dead_letters", BILLING, &["started", "ended"]).await;
    scene.app.stop().await;
}

async fn a_destination_that_is_gone_is_told_until_somebody_resumes(db: &TestDatabase) {
    let scene = Scene::start(db).await;
    scene.billing_answers(410);
    scene.send().await;
    scene.until_told("gone", BILLING, &["started"]).await;
    db.run("UPDATE pauses SET by = 'loop'").await.unwrap();
    scene.until_told("gone", BILLING, &["started", "ended"]).await;
    scene.until_told("loop", BILLING, &["started"]).await;
    db.run("DELETE FROM pauses").await.unwrap();
    scene.until_told("loop", BILLING, &["started", "ended"]).await;
    scene.app.stop().await;
}

async fn what_waits_for_too_long_is_told_until_it_went(db: &TestDatabase) {
    let sink = Sink::start().await;
    let one = sink.action("billing", "concurrency = 1");
    let toml = super::toml(&sink, "oldest_due = \"100ms\"\n", "")
        .replace(&sink.action("billing", ""), &one);
    let app = crate::support::app::TestApp::start(db, &toml).await;
    let scene = Scene { sink, app };
    scene.sink.decide(|request| (request.path == "/billing").then_some(Reply::Hang));
    scene.send().await;
    scene.send().await;
    scene.until_told("oldest_due", BILLING, &["started"]).await;
    scene.sink.release();
    scene.until_told("oldest_due", BILLING, &["started", "ended"]).await;
    scene.app.stop().await;
}

async fn many_wrong_signatures_are_told_and_a_few_are_not(db: &TestDatabase) {
    let window = "signature_failures = 5\nsignature_window = \"10s\"\n";
    let scene = Scene::with(db, window, "").await;
    let forged = || Sent::event("record.created").signed_with("another secret, not the one");
    for _ in 0..4 {
        scene.app.post(&forged()).await.assert_refused(401, "signature");
    }
    scene.billing_answers(400);
    scene.send().await;
    scene.until_told("dead_letters", BILLING, &["started"]).await;
    assert!(states(&scene.sink, "signatures", "source/crm").is_empty(), "a few");
    for _ in 0..5 {
        scene.app.post(&forged()).await.assert_refused(401, "signature");
    }
    scene.until_told("signatures", "source/crm", &["started"]).await;
    scene.until_told("signatures", "source/crm", &["started", "ended"]).await;
    scene.app.stop().await;
}

async fn what_a_dead_process_saw_is_over(db: &TestDatabase) {
    let scene = Scene::start(db).await;
    until_another_came_and_went(db, &scene.sink).await;
    scene.app.stop().await;
}

/// A real process, so that its file can change.
struct Changing {
    _db: TestDatabase,
    sink: Sink,
    setup: Setup,
    relay: Relay,
}

impl Changing {
    async fn start(routing: impl Fn(&Sink) -> String) -> Self {
        let (db, sink) = (TestDatabase::sqlite(), Sink::start().await);
        let mut setup = Setup::new(db.url(), sink.address);
        setup.routing = Some(routing(&sink));
        let relay = Relay::spawn(&setup).await;
        Self { _db: db, sink, setup, relay }
    }

    fn change(&mut self, routing: String) {
        self.setup.routing = Some(routing);
        self.relay.rewrite(&self.setup);
    }
}

fn reviewed(sink: &Sink, day: &str) -> String {
    let all = route("all", &format!("on = [\"*\"]\nreviewed = {day}"), &["billing"]);
    sink.action("billing", "") + &sink.action("ops", "") + &all + AT_ONCE
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overdue_review_is_told_until_the_file_says_another_day() {
    let mut it = Changing::start(|sink| reviewed(sink, "2020-01-01")).await;
    until_told(&it.sink, "review_overdue", "route/all", &["started"]).await;
    let today = time::OffsetDateTime::now_utc().date().to_string();
    it.change(reviewed(&it.sink, &today));
    until_told(&it.sink, "review_overdue", "route/all", &["started", "ended"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_used_is_told_until_it_can() {
    let mut it = Changing::start(|sink| reviewed(sink, "2026-11-01")).await;
    it.change(reviewed(&it.sink, "2026-11-01").replace("on = [", "on = [7, "));
    until_told(&it.sink, "reload_failed", "", &["started"]).await;
    it.change(reviewed(&it.sink, "2026-11-01"));
    until_told(&it.sink, "reload_failed", "", &["started", "ended"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_file_tells_others_without_a_restart() {
    let mut it =
        Changing::start(|sink| reviewed(sink, "2020-01-01") + &sink.action("chat", "")).await;
    until_told(&it.sink, "review_overdue", "route/all", &["started"]).await;
    let today = time::OffsetDateTime::now_utc().date().to_string();
    let others = reviewed(&it.sink, &today).replace("to = [\"ops\"]", "to = [\"chat\"]");
    it.change(others + &it.sink.action("chat", ""));
    let patience = std::time::Duration::from_secs(20);
    let told = async || it.sink.received_by("chat").len() == 1;
    eventually("the end goes to the others", patience, told).await;
    assert_eq!(states(&it.sink, "review_overdue", "route/all"), ["started"]);
}
