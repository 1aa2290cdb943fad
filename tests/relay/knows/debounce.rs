//! Changes that come in quick succession go as one.

use std::time::Duration;

use attio_relay::http::fake_attio::DEAL_STAGE;

use super::*;
use crate::support::{
    client::Client,
    process::{Relay, Setup},
};

const NAMED: &str = "on = [\"record.updated\"]\nwhen = 'record.name != \"\"'\ndebounce = \"1s\"";

async fn changes_within_the_wait_go_as_one_with_the_last_values(world: World) {
    let app = world.knowing_relay(NAMED).await;
    for name in ["One", "Two", "Three"] {
        world.write("name", name);
        app.post(&change(DEAL, DEAL_NAME)).await.assert_accepted();
    }
    until_ended(&app, "skipped", 2).await;
    app.wait_until_delivered(&world.sink, 1).await;
    assert_eq!(world.sink.only().json()["record"]["name"], "Three");
    let last = match world.db.engine {
        Engine::Postgres => "SELECT id::text FROM deliveries ORDER BY seq DESC LIMIT 1",
        Engine::Sqlite => "SELECT id FROM deliveries ORDER BY seq DESC LIMIT 1",
    };
    let last = world.db.text(last).await.unwrap();
    let merged = format!("skipped 0 merged into {last}");
    assert_eq!(world.deliveries().await, [&merged, &merged, "succeeded 1 "]);
    let skipped = [("route", "won"), ("action", "billing"), ("result", "skipped")];
    assert_eq!(app.metric("attio_relay_deliveries_total", &skipped).await, 2.0);
    app.stop().await;
}

#[tokio::test]
async fn changes_within_the_wait_go_as_one_with_the_last_values_on_postgres() {
    changes_within_the_wait_go_as_one_with_the_last_values(World::postgres().await).await;
}

#[tokio::test]
async fn changes_within_the_wait_go_as_one_with_the_last_values_on_sqlite() {
    changes_within_the_wait_go_as_one_with_the_last_values(World::sqlite().await).await;
}

#[tokio::test]
async fn those_that_end_beside_the_one_that_was_claimed_are_counted_too() {
    let world = World::postgres().await;
    let rest = world.sink.action("billing", "concurrency = 1") + &to_billing(NAMED);
    let app = world.relay_with("", &rest).await;
    world.until_names_are_kept(&app).await;
    app.post_all((0..20).map(|_| change(DEAL, DEAL_NAME))).await;
    app.wait_until_delivered(&world.sink, 1).await;
    until_ended(&app, "skipped", 19).await;
    assert_eq!(world.sink.received().len(), 1);
    app.stop().await;
}

#[tokio::test]
async fn after_the_longest_wait_it_goes_though_changes_keep_coming() {
    let world = World::postgres().await;
    let more = NAMED.replace("1s", "1h") + "\ndebounce_max = \"1h\"";
    let app = world.knowing_relay(&more).await;
    app.post(&change(DEAL, DEAL_NAME)).await.assert_accepted();
    app.post(&change(DEAL, DEAL_NAME)).await.assert_accepted();
    let an_hour_ago = "now() - interval '61 min'";
    world
        .db
        .run(&format!(
            "UPDATE messages SET received_at = {an_hour_ago} WHERE id = (SELECT min(id::text)::uuid FROM messages);
             UPDATE deliveries SET due_at = now() WHERE seq = (SELECT min(seq) FROM deliveries)"
        ))
        .await
        .unwrap();
    app.wait_until_delivered(&world.sink, 1).await;
    assert_eq!(world.deliveries().await, ["succeeded 1 ", "open 0 "]);
    app.stop().await;
}

#[tokio::test]
async fn a_change_that_is_wanted_is_not_lost_in_a_later_one_that_is_not() {
    let world = World::postgres().await;
    world.attio.fail_all("*", "/v2/", BROKEN);
    let wanted = "on = [\"record.updated\"]\nchanged = [\"stage\"]\ndebounce = \"1s\"";
    let app = world.relay(wanted).await;
    app.post(&change(DEAL, DEAL_STAGE)).await.assert_accepted();
    app.post(&change(DEAL, DEAL_NAME)).await.assert_accepted();
    until_put_off(&app, "names", 2).await;
    world.attio.heal();
    app.wait_until_delivered(&world.sink, 1).await;
    app.eventually("both have ended", async || {
        world.deliveries().await.iter().all(|one| !one.starts_with("open"))
    })
    .await;
    assert_eq!(world.sink.received().len(), 1);
    app.stop().await;
}

#[tokio::test]
async fn changes_none_of_which_is_wanted_are_skipped_together() {
    let world = World::postgres().await;
    world.attio.fail_all("*", "/v2/", BROKEN);
    let wanted = "on = [\"record.updated\"]\nchanged = [\"stage\"]\ndebounce = \"1s\"";
    let app = world.relay(wanted).await;
    app.post(&change(DEAL, DEAL_NAME)).await.assert_accepted();
    app.post(&change(DEAL, DEAL_NAME)).await.assert_accepted();
    until_put_off(&app, "names", 2).await;
    world.attio.heal();
    until_ended(&app, "skipped", 2).await;
    assert!(world.sink.received().is_empty());
    app.stop().await;
}

#[tokio::test]
async fn each_attribute_that_changed_has_its_own_former_value() {
    let world = World::postgres().await;
    let body = "body = '{\"stage\": {{ previous.stage | tojson }}, \"name\": {{ previous.name | tojson }}}'";
    let on = "on = [\"record.updated\"]\nobject = \"deals\"\nchanged = [\"stage\", \"name\"]";
    let rest = world.sink.action("billing", body)
        + &world.sink.action("hasty", body)
        + &to_billing(&format!("{on}\ndebounce = \"1s\""))
        + &route("hasty", on, &["hasty"]);
    let app = world.relay_with("", &rest).await;
    world.until_names_are_kept(&app).await;
    world.write("stage", "Lost");
    app.post(&change(DEAL, DEAL_STAGE)).await.assert_accepted();
    world.sink.wait_until_received_by("hasty", 1).await;
    world.attio.advance(Duration::from_secs(10));
    world.write("name", "Renamed");
    app.post(&change(DEAL, DEAL_NAME)).await.assert_accepted();
    world
        .db
        .run("UPDATE messages SET received_at = received_at + interval '10 s' WHERE id = (SELECT max(id::text)::uuid FROM messages)")
        .await
        .unwrap();
    world.sink.wait_until_received_by("billing", 1).await;
    let merged = world.sink.received_by("billing")[0].json();
    let name = "Harbour crane retrofit – phase 2";
    assert_eq!(merged, serde_json::json!({"stage": "Won 🎉", "name": name}));
    app.stop().await;
}

#[tokio::test]
async fn a_process_that_is_killed_while_changes_wait_leaves_them_to_the_next_which_sends_once() {
    let world = World::postgres().await;
    let mut setup = Setup::new(world.db.url(), world.sink.address);
    let rest = world.sink.action("billing", "")
        + &to_billing("on = [\"record.updated\"]\ndebounce = \"2s\"");
    setup.routing = Some(rest);
    setup.store_lines = "allow_fsync_off = true";
    let mut relay = Relay::spawn(&setup).await;
    let client = Client::new(relay.public);
    for _ in 0..3 {
        client.post(&change(DEAL, DEAL_NAME)).await.assert_accepted();
    }
    relay.kill9();
    assert!(world.sink.received().is_empty());
    let relay = Relay::spawn(&setup).await;
    world.sink.wait_until_taken(1).await;
    crate::support::app::eventually("all have ended", async || {
        world.deliveries().await.iter().all(|one| !one.starts_with("open"))
    })
    .await;
    let deliveries = world.deliveries().await;
    assert!(deliveries[..2].iter().all(|one| one.starts_with("skipped 0 merged into ")));
    assert_eq!((&*deliveries[2], world.sink.received().len()), ("succeeded 1 ", 1));
    drop(relay);
}
