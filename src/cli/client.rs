//! Requests that commands make: to the relay's own doors, and wherever `send --to` points.

use std::time::Duration;

use anyhow::Context;
use reqwest::{Client, redirect::Policy};
use url::Url;

/// Whether a server has to prove who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// By a certificate that this machine trusts.
    Proven,
    /// Not at all: it is our own listener, and its certificate names the public host.
    Own,
}

/// What a server answered.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    /// The status of the answer.
    pub(super) status: u16,
    /// Its body, made fit for one line.
    pub(super) text: String,
}

/// A client for `url`; every request with it ends within `timeout`.
pub(super) fn client(url: &Url, trust: Trust, timeout: Duration) -> anyhow::Result<Client> {
    // Whoever comes first installs it; an error means that somebody did.
    let _installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let builder = Client::builder()
        .http1_only()
        .no_proxy()
        .redirect(Policy::none())
        .user_agent(concat!("attio-relay/", env!("CARGO_PKG_VERSION")))
        .timeout(timeout);
    let builder = match (url.scheme(), trust) {
        ("https", Trust::Proven) => builder,
        ("https", Trust::Own) => builder.tls_danger_accept_invalid_certs(true),
        // No certificates to load.
        _ => builder.tls_certs_only([]),
    };
    builder.build().context("cannot set up HTTP")
}

/// Posts a signed message, as Attio does.
pub(super) async fn post(
    client: &Client,
    url: &Url,
    key: &str,
    signature: &str,
    body: String,
) -> anyhow::Result<Answer> {
    let request = client
        .post(url.clone())
        .header("Content-Type", "application/json")
        .header("Idempotency-Key", key)
        .header("Attio-Signature", signature)
        .header("X-Attio-Signature", signature)
        .body(body);
    answer(request).await
}

/// Sends a request and reads the answer.
pub(super) async fn answer(request: reqwest::RequestBuilder) -> anyhow::Result<Answer> {
    let mut response = request.send().await.map_err(|error| why(&error))?;
    let status = response.status().as_u16();
    let mut text = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| why(&error))? {
        text.extend_from_slice(&chunk);
        if text.len() > LONGEST_ANSWER {
            text.truncate(LONGEST_ANSWER);
            break;
        }
    }
    Ok(Answer { status, text: one_line(&String::from_utf8_lossy(&text)) })
}

/// More of an answer is not shown, in bytes.
const LONGEST_ANSWER: usize = 400;

/// Nothing of an answer may reach a terminal as a command to it.
fn one_line(text: &str) -> String {
    text.trim().chars().map(|char| if char.is_control() { ' ' } else { char }).collect()
}

/// The first cause, in words.
fn why(error: &reqwest::Error) -> anyhow::Error {
    if error.is_timeout() {
        return anyhow::anyhow!("no answer in time");
    }
    let did = if error.is_connect() { "cannot connect" } else { "the request failed" };
    let causes = std::iter::successors(std::error::Error::source(error), |error| error.source());
    match causes.last() {
        Some(cause) => anyhow::anyhow!("{did}: {cause}"),
        None => anyhow::anyhow!("{did}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_cannot_command_the_terminal() {
        assert_eq!(one_line("a\u{1b}[31m\nb\n"), "a [31m b");
    }
}
