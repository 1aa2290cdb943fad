//! Sources that receive nothing: a silence is over when something comes, and not before.

use super::{Scene, states, told, until_another_came_and_went};
use crate::{
    store::on_both_engines,
    support::database::{Engine, TestDatabase},
};

on_both_engines![
    a_source_that_is_silent_for_too_long_is_told_until_something_comes,
    a_source_that_never_received_anything_is_told_however_often_it_restarts,
    a_silence_in_hours_in_which_something_always_came_is_told,
    a_silence_by_rhythm_of_ten_days_stands_until_something_comes,
    a_silence_by_limit_of_seventeen_days_stands_until_something_comes,
];

const CRM: &str = "source/crm";

const WEEK: i64 = 7 * 24;

/// Three hours in each of which something came in both weeks before, and nothing came today.
const MISSED: [i64; 7] =
    [6, WEEK + 3, WEEK + 2, WEEK + 1, 2 * WEEK + 3, 2 * WEEK + 2, 2 * WEEK + 1];

/// Notes that something came so many hours ago.
async fn came(db: &TestDatabase, hours_ago: &[i64]) {
    for hours in hours_ago {
        let values = match db.engine {
            Engine::Postgres => format!(
                "floor(extract(epoch FROM now()) / 3600)::int8 - {hours}, \
                 now() - interval '{hours} hours'"
            ),
            Engine::Sqlite => {
                format!("unixepoch() / 3600 - {hours}, (unixepoch() - {hours} * 3600) * 1000000")
            }
        };
        let sql = format!("INSERT INTO arrivals (source, hour, last_at) VALUES ('crm', {values})");
        db.run(&sql).await.unwrap();
    }
}

/// All that came, came so many hours earlier.
async fn go_on_for(db: &TestDatabase, hours: i64) {
    let earlier = match db.engine {
        Engine::Postgres => format!("last_at - interval '{hours} hours'"),
        Engine::Sqlite => format!("last_at - {hours} * 3600000000"),
    };
    let sql = format!(
        "UPDATE arrivals SET last_at = {earlier}, \
         hour = CASE WHEN hour > {hours} THEN hour - {hours} ELSE hour END"
    );
    db.run(&sql).await.unwrap();
}

/// It was told that the silence began and not that it is over, until one message comes.
async fn stands_until_something_comes(scene: &Scene, db: &TestDatabase) {
    until_another_came_and_went(db, &scene.sink).await;
    assert_eq!(states(&scene.sink, "quiet", CRM), ["started"]);
    scene.until_firing("quiet", 1.0).await;
    scene.send().await;
    scene.until_told("quiet", CRM, &["started", "ended"]).await;
}

async fn a_source_that_is_silent_for_too_long_is_told_until_something_comes(db: &TestDatabase) {
    let scene = Scene::with(db, "quiet = { crm = \"1s\" }\n", "").await;
    scene.send().await;
    scene.until_told("quiet", CRM, &["started"]).await;
    let ended = async || states(&scene.sink, "quiet", CRM).len() > 1;
    scene
        .app
        .eventually("its end is told", async || {
            scene.send().await;
            ended().await
        })
        .await;
    assert_eq!(states(&scene.sink, "quiet", CRM)[..2], ["started", "ended"]);
    scene.app.stop().await;
}

async fn a_source_that_never_received_anything_is_told_however_often_it_restarts(
    db: &TestDatabase,
) {
    let limit = "quiet = { crm = \"1h\" }\n";
    let scene = Scene::with(db, limit, "").await;
    let awaited = "SELECT count(*) FROM arrivals WHERE source = 'crm' AND hour = 0";
    scene.app.eventually("it is waited for", async || db.number(awaited).await == 1).await;
    scene.app.stop().await;
    go_on_for(db, 20 * 24).await;
    let scene = Scene::with(db, limit, "").await;
    scene.until_told("quiet", CRM, &["started"]).await;
    let said = told(&scene.sink).into_iter().find(|alert| alert["alert"] == "quiet").unwrap();
    assert!(said["title"].as_str().unwrap().ends_with("nothing for 20 days"), "{said}");
    stands_until_something_comes(&scene, db).await;
    scene.app.stop().await;
}

async fn a_silence_in_hours_in_which_something_always_came_is_told(db: &TestDatabase) {
    db.store().await;
    // Nothing came for six hours; a week ago it was the same, but two weeks ago it was not.
    came(db, &[6, 2 * WEEK + 3, 2 * WEEK + 2, 2 * WEEK + 1]).await;
    let scene = Scene::start(db).await;
    let judged = "SELECT count(*) FROM turns WHERE task = 'alerts'";
    scene.app.eventually("it was judged", async || db.number(judged).await == 1).await;
    scene.billing_answers(400);
    scene.send().await;
    scene.until_told("dead_letters", "action/billing", &["started"]).await;
    assert!(states(&scene.sink, "quiet", CRM).is_empty());

    db.run("DELETE FROM arrivals WHERE source = 'crm'").await.unwrap();
    came(db, &MISSED).await;
    scene.until_told("quiet", CRM, &["started"]).await;
    let said = told(&scene.sink).into_iter().find(|alert| alert["alert"] == "quiet").unwrap();
    assert!(said["detail"].as_str().unwrap().contains("something always came"), "{said}");
    scene.send().await;
    scene.until_told("quiet", CRM, &["started", "ended"]).await;
    scene.app.stop().await;
}

async fn a_silence_by_rhythm_of_ten_days_stands_until_something_comes(db: &TestDatabase) {
    db.store().await;
    came(db, &MISSED).await;
    let scene = Scene::start(db).await;
    scene.until_told("quiet", CRM, &["started"]).await;
    go_on_for(db, 10 * 24).await;
    stands_until_something_comes(&scene, db).await;
    scene.app.stop().await;
}

async fn a_silence_by_limit_of_seventeen_days_stands_until_something_comes(db: &TestDatabase) {
    db.store().await;
    came(db, &[3, 5]).await;
    let scene = Scene::with(db, "quiet = { crm = \"2h\" }\n", "").await;
    scene.until_told("quiet", CRM, &["started"]).await;
    go_on_for(db, 17 * 24).await;
    stands_until_something_comes(&scene, db).await;
    assert_eq!(db.number("SELECT count(*) FROM arrivals").await, 1, "what is old is forgotten");
    scene.app.stop().await;
}
