//! The story of an event: what it was, where it went, why, and what came back.

use serde_json::json;

use super::{AS_TEXT, MARKUP, Scene, assert_tells, link, newest, page, visit};
use crate::support::client::Message;

#[tokio::test]
async fn an_event_tells_why_it_did_not_arrive_and_can_be_sent_again() {
    let scene = Scene::new().await;
    let found = page(&scene.app, &format!("/events?record={}", scene.record)).await;
    let event = link(&found, "/events/");
    let story = page(&scene.app, &event).await;
    assert_tells(&story, &["record.updated", &scene.record, "workspace-member", "won", "Dead"]);
    assert_tells(
        &story,
        &["It did not reach billing", "<b class=\"status\">422</b>", "unknown_customer"],
    );
    assert_tells(
        &story,
        &[
            "Refused",
            "after ",
            "Idempotency key",
            "aria-label=\"to\">→</span> archive",
            "It reached archive",
        ],
    );
    assert_tells(&story, &["Not wanted", "the event is record.updated", "attio-relay explain"]);
    let delivery = newest(&scene.app, "deliveries?state=dead").await;
    let form = format!(
        "name=\"back\" value=\"{event}\"><input type=\"hidden\" name=\"id\" value=\"{delivery}\""
    );
    assert_tells(&story, &["action=\"/pages/replay\"", "action=\"/pages/discard\"", &form]);
    let token = story.split("name=\"token\" value=\"").nth(1).unwrap();
    assert!(token[..64].bytes().all(|byte| byte.is_ascii_hexdigit()), "{token}");
    scene.app.stop().await;
}

#[tokio::test]
async fn what_attio_and_destinations_sent_stays_text() {
    let scene = Scene::new().await;
    let hostile = json!({"event_type": MARKUP, "id": {"record_id": "\"><img src=x onerror=alert(1)>"},
        "actor": {"type": "<i>", "id": "</pre><b>"}, "note": "{{ 7 * 7 }}"});
    scene.app.post(&Message::envelope([hostile])).await.assert_accepted();
    let list = page(&scene.app, "/events").await;
    let story = page(&scene.app, &format!("/events/{}", newest(&scene.app, "events").await)).await;
    let dead =
        page(&scene.app, &link(&page(&scene.app, "/events?state=dead").await, "/events/")).await;
    for page in [&list, &story, &dead] {
        assert!(page.contains(AS_TEXT), "{page}");
        for markup in [MARKUP, "<img", "<i>", "<b>\"", "</pre><b>"] {
            assert!(!page.contains(markup), "{markup}: {page}");
        }
    }
    assert_tells(&story, &["{{ 7 * 7 }}", "&lt;/pre&gt;&lt;b&gt;"]);
    scene.app.stop().await;
}

#[tokio::test]
async fn a_delivery_that_waits_tells_when_it_is_tried_next() {
    let scene = Scene::new().await;
    let failing = newest(&scene.app, "deliveries?state=failing").await;
    let found = visit(&scene.app, &format!("/deliveries/{failing}")).await;
    assert_eq!(found.status, 303);
    let led = found.header("location").unwrap();
    let (event, place) = led.split_once('#').unwrap();
    let story = page(&scene.app, event).await;
    assert_eq!(place, format!("delivery-{failing}"));
    assert_tells(&story, &[&format!("id=\"{place}\""), "Failing", "Next attempt", ">in ", "503"]);
    scene.app.stop().await;
}

#[tokio::test]
async fn a_replay_is_told_where_the_first_try_is_told() {
    let scene = Scene::new().await;
    let event =
        link(&page(&scene.app, &format!("/events?record={}", scene.record)).await, "/events/");
    let story = page(&scene.app, &event).await;
    assert!(!story.contains("Sent again"), "{story}");
    let old = newest(&scene.app, "deliveries?state=dead").await;
    let new = crate::support::client::fresh_id();
    let copy = format!(
        "INSERT INTO deliveries (id, event_id, route, action, due_at, idempotency_key, replay_of, held)
         SELECT '{new}', event_id, route, action, due_at, idempotency_key, id, 'orphaned'
         FROM deliveries WHERE id = '{old}'"
    );
    scene.db.run(&copy).await.unwrap();
    let link = format!("UPDATE deliveries SET replayed_by = '{new}' WHERE id = '{old}'");
    scene.db.run(&link).await.unwrap();
    let story = page(&scene.app, &event).await;
    assert_tells(&story, &["Dead, replayed", &format!("href=\"#delivery-{new}\""), "Sent again"]);
    assert_tells(
        &story,
        &[&format!("id=\"delivery-{new}\""), &format!("href=\"#delivery-{old}\"")],
    );
    let again = format!("name=\"id\" value=\"{old}\"");
    assert!(!story.contains(&again), "what was replayed cannot be replayed: {story}");
    scene.app.stop().await;
}
