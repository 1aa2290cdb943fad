//! What kind = "slack" sends, and how Slack's answers are understood.

use std::time::Duration;

use attio_relay::{
    action::ActionError,
    config::{self, ActionKind},
};
use serde_json::json;

use super::{
    action, perform, perform_slack, refused, retry,
    server::{Sink, Then},
    slack_post, slack_webhook,
};

#[tokio::test]
async fn an_incoming_webhook_gets_the_text_with_its_values_escaped() {
    let sink = Sink::with_body("200 OK", "ok").await;
    perform_slack(slack_webhook(&sink)).await.unwrap();
    let request = sink.only();
    assert_eq!(request.line(), "POST /services/T0CANARY/B0CANARY/canary-path HTTP/1.1");
    assert_eq!(request.json(), json!({"text": "&lt;!channel&gt; &amp; co changed"}));
}

#[tokio::test]
async fn a_post_names_the_channel_and_bears_the_token() {
    let sink = Sink::with_body("200 OK", r#"{"ok":true,"ts":"1"}"#).await;
    perform_slack(slack_post(&sink)).await.unwrap();
    let request = sink.only();
    assert_eq!(request.line(), "POST /api/chat.postMessage HTTP/1.1");
    assert_eq!(request.header("authorization"), Some("Bearer xoxb-canary-token"));
    let expected = json!({"channel": "C123", "text": "&lt;!channel&gt; &amp; co changed"});
    assert_eq!(request.json(), expected);
}

#[tokio::test]
async fn a_post_answered_with_ok_false_is_a_failure_by_its_error() {
    let answer = |error: &str| format!(r#"{{"ok":false,"error":"{error}"}}"#);
    for error in ["ratelimited", "internal_error", "fatal_error", "invalid_auth", "token_expired"] {
        let sink = Sink::with_body("200 OK", &answer(error)).await;
        let failure = retry(perform_slack(slack_post(&sink)).await);
        assert!(failure.what.contains(error), "{}", failure.what);
    }
    for error in ["channel_not_found", "not_in_channel", "msg_too_long", "something_new"] {
        let sink = Sink::with_body("200 OK", &answer(error)).await;
        let failure = refused(perform_slack(slack_post(&sink)).await);
        assert!(failure.what.contains(error), "{}", failure.what);
    }
}

#[tokio::test]
async fn a_post_whose_answer_cannot_be_read_is_tried_again() {
    let sink = Sink::with_body("200 OK", "<html>").await;
    retry(perform_slack(slack_post(&sink)).await);
}

#[tokio::test]
async fn a_post_whose_long_answer_begins_with_ok_has_succeeded() {
    let long = format!(r#"{{"ok":true,"message":"{}"}}"#, "x".repeat(100_000));
    let sink = Sink::with_body("200 OK", &long).await;
    perform_slack(slack_post(&sink)).await.unwrap();
}

#[tokio::test]
async fn a_webhooks_status_decides() {
    for (status, body) in [("400 No", "invalid_payload"), ("404 No", "no_service")] {
        let sink = Sink::with_body(status, body).await;
        let failure = refused(perform_slack(slack_webhook(&sink)).await);
        assert_eq!(failure.answer.as_deref(), Some(body.as_bytes()));
    }
    retry(perform_slack(slack_webhook(&Sink::answering("429 No").await)).await);
    retry(perform_slack(slack_webhook(&Sink::answering("500 No").await)).await);
    let gone = perform_slack(slack_webhook(&Sink::answering("410 No").await)).await;
    assert!(matches!(gone, Err(ActionError::Gone(_))), "{gone:?}");
}

#[tokio::test]
async fn an_endless_answer_is_left_long_before_the_deadline() {
    let head = "HTTP/1.1 500 No\r\ncontent-length: 99999999999\r\n\r\n";
    let sink = Sink::start(head, Then::Repeat).await;
    let slack = action(ActionKind::Slack(slack_post(&sink)));
    let action = config::Action { timeout: Duration::from_mins(5), ..slack };
    let ended = tokio::time::timeout(Duration::from_secs(30), perform(&action)).await;
    retry(ended.expect("64 KiB are enough"));
}
