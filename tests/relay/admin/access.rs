//! CONTRACT: pages and API with the token only; without one on a loopback listener under a loopback
//! name only; health and metrics for anyone; nothing of it on the public port.

use std::{
    fmt::Write,
    time::{Duration, Instant},
};

use attio_relay::{admin::access::Access, config};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};

use crate::support::{
    app::TestApp,
    client::{Answer, Client},
    database::TestDatabase,
    sink::Sink,
};

const TOKEN: &str = "[server]\nadmin_token = \"env:SECRET\"\n";
const RIGHT: &str = crate::support::client::SECRET;

async fn ask(client: &Client, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut head = format!("GET {path} HTTP/1.1\r\n");
    for (name, value) in headers {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    client.ask(format!("{head}\r\n").as_bytes()).await
}

async fn app(toml: &str) -> (TestDatabase, TestApp) {
    let database = TestDatabase::sqlite();
    let sink = Sink::start().await;
    let app = TestApp::start(&database, &(toml.to_owned() + &sink.all())).await;
    (database, app)
}

#[tokio::test]
async fn with_a_token_only_who_sends_it_sees_anything() {
    let (_database, app) = app(TOKEN).await;
    let bearer = format!("Bearer {RIGHT}");
    let right = [("host", "relay"), ("authorization", &*bearer)];
    assert_eq!(ask(&app.admin, "/api/events", &right).await.status, 200);
    for wrong in ["Bearer wrong", "Bearer ", &format!("Basic {RIGHT}"), &format!("{bearer}x")] {
        let headers = [("host", "localhost"), ("authorization", wrong)];
        let answer = ask(&app.admin, "/api/events", &headers).await;
        assert_eq!(answer.status, 401, "{wrong}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        assert!(!answer.body.contains("items"), "{answer:?}");
    }
    for path in ["/api/events", "/api/openapi.json", "/api/nothing", "/api/deliveries/x"] {
        assert_eq!(ask(&app.admin, path, &[("host", "localhost")]).await.status, 401, "{path}");
    }
}

#[tokio::test]
async fn a_wrong_token_is_answered_slowly_and_a_right_one_is_not_kept_waiting() {
    let (_database, app) = app(TOKEN).await;
    let wrong = [("host", "localhost"), ("authorization", "Bearer wrong")];
    let bearer = format!("Bearer {RIGHT}");
    let right = [("host", "localhost"), ("authorization", &*bearer)];
    let started = Instant::now();
    let guesses = async {
        let guesses = [(); 3].map(|()| ask(&app.admin, "/api/events", &wrong));
        let answers = futures_util::future::join_all(guesses).await;
        assert!(answers.iter().all(|answer| answer.status == 401));
        started.elapsed()
    };
    let knowing = async {
        assert_eq!(ask(&app.admin, "/api/events", &right).await.status, 200);
        started.elapsed()
    };
    let (guesses, knowing) = tokio::join!(guesses, knowing);
    assert!(guesses >= Duration::from_millis(1_500), "{guesses:?}");
    assert!(knowing < guesses, "{knowing:?}");
}

#[tokio::test]
async fn a_flood_of_wrong_tokens_is_refused_at_once() {
    let (_database, app) = app(TOKEN).await;
    let wrong = [("host", "localhost"), ("authorization", "Bearer wrong")];
    let guesses = [(); 24].map(|()| ask(&app.admin, "/api/events", &wrong));
    let answers = futures_util::future::join_all(guesses).await;
    assert!(answers.iter().any(|answer| answer.status == 429));
    assert!(answers.iter().all(|answer| [401, 429].contains(&answer.status)));
}

#[tokio::test]
async fn without_a_token_only_a_loopback_name_reaches_it() {
    let (_database, app) = app("").await;
    let port = app.admin.address.port();
    let names = ["localhost", "LOCALHOST:9090", "127.0.0.1", "[::1]:9090", "127.8.8.8"];
    for name in names.map(str::to_owned).into_iter().chain([format!("localhost:{port}")]) {
        let answer = ask(&app.admin, "/api/events", &[("host", &name)]).await;
        assert_eq!(answer.status, 200, "{name}: {answer:?}");
    }
    for rebound in [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example:9090",
        "10.0.0.1",
        "0.0.0.0",
        "relay",
        "user@localhost@evil.example",
        "",
    ] {
        let answer = ask(&app.admin, "/api/events", &[("host", rebound)]).await;
        assert!([400, 403].contains(&answer.status), "{rebound}: {answer:?}");
        assert!(!answer.body.contains("items"), "{answer:?}");
    }
    let two = [("host", "localhost"), ("host", "evil.example")];
    assert_ne!(ask(&app.admin, "/api/events", &two).await.status, 200);
    let whole = ask(&app.admin, "http://evil.example/api/events", &[("host", "localhost")]);
    assert_eq!(whole.await.status, 403);
}

#[tokio::test]
async fn without_a_token_a_listener_that_others_reach_shows_nothing() {
    let server = "[server]\nadmin_listen = \"0.0.0.0:0\"\n";
    let database = TestDatabase::sqlite();
    let sink = Sink::start().await;
    let toml = crate::support::app::configuration(database.url(), &sink.all())
        .replace("admin_listen = \"127.0.0.1:0\"", "admin_listen = \"0.0.0.0:0\"");
    assert!(toml.contains(&server[9..]), "{toml}");
    let app = TestApp::start_unready(&toml).await;
    let admin = Client::new(([127, 0, 0, 1], app.admin.address.port()).into());
    let answer = ask(&admin, "/api/events", &[("host", "localhost")]).await;
    assert_eq!(answer.status, 403, "{answer:?}");
    assert!(answer.body.contains("server.admin_token"), "{answer:?}");
}

#[tokio::test]
async fn health_and_metrics_are_for_anyone() {
    let (_database, app) = app(TOKEN).await;
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(ask(&app.admin, path, &[("host", "any.example")]).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn the_public_port_knows_nothing_of_it() {
    let (_database, app) = app(TOKEN).await;
    let headers = [("host", "localhost"), ("authorization", &*format!("Bearer {RIGHT}"))];
    for path in ["/api/events", "/api/openapi.json", "/metrics"] {
        assert_eq!(ask(&app.client, path, &headers).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn every_answer_forbids_keeping_guessing_framing_and_scripts() {
    let (_database, app) = app("").await;
    for (path, host) in [("/api/events", "localhost"), ("/api/x", "localhost"), ("/api/x", "evil")]
    {
        let answer = ask(&app.admin, path, &[("host", host)]).await;
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer:?}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("cross-origin-resource-policy"), Some("same-origin"));
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
}

fn access(token: Option<&str>) -> Access {
    let document = if token.is_some() { TOKEN } else { "" };
    let toml = crate::support::app::configuration("sqlite:never.db", document);
    let outside = config::Outside {
        env: &crate::support::app::environment,
        templates: &attio_relay::action::Action::check,
    };
    let (config, _) = config::parse(&toml, "relay.toml", &outside)
        .unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    Access::new(&config.server)
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &str)| {
        (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
    };
    pairs.iter().map(pair).collect()
}

#[test]
fn a_login_is_known_to_every_replica_until_the_token_changes() {
    let (one, other) = (access(Some(RIGHT)), access(Some(RIGHT)));
    let uri = Uri::from_static("/api/events");
    let cookie = format!("a=b; attio_relay_session={}; c=d", one.session());
    assert_eq!(other.may_read(&headers(&[("cookie", &cookie)]), &uri), Ok(()));
    let forged = cookie.replace("session=1", "session=9");
    assert!(other.may_read(&headers(&[("cookie", &forged)]), &uri).is_err());
    let none = access(None);
    assert!(other.may_read(&headers(&[("cookie", &none.session())]), &uri).is_err());
    assert!(other.is_token(RIGHT) && !other.is_token("") && !none.is_token(""));
}

#[test]
fn only_our_own_pages_change_anything() {
    let access = access(Some(RIGHT));
    let (host, own) = (("host", "relay:9090"), ("origin", "http://relay:9090"));
    let ours = ("x-attio-relay", "1");
    let may = |pairs: &[_], token: Option<&str>| access.may_change(&headers(pairs), token).is_ok();
    assert!(may(&[host, own, ours], None));
    assert!(may(&[host, ("sec-fetch-site", "same-origin"), ours], None));
    assert!(may(&[host, own], Some(&access.form_token())));
    for foreign in ["http://evil.example", "http://relay", "null", "http://relay:9090.evil.example"]
    {
        assert!(!may(&[host, ("origin", foreign), ours], Some(&access.form_token())), "{foreign}");
    }
    for site in ["cross-site", "same-site", "none"] {
        assert!(!may(&[host, own, ("sec-fetch-site", site), ours], None), "{site}");
    }
    assert!(!may(&[host, ours], Some(&access.form_token())), "no word of where it came from");
    assert!(!may(&[host, own], None), "what any form could send");
    assert!(!may(&[host, own], Some("00")) && !may(&[host, own], Some("")));
}
