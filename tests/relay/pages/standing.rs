//! Pages that say how everything stands.

use super::{AS_TEXT, MARKUP, Scene, assert_tells, link, newest, page};
use crate::support::{app::TestApp, database::TestDatabase, fake_attio::TestAttio, sink::Sink};

#[tokio::test]
async fn from_the_overview_it_is_two_steps_to_the_reason_and_the_replay() {
    let scene = Scene::new().await;
    let overview = page(&scene.app, "/").await;
    assert_tells(&overview, &["Something does not arrive", "<b>billing</b>", "Oldest due", "/min"]);
    assert_tells(&overview, &["data-live=", "<svg class=\"spark\"", "Answer to Attio", "won"]);
    let dead = page(&scene.app, &link(&overview, "/dead-letters?action=billing")).await;
    let id = newest(&scene.app, "deliveries?state=dead").await;
    assert_tells(
        &dead,
        &["422 Unprocessable", "unknown_customer", "won", "action=\"/pages/replay\""],
    );
    assert_tells(
        &dead,
        &[&format!("name=\"id\" value=\"{id}\"><button class=\"main\">Replay"), AS_TEXT],
    );
    assert!(!dead.contains(MARKUP), "{dead}");
    let letters = page(&scene.app, &link(&dead, "/dead-letters?action=billing&amp;reason=")).await;
    assert_tells(&letters, &["type=\"checkbox\"", &id, "Replay the chosen"]);
    scene.app.stop().await;
}

#[tokio::test]
async fn letters_of_one_group_are_replayed_together_after_a_question() {
    let scene = Scene::new().await;
    let record = crate::support::client::fresh_id();
    let message = crate::support::client::Message::record_updated(&record);
    scene.app.post(&message).await.assert_accepted();
    scene
        .app
        .eventually("both died", async || {
            super::api(&scene.app, "/api/dead-letters").await["total"] == 2
        })
        .await;
    let dead = page(&scene.app, "/dead-letters").await;
    assert_tells(&dead, &["2 dead letters", "Replay all 2…", "Is the cause mended?"]);
    assert_tells(&dead, &["name=\"action\" value=\"billing\"", "name=\"state\" value=\"dead\""]);
    scene.app.stop().await;
}

#[tokio::test]
async fn routes_and_actions_tell_how_they_stand_and_can_be_paused() {
    let scene = Scene::new().await;
    scene
        .app
        .eventually("what failed is counted", async || {
            page(&scene.app, "/routes").await.matches("badge bad\">Failing").count() == 4
        })
        .await;
    let routes = page(&scene.app, "/routes").await;
    assert_tells(&routes, &["id=\"action-billing\"", "id=\"route-won\"", "Failing", "Running"]);
    assert_tells(&routes, &["Last success", "Succeeded", "1 dead letter<", "Start billing"]);
    let form =
        "name=\"kind\" value=\"action\"><input type=\"hidden\" name=\"name\" value=\"billing\"";
    assert_tells(&routes, &["action=\"/pages/pause\"", form, "#action-billing"]);
    let now = "INSERT INTO pauses (kind, name, since, by, reason)
        VALUES ('action', 'billing', 1700000000000000, 'ines@desk', 'they move house')";
    scene.db.run(now).await.unwrap();
    let paused = page(&scene.app, "/routes").await;
    assert_tells(
        &paused,
        &["Paused since", "ines@desk", "they move house", "action=\"/pages/resume\""],
    );
    scene.app.stop().await;
}

#[tokio::test]
async fn integrations_tell_who_answers_for_them_and_what_is_overdue() {
    let scene = Scene::new().await;
    let inventory = page(&scene.app, "/integrations").await;
    assert_tells(&inventory, &["revops@example.com", "2020-01-01", "overdue", "env:SECRET"]);
    assert_tells(
        &inventory,
        &["was never reviewed", "has no owner", "Start billing", "3 to see to"][..3],
    );
    scene.app.stop().await;
}

#[tokio::test]
async fn the_page_of_attio_tells_of_scopes_limits_and_webhooks() {
    let (db, sink, attio) = (TestDatabase::sqlite(), Sink::start().await, TestAttio::start().await);
    let toml = format!(
        "[attio]\ntoken = \"env:ATTIO_TOKEN\"\nbase_url = \"{}\"\n{}",
        attio.base_url(),
        sink.action("billing", "")
            + &crate::support::sink::route(
                "won",
                "on = [\"record.updated\"]\nobject = \"deals\"\nwhen = 'record.stage == \"Won\"'",
                &["billing"]
            )
    );
    let app = TestApp::start(&db, &toml).await;
    app.eventually("the names were learnt", async || {
        super::api(&app, "/api/attio").await["names"].is_object()
    })
    .await;
    let told = page(&app, "/attio").await;
    assert_tells(&told, &["record_permission:read", "Needed by", "Yes", "objects and", "40/s"]);
    assert_tells(&told, &["Webhooks", "They are not looked at"]);
    app.stop().await;
}

#[tokio::test]
async fn a_deed_is_told_once_and_only_in_our_words() {
    let scene = Scene::new().await;
    assert_tells(
        &page(&scene.app, "/dead-letters?did=replayed-3").await,
        &["3 deliveries will be sent again"],
    );
    let forged = page(&scene.app, "/dead-letters?did=%3Cb%3E-3").await;
    assert!(!forged.contains("role=\"status\""), "{forged}");
    scene.sink.release();
    scene.app.stop().await;
}
