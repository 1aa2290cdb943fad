//! What of a call is shown, and to whom.

use std::sync::Arc;

use attio_relay::{attio::client::Client, http::fake_attio::Failure, telemetry::metrics::Metrics};
use tracing::Level;

use super::{DEAL, Lines, SECOND, Scene, attio, within};

const TOKEN: &str = "canary-token-of-attio";

/// A client whose token Attio echoes, with a person's name.
async fn echoed(level: Level) -> (String, String) {
    let scene = Scene::start().await;
    let client =
        Client::new(&attio(&scene.fake.base_url(), TOKEN), Arc::new(Metrics::new())).unwrap();
    let body = format!(
        r#"{{"type":"auth_error","code":"unauthorized","message":"Bearer {TOKEN} of Jane Roe"}}"#
    );
    scene.fake.fail_all("GET", DEAL, Failure::Answer(403, Vec::new(), body));
    let (lines, guard) = Lines::captured(level);
    let id = DEAL.rsplit('/').next().unwrap();
    let error = client.record("deals", id, within(SECOND)).await.unwrap_err();
    drop(guard);
    let message = error.message().unwrap();
    (lines.text(), format!("{client:?} {error} {error:?} {message}"))
}

#[tokio::test]
async fn the_token_is_in_no_log_line_and_in_no_error() {
    let (log, shown) = echoed(Level::TRACE).await;
    assert!(log.contains("403"), "{log}");
    assert!(shown.contains("***"), "{shown}");
    for text in [log, shown] {
        assert!(!text.contains("canary"), "{text}");
    }
}

#[tokio::test]
async fn an_errors_whole_body_is_for_the_debug_level_and_ids_and_codes_for_the_default() {
    let (log, _) = echoed(Level::DEBUG).await;
    assert!(log.contains("of Jane Roe"), "{log}");
    let (log, _) = echoed(Level::INFO).await;
    assert!(!log.contains("Jane"), "{log}");
    for known in ["WARN", "403", "auth_error", "unauthorized", DEAL] {
        assert!(log.contains(known), "{known}: {log}");
    }
}

#[tokio::test]
async fn an_attio_that_is_not_there_is_told_without_the_token() {
    let client = Client::new(&attio("http://127.0.0.1:1", TOKEN), Arc::new(Metrics::new()));
    let client = client.unwrap();
    let (lines, guard) = Lines::captured(Level::TRACE);
    let error = client.identity(within(SECOND)).await.unwrap_err();
    drop(guard);
    let text = format!("{} {error:?}", lines.text());
    assert!(text.contains("could not connect"), "{text}");
    assert!(!text.contains("canary"), "{text}");
}

#[tokio::test]
async fn a_client_that_cannot_be_says_why_without_the_token() {
    let metrics = || Arc::new(Metrics::new());
    let broken = attio("https://api.attio.com", "canary\ntoken");
    let with_password = attio("https://canary:canary@api.attio.com", TOKEN);
    for (config, field) in [(broken, "token"), (with_password, "base_url")] {
        let problem = Client::new(&config, metrics()).unwrap_err();
        assert_eq!(problem.field, field);
        assert!(!format!("{problem} {problem:?}").contains("canary"), "{problem}");
    }
}

#[tokio::test]
async fn the_token_goes_with_every_request() {
    let scene = Scene::start().await;
    assert!(scene.read_deal(SECOND).await.is_ok());
    let other = Client::new(&attio(&scene.fake.base_url(), TOKEN), Arc::new(Metrics::new()));
    let denied = other.unwrap().objects(within(SECOND)).await.unwrap_err();
    assert_eq!(denied.status(), Some(401));
}
