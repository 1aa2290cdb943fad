//! Who sees pages, and what the browser is told about them.

use attio_relay::admin::pages::PATHS;

use super::{PAGES, Scene, page, visit};
use crate::support::{
    app::{TestApp, configuration},
    client::{Answer, SECRET},
    database::TestDatabase,
    sink::Sink,
};

async fn guarded() -> (TestDatabase, TestApp) {
    let (db, sink) = (TestDatabase::sqlite(), Sink::start().await);
    let toml = "[server]\nadmin_token = \"env:SECRET\"\n".to_owned() + &sink.all();
    let app = TestApp::start(&db, &toml).await;
    (db, app)
}

async fn ask(app: &TestApp, path: &str, headers: &str) -> Answer {
    let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n");
    app.admin.ask(head.as_bytes()).await
}

#[tokio::test]
async fn a_browser_that_is_nobody_yet_is_sent_to_the_login_and_back() {
    let (_db, app) = guarded().await;
    for path in PATHS {
        let path = path.replace("{id}", "x").replace("{*other}", "other");
        let answer = visit(&app, &path).await;
        assert_eq!(answer.status, 303, "{path}: {answer:?}");
        assert!(answer.header("location").unwrap().starts_with("/login?back=%2F"), "{answer:?}");
        assert!(answer.body.is_empty(), "{answer:?}");
    }
    let asked = visit(&app, "/events?error=a%26b&type=x").await;
    assert_eq!(
        asked.header("location"),
        Some("/login?back=%2Fevents%3Ferror%3Da%2526b%26type%3Dx")
    );
    app.stop().await;
}

#[tokio::test]
async fn a_program_that_is_nobody_is_refused_and_one_with_the_token_sees() {
    let (_db, app) = guarded().await;
    assert_eq!(ask(&app, "/events", "").await.status, 401);
    assert_eq!(
        ask(&app, "/events", "authorization: Bearer wrong\r\naccept: text/html\r\n").await.status,
        401
    );
    let right = format!("authorization: Bearer {SECRET}\r\n");
    for path in PAGES {
        assert_eq!(ask(&app, path, &right).await.status, 200, "{path}");
    }
    let signed_in = ask(&app, "/", &right).await;
    assert!(signed_in.body.contains("action=\"/logout\""), "{}", signed_in.body);
    app.stop().await;
}

#[tokio::test]
async fn a_rebound_name_is_told_what_to_do_and_gets_neither_data_nor_token() {
    let scene = Scene::new().await;
    let head = "GET /events HTTP/1.1\r\nhost: evil.example\r\naccept: text/html\r\n\r\n";
    let answer = scene.app.admin.ask(head.as_bytes()).await;
    assert_eq!(answer.status, 403);
    assert!(answer.body.contains("server.admin_token"), "{}", answer.body);
    for secret in ["record.updated", "name=\"token\"", "<nav", "configuration 1"] {
        assert!(!answer.body.contains(secret), "{secret}: {}", answer.body);
    }
    scene.app.stop().await;
}

#[tokio::test]
async fn every_page_forbids_scripts_of_others_and_holds_none_within() {
    let scene = Scene::new().await;
    for path in PAGES {
        let answer = visit(&scene.app, path).await;
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        for within in [" style=", " onclick=", "<script>", "<style", "javascript:", "http-equiv"] {
            assert!(!answer.body.contains(within), "{path} holds {within}");
        }
    }
    scene.app.stop().await;
}

#[tokio::test]
async fn what_pages_load_is_there_for_anyone_and_is_kept() {
    let (_db, app) = guarded().await;
    let right = format!("authorization: Bearer {SECRET}\r\n");
    let first = ask(&app, "/", &right).await.body.replace("&#x2f;", "/");
    for (name, kind) in [
        ("style.css", "text/css; charset=utf-8"),
        ("script.js", "text/javascript; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
    ] {
        let at = first.find(&format!("/assets/{name}?")).unwrap();
        let address = first[at..].split('"').next().unwrap();
        let asset = ask(&app, address, "").await;
        assert_eq!((asset.status, asset.header("content-type")), (200, Some(kind)), "{name}");
        assert!(asset.header("cache-control").unwrap().contains("immutable"), "{asset:?}");
        assert!(asset.header("content-security-policy").is_some());
    }
    app.stop().await;
}

#[tokio::test]
async fn the_public_door_has_no_pages() {
    let scene = Scene::new().await;
    for path in PAGES.into_iter().chain(["/assets/style.css", "/find?q=x"]) {
        assert_eq!(scene.app.client.get(path).await.status, 404, "{path}");
    }
    scene.app.stop().await;
}

#[tokio::test]
async fn a_store_that_is_away_is_told_with_what_it_means_and_what_to_do() {
    let sink = Sink::start().await;
    let toml = configuration("postgres://nobody@127.0.0.1:1/none", &sink.all());
    let app = TestApp::start_unready(&toml).await;
    let answer = visit(&app, "/events").await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.header("retry-after").is_some());
    for word in ["The store cannot be reached", "503", "attio-relay healthcheck --ready"] {
        assert!(answer.body.contains(word), "{word}: {}", answer.body);
    }
    app.stop_at_once().await;
}

#[tokio::test]
async fn what_is_not_there_is_told_kindly() {
    let scene = Scene::new().await;
    let none = "00000000-0000-7000-8000-000000000000";
    for (path, word) in [
        ("/nothing".to_owned(), "no such page"),
        ("/events/x".to_owned(), "no event of this id"),
        (format!("/events/{none}"), "store.retention"),
        (format!("/deliveries/{none}"), "no delivery of this id"),
        (format!("/messages/{none}"), "no message of this id"),
    ] {
        let answer = visit(&scene.app, &path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.body.contains(word), "{path}: {}", answer.body);
    }
    assert!(page(&scene.app, "/").await.contains("Skip to the content"));
    scene.app.stop().await;
}
