//! `reconcile`: events that never arrived are made up for, once, for the routes that ask for it.

mod finding;
mod interrupted;
mod schedule;

use std::time::Duration;

use attio_relay::http::fake_attio::{Actor, DEAL, INES};
use serde_json::{Value, json};

use crate::{
    commands::program::{Folder, Run},
    store::on_both_engines,
    support::{
        app::{TestApp, configuration},
        client::{PATH, SECRET},
        database::TestDatabase,
        fake_attio::TestAttio,
        sink::{Sink, route},
    },
};

on_both_engines![
    what_was_lost_is_made_up_for_once_and_only_where_it_is_asked_for,
    what_arrived_is_not_made_again,
    the_limit_is_said_with_how_to_go_on_and_the_oldest_come_first,
];

const HOUR: Duration = Duration::from_hours(1);

/// New deals and their stages.
const DEALS_AND_STAGES: [(&str, &str); 2] = [
    ("new", "on = ['record.created']\nobject = 'deals'\nreconcile = true"),
    ("stages", "on = ['record.updated']\nobject = 'deals'\nchanged = ['stage']\nreconcile = true"),
];

/// A fake Attio, an hour behind, and a configuration that asks for what it loses.
struct Scene {
    attio: TestAttio,
    sink: Sink,
    toml: String,
}

impl Scene {
    /// With these routes to `asks`; `quiet` gets everything, but nothing that was made.
    async fn with(routes: &[(&str, &str)]) -> Self {
        let (attio, sink) = (TestAttio::start().await, Sink::start().await);
        attio.set_back(HOUR);
        let mut toml =
            format!("[attio]\ntoken = 'env:ATTIO_TOKEN'\nbase_url = '{}'\n", attio.base_url());
        toml += &(sink.action("asks", "") + &sink.action("quiet", ""));
        toml.extend(routes.iter().map(|(name, more)| route(name, more, &["asks"])));
        toml += &route("all", "on = ['*']", &["quiet"]);
        Self { attio, sink, toml }
    }

    async fn start(&self, db: &TestDatabase) -> TestApp {
        TestApp::start(db, &self.toml).await
    }

    /// A relay that Attio sends to.
    async fn start_listening(&self, db: &TestDatabase) -> TestApp {
        let app = self.start(db).await;
        let url = format!("http://{}{PATH}", app.client.address);
        self.attio.add_webhook(&url, SECRET, None);
        app
    }

    /// The folder of somebody who runs the command beside it.
    fn folder(&self, db: &TestDatabase) -> Folder {
        Folder::with(&configuration(db.url(), &self.toml))
            .env("SECRET", SECRET)
            .env("ATTIO_TOKEN", self.attio.token())
    }

    /// Runs `reconcile` over the last two hours; it must succeed.
    #[track_caller]
    fn reconcile(&self, db: &TestDatabase, more: &[&str]) -> Run {
        let run = self.folder(db).run(&[&["reconcile", "--since", "2h"], more].concat());
        assert_eq!(run.code, 0, "{run}");
        run
    }

    /// What the command would make, as JSON.
    fn missing(&self, db: &TestDatabase, more: &[&str]) -> Value {
        let run = self.reconcile(db, &[&["--dry-run", "--output", "json"], more].concat());
        serde_json::from_str(&run.out).unwrap()
    }

    /// What happens meanwhile in Attio is told to nobody; the events.
    fn lose(&self, happen: impl FnOnce(&TestAttio)) -> Vec<Value> {
        let before = self.attio.events().len();
        self.attio.hold_messages();
        happen(&self.attio);
        let _how_many = self.attio.lose_messages();
        self.attio.events().split_off(before)
    }

    /// The events that came to those who asked, in order.
    fn asked(&self) -> Vec<Value> {
        self.sink.received_by("asks").iter().map(|one| one.json()["event"].take()).collect()
    }
}

fn set_stage(attio: &TestAttio, stage: &str) {
    attio.by(Actor::member(INES)).set_value("deals", DEAL, "stage", stage).unwrap();
}

fn new_deal(attio: &TestAttio, name: &str) -> String {
    let values = json!({"name": name, "stage": "Lead", "owner": "ines@harbourlane.example"});
    attio.by(Actor::member(INES)).create_record("deals", &values).unwrap()
}

/// The events of a report.
fn events(report: &Value) -> Vec<Value> {
    let missing = report["missing"].as_array().unwrap();
    missing.iter().map(|one| one["event"].clone()).collect()
}

fn sorted(mut events: Vec<Value>) -> Vec<String> {
    let mut texts: Vec<String> = events.drain(..).map(|event| event.to_string()).collect();
    texts.sort();
    texts
}

const MADE: &str = "SELECT count(*) FROM messages WHERE origin = 'reconcile'";
const MESSAGES: &str = "SELECT count(*) FROM messages";

async fn what_was_lost_is_made_up_for_once_and_only_where_it_is_asked_for(db: &TestDatabase) {
    let scene = Scene::with(&DEALS_AND_STAGES).await;
    let app = scene.start_listening(db).await;
    let lost = scene.lose(|attio| {
        new_deal(attio, "Quay wall");
        set_stage(attio, "Lost");
    });
    let run = scene.reconcile(db, &["--yes"]);
    assert!(run.out.contains("2 events made"), "{run}");
    app.wait_until_delivered(&scene.sink, 2).await;
    assert_eq!(sorted(scene.asked()), sorted(lost), "in Attio's own form");
    assert_eq!(scene.sink.received_by("quiet").len(), 0);
    assert_eq!((db.number(MADE).await, db.number(MESSAGES).await), (2, 2));

    let again = scene.reconcile(db, &["--yes"]);
    assert!(again.out.contains("0 events missing"), "{again}");
    assert_eq!((db.number(MADE).await, db.number(MESSAGES).await), (2, 2));
    app.stop().await;
}

async fn what_arrived_is_not_made_again(db: &TestDatabase) {
    let scene = Scene::with(&DEALS_AND_STAGES).await;
    let app = scene.start_listening(db).await;
    new_deal(&scene.attio, "Quay wall");
    set_stage(&scene.attio, "Lead");
    scene.attio.wait_for_messages(2).await;
    assert_eq!(events(&scene.missing(db, &[])), [Value::Null; 0]);
    let lost = scene.lose(|attio| set_stage(attio, "Lost"));
    set_stage(&scene.attio, "In Progress");
    scene.attio.wait_for_messages(3).await;
    // Three changes of one attribute, two of which were heard of: one is made up for.
    assert_eq!(events(&scene.missing(db, &[])), lost);
    scene.reconcile(db, &["--yes"]);
    assert_eq!(events(&scene.missing(db, &[])), [Value::Null; 0]);
    assert_eq!(db.number(MADE).await, 1);
    app.stop().await;
}

async fn the_limit_is_said_with_how_to_go_on_and_the_oldest_come_first(db: &TestDatabase) {
    let scene = Scene::with(&DEALS_AND_STAGES).await;
    db.store().await;
    let lost = scene.lose(|attio| {
        for number in 0..5 {
            new_deal(attio, &format!("Berth {number}"));
        }
    });
    let first = scene.missing(db, &["--limit", "2"]);
    assert_eq!((events(&first), &first["missing_in_all"]), (lost[..2].to_vec(), &json!(5)));
    let run = scene.reconcile(db, &["--yes", "--limit", "2"]);
    assert!(run.out.contains("the limit of 2 is reached: 3 more; go on with --since"), "{run}");
    let on = first["go_on_since"].as_str().unwrap();
    let run = scene.folder(db).run(&["reconcile", "--since", on, "--yes"]);
    assert!(run.out.contains("3 events made") && !run.out.contains("go on with"), "{run}");
    assert_eq!(db.number(MADE).await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_shows_what_would_be_made_and_makes_none() {
    let (db, scene) = (TestDatabase::sqlite(), Scene::with(&DEALS_AND_STAGES).await);
    db.store().await;
    let lost = scene.lose(|attio| set_stage(attio, "Lost"));
    let run = scene.reconcile(&db, &["--dry-run"]);
    assert!(run.out.contains("record.updated") && run.out.contains(DEAL), "{run}");
    assert!(run.out.contains("1 event missing"), "{run}");
    assert!(run.err.contains("0 events have arrived"), "progress: {run}");
    assert_eq!(events(&scene.missing(&db, &[])), lost);
    assert_eq!(db.number(MESSAGES).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_made_before_somebody_agreed() {
    let (db, scene) = (TestDatabase::sqlite(), Scene::with(&DEALS_AND_STAGES).await);
    db.store().await;
    scene.lose(|attio| set_stage(attio, "Lost"));
    let run = scene.folder(&db).run(&["reconcile", "--since", "2h"]);
    assert!(run.code == 1 && run.err.contains("--yes"), "{run}");
    assert_eq!(db.number(MESSAGES).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_looked_for_is_refused_with_the_reason() {
    let (db, mut scene) = (TestDatabase::sqlite(), Scene::with(&DEALS_AND_STAGES).await);
    db.store().await;
    let fails = |scene: &Scene, since: &str, why: &str| {
        let run = scene.folder(&db).run(&["reconcile", "--since", since]);
        assert!(run.code == 1 && run.err.contains(why), "{run}");
    };
    fails(&scene, "31d", "may have been removed already");
    fails(&scene, "5m", "younger than 15m are left for the next time");
    scene.toml = scene.toml.replace("reconcile = true", "");
    fails(&scene, "2h", "no route says `reconcile = true`");
    let typo = scene.folder(&db).run(&["reconcile", "--since", "yesterday"]);
    assert!(typo.code == 2 && typo.err.contains("how long ago as in 24h"), "{typo}");
}
