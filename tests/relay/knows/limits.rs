//! Look-ups within Attio's limits: few, one at a time, and all in the end.

use std::time::Duration;

use attio_relay::http::fake_attio::{RetryAfter, most_at_once, most_in_a_second};

use super::*;
use crate::support::client::fresh_id;

const WITH_NAME: &str = "on = [\"record.updated\"]\nwhen = 'record.name != \"\"'";
const ANY_RECORD: &str =
    "on = [\"record.updated\"]\nwhen = 'record is none or record.name != \"\"'";

#[tokio::test]
async fn a_thousand_events_of_one_record_cost_a_handful_of_look_ups_one_at_a_time() {
    let world = World::postgres().await;
    let app = world.knowing_relay(WITH_NAME).await;
    app.post_all((0..1000).map(|_| stage_changed())).await;
    app.wait_until_delivered(&world.sink, 1000).await;
    let lookups = world.lookups();
    assert!((1..=20).contains(&lookups.len()), "{} look-ups", lookups.len());
    assert_eq!(most_at_once(&lookups), 1);
    assert_eq!(world.db.number("SELECT count(*) FROM deliveries WHERE tries <> 1").await, 0);
    app.stop().await;
}

#[tokio::test]
async fn a_thousand_records_are_looked_up_within_the_limit_and_all_arrive() {
    let world = World::postgres().await;
    world.attio.set_limits(10_000, 10_000);
    let action = world.sink.action("billing", "concurrency = 32");
    let app = world.relay_with("reads = \"100/s\"", &(action + &to_billing(ANY_RECORD))).await;
    world.until_names_are_kept(&app).await;
    app.post_all((0..1000).map(|_| change(&fresh_id(), DEAL_NAME))).await;
    app.wait_until_delivered(&world.sink, 1000).await;
    let requests = world.attio.requests();
    assert!(most_in_a_second(&requests) <= 100, "{}", most_in_a_second(&requests));
    assert_eq!(world.lookups().len(), 1000);
    assert_eq!(world.db.number("SELECT count(*) FROM deliveries WHERE tries <> 1").await, 0);
    app.stop().await;
}

#[tokio::test]
async fn a_429_with_a_date_pauses_everyone_and_costs_no_try() {
    let world = World::postgres().await;
    let app = world.knowing_relay(ANY_RECORD).await;
    let limited = Failure::Limited(RetryAfter::Date, Duration::from_secs(2));
    world.attio.fail("GET", DEALS_AT, 1, limited);
    app.post(&change(&fresh_id(), DEAL_NAME)).await.assert_accepted();
    world.attio.until_requested("GET", DEALS_AT, 1).await;
    app.eventually("it was answered", async || world.lookups()[0].ended.is_some()).await;
    app.post_all((0..20).map(|_| change(&fresh_id(), DEAL_NAME))).await;
    app.wait_until_delivered(&world.sink, 21).await;
    let lookups = world.lookups();
    assert_eq!((lookups.len(), lookups[0].status), (22, Some(429)));
    let paused = lookups[1].started - lookups[0].started;
    assert!(paused > Duration::from_millis(900), "{paused:?}");
    assert_eq!(world.db.number("SELECT count(*) FROM deliveries WHERE tries <> 1").await, 0);
    assert_eq!(
        app.metric("attio_relay_attio_requests_total", &[("result", "rate_limited")]).await,
        1.0
    );
    app.stop().await;
}

#[tokio::test]
async fn requests_to_attio_and_waits_for_leave_are_measured() {
    let world = World::sqlite().await;
    let app = world.knowing_relay(WITH_NAME).await;
    let before = app.metric("attio_relay_attio_requests_total", &[]).await;
    let waits = app.metric("attio_relay_attio_wait_seconds_count", &[]).await;
    app.post(&stage_changed()).await.assert_accepted();
    app.wait_until_delivered(&world.sink, 1).await;
    assert_eq!(app.metric("attio_relay_attio_requests_total", &[]).await, before + 1.0);
    assert_eq!(app.metric("attio_relay_attio_wait_seconds_count", &[]).await, waits + 1.0);
    app.stop().await;
}
