//! What is asked for over the API is what is done: names for ids, and how it is to be replayed.

use attio_relay::http::fake_attio::{DEALS, SALES_PIPELINE};
use serde_json::{Value, json};

use super::{acting::post, behind_a_token, knowing, send};
use crate::{
    store::on_both_engines,
    support::{
        app::TestApp,
        client::{Message, fresh_id, sample},
        database::{Engine, TestDatabase},
        fake_attio::TestAttio,
        sink::Sink,
    },
};

on_both_engines![
    slugs_stand_for_ids_in_lists_and_acts,
    a_fresh_and_new_replay_looks_up_again_and_has_its_own_key,
];

async fn count(app: &TestApp, path: &str) -> usize {
    let answer = send(&app.admin, "GET", path, &knowing(app), "").await;
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    let listed: Value = serde_json::from_str(&answer.body).unwrap();
    listed["items"].as_array().unwrap().len()
}

async fn slugs_stand_for_ids_in_lists_and_acts(db: &TestDatabase) {
    let (sink, attio) = (Sink::start().await, TestAttio::start().await);
    let access =
        format!("[attio]\ntoken = \"env:ATTIO_TOKEN\"\nbase_url = \"{}\"\n", attio.base_url());
    let app = TestApp::start(db, &(access + &behind_a_token(&sink))).await;
    app.eventually("the names are kept", async || {
        db.number("SELECT count(*) FROM catalogs").await == 1
    })
    .await;
    let mut deal = sample("record.updated");
    deal["id"]["object_id"] = DEALS.into();
    let mut person = deal.clone();
    person["id"]["object_id"] = fresh_id().into();
    let mut entry = sample("list-entry.updated");
    entry["id"]["list_id"] = SALES_PIPELINE.into();
    entry["parent_object_id"] = fresh_id().into();
    for event in [deal, person, entry] {
        app.post(&Message::envelope([event])).await.assert_accepted();
    }
    app.wait_until_delivered(&sink, 3).await;
    for (asked, found) in
        [("object=deals", 1), ("object=people", 0), ("list=sales_pipeline", 1), ("list=other", 0)]
    {
        assert_eq!(count(&app, &format!("/api/events?{asked}")).await, found, "{asked}");
        assert_eq!(count(&app, &format!("/api/deliveries?{asked}")).await, found, "{asked}");
    }
    let all = |object: &str| json!({"object": object, "states": ["succeeded"], "dry_run": true});
    for (object, meant) in [("deals", 1), (DEALS, 1), ("people", 0)] {
        assert_eq!(post(&app, "/api/replay", &all(object)).await.1["meant"], meant, "{object}");
    }
    let (status, told) = post(&app, "/api/replay", &all("delas")).await;
    assert!(status == 400 && told.to_string().contains("no object `delas` is known"), "{told}");
    app.stop().await;
}

#[tokio::test]
async fn a_slug_before_any_name_was_learnt_is_refused() {
    let (db, sink) = (TestDatabase::sqlite(), Sink::start().await);
    let app = TestApp::start(&db, &behind_a_token(&sink)).await;
    let body = json!({"object": "deals", "states": ["dead"]});
    let (status, told) = post(&app, "/api/replay", &body).await;
    assert!(status == 400 && told.to_string().contains("no names were learnt yet"), "{told}");
    app.stop().await;
}

async fn a_fresh_and_new_replay_looks_up_again_and_has_its_own_key(db: &TestDatabase) {
    let sink = Sink::start().await;
    let app = TestApp::start(db, &behind_a_token(&sink)).await;
    app.post(&Message::event("record.updated")).await.assert_accepted();
    app.wait_until_delivered(&sink, 1).await;
    let (at, value) = match db.engine {
        Engine::Postgres => ("now()", "'\\x7b7d'"),
        Engine::Sqlite => ("1", "x'7b7d'"),
    };
    db.run(&format!(
        "INSERT INTO snapshots (event_id, kind, looked_up_at, value)
         SELECT id, 'record', {at}, {value} FROM events"
    ))
    .await
    .unwrap();
    let kept = async || db.number("SELECT count(*) FROM snapshots").await;
    let body = json!({"states": ["succeeded"]});
    assert_eq!(post(&app, "/api/replay", &body).await.1["replayed"].as_array().unwrap().len(), 1);
    app.wait_until_delivered(&sink, 2).await;
    assert_eq!(kept().await, 1);
    let body = json!({"states": ["succeeded"], "as_new": true, "fresh": true});
    let (_, done) = post(&app, "/api/replay", &body).await;
    assert_eq!(done["replayed"][0]["has_new_key"], true, "{done}");
    app.wait_until_delivered(&sink, 3).await;
    assert_eq!(kept().await, 0);
    let acts = db.all_texts("SELECT details FROM acts ORDER BY id").await;
    let asked = |at: usize| serde_json::from_str::<Value>(&acts[at]).unwrap();
    assert_eq!((&asked(0)["fresh"], &asked(0)["as_new"]), (&json!(false), &json!(false)));
    assert_eq!((&asked(1)["fresh"], &asked(1)["as_new"]), (&json!(true), &json!(true)));
    let keys: std::collections::BTreeSet<_> =
        sink.taken().iter().map(|one| one.key().to_owned()).collect();
    assert_eq!(keys.len(), 3);
    app.stop().await;
}
