//! Replaying and pausing, with scripts and without, by mouse and by keys.

use super::Desk;
use crate::support::{
    app::eventually,
    browser::{Browser, ENTER, TAB},
    client::{Message, SECRET},
    sink::Reply,
};

async fn with_a_dead_letter() -> Desk {
    let desk = Desk::start().await;
    desk.sink.decide(|request| (request.path == "/billing").then_some(Reply::Status(404)));
    desk.app.post(&Message::event("record.updated")).await.assert_accepted();
    desk.wait_for_dead(1).await;
    desk.sink.release();
    desk
}

#[tokio::test]
async fn an_action_is_paused_and_resumed() {
    let desk = Desk::start().await;
    let browser = Browser::start().await;
    desk.log_in(&browser, "/routes").await;
    browser.click("#action-billing details.ask summary").await;
    browser.type_into("#why-action-billing", "they move house").await;
    browser.click("#action-billing details.ask button").await;
    browser.wait_for(".note", "Paused").await;
    browser.wait_for("#action-billing", "they move house").await;
    desk.app.wait_for_metric("attio_relay_action_paused", &[("action", "billing")], 1.0).await;
    desk.app.post(&Message::event("record.updated")).await.assert_accepted();
    desk.sink.wait_until_received_by("crm-copy", 1).await;
    assert_eq!(desk.sink.received_by("billing").len(), 0);
    browser.click("#action-billing form[action='/pages/resume'] button").await;
    browser.wait_for(".note", "Resumed").await;
    desk.sink.wait_until_received_by("billing", 1).await;
    desk.end(browser).await;
}

#[tokio::test]
async fn all_of_it_works_without_scripts() {
    let desk = with_a_dead_letter().await;
    let browser = Browser::without_scripts().await;
    desk.log_in(&browser, "/dead-letters").await;
    browser.click("form[action='/pages/replay'] button.main").await;
    browser.wait_for(".note", "1 delivery will be sent again now").await;
    assert!(browser.address().await.contains("did="), "no script took it away");
    desk.sink.wait_until_received_by("billing", 2).await;
    browser.click("footer form button").await;
    browser.wait_for("h1", "Log in").await;
    browser.open(&desk.at("/events")).await;
    browser.wait_for("h1", "Log in").await;
    desk.end(browser).await;
}

#[tokio::test]
async fn a_wrong_token_is_told_and_the_right_one_goes_on() {
    let desk = Desk::start().await;
    let browser = Browser::start().await;
    browser.open(&desk.at("/routes")).await;
    browser.type_into("#token", "guess").await;
    browser.press(&[ENTER]).await;
    browser.wait_for("[role=alert]", "That is not the token").await;
    browser.type_into("#token", SECRET).await;
    browser.press(&[ENTER]).await;
    browser.wait_for("h1", "Routes & actions").await;
    desk.end(browser).await;
}

#[tokio::test]
async fn the_search_is_reached_by_keys_alone() {
    let desk = with_a_dead_letter().await;
    let browser = Browser::start().await;
    desk.log_in(&browser, "/").await;
    let mut tabs = 0;
    while browser.focused().await != "find" {
        browser.press(&[TAB]).await;
        tabs += 1;
        assert!(tabs < 15, "the search is out of reach");
    }
    browser.press(&["4", "0", "4", ENTER]).await;
    eventually("it searches", async || browser.address().await.contains("error=404")).await;
    browser.wait_for("tbody", "record.updated").await;
    desk.end(browser).await;
}
