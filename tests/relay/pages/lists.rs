//! Lists: what they show, their search, the way through them.

use super::{AS_TEXT, MARKUP, PAGES, Scene, assert_tells, link, newest, page, visit};
use crate::support::{
    app::TestApp,
    client::{Message, fresh_id},
    database::TestDatabase,
    sink::Sink,
};

#[tokio::test]
async fn every_page_of_a_new_relay_says_what_to_do_next() {
    let (db, sink) = (TestDatabase::sqlite(), Sink::start().await);
    let app = TestApp::start(&db, &sink.all()).await;
    let told = [
        "Healthy",
        "attio-relay send record.updated",
        "No delivery yet",
        "Nothing rightly signed has arrived",
        "No dead letters",
        "Running",
        "has no owner",
        "There is no access to Attio",
    ];
    for (path, words) in PAGES.into_iter().zip(told) {
        assert_tells(&page(&app, path).await, &[words]);
    }
    assert_tells(&page(&app, "/messages?state=quarantined").await, &["Nothing is quarantined"]);
    assert_tells(&page(&app, "/events?type=note.created").await, &["No event fits"]);
    assert_tells(
        &page(&app, "/dead-letters?action=billing").await,
        &["billing has no dead letters"],
    );
    app.stop().await;
}

#[tokio::test]
async fn a_relay_without_routes_says_so() {
    let db = TestDatabase::sqlite();
    let app = TestApp::start(&db, "").await;
    assert_tells(&page(&app, "/").await, &["No route is configured"]);
    assert_tells(&page(&app, "/routes").await, &["No action is configured"]);
    page(&app, "/integrations").await;
    app.stop().await;
}

#[tokio::test]
async fn events_are_listed_with_what_became_of_them() {
    let scene = Scene::new().await;
    let events = page(&scene.app, "/events").await;
    assert_tells(
        &events,
        &["record.updated", "list-entry.updated", "Dead", "Failing", "Succeeded"],
    );
    assert_tells(&events, &["billing", "mirror", "archive", "<time class=\"ago\" datetime="]);
    let deliveries = page(&scene.app, "/deliveries?state=dead").await;
    assert_tells(&deliveries, &["won → billing", "422"]);
    scene.app.stop().await;
}

#[tokio::test]
async fn what_was_searched_for_stays_in_the_form_and_in_the_links() {
    let scene = Scene::new().await;
    let asked = format!(
        "/events?type=record.*&record={}&state=dead&since=7d&error=%22%3E%3Cb%3E",
        scene.record
    );
    let found = page(&scene.app, &asked).await;
    let record = format!("name=\"record\" value=\"{}\"", scene.record);
    assert_tells(&found, &["name=\"type\" value=\"record.*\"", &record, "<option selected>dead"]);
    assert_tells(&found, &["name=\"error\" value=\"&quot;&gt;&lt;b&gt;\""]);
    assert_tells(&link(&found, "/events?type"), &["state=dead", "error=%22%3E%3Cb%3E"]);
    scene.app.stop().await;
}

#[tokio::test]
async fn a_list_is_walked_page_by_page() {
    let (db, sink) = (TestDatabase::sqlite(), Sink::start().await);
    let app = TestApp::start(&db, &sink.all()).await;
    app.post_all((0..5).map(|_| Message::record_updated(&fresh_id()))).await;
    let (mut path, mut rows, mut pages) = ("/events?type=record.*&limit=2".to_owned(), 0, 0);
    loop {
        let page = page(&app, &path).await;
        rows += page.matches("class=\"row\"").count();
        pages += 1;
        if !page.contains("rel=\"next\"") {
            assert_tells(&page, &["That is all there is"]);
            assert_eq!(
                link(&page, "/events?type=record.*&amp;limit=2\">⇤"),
                "/events?type=record.*&limit=2"
            );
            break;
        }
        let at = page.find("rel=\"next\"").unwrap();
        let start = page[..at].rfind("href=\"").unwrap() + 6;
        path = page[start..].split('"').next().unwrap().replace("&amp;", "&");
        assert!(path.starts_with("/events?type=record.*&limit=2&before="), "{path}");
    }
    assert_eq!((rows, pages), (5, 3));
    app.stop().await;
}

#[tokio::test]
async fn what_cannot_be_searched_for_is_told_and_kept_in_the_form() {
    let scene = Scene::new().await;
    for (path, word) in [
        ("/events?since=soon&type=x", "`soon` is no time"),
        ("/deliveries?state=asleep&type=x", "is no state"),
        ("/events?tpye=x&type=x", "did you mean `type`?"),
    ] {
        let answer = visit(&scene.app, path).await;
        assert_eq!(answer.status, 400, "{path}");
        assert_tells(&answer.body, &[word, "role=\"alert\"", "name=\"type\" value=\"x\""]);
    }
    assert_eq!(visit(&scene.app, "/messages?limit=0").await.status, 400);
    scene.app.stop().await;
}

#[tokio::test]
async fn anything_is_found_by_what_is_at_hand() {
    let scene = Scene::new().await;
    let ids = [
        ("events", newest(&scene.app, "events").await),
        ("messages", newest(&scene.app, "messages").await),
    ];
    for (list, id) in ids {
        let found = visit(&scene.app, &format!("/find?q=+{id}+")).await;
        assert_eq!(
            (found.status, found.header("location")),
            (303, Some(&*format!("/{list}/{id}")))
        );
    }
    let delivery = newest(&scene.app, "deliveries?state=dead").await;
    let found = visit(&scene.app, &format!("/find?q={delivery}")).await;
    assert_eq!(found.header("location"), Some(&*format!("/deliveries/{delivery}")));
    for (asked, led) in [
        (&*scene.record, format!("/events?record={}", scene.record)),
        ("record.updated", "/events?type=record.updated".to_owned()),
        ("unknown+customer", "/events?error=unknown+customer".to_owned()),
        ("", "/events".to_owned()),
    ] {
        let found = visit(&scene.app, &format!("/find?q={asked}")).await;
        assert_eq!(found.header("location"), Some(&*led), "{asked}");
    }
    scene.app.stop().await;
}

#[tokio::test]
async fn a_quarantined_message_is_read_as_text_and_can_be_released() {
    let scene = Scene::new().await;
    let listed = page(&scene.app, "/messages?state=quarantined").await;
    let message = page(&scene.app, &link(&listed, "/messages/")).await;
    assert_tells(&message, &["Quarantined", "Why it is kept aside", AS_TEXT]);
    assert!(!message.contains(MARKUP), "{message}");
    let id = newest(&scene.app, "messages?state=quarantined").await;
    assert_tells(&message, &["action=\"/pages/release\"", &format!("name=\"id\" value=\"{id}\"")]);
    scene.app.stop().await;
}
