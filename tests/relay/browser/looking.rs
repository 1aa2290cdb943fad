//! Searching and reading; what came from outside stays text; every page in both themes.

use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

use super::Desk;
use crate::support::{
    browser::{Browser, DESK, PHONE},
    client::{Message, fresh_id, sample},
    sink::Reply,
};

const MARKUP: &str = "</pre><script>alert(1)</script><img id=injected src=x onerror=alert(2)>";

#[tokio::test]
async fn what_came_from_outside_stays_text() {
    let desk = Desk::start().await;
    desk.sink.decide(|_| Some(Reply::Full(422, Vec::new(), MARKUP.to_owned())));
    let mut event = sample("record.updated");
    event["actor"]["name"] = MARKUP.into();
    let record = fresh_id();
    event["id"]["record_id"] = record.clone().into();
    desk.app.post(&Message::envelope([event])).await.assert_accepted();
    let mut odd = sample("record.updated");
    odd["event_type"] = MARKUP.into();
    desk.app.post(&Message::envelope([odd])).await.assert_accepted();
    desk.app.post(&Message::of(MARKUP)).await.assert_quarantined();
    desk.wait_for_dead(1).await;
    let browser = Browser::start().await;
    desk.log_in(&browser, "/events").await;
    let mut addresses: Vec<String> =
        ["/", "/events", "/deliveries", "/messages", "/dead-letters", "/routes"]
            .map(Into::into)
            .into();
    for (table, path) in
        [("events", "/events"), ("deliveries", "/deliveries"), ("messages", "/messages")]
    {
        let ids = desk.db.all_texts(&format!("SELECT id FROM {table}")).await;
        addresses.extend(ids.into_iter().map(|id| format!("{path}/{id}")));
    }
    let query: String = url::form_urlencoded::byte_serialize(MARKUP.as_bytes()).collect();
    addresses.extend([
        format!("/events?type={query}"),
        format!("/find?q={query}"),
        format!("/dead-letters?action={query}&reason={query}"),
        format!("/login?back={query}"),
    ]);
    for address in addresses {
        browser.open(&desk.at(&address)).await;
        assert!(!browser.has_alert().await, "{address}");
        assert_eq!(browser.count("#injected").await, 0, "{address}");
        let scripts =
            browser.run("return [...document.scripts].filter(one => !one.src).length").await;
        assert_eq!(scripts, 0, "{address}");
    }
    browser.open(&desk.at(&format!("/events?record={record}"))).await;
    browser.click("tbody a.row").await;
    browser.wait_for("main", "<img id=injected").await;
    desk.end(browser).await;
}

#[tokio::test]
async fn every_page_is_shown_in_both_themes_and_on_a_phone() {
    let desk = Desk::start().await;
    desk.sink.decide(|request| {
        let refused = Reply::Full(422, Vec::new(), r#"{"error":"no billing address"}"#.to_owned());
        (request.path == "/billing").then_some(refused)
    });
    for event_type in ["record.created", "task.created", "note.created", "list-entry.created"] {
        desk.app.post(&Message::event(event_type)).await.assert_accepted();
    }
    desk.app.post_all((0..3).map(|_| Message::event("record.updated"))).await;
    desk.app.post(&Message::of("not JSON")).await.assert_quarantined();
    desk.wait_for_dead(3).await;
    desk.sink.wait_until_received_by("crm-copy", 7).await;
    let browser = Browser::start().await;
    browser.open(&desk.at("/login")).await;
    shown(&browser, "login").await;
    desk.log_in(&browser, "/").await;
    let id = "SELECT event_id FROM deliveries WHERE state = 'dead' LIMIT 1";
    let event = format!("/events/{}", desk.db.text(id).await.unwrap());
    for (name, path) in [
        ("overview", "/"),
        ("events", "/events"),
        ("event", &event),
        ("deliveries", "/deliveries"),
        ("messages", "/messages"),
        ("dead-letters", "/dead-letters"),
        ("routes", "/routes"),
        ("integrations", "/integrations"),
        ("attio", "/attio"),
    ] {
        browser.open(&desk.at(path)).await;
        assert_eq!(browser.count("main h1").await, 1, "{path}");
        shown(&browser, name).await;
    }
    desk.end(browser).await;
}

#[tokio::test]
async fn times_are_told_in_the_readers_zone_and_exactly_where_one_points() {
    let desk = Desk::start().await;
    desk.app.post(&Message::event("task.created")).await.assert_accepted();
    let browser = Browser::start().await;
    browser.time_zone("Asia/Kathmandu").await;
    let id = desk.db.text("SELECT id FROM events").await.unwrap();
    desk.log_in(&browser, &format!("/events/{id}")).await;
    let of = async |class: &str, what: &str| {
        let asked = format!("return document.querySelector('main time.{class}').{what}");
        browser.run(&asked).await.as_str().unwrap().to_owned()
    };
    let machine = of("clock", "dateTime").await;
    let utc = OffsetDateTime::parse(&machine, &Rfc3339).unwrap();
    let there = utc.to_offset(UtcOffset::from_hms(5, 45, 0).unwrap());
    let minute = format!(":{:02}:{:02}", there.minute(), there.second());
    let shown = of("clock", "textContent").await;
    assert!(shown.contains(&minute), "{shown} is not {there}");
    let exact = of("clock", "title").await;
    assert!(exact.contains(&minute) && exact.contains("GMT+5:45"), "{exact}");
    assert!(exact.ends_with(&machine), "{exact}");
    let spoken = of("ago", "textContent").await;
    assert!(spoken == "just now" || spoken.ends_with(" ago"), "{spoken}");
    assert_eq!(of("ago", "title").await, exact);
    desk.end(browser).await;
}

/// In both themes, and as narrow as a phone, where nothing may stick out.
async fn shown(browser: &Browser, name: &str) {
    for theme in ["light", "dark"] {
        browser.theme(theme).await;
        browser.screenshot(&format!("{name}-{theme}")).await;
    }
    browser.theme("light").await;
    browser.size(PHONE).await;
    browser.screenshot(&format!("{name}-phone")).await;
    let width =
        "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
    let sticks_out = browser.run(width).await;
    assert_eq!(sticks_out, 0, "{name} sticks out");
    browser.size(DESK).await;
}
