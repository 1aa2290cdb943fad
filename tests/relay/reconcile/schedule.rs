//! `[reconcile]`: by itself, once for the whole fleet.

use attio_relay::http::fake_attio::Failure;

use super::{DEALS_AND_STAGES, MADE, Scene, set_stage};
use crate::{
    store::on_both_engines,
    support::{
        app::{TestApp, eventually},
        client::Message,
        database::{Engine, TestDatabase},
        process::{Relay, Setup},
    },
};

on_both_engines![
    what_a_stop_cut_off_goes_on_after_the_restart,
    what_happened_before_the_first_message_was_never_to_arrive,
];

const QUERY: &str = "/v2/objects/deals/records/query";

/// A relay that has heard of something two hours ago, and has lost something since.
async fn scene(db: &TestDatabase) -> Scene {
    let mut scene = Scene::with(&DEALS_AND_STAGES).await;
    let app = scene.start(db).await;
    app.post(&Message::event("task.created")).await.assert_accepted();
    app.stop().await;
    let older = match db.engine {
        Engine::Postgres => "UPDATE messages SET received_at = received_at - interval '2 h'",
        Engine::Sqlite => "UPDATE messages SET received_at = received_at - 7200000000",
    };
    db.run(older).await.unwrap();
    scene.lose(|attio| set_stage(attio, "Lost"));
    scene.toml += "[reconcile]\nevery = '24h'\n";
    scene
}

async fn reconciled(app: &TestApp) -> f64 {
    app.metric("attio_relay_reconciled_total", &[("type", "record.updated")]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_replicas_one_reconciles_once() {
    let db = TestDatabase::postgres().await;
    let scene = scene(&db).await;
    let (one, other) = (scene.start(&db).await, scene.start(&db).await);
    eventually("it is made up for", async || {
        reconciled(&one).await + reconciled(&other).await >= 1.0
    })
    .await;
    eventually("the turn is ended", async || {
        db.number("SELECT count(*) FROM turns WHERE task = 'reconcile' AND owner IS NULL").await
            == 1
    })
    .await;
    scene.sink.wait_until_received_by("asks", 1).await;
    assert_eq!(scene.attio.requests_to("POST", QUERY).len(), 1);
    let hours = "SELECT CAST(round(extract(epoch FROM due_at - now()) / 3600) AS bigint) FROM turns
         WHERE task = 'reconcile'";
    assert_eq!((db.number(MADE).await, db.number(hours).await), (1, 24));
    one.stop().await;
    other.stop().await;
}

async fn what_a_stop_cut_off_goes_on_after_the_restart(db: &TestDatabase) {
    let scene = scene(db).await;
    scene.attio.fail_all("POST", QUERY, Failure::Hang);
    let app = scene.start(db).await;
    scene.attio.until_requested("POST", QUERY, 1).await;
    app.stop().await;
    scene.attio.heal();
    assert_eq!(db.number(MADE).await, 0);
    let app = scene.start(db).await;
    app.wait_for_metric("attio_relay_reconciled_total", &[], 1.0).await;
    app.wait_for_metric(
        "attio_relay_last_success_timestamp_seconds",
        &[("loop", "reconcile")],
        1.0,
    )
    .await;
    assert_eq!(db.number(MADE).await, 1);
    app.stop().await;
}

async fn what_happened_before_the_first_message_was_never_to_arrive(db: &TestDatabase) {
    let mut scene = Scene::with(&DEALS_AND_STAGES).await;
    scene.lose(|attio| set_stage(attio, "Lost"));
    scene.toml += "[reconcile]\nevery = '24h'\n";
    let app = scene.start(db).await;
    app.wait_for_metric(
        "attio_relay_last_success_timestamp_seconds",
        &[("loop", "reconcile")],
        1.0,
    )
    .await;
    assert_eq!(db.number(MADE).await, 0);
    app.stop().await;
}

/// A real process, so that its file can change, with what the scene asks for.
struct Changing {
    scene: Scene,
    setup: Setup,
    relay: Relay,
    _home: tempfile::TempDir,
}

impl Changing {
    async fn start(db: &TestDatabase, mut scene: Scene, routing: impl Fn(&str) -> String) -> Self {
        let home = tempfile::tempdir().unwrap();
        let token = home.path().join("token");
        std::fs::write(&token, scene.attio.token()).unwrap();
        scene.toml = scene.toml.replace("env:ATTIO_TOKEN", &format!("file:{}", token.display()));
        scene.toml += &scene.sink.action("elsewhere", "");
        let mut setup = Setup::new(db.url(), scene.sink.address);
        setup.routing = Some(routing(&scene.toml));
        let relay = Relay::spawn(&setup).await;
        Self { scene, setup, relay, _home: home }
    }

    /// Changes the file, and waits until it is in effect.
    async fn change(&mut self, routing: impl Fn(&str) -> String) {
        self.setup.routing = Some(routing(&self.scene.toml));
        self.relay.rewrite(&self.setup);
        let is_new = async || self.relay.metric("attio_relay_config_generation").await == 2.0;
        eventually("it is in effect", is_new).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_made_goes_where_its_route_leads_since_the_last_reload() {
    let db = TestDatabase::sqlite();
    let scene = scene(&db).await;
    let later = "INSERT INTO turns VALUES ('reconcile', (unixepoch() + 3600) * 1000000, NULL)";
    db.run(later).await.unwrap();
    let mut it = Changing::start(&db, scene, str::to_owned).await;
    it.change(|toml| toml.replace(r#"to = ["asks"]"#, r#"to = ["elsewhere"]"#)).await;
    db.run("UPDATE turns SET due_at = 0").await.unwrap();
    it.relay.hang_up();
    it.scene.sink.wait_until_received_by("elsewhere", 1).await;
    assert!(it.scene.sink.received_by("asks").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_that_asks_for_it_since_a_reload_is_reconciled_at_once() {
    let db = TestDatabase::sqlite();
    let scene = scene(&db).await;
    let nobody = |toml: &str| toml.replace("reconcile = true", "reconcile = false");
    let mut it = Changing::start(&db, scene, nobody).await;
    it.change(str::to_owned).await;
    it.scene.sink.wait_until_received_by("asks", 1).await;
    assert_eq!(db.number(MADE).await, 1);
}
