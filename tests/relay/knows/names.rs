//! Slugs: routes by name, names that come late, change, and outlive Attio.

use attio_relay::http::fake_attio::{Actor, DEAL_STAGE, ENTRY, INES, SALES_PIPELINE};

use super::*;
use crate::support::{app::eventually, client::fresh_id};

const ARCHIVED: &str = "842ef5e2-295a-40b6-be56-41c7ac5dd868";

const BY_SLUG: &str = "on = [\"record.updated\"]\nobject = \"deals\"\nchanged = [\"stage\"]";

#[tokio::test]
async fn a_route_by_slugs_gets_what_it_names_and_nothing_else() {
    let world = World::postgres().await;
    let app = world.knowing_relay(BY_SLUG).await;
    app.post(&change(DEAL, DEAL_NAME)).await.assert_accepted();
    app.post(&stage_changed()).await.assert_accepted();
    app.wait_until_delivered(&world.sink, 1).await;
    assert_eq!(world.deliveries().await, ["succeeded 1 "], "what is not wanted is no delivery");
    app.stop().await;
}

#[tokio::test]
async fn a_route_by_the_slug_of_a_list_gets_its_entries() {
    let world = World::postgres().await;
    let app = world
        .knowing_relay("on = [\"list-entry.*\"]\nlist = \"sales_pipeline\"\nchanged = [\"stage\"]")
        .await;
    let mut other = sample("list-entry.updated");
    other["id"]["list_id"] = fresh_id().into();
    app.post(&Message::envelope([sample("list-entry.updated")])).await.assert_accepted();
    app.post(&Message::envelope([other])).await.assert_accepted();
    app.wait_until_delivered(&world.sink, 1).await;
    let event = world.sink.only().json()["event"]["id"].clone();
    assert_eq!((&event["list_id"], &event["entry_id"]), (&SALES_PIPELINE.into(), &ENTRY.into()));
    app.stop().await;
}

async fn what_comes_before_the_names_is_decided_when_they_are_known(world: World) {
    world.attio.fail_all("*", "/v2/", BROKEN);
    let app = world.relay(BY_SLUG).await;
    app.post(&change(DEAL, DEAL_NAME)).await.assert_accepted();
    app.post(&stage_changed()).await.assert_accepted();
    until_put_off(&app, "names", 4).await;
    assert_eq!(world.deliveries().await, ["open 0 ", "open 0 "]);
    assert!(world.sink.received().is_empty(), "nothing is sent blindly");
    world.attio.heal();
    app.wait_until_delivered(&world.sink, 1).await;
    until_ended(&app, "skipped", 1).await;
    let unwanted = "skipped 0 what changed is name, the route wants stage";
    assert_eq!(world.deliveries().await, [unwanted, "succeeded 1 "]);
    app.stop().await;
}

#[tokio::test]
async fn what_comes_before_the_names_is_decided_when_they_are_known_on_postgres() {
    what_comes_before_the_names_is_decided_when_they_are_known(World::postgres().await).await;
}

#[tokio::test]
async fn what_comes_before_the_names_is_decided_when_they_are_known_on_sqlite() {
    what_comes_before_the_names_is_decided_when_they_are_known(World::sqlite().await).await;
}

async fn a_restart_while_attio_is_away_still_routes(world: World) {
    world.knowing_relay(BY_SLUG).await.stop().await;
    world.attio.fail_all("*", "/v2/", BROKEN);
    let app = world.relay(BY_SLUG).await;
    app.post(&change(DEAL, DEAL_NAME)).await.assert_accepted();
    app.post(&stage_changed()).await.assert_accepted();
    app.wait_until_delivered(&world.sink, 1).await;
    world.only_the_stage_was_sent().await;
    app.stop().await;
}

impl World {
    async fn only_the_stage_was_sent(&self) {
        let ended = async || self.deliveries().await.iter().all(|one| !one.starts_with("open"));
        eventually("all have ended", ended).await;
        let sent = self.sink.only().json()["event"]["id"]["attribute_id"].clone();
        assert_eq!(sent, DEAL_STAGE);
    }
}

#[tokio::test]
async fn a_restart_while_attio_is_away_still_routes_on_postgres() {
    a_restart_while_attio_is_away_still_routes(World::postgres().await).await;
}

#[tokio::test]
async fn a_restart_while_attio_is_away_still_routes_on_sqlite() {
    a_restart_while_attio_is_away_still_routes(World::sqlite().await).await;
}

#[tokio::test]
async fn a_second_replica_learns_from_the_store() {
    let world = World::postgres().await;
    let nobody = TestAttio::start().await;
    nobody.fail_all("*", "/v2/", BROKEN);
    let toml = world.toml("", &(world.sink.action("billing", "") + &to_billing(BY_SLUG)));
    let toml = toml.replace(&world.attio.base_url(), &nobody.base_url());
    let second = TestApp::start(&world.db, &toml).await;
    nobody.until_requested("GET", "/v2/self", 1).await;
    world.knowing_relay(BY_SLUG).await.stop().await;
    second.post(&change(DEAL, DEAL_NAME)).await.assert_accepted();
    second.post(&stage_changed()).await.assert_accepted();
    second.wait_until_delivered(&world.sink, 1).await;
    world.only_the_stage_was_sent().await;
    second.stop().await;
}

#[tokio::test]
async fn an_attribute_that_is_new_is_asked_for_when_it_comes_up() {
    let world = World::postgres().await;
    let app = world.knowing_relay(&BY_SLUG.replace("stage", "phase")).await;
    let phase =
        world.attio.by(Actor::member(INES)).add_attribute("deals", "phase", "text").unwrap();
    app.post(&change(DEAL, &phase)).await.assert_accepted();
    app.wait_until_delivered(&world.sink, 1).await;
    app.stop().await;
}

#[tokio::test]
async fn an_attribute_that_was_renamed_is_routed_by_its_new_name_at_once() {
    let world = World::postgres().await;
    let app = world.knowing_relay(&BY_SLUG.replace("stage", "phase")).await;
    world.attio.by(Actor::member(INES)).rename_attribute("deals", "stage", "phase").unwrap();
    app.post(&Message::envelope([sample("object-attribute.updated")])).await.assert_accepted();
    app.post(&stage_changed()).await.assert_accepted();
    app.wait_until_delivered(&world.sink, 1).await;
    app.stop().await;
}

#[tokio::test]
async fn an_attribute_that_was_renamed_is_not_decided_by_its_old_name_at_another_replica() {
    let world = World::postgres().await;
    let nobody = TestAttio::start().await;
    let toml = world.toml(
        "",
        &(world.sink.action("billing", "") + &to_billing(&BY_SLUG.replace("stage", "phase"))),
    );
    let other = toml.replace(&world.attio.base_url(), &nobody.base_url());
    let app = TestApp::start(&world.db, &toml).await;
    world.until_names_are_kept(&app).await;
    nobody.fail_all("*", "/v2/", BROKEN);
    let other = TestApp::start(&world.db, &other).await;
    let unwanted = async || other.metric("attio_relay_unrouted_events_total", &[]).await;
    other
        .eventually("the other has the names", async || {
            other.post(&stage_changed()).await.assert_accepted();
            unwanted().await >= 1.0
        })
        .await;
    // What came before the other had the names is decided too, by the old one.
    other
        .eventually("all is decided", async || {
            world.deliveries().await.iter().all(|one| one.starts_with("skipped"))
        })
        .await;
    let decided = world.deliveries().await.len();
    // Nobody can say yet what it is called now.
    world.attio.fail_all("GET", "/v2/", BROKEN);
    app.post(&Message::envelope([sample("object-attribute.updated")])).await.assert_accepted();
    other
        .eventually("the other decides no more by the old name", async || {
            let before = unwanted().await;
            other.post(&stage_changed()).await.assert_accepted();
            unwanted().await == before
        })
        .await;
    // Nor does one that is started meanwhile.
    let third =
        TestApp::start(&world.db, &toml.replace(&world.attio.base_url(), &nobody.base_url())).await;
    third.post(&stage_changed()).await.assert_accepted();
    assert_eq!(third.metric("attio_relay_unrouted_events_total", &[]).await, 0.0);
    assert!(world.sink.received().is_empty());
    world.attio.by(Actor::member(INES)).rename_attribute("deals", "stage", "phase").unwrap();
    world.attio.heal();
    app.eventually("all that waited was wanted", async || {
        let deliveries = world.deliveries().await;
        let waited = &deliveries[decided..];
        !waited.is_empty() && waited.iter().all(|one| *one == "succeeded 1 ")
    })
    .await;
    for app in [app, other, third] {
        app.stop().await;
    }
}

#[tokio::test]
async fn lists_are_learnt_again_when_attio_says_that_one_changed() {
    let world = World::postgres().await;
    let app = world.knowing_relay(BY_SLUG).await;
    let before = world.attio.requests_to("GET", "/v2/lists").len();
    app.post(&Message::envelope([sample("list.updated")])).await.assert_accepted();
    world.attio.until_requested("GET", "/v2/lists", before + 1).await;
    app.stop().await;
}

#[tokio::test]
async fn lists_are_learnt_again_when_attio_says_that_an_attribute_of_one_changed() {
    for event_type in ["list-attribute.created", "list-attribute.updated"] {
        let world = World::sqlite().await;
        let app = world.knowing_relay(BY_SLUG).await;
        let before = world.attio.requests_to("GET", "/v2/lists").len();
        app.post(&Message::envelope([sample(event_type)])).await.assert_accepted();
        world.attio.until_requested("GET", "/v2/lists", before + 1).await;
        app.stop().await;
    }
}

#[tokio::test]
async fn an_archived_attribute_that_is_in_no_list_is_asked_for_by_its_id_and_stays_known() {
    let world = World::postgres().await;
    let app = world.knowing_relay(&BY_SLUG.replace("stage", "legacy_tier")).await;
    for _ in 0..3 {
        app.post(&change(DEAL, ARCHIVED)).await.assert_accepted();
    }
    app.wait_until_delivered(&world.sink, 3).await;
    let path = format!("/v2/objects/deals/attributes/{ARCHIVED}");
    let lists = world.attio.requests_to("GET", "/v2/lists").len();
    app.post(&Message::envelope([sample("list.updated")])).await.assert_accepted();
    world.attio.until_requested("GET", "/v2/lists", lists + 1).await;
    app.post(&change(DEAL, ARCHIVED)).await.assert_accepted();
    app.wait_until_delivered(&world.sink, 4).await;
    assert_eq!(world.attio.requests_to("GET", &path).len(), 1);
    app.stop().await;
}

#[tokio::test]
async fn an_attribute_that_attio_does_not_have_is_none_that_a_route_names() {
    let world = World::postgres().await;
    let app = world.knowing_relay(&BY_SLUG.replace("stage", "phase")).await;
    app.post(&change(DEAL, &fresh_id())).await.assert_accepted();
    until_ended(&app, "skipped", 1).await;
    let deliveries = world.deliveries().await;
    assert!(deliveries[0].starts_with("skipped 0 what changed is "), "{deliveries:?}");
    app.stop().await;
}

#[tokio::test]
async fn what_is_asked_again_and_again_is_answered_ever_more_seldom() {
    let world = World::postgres().await;
    let app = world.knowing_relay(NOWHERE).await;
    let asked = || world.attio.requests_to("GET", "/v2/objects").len();
    let object = fresh_id();
    app.post_all((0..20).map(|_| of_an_object(&object))).await;
    app.wait_for_metric("attio_relay_deliveries_open", &[("state", "orphaned")], 20.0).await;
    assert!(asked() <= 6, "asked {} times", asked());
    app.stop().await;
}

/// A route for an object that the workspace does not have.
const NOWHERE: &str =
    "on = [\"record.updated\"]\nobject = \"no_such_object\"\nchanged = [\"phase\"]";

fn of_an_object(id: &str) -> Message {
    let mut event = sample("record.updated");
    event["id"]["object_id"] = id.into();
    Message::envelope([event])
}

async fn what_asks_for_an_object_that_is_not_there_is_held_and_says_so(world: World) {
    let app = world.knowing_relay(NOWHERE).await;
    app.post(&of_an_object(&fresh_id())).await.assert_accepted();
    app.wait_for_metric("attio_relay_deliveries_open", &[("state", "orphaned")], 1.0).await;
    let held = "SELECT held || ': ' || reason FROM deliveries";
    let says = world.db.text(held).await.unwrap();
    assert!(says.starts_with("orphaned: Attio shows no object `no_such_object`"), "{says}");
    assert_eq!(world.deliveries().await.len(), 1, "nothing is lost");
    app.stop().await;

    // A restart with the route mended lets it go on.
    let mended = NOWHERE.replace("no_such_object", "deals");
    let app = world.knowing_relay(&mended).await;
    until_ended(&app, "skipped", 1).await;
    app.stop().await;
}

#[tokio::test]
async fn what_asks_for_an_object_that_is_not_there_is_held_and_says_so_on_postgres() {
    Box::pin(what_asks_for_an_object_that_is_not_there_is_held_and_says_so(
        World::postgres().await,
    ))
    .await;
}

#[tokio::test]
async fn what_asks_for_an_object_that_is_not_there_is_held_and_says_so_on_sqlite() {
    Box::pin(what_asks_for_an_object_that_is_not_there_is_held_and_says_so(World::sqlite().await))
        .await;
}
