//! What the actions do on the wire, against a small real server.

use std::time::Duration;

use attio_relay::{
    action::{Action, ActionError, Done, Failure, Job},
    config::{self, ActionKind, HttpAction, Retry, SlackAction, SlackTarget},
};
use uuid::Uuid;

mod answers;
mod attio;
mod guard;
mod http;
mod log;
mod secrets;
mod server;
mod slack;
mod templates;
mod warehouse;

use server::Sink;

fn action(kind: ActionKind) -> config::Action {
    config::Action {
        name: "billing".into(),
        kind,
        timeout: Duration::from_secs(10),
        concurrency: 8,
        rate: None,
        retry: Retry {
            attempts: 15,
            first: Duration::from_secs(2),
            factor: 2.0,
            max: Duration::from_hours(1),
        },
    }
}

fn http(url: &str) -> HttpAction {
    HttpAction {
        url: url.parse().unwrap(),
        method: "POST".to_owned(),
        signing_secret: None,
        headers: Vec::new(),
        body: None,
        allow_private: true,
    }
}

fn slack(target: SlackTarget) -> SlackAction {
    SlackAction { target, text: "{{ event.name }} changed".to_owned(), allow_private: true }
}

fn slack_post(sink: &Sink) -> SlackAction {
    slack(SlackTarget::Post {
        token: "xoxb-canary-token".to_owned().into(),
        channel: "C123".to_owned(),
        base_url: format!("http://127.0.0.1:{}/api/", sink.port).parse().unwrap(),
    })
}

fn slack_webhook(sink: &Sink) -> SlackAction {
    let url = format!("http://127.0.0.1:{}/services/T0CANARY/B0CANARY/canary-path", sink.port);
    slack(SlackTarget::Webhook(url.into()))
}

fn job() -> Job {
    Job {
        idempotency_key: Uuid::from_u128(0xA),
        route: "closed-won".into(),
        event_id: Uuid::from_u128(0xB),
        event_type: "record.updated".to_owned(),
        source: "crm".into(),
        received_at: time::OffsetDateTime::UNIX_EPOCH + time::Duration::milliseconds(1_123),
        json: br#"{ "event_type":"record.updated", "name":"<!channel> & co", "odd":"\ud800" }"#
            .as_slice()
            .into(),
        attempt: 3,
        values: std::sync::Arc::default(),
    }
}

async fn perform(action: &config::Action) -> Result<Done, ActionError> {
    Action::build(action, None).unwrap().perform(&job()).await
}

async fn perform_http(http: HttpAction) -> Result<Done, ActionError> {
    perform(&action(ActionKind::Http(http))).await
}

async fn perform_slack(slack: SlackAction) -> Result<Done, ActionError> {
    perform(&action(ActionKind::Slack(slack))).await
}

fn retry(result: Result<Done, ActionError>) -> Failure {
    match result {
        Err(ActionError::Retry(failure)) => failure,
        other => panic!("not a retry: {other:?}"),
    }
}

fn refused(result: Result<Done, ActionError>) -> Failure {
    match result {
        Err(ActionError::Refused(failure)) => failure,
        other => panic!("not refused: {other:?}"),
    }
}
