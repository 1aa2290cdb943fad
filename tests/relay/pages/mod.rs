//! The pages, as a browser asks for them.

mod access;
mod groups;
mod lists;
mod standing;
mod stories;

use serde_json::{Value, json};

use crate::support::{
    app::TestApp,
    client::{Answer, Message, fresh_id},
    database::TestDatabase,
    sink::{Reply, Sink, route},
};

/// Every page without an id.
const PAGES: [&str; 8] = [
    "/",
    "/events",
    "/deliveries",
    "/messages",
    "/dead-letters",
    "/routes",
    "/integrations",
    "/attio",
];

/// What no page may hold but as text.
const MARKUP: &str = "<script>alert(\"x\")</script>";
const AS_TEXT: &str = "&lt;script&gt;alert";

/// A page, as a browser gets it; its slashes as they are meant.
async fn visit(app: &TestApp, path: &str) -> Answer {
    let head =
        format!("GET {path} HTTP/1.1\r\nhost: localhost\r\naccept: text/html,*/*;q=0.8\r\n\r\n");
    let mut answer = app.admin.ask(head.as_bytes()).await;
    answer.body = answer.body.replace("&#x2f;", "/");
    answer
}

/// A page that is there.
async fn page(app: &TestApp, path: &str) -> String {
    let answer = visit(app, path).await;
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(answer.body.contains("<h1>"), "{path}: {}", answer.body);
    assert!(answer.body.trim_end().ends_with("</html>"), "{path}: {}", answer.body);
    answer.body
}

#[track_caller]
fn assert_tells(page: &str, words: &[&str]) {
    for word in words {
        assert!(page.contains(word), "it does not tell `{word}`: {page}");
    }
}

/// The first address in a page that begins so, as a browser reads it.
fn link(page: &str, start: &str) -> String {
    let at = page.find(&format!("href=\"{start}")).unwrap_or_else(|| panic!("no {start}: {page}"));
    page[at + 6..].split('"').next().unwrap().replace("&amp;", "&")
}

async fn api(app: &TestApp, path: &str) -> Value {
    let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    let answer = app.admin.ask(head.as_bytes()).await;
    serde_json::from_str(&answer.body).unwrap()
}

/// The id of the newest of a list.
async fn newest(app: &TestApp, list: &str) -> String {
    let listed = api(app, &format!("/api/{list}")).await;
    listed["items"][0]["id"].as_str().unwrap_or_else(|| panic!("{listed}")).to_owned()
}

/// A relay in which something of everything has happened: billing refused what it was sent, the
/// mirror is away, the log has it all, and one message is quarantined.
struct Scene {
    app: TestApp,
    sink: Sink,
    record: String,
    db: TestDatabase,
}

impl Scene {
    async fn new() -> Self {
        let (db, sink, record) = (TestDatabase::sqlite(), Sink::start().await, fresh_id());
        let retry = "retry = { attempts = 5, first = \"1h\", max = \"1h\" }";
        let toml = sink.action("billing", "")
            + &sink.action("mirror", retry)
            + &sink.action("archive", "")
            + &route(
                "won",
                "on = [\"record.updated\"]\nowner = \"revops@example.com\"\npurpose = \"Start billing\"\nreviewed = 2020-01-01",
                &["billing"],
            )
            + &route("lists", r#"on = ["list-entry.*"]"#, &["mirror"])
            + &route("all", r#"on = ["*"]"#, &["archive"]);
        let app = TestApp::start(&db, &toml).await;
        sink.decide(|request| match request.path.as_str() {
            "/billing" => Some(Reply::Full(
                422,
                Vec::new(),
                json!({"error": "unknown_customer", "hint": MARKUP}).to_string(),
            )),
            "/mirror" => Some(Reply::Status(503)),
            _ => None,
        });
        app.post(&Message::record_updated(&record)).await.assert_accepted();
        app.post(&Message::event("list-entry.updated")).await.assert_accepted();
        app.post(&Message::of(format!("no JSON {MARKUP}"))).await.assert_quarantined();
        let dead = [("result", "dead")];
        app.wait_for_metric("attio_relay_deliveries_total", &dead, 1.0).await;
        let failed = [("action", "mirror"), ("result", "failed")];
        app.wait_for_metric("attio_relay_attempts_total", &failed, 1.0).await;
        let done = [("result", "succeeded")];
        app.wait_for_metric("attio_relay_deliveries_total", &done, 2.0).await;
        app.eventually("it is counted", async || {
            api(&app, "/api/dead-letters").await["total"] == 1
                && api(&app, "/api/deliveries?state=failing").await["items"][0]["tries"] == 1
        })
        .await;
        Self { app, sink, record, db }
    }
}
