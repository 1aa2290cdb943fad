//! Attio that is away, hangs, or fails for one thing only: delays, and nothing else.

use std::time::Duration;

use super::*;
use crate::support::client::fresh_id;

const WON: &str = "on = [\"record.updated\"]\nwhen = 'record.stage == \"Won 🎉\"'";
const ANY: &str = "on = [\"record.updated\"]\nwhen = 'record is none or record.name != \"\"'";

async fn an_hour_without_attio_delays_and_loses_nothing(world: World) {
    let once = world.sink.action("billing", "retry = { attempts = 1 }");
    let app = world.relay_with("", &(once + &to_billing(WON))).await;
    world.until_names_are_kept(&app).await;
    world.attio.fail_all("*", "/v2/", BROKEN);
    app.post_all((0..5).map(|_| stage_changed())).await;
    until_put_off(&app, "attio", 5).await;
    world.an_hour_passes().await;
    for round in 2..=3 {
        let put_off = [("reason", "attio")];
        app.eventually("they are put off again", async || {
            // One that is just being put off is due only when that is written.
            world.make_due().await;
            app.metric("attio_relay_postponed_total", &put_off).await >= f64::from(5 * round)
        })
        .await;
    }
    assert_eq!(world.deliveries().await, ["open 0 "; 5]);
    assert_eq!(world.db.number("SELECT count(*) FROM attempts").await, 0);
    assert!(world.sink.received().is_empty());
    world.attio.heal();
    app.eventually("all are delivered", async || {
        world.make_due().await;
        world.sink.taken().len() == 5
    })
    .await;
    app.wait_until_delivered(&world.sink, 5).await;
    assert_eq!(world.deliveries().await, ["succeeded 1 "; 5]);
    app.stop().await;
}

impl World {
    /// All that was received is an hour older.
    async fn an_hour_passes(&self) {
        let ago = match self.db.engine {
            Engine::Postgres => "received_at - interval '1 hour'",
            Engine::Sqlite => "received_at - 3600000000",
        };
        self.db.run(&format!("UPDATE messages SET received_at = {ago}")).await.unwrap();
    }
}

#[tokio::test]
async fn an_hour_without_attio_delays_and_loses_nothing_on_postgres() {
    an_hour_without_attio_delays_and_loses_nothing(World::postgres().await).await;
}

#[tokio::test]
async fn an_hour_without_attio_delays_and_loses_nothing_on_sqlite() {
    an_hour_without_attio_delays_and_loses_nothing(World::sqlite().await).await;
}

#[tokio::test]
async fn while_attio_is_away_it_is_asked_now_and_then_and_not_by_everyone() {
    let world = World::postgres().await;
    let app = world.knowing_relay(ANY).await;
    world.attio.fail_all("GET", DEALS_AT, Failure::Cut);
    app.post_all((0..100).map(|_| change(&fresh_id(), DEAL_NAME))).await;
    until_put_off(&app, "attio", 100).await;
    let most = 100;
    assert!(world.lookups().len() < most, "{}", world.lookups().len());
    world.attio.heal();
    app.wait_until_delivered(&world.sink, 100).await;
    app.stop().await;
}

#[tokio::test]
async fn one_look_up_that_fails_for_many_does_not_keep_attio_away_for_long() {
    let world = World::postgres().await;
    let app = world.knowing_relay(WON).await;
    // One call with all its repeats.
    world.attio.fail("GET", DEALS_AT, 4, BROKEN);
    app.post_all((0..8).map(|_| stage_changed())).await;
    until_put_off(&app, "attio", 8).await;
    let put_off = std::time::Instant::now();
    app.wait_until_delivered(&world.sink, 8).await;
    assert!(put_off.elapsed() < Duration::from_secs(8), "{:?}", put_off.elapsed());
    app.stop().await;
}

#[tokio::test]
async fn a_record_that_attio_cannot_answer_holds_no_other_back() {
    let world = World::postgres().await;
    let rest = world.sink.action("billing", "")
        + &world.sink.action("other", "")
        + &route("sick", "on = [\"record.updated\"]\nwhen = 'record is none'", &["billing"])
        + &route("well", "on = [\"record.deleted\"]\nwhen = 'record is none'", &["other"]);
    let app = world.relay_with("", &rest).await;
    world.until_names_are_kept(&app).await;
    let sick = fresh_id();
    world.attio.fail_all("GET", &format!("{DEALS_AT}{sick}"), Failure::Error(500, "internal"));
    app.post(&change(&sick, DEAL_NAME)).await.assert_accepted();
    until_put_off(&app, "attio", 1).await;
    app.post(&Message::event("record.deleted")).await.assert_accepted();
    app.wait_until_delivered(&world.sink, 1).await;
    let put_off = [("action", "other")];
    assert_eq!(app.metric("attio_relay_postponed_total", &put_off).await, 0.0);
    world.attio.heal();
    app.wait_until_delivered(&world.sink, 2).await;
    app.stop().await;
}

#[tokio::test]
async fn a_look_up_that_hangs_holds_up_nothing_that_needs_none() {
    let world = World::postgres().await;
    let rest = world.sink.action("billing", "concurrency = 2")
        + &world.sink.action("plain", "")
        + &to_billing(ANY)
        + &route("plain", "on = [\"record.updated\"]", &["plain"]);
    let app = world.relay_with("", &rest).await;
    world.until_names_are_kept(&app).await;
    world.attio.fail_all("GET", DEALS_AT, Failure::Hang);
    app.post_all((0..10).map(|_| change(&fresh_id(), DEAL_NAME))).await;
    world.sink.wait_until_received_by("plain", 10).await;
    assert!(world.sink.received_by("billing").is_empty());
    world.attio.heal();
    app.wait_until_delivered(&world.sink, 20).await;
    app.stop().await;
}

#[tokio::test]
async fn a_look_up_that_is_never_answered_is_put_off_and_costs_no_try() {
    let world = World::postgres().await;
    let app = world.knowing_relay(WON).await;
    world.attio.fail("GET", DEALS_AT, 1, Failure::Hang);
    app.post(&stage_changed()).await.assert_accepted();
    until_put_off(&app, "attio", 1).await;
    assert_eq!(world.deliveries().await, ["open 0 "]);
    app.wait_until_delivered(&world.sink, 1).await;
    assert_eq!(world.deliveries().await, ["succeeded 1 "]);
    app.stop().await;
}

#[tokio::test]
async fn a_merge_in_progress_is_waited_out() {
    let world = World::postgres().await;
    let app = world.knowing_relay(WON).await;
    world.attio.fail("GET", DEALS_AT, 2, Failure::Error(404, "merge_in_progress"));
    app.post(&stage_changed()).await.assert_accepted();
    app.wait_until_delivered(&world.sink, 1).await;
    assert_eq!((world.lookups().len(), world.deliveries().await), (3, vec!["succeeded 1 ".into()]));
    app.stop().await;
}

#[tokio::test]
async fn what_the_token_may_not_see_waits_and_is_hardly_asked_for() {
    let world = World::postgres().await;
    let rest = world.sink.action("billing", "")
        + &route("notes", "on = [\"note.created\"]\nwhen = 'note.title != \"\"'", &["billing"])
        + &route("deals", "on = [\"record.updated\"]\nwhen = 'record.name != \"\"'", &["billing"]);
    let app = world.relay_with("", &rest).await;
    world.until_names_are_kept(&app).await;
    world.attio.set_scopes("record_permission:read object_configuration:read");
    app.post_all((0..20).map(|_| Message::event("note.created"))).await;
    until_put_off(&app, "attio", 20).await;
    let asked = world.attio.requests_to("GET", "/v2/notes/").len();
    assert!(asked <= 8, "asked {asked} times");
    app.post(&stage_changed()).await.assert_accepted();
    app.wait_until_delivered(&world.sink, 1).await;
    assert_eq!(world.sink.only().json()["type"], "record.updated");
    app.stop().await;
}

#[tokio::test]
async fn a_store_that_cannot_be_asked_puts_off_too() {
    let world = World::postgres().await;
    let app = world.knowing_relay(WON).await;
    world.db.run("ALTER TABLE snapshots RENAME TO gone").await.unwrap();
    app.post(&stage_changed()).await.assert_accepted();
    until_put_off(&app, "store", 1).await;
    world.db.run("ALTER TABLE gone RENAME TO snapshots").await.unwrap();
    app.wait_until_delivered(&world.sink, 1).await;
    assert_eq!(world.deliveries().await, ["succeeded 1 "]);
    app.stop().await;
}
