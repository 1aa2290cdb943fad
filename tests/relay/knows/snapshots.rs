//! What was looked up first stays: for all routes, for all tries, after a restart.

use super::*;
use crate::support::client::SECRET;

const NAMED: &str = "on = [\"record.updated\"]\nwhen = 'record.name != \"\"'";

async fn a_retry_after_a_restart_sees_what_the_first_try_saw(world: World) {
    let app = world.knowing_relay(NAMED).await;
    refuses(&world.sink);
    app.post(&stage_changed()).await.assert_accepted();
    world.sink.wait_until_received(1).await;
    app.stop().await;
    world.write("name", "Other");
    let app = world.relay(NAMED).await;
    let before = world.sink.received().len();
    world.sink.wait_until_received(before + 1).await;
    world.sink.always(Reply::Status(200));
    app.wait_until_delivered(&world.sink, 1).await;
    let names: Vec<_> =
        world.sink.received().iter().map(|it| it.json()["record"]["name"].clone()).collect();
    assert!(names.iter().all(|name| *name == names[0] && name != "Other"), "{names:?}");
    assert_eq!(world.lookups().len(), 1);
    app.stop().await;
}

#[tokio::test]
async fn a_retry_after_a_restart_sees_what_the_first_try_saw_on_postgres() {
    a_retry_after_a_restart_sees_what_the_first_try_saw(World::postgres().await).await;
}

#[tokio::test]
async fn a_retry_after_a_restart_sees_what_the_first_try_saw_on_sqlite() {
    a_retry_after_a_restart_sees_what_the_first_try_saw(World::sqlite().await).await;
}

#[tokio::test]
async fn all_routes_of_an_event_see_the_same_by_one_look_up() {
    let world = World::postgres().await;
    let more = format!("{NAMED}\ndebounce = \"1s\"");
    let rest = world.sink.action("billing", "")
        + &world.sink.action("later", "")
        + &to_billing(NAMED)
        + &route("later", &more, &["later"]);
    let app = world.relay_with("", &rest).await;
    world.until_names_are_kept(&app).await;
    app.post(&stage_changed()).await.assert_accepted();
    world.sink.wait_until_received_by("billing", 1).await;
    world.write("name", "Other");
    world.sink.wait_until_received_by("later", 1).await;
    let received = world.sink.received();
    assert_eq!(received[0].json()["record"], received[1].json()["record"]);
    assert_eq!(world.lookups().len(), 1);
    app.stop().await;
}

#[tokio::test]
async fn a_change_after_the_look_up_is_looked_up_again() {
    let world = World::postgres().await;
    let app = world.knowing_relay(NAMED).await;
    app.post(&stage_changed()).await.assert_accepted();
    app.wait_until_delivered(&world.sink, 1).await;
    world.write("name", "Other");
    app.post(&stage_changed()).await.assert_accepted();
    app.wait_until_delivered(&world.sink, 2).await;
    assert_eq!(world.sink.received()[1].json()["record"]["name"], "Other");
    app.stop().await;
}

#[tokio::test]
async fn values_of_a_source_that_keeps_none_are_in_no_row() {
    let world = World::postgres().await;
    let source = "[[sources]]\nname = \"crm\"\npath = \"/webhooks/attio\"\n\
                  secrets = [\"env:SECRET\"]\nkeep_values = false\n";
    let rest = world.sink.action("billing", "") + source + &to_billing(NAMED);
    let app = world.relay_with("", &rest).await;
    world.until_names_are_kept(&app).await;
    app.post(&stage_changed()).await.assert_accepted();
    app.wait_until_delivered(&world.sink, 1).await;
    assert!(world.sink.only().json()["record"]["name"].is_string() && !SECRET.is_empty());
    assert_eq!(world.db.number("SELECT count(*) FROM snapshots").await, 0);
    app.stop().await;
}
