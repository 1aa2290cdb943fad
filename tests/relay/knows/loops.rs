//! `ignore_actors = ["self"]`: what our own token did.

use super::*;

const IGNORES_SELF: &str = "on = [\"record.updated\"]\nignore_actors = [\"self\"]";

fn by(kind: &str, id: &str) -> Message {
    let mut event = sample("record.updated");
    event["actor"] = serde_json::json!({"type": kind, "id": id});
    Message::envelope([event])
}

fn by_us(world: &World) -> Message {
    by("api-token", world.attio.token_actor().id.as_deref().unwrap())
}

#[tokio::test]
async fn own_writes_are_ignored_and_those_of_others_are_not() {
    let world = World::postgres().await;
    let app = world.knowing_relay(IGNORES_SELF).await;
    app.post(&by_us(&world)).await.assert_accepted();
    app.post(&by("api-token", "another")).await.assert_accepted();
    app.post(&by("workspace-member", INES)).await.assert_accepted();
    app.wait_until_delivered(&world.sink, 2).await;
    assert_eq!(world.deliveries().await, ["succeeded 1 ", "succeeded 1 "]);
    app.stop().await;
}

#[tokio::test]
async fn until_we_know_who_we_are_the_worker_decides() {
    let world = World::postgres().await;
    world.attio.fail_all("GET", "/v2/self", BROKEN);
    let app = world.relay(IGNORES_SELF).await;
    app.post(&by_us(&world)).await.assert_accepted();
    app.post(&by("api-token", "another")).await.assert_accepted();
    until_put_off(&app, "names", 2).await;
    app.post(&by("workspace-member", INES)).await.assert_accepted();
    app.wait_until_delivered(&world.sink, 1).await;
    world.attio.heal();
    app.wait_until_delivered(&world.sink, 2).await;
    until_ended(&app, "skipped", 1).await;
    let deliveries = world.deliveries().await;
    assert!(deliveries[0].starts_with("skipped 0 the actor is api-token:"), "{deliveries:?}");
    assert!(deliveries[0].ends_with("(self), whom the route ignores"), "{deliveries:?}");
    app.stop().await;
}

#[tokio::test]
async fn after_a_restart_nothing_is_looked_up_before_attio_said_whose_token_it_is_now() {
    let named = "on = [\"record.updated\"]\nwhen = 'record.name != \"\"'";
    let world = World::postgres().await;
    world.knowing_relay(named).await.stop().await;
    world.attio.fail_all("GET", "/v2/self", BROKEN);
    let app = world.relay(named).await;
    app.post(&stage_changed()).await.assert_accepted();
    until_put_off(&app, "names", 1).await;
    assert!(world.lookups().is_empty(), "the token may be another workspace's by now");
    // Whose it is is enough: the rest is known from before.
    world.attio.heal();
    world.attio.fail_all("GET", "/v2/lists", BROKEN);
    app.wait_until_delivered(&world.sink, 1).await;
    app.stop().await;
}

#[tokio::test]
async fn a_write_with_our_token_comes_back_as_a_real_webhook_and_is_ignored() {
    let world = World::postgres().await;
    let app = world.knowing_relay(IGNORES_SELF).await;
    let target = format!("http://{}/webhooks/attio", app.address());
    world.attio.add_webhook(&target, crate::support::client::SECRET, None);
    let path = format!("/v2/objects/deals/records/{DEAL}");
    let renamed = serde_json::json!({"data": {"values": {"name": "Ours"}}});
    world.attio.patch(&path, &renamed).await.ok();
    world.write("name", "Theirs");
    world.attio.wait_for_messages(2).await;
    app.wait_until_delivered(&world.sink, 1).await;
    assert_eq!(world.deliveries().await.len(), 1);
    assert_eq!(world.sink.only().json()["event"]["actor"]["id"], INES);
    app.stop().await;
}
