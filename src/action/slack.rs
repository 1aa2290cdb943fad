//! `kind = "slack"`: a message by an incoming webhook or by `chat.postMessage`.
//!
//! Slack answers 200 to much that failed, so here the body is read before an attempt counts as
//! done. <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks> and
//! <https://docs.slack.dev/reference/methods/chat.postMessage>.

use std::time::Duration;

use reqwest::{
    Body, Method, Request,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue},
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;

use super::{
    ActionError, Done, Job, TemplateProblem,
    client::{Answer, Client},
    mask::Mask,
};
use crate::{
    config::{self, SlackAction, SlackTarget},
    routing::{
        Needs,
        template::{Escape, NAMES, Template},
    },
};

/// Errors that pass by themselves.
const PASSING: [&str; 7] = [
    "ratelimited",
    "rate_limited",
    "internal_error",
    "fatal_error",
    "service_unavailable",
    "request_timeout",
    "team_added_to_org",
];

/// Errors that an operator can mend with another token.
const OF_THE_TOKEN: [&str; 5] =
    ["invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive"];

/// A destination in Slack.
pub struct Slack {
    client: Client,
    prototype: Request,
    channel: Option<String>,
    text: Template,
    timeout: Duration,
}

#[derive(Serialize)]
struct Message<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'a str>,
    text: &'a str,
}

/// The part of an answer that says whether it worked.
#[derive(Deserialize)]
struct Outcome {
    ok: bool,
    error: Option<String>,
}

impl Slack {
    /// Prepares the action.
    ///
    /// # Errors
    ///
    /// The address, the token or the template cannot be used.
    pub fn build(config: &config::Action, slack: &SlackAction) -> Result<Self, TemplateProblem> {
        let text = text(slack)?;
        let url = address(&slack.target)?;
        let of_url = |message| TemplateProblem { field: address_field(&slack.target), message };
        let mask = mask(&slack.target, &url);
        let mut client = Client::build(config, &url, slack.allow_private, mask).map_err(of_url)?;
        let mut headers = HeaderMap::new();
        let json = HeaderValue::from_static("application/json; charset=utf-8");
        headers.insert(CONTENT_TYPE, json);
        let mut channel = None;
        if let SlackTarget::Post { token, channel: target, .. } = &slack.target {
            headers.insert(AUTHORIZATION, bearer(token)?);
            channel = Some(target.clone());
        }
        let prototype = client.prepare(Method::POST, &url, headers).map_err(of_url)?;
        Ok(Self { client, prototype, channel, text, timeout: config.timeout })
    }

    /// Every problem of the configuration.
    pub(super) fn check(slack: &SlackAction) -> Vec<TemplateProblem> {
        let token = match &slack.target {
            SlackTarget::Post { token, .. } => bearer(token).err(),
            SlackTarget::Webhook(_) => None,
        };
        [text(slack).err(), address(&slack.target).err(), token].into_iter().flatten().collect()
    }

    /// What the template needs to have looked up.
    pub(super) fn needs(&self) -> Needs {
        self.text.needs()
    }

    /// Posts the message once.
    ///
    /// # Errors
    ///
    /// Slack did not take it.
    pub async fn perform(&self, job: &Job) -> Result<Done, ActionError> {
        let text = if let Some(alert) = job.alert_text() {
            escaped(&alert)
        } else {
            let text = self.text.render(job);
            text.map_err(|error| ActionError::of_template("text", &error))?
        };
        let answer = self.client.send(self.request(&text), self.timeout).await?;
        self.client.check(&answer)?;
        self.check_outcome(&answer)?;
        Ok(Done { status: Some(answer.status.as_u16()) })
    }

    fn request(&self, text: &str) -> Request {
        let message = Message { channel: self.channel.as_deref(), text };
        let message = serde_json::to_vec(&message).expect("plain text always becomes JSON");
        let mut request =
            self.prototype.try_clone().expect("a request without a body can be cloned");
        *request.body_mut() = Some(Body::from(message));
        request
    }

    /// What the body of a 2xx says: webhooks say `ok`, the API a JSON object.
    fn check_outcome(&self, answer: &Answer) -> Result<(), ActionError> {
        let error = match serde_json::from_slice(&answer.body) {
            Ok(Outcome { ok: true, .. }) => return Ok(()),
            Ok(Outcome { error, .. }) => error.unwrap_or_else(|| "no reason given".to_owned()),
            // The API repeats the message, which can be longer than what is read of an answer.
            Err(_) if self.channel.is_none() || answer.body.starts_with(br#"{"ok":true,"#) => {
                return Ok(());
            }
            Err(_) => {
                let what = "Slack's answer cannot be read, so the message may have arrived or not";
                return Err(ActionError::Retry(self.client.failure(what, answer)));
            }
        };
        let failure = |hint: &str| {
            self.client.failure(&format!("Slack answered {}{hint}", error.escape_debug()), answer)
        };
        Err(if PASSING.contains(&error.as_str()) {
            ActionError::Retry(failure(""))
        } else if OF_THE_TOKEN.contains(&error.as_str()) {
            ActionError::Retry(failure("; the action's token must be replaced"))
        } else {
            ActionError::Refused(failure(""))
        })
    }
}

/// An alert says the same whatever the action's own template makes of events.
/// <https://docs.slack.dev/messaging/formatting-message-text#escaping>
fn escaped(alert: &str) -> String {
    alert.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn text(slack: &SlackAction) -> Result<Template, TemplateProblem> {
    Template::compile(&slack.text, &NAMES, Escape::Slack)
        .map_err(|error| TemplateProblem { field: "text", message: error.to_string() })
}

fn address(target: &SlackTarget) -> Result<Url, TemplateProblem> {
    match target {
        SlackTarget::Webhook(url) => {
            Url::parse(url.expose_secret()).map_err(|error| TemplateProblem {
                field: address_field(target),
                message: format!("is not a URL: {error}"),
            })
        }
        SlackTarget::Post { base_url, .. } => {
            let mut url = base_url.clone();
            url.set_path(&format!("{}/chat.postMessage", base_url.path().trim_end_matches('/')));
            Ok(url)
        }
    }
}

/// The field of the action's table that holds the address.
fn address_field(target: &SlackTarget) -> &'static str {
    match target {
        SlackTarget::Webhook(_) => "webhook",
        SlackTarget::Post { .. } => "base_url",
    }
}

fn bearer(token: &SecretString) -> Result<HeaderValue, TemplateProblem> {
    let mut value =
        HeaderValue::try_from(format!("Bearer {}", token.expose_secret())).map_err(|_| {
            TemplateProblem {
                field: "token",
                message: "holds characters that cannot stand in a header".to_owned(),
            }
        })?;
    value.set_sensitive(true);
    Ok(value)
}

fn mask(target: &SlackTarget, url: &Url) -> Mask {
    let mut mask = Mask::default();
    mask.add_url(url);
    match target {
        SlackTarget::Webhook(secret) => {
            mask.add(secret.expose_secret());
            mask.add(url.path());
            url.path_segments().into_iter().flatten().for_each(|segment| {
                // The address ends in the secret; its first part is `services` everywhere.
                if segment != "services" {
                    mask.add(segment);
                }
            });
        }
        SlackTarget::Post { token, .. } => mask.add(token.expose_secret()),
    }
    mask
}
