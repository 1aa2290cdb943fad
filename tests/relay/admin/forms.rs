//! The pages' forms, and the way in and out.

use std::time::{Duration, Instant};

use super::{behind_a_token, own, send, with};
use crate::support::{
    app::TestApp,
    client::{Answer, Message, SECRET},
    database::TestDatabase,
    sink::{Reply, Sink},
};

async fn form(app: &TestApp, path: &str, headers: &[(String, String)], fields: &str) -> Answer {
    let headers = with(headers.to_vec(), "content-type", "application/x-www-form-urlencoded");
    send(&app.admin, "POST", path, &headers, fields).await
}

/// Who has logged in, and what their pages put into forms.
async fn visitor(app: &TestApp) -> (Vec<(String, String)>, String) {
    let answer = form(app, "/login", &own(app), &format!("token={SECRET}&back=/routes")).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/routes")), "{answer:?}");
    let cookie = answer.header("set-cookie").unwrap();
    for rule in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"] {
        assert!(cookie.contains(rule), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "{cookie}");
    let headers = with(own(app), "cookie", cookie.split(';').next().unwrap());
    let page = send(&app.admin, "GET", "/routes", &headers, "").await;
    let (_, token) = page.body.split_once(r#"name="token" value=""#).unwrap();
    (headers, token.split('"').next().unwrap().to_owned())
}

async fn with_a_dead_letter(db: &TestDatabase) -> (TestApp, Sink) {
    let sink = Sink::start().await;
    sink.always(Reply::Status(404));
    let app = TestApp::start(db, &behind_a_token(&sink)).await;
    app.post(&Message::event("record.updated")).await.assert_accepted();
    app.wait_for_metric("attio_relay_dead_letters", &[("action", "billing")], 1.0).await;
    sink.release();
    (app, sink)
}

#[tokio::test]
async fn a_form_does_it_once_and_leads_back_with_a_word() {
    let db = TestDatabase::sqlite();
    let (app, sink) = with_a_dead_letter(&db).await;
    let (headers, token) = visitor(&app).await;
    let fields = format!(
        "token={token}&back=/dead-letters%3Faction%3Dbilling&action=billing&error=404&state=dead"
    );
    let click = form(&app, "/pages/replay", &headers, &fields);
    let (one, other) = tokio::join!(click, form(&app, "/pages/replay", &headers, &fields));
    let mut told = [one, other].map(|answer| answer.header("location").unwrap().to_owned());
    told.sort_unstable();
    let back = "/dead-letters?action=billing&did=replayed-";
    assert_eq!(told, [format!("{back}0"), format!("{back}1")]);
    app.wait_until_delivered(&sink, 1).await;
    let fields = format!("token={token}&back=/routes%23action-billing&kind=action&name=billing");
    let paused = form(&app, "/pages/pause", &headers, &format!("{fields}&reason=")).await;
    assert_eq!(paused.header("location"), Some("/routes?did=paused-1#action-billing"));
    let resumed = form(&app, "/pages/resume", &headers, &fields).await;
    assert_eq!(resumed.header("location"), Some("/routes?did=resumed-1#action-billing"));
    let fields = format!("token={token}&back=//evil.example&action=billing&reason=old&state=dead");
    let discarded = form(&app, "/pages/discard", &headers, &fields).await;
    assert_eq!(discarded.header("location"), Some("/?did=discarded-0"), "{discarded:?}");
    let who = db.all_texts("SELECT DISTINCT who FROM acts").await;
    assert_eq!(who, ["login@127.0.0.1"]);
    app.stop().await;
}

#[tokio::test]
async fn a_form_without_our_token_or_from_elsewhere_does_nothing() {
    let db = TestDatabase::sqlite();
    let (app, _sink) = with_a_dead_letter(&db).await;
    let (headers, token) = visitor(&app).await;
    let fields = |token: &str| format!("token={token}&state=dead&kind=action&name=billing");
    let foreign = with(headers.clone(), "origin", "http://evil.example");
    let cross = with(headers.clone(), "sec-fetch-site", "cross-site");
    for path in ["/pages/replay", "/pages/discard", "/pages/pause", "/pages/resume", "/logout"] {
        for (headers, token) in
            [(&headers, "00"), (&headers, ""), (&foreign, &*token), (&cross, &*token)]
        {
            let answer = form(&app, path, headers, &fields(token)).await;
            assert_eq!(answer.status, 403, "{path}: {answer:?}");
            assert!(answer.body.contains("<h1>Not from there</h1>"), "{answer:?}");
        }
    }
    let leading_back = fields(&token) + "&back=/dead-letters";
    let nobody = form(&app, "/pages/replay", &own(&app), &leading_back).await;
    assert_eq!(nobody.header("location"), Some("/login?back=%2Fdead-letters"), "{nobody:?}");
    assert_eq!(db.number("SELECT count(*) FROM acts").await, 0);
    app.stop().await;
}

#[tokio::test]
async fn a_form_says_what_could_not_be_done() {
    let db = TestDatabase::sqlite();
    let (app, _sink) = with_a_dead_letter(&db).await;
    let (headers, token) = visitor(&app).await;
    let nothing = "00000000-0000-0000-0000-000000000000";
    for (path, fields, status) in [
        ("/pages/replay", String::new(), 400),
        ("/pages/replay", "bogus=1".to_owned(), 400),
        ("/pages/discard", "state=dead".to_owned(), 400),
        ("/pages/pause", "kind=action&name=%3Cb%3E".to_owned(), 404),
        ("/pages/release", format!("id={nothing}"), 404),
        ("/pages/release", String::new(), 400),
    ] {
        let fields = format!("token={token}&back=/routes&{fields}");
        let answer = form(&app, path, &headers, &fields).await;
        assert_eq!(answer.status, status, "{path} {fields}: {answer:?}");
        assert!(answer.body.contains(r#"href="/routes""#), "{answer:?}");
        assert!(!answer.body.contains("<b>"), "{answer:?}");
    }
    let reloaded = send(&app.admin, "GET", "/pages/replay", &headers, "").await;
    assert_eq!((reloaded.status, reloaded.header("location")), (303, Some("/")));
    app.stop().await;
}

#[tokio::test]
async fn a_wrong_token_at_the_login_is_answered_late_with_help() {
    let (db, sink) = (TestDatabase::sqlite(), Sink::start().await);
    let app = TestApp::start(&db, &behind_a_token(&sink)).await;
    let started = Instant::now();
    let answer = form(&app, "/login", &own(&app), "token=guess&back=/routes").await;
    assert!(started.elapsed() >= Duration::from_millis(500));
    assert_eq!((answer.status, answer.header("set-cookie")), (401, None));
    assert!(answer.body.contains("server.admin_token"), "{answer:?}");
    assert!(answer.body.contains(r#"value="/routes""#) && !answer.body.contains("guess"));
    let foreign = with(own(&app), "origin", "http://evil.example");
    let from_elsewhere = form(&app, "/login", &foreign, &format!("token={SECRET}")).await;
    assert_eq!((from_elsewhere.status, from_elsewhere.header("set-cookie")), (403, None));
    app.stop().await;
}

#[tokio::test]
async fn a_browser_that_speaks_https_gets_a_secure_cookie() {
    let (db, sink) = (TestDatabase::sqlite(), Sink::start().await);
    let app = TestApp::start(&db, &behind_a_token(&sink)).await;
    let https = with(own(&app), "origin", &format!("https://{}", app.admin.address));
    let answer = form(&app, "/login", &https, &format!("token={SECRET}")).await;
    assert!(answer.header("set-cookie").unwrap().contains("; Secure"), "{answer:?}");
    let said = with(own(&app), "x-forwarded-proto", "https");
    let answer = form(&app, "/login", &said, &format!("token={SECRET}")).await;
    assert!(!answer.header("set-cookie").unwrap().contains("Secure"), "{answer:?}");
    app.stop().await;
}

#[tokio::test]
async fn the_login_leads_where_it_was_asked_for_and_nowhere_else() {
    let (db, sink) = (TestDatabase::sqlite(), Sink::start().await);
    let app = TestApp::start(&db, &behind_a_token(&sink)).await;
    let page = send(&app.admin, "GET", "/login?back=/events%3Ftype%3Dx", &own(&app), "").await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains(r#"name="back" value="/events?type=x""#), "{page:?}");
    let linked = with(own(&app), "sec-fetch-site", "cross-site");
    let again = send(&app.admin, "GET", "/login?back=/routes", &linked, "").await;
    assert!(again.body.contains(r#"content="0; url=/login?back=%2Froutes""#), "{again:?}");
    let (headers, token) = visitor(&app).await;
    let known = send(&app.admin, "GET", "/login?back=//evil.example", &headers, "").await;
    assert_eq!((known.status, known.header("location")), (303, Some("/")));
    let out = form(&app, "/logout", &headers, &format!("token={token}")).await;
    assert_eq!((out.status, out.header("location")), (303, Some("/login")), "{out:?}");
    assert!(out.header("set-cookie").unwrap().contains("attio_relay_session=; "), "{out:?}");
    app.stop().await;
}
