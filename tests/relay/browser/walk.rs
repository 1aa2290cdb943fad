//! Why did yesterday's "Closed Won" not reach billing? The README shows this walk.

use super::Desk;
use crate::support::{
    app::eventually,
    browser::Browser,
    client::{Message, fresh_id},
    sink::Reply,
};

#[tokio::test]
async fn someone_finds_why_a_deal_did_not_reach_billing_and_sends_it_again() {
    let desk = Desk::start().await;
    let refusal = r#"{"error":"customer 4711 has no billing address"}"#.to_owned();
    desk.sink.decide(move |request| {
        let refused = Reply::Full(422, Vec::new(), refusal.clone());
        (request.path == "/billing").then_some(refused)
    });
    for event_type in ["task.created", "note.created", "list-entry.created"] {
        desk.app.post(&Message::event(event_type)).await.assert_accepted();
    }
    desk.app.post(&Message::record_updated(&fresh_id())).await.assert_accepted();
    desk.wait_for_dead(1).await;
    desk.sink.wait_until_taken(4).await;

    let browser = Browser::start().await;
    desk.log_in(&browser, "/").await;
    browser.wait_for("main", "Something does not arrive").await;
    browser.screenshot("walk-1-overview").await;

    browser.click(".problems a[href^='/dead-letters']").await;
    browser.wait_for("h1", "Dead letters").await;
    browser.click("article a[href^='/events/']").await;
    browser.wait_for("main", "customer 4711 has no billing address").await;
    browser.screenshot("walk-2-why").await;

    desk.sink.release();
    browser.click("form[action='/pages/replay'] button.main").await;
    browser.wait_for(".note", "1 delivery will be sent again now").await;
    desk.sink
        .wait_until("billing took it", |all| {
            all.iter().any(|one| one.path == "/billing" && one.status == Some(200))
        })
        .await;
    let keys: Vec<_> =
        desk.sink.received_by("billing").iter().map(|one| one.key().to_owned()).collect();
    assert_eq!((keys.len(), &keys[0]), (2, &keys[1]), "under the same key");
    desk.app
        .wait_for_metric(
            "attio_relay_deliveries_total",
            &[("action", "billing"), ("result", "succeeded")],
            1.0,
        )
        .await;
    browser.click("a[href*='#delivery-']").await;
    eventually("its story is told to the end", async || {
        browser.reload().await;
        browser.text("article:target").await.contains("Succeeded")
    })
    .await;
    browser.run("document.querySelector('article:target').scrollIntoView({block: 'center', behavior: 'instant'})").await;
    browser.screenshot("walk-3-sent-again").await;
    desk.end(browser).await;
}
