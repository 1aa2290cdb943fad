//! Conditions on values: true, false, empty, failing; never sent anyway.

use super::*;

/// What becomes of a change of the deal under a condition.
async fn becomes(condition: &str, prepare: impl FnOnce(&World)) -> (World, TestApp, String) {
    let world = World::postgres().await;
    prepare(&world);
    let app =
        world.knowing_relay(&format!("on = [\"record.updated\"]\nwhen = '{condition}'")).await;
    app.post(&stage_changed()).await.assert_accepted();
    app.eventually("it has ended", async || !world.deliveries().await[0].starts_with("open")).await;
    let ended = world.deliveries().await.remove(0);
    (world, app, ended)
}

#[tokio::test]
async fn a_condition_that_holds_lets_the_event_go_on_with_what_was_looked_up() {
    let (world, app, ended) = becomes(r#"record.stage == "Won 🎉""#, |_| ()).await;
    assert_eq!(ended, "succeeded 1 ");
    let body = world.sink.only().json();
    assert_eq!(body["record"]["value"]["currency"], "EUR", "{body}");
    assert!(body["record"]["url"].as_str().unwrap().contains(DEAL), "{body}");
    app.stop().await;
}

#[tokio::test]
async fn a_condition_that_does_not_hold_keeps_itself_and_what_it_saw() {
    let (world, app, ended) = becomes(r#"record.stage == "Lost""#, |_| ()).await;
    assert_eq!(
        ended,
        "skipped 0 the condition is not true: record.stage == \"Lost\" [record.stage = \"Won 🎉\"]"
    );
    assert!(world.sink.received().is_empty());
    assert_eq!(world.db.number("SELECT count(*) FROM attempts").await, 0);
    app.stop().await;
}

#[tokio::test]
async fn an_empty_value_that_is_compared_skips_and_says_which() {
    let condition = "record.value.amount > 1000";
    let empty = |world: &World| world.write("value", serde_json::json!([]));
    let (world, app, ended) = becomes(condition, empty).await;
    assert!(
        ended.starts_with("skipped 0 the condition cannot be decided, `record.value"),
        "{ended}"
    );
    assert!(world.sink.received().is_empty());
    app.stop().await;
}

#[tokio::test]
async fn an_attribute_that_the_object_does_not_have_is_a_dead_letter_and_never_sent() {
    let (world, app, ended) = becomes(r#"record.stagee != "Lost""#, |_| ()).await;
    assert!(
        ended.starts_with("dead 0 the condition failed, ") && ended.contains("stagee"),
        "{ended}"
    );
    assert!(world.sink.received().is_empty());
    until_ended(&app, "dead", 1).await;
    app.stop().await;
}

#[tokio::test]
async fn a_condition_that_fails_is_a_dead_letter_and_never_sent() {
    let (world, app, ended) = becomes("record.stage / 2 == 1 or true", |_| ()).await;
    assert!(ended.starts_with("dead 0 the condition failed, "), "{ended}");
    assert!(world.sink.received().is_empty());
    app.stop().await;
}

#[tokio::test]
async fn what_conditions_see_is_in_no_log_at_the_default_level() {
    let world = World::postgres().await;
    let folder = tempfile::TempDir::new().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, attio_relay::http::fake_attio::TOKEN).unwrap();
    let when = |text: &str| format!("on = [\"record.updated\"]\nwhen = '{text}'");
    let rest = world.sink.action("billing", "")
        + &route("false", &when("record.name == \"x\""), &["billing"])
        + &route("empty", &when("record.priority > 1 and record.name"), &["billing"])
        + &route("failing", &when("record.name / 2 == 1"), &["billing"])
        + &route("true", &when("record.name == \"Secret plan\""), &["billing"]);
    let toml =
        world.toml("", &rest).replace("env:ATTIO_TOKEN", &format!("file:{}", token.display()));
    let mut setup = crate::support::process::Setup::new(world.db.url(), world.sink.address);
    setup.routing = Some(toml);
    setup.store_lines = "allow_fsync_off = true";
    world.write("name", "Secret plan");
    world.write("priority", serde_json::json!([]));
    let relay = crate::support::process::Relay::spawn(&setup).await;
    let client = crate::support::client::Client::new(relay.public);
    client.post(&stage_changed()).await.assert_accepted();
    crate::support::app::eventually("all have ended", async || {
        world.deliveries().await.iter().all(|one| !one.starts_with("open"))
    })
    .await;
    let kept = world.deliveries().await.join("\n");
    assert!(kept.contains("Secret plan") && kept.contains("dead"), "{kept}");
    let said = relay.said();
    assert!(said.contains("skipped") && !said.contains("Secret plan"), "{said}");
    drop(relay);
}
