//! One request and its bounded answer: what every action that speaks HTTP shares.
//!
//! No redirect is followed, no proxy is taken from the environment, nothing is awaited beyond the
//! attempt's deadline, and no answer is read to an end that may not come.

use std::{
    error::Error,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use reqwest::{
    Method, Request, Response, StatusCode,
    header::{AUTHORIZATION, HeaderMap, RETRY_AFTER},
    redirect::Policy,
};
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::{
    ActionError, Failure,
    guard::{self, NotPublic, PublicOnly},
    mask::Mask,
    retry_after,
};
use crate::config;

/// What we call ourselves.
pub(super) const USER_AGENT: &str = concat!("attio-relay/", env!("CARGO_PKG_VERSION"));

/// More of an answer is never read.
const READ_LIMIT: usize = 64 * 1024;

/// More of a failed answer is never kept.
const KEEP_LIMIT: usize = 4 * 1024;

/// How long an unused connection stays open.
const IDLE: Duration = Duration::from_secs(30);

/// A connection pool for one destination, with the rules of its action.
pub(super) struct Client {
    http: reqwest::Client,
    timeout: Duration,
    refusal: Option<NotPublic>,
    mask: Mask,
}

/// A destination's answer.
pub(super) struct Answer {
    /// The status of the answer.
    pub(super) status: StatusCode,
    /// The wait that it asks for.
    pub(super) retry_after: Option<Duration>,
    /// As much of the body as came in time, at most 64 KiB.
    pub(super) body: Vec<u8>,
}

/// What a status means for the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The destination has it.
    Taken,
    /// It may take it later.
    Later,
    /// It never will.
    Never,
    /// It is no more.
    Gone,
}

impl Client {
    /// Prepares the connections to `url`, for the action `config`.
    ///
    /// # Errors
    ///
    /// The URL is not one of HTTP, or TLS cannot be set up.
    pub(super) fn build(
        config: &config::Action,
        url: &Url,
        allow_private: bool,
        mask: Mask,
    ) -> Result<Self, String> {
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err("must be an `http` or `https` URL".to_owned());
        }
        let builder = || builder(config.concurrency, allow_private);
        // Loading the machine's certificates takes time and memory: only where they are asked for,
        // and a machine without any can still do everything but HTTPS.
        let http = match url.scheme() {
            "https" => builder().build().or_else(|_| builder().tls_certs_only([]).build()),
            _ => builder().tls_certs_only([]).build(),
        };
        Ok(Self {
            http: http.map_err(|error| innermost(&error))?,
            timeout: config.timeout,
            refusal: guard::check_literal(url).err().filter(|_| !allow_private),
            mask,
        })
    }

    /// Prepares a request, to be cloned for every attempt.
    ///
    /// User and password of the URL become a header, and its value one of the secrets.
    ///
    /// # Errors
    ///
    /// The URL cannot be sent.
    pub(super) fn prepare(
        &mut self,
        method: Method,
        url: &Url,
        headers: HeaderMap,
    ) -> Result<Request, String> {
        let request = self.http.request(method, url.clone()).headers(headers).build();
        let request = request.map_err(|error| error.without_url().to_string())?;
        if let Some(value) = request.headers().get(AUTHORIZATION) {
            self.mask.add_header(&String::from_utf8_lossy(value.as_bytes()));
        }
        Ok(request)
    }

    /// Sends `request` and waits for the answer's head until the attempt's deadline, and after
    /// that at most `patience` for its body.
    ///
    /// # Errors
    ///
    /// There was no answer. Everything but the guard's refusal may be tried again.
    pub(super) async fn send(
        &self,
        request: Request,
        patience: Duration,
    ) -> Result<Answer, ActionError> {
        if let Some(refusal) = &self.refusal {
            return Err(refused(refusal));
        }
        let deadline = Instant::now() + self.timeout;
        let response = match timeout_at(deadline, self.http.execute(request)).await {
            Ok(response) => response.map_err(|error| self.explain(&error))?,
            Err(_) => return Err(self.timed_out()),
        };
        Ok(Answer::read(response, deadline.min(Instant::now() + patience)).await)
    }

    /// What to record of a failed attempt that was answered; `what` may hold secrets.
    pub(super) fn failure(&self, what: &str, answer: &Answer) -> Failure {
        Failure {
            what: self.mask.text(what),
            status: Some(answer.status.as_u16()),
            answer: Some(Bytes::from(self.mask.bytes(&answer.body, KEEP_LIMIT))),
            retry_after: answer.retry_after,
            timed_out: false,
        }
    }

    /// The failure that an answer's status means, if any.
    ///
    /// # Errors
    ///
    /// The status is not one of success.
    pub(super) fn check(&self, answer: &Answer) -> Result<(), ActionError> {
        let hint = if answer.status.is_redirection() { "; redirects are not followed" } else { "" };
        let failure = || self.failure(&format!("answered {}{hint}", answer.status), answer);
        match Verdict::of(answer.status) {
            Verdict::Taken => Ok(()),
            Verdict::Later => Err(ActionError::Retry(failure())),
            Verdict::Never => Err(ActionError::Refused(failure())),
            Verdict::Gone => Err(ActionError::Gone(failure())),
        }
    }

    fn timed_out(&self) -> ActionError {
        let what = format!("no answer within {:?}", self.timeout);
        ActionError::Retry(Failure { what, timed_out: true, ..Failure::default() })
    }

    fn explain(&self, error: &reqwest::Error) -> ActionError {
        if let Some(refusal) = causes(error).find_map(<dyn Error>::downcast_ref::<NotPublic>) {
            return refused(refusal);
        }
        let did = if error.is_dns() {
            "could not resolve the name"
        } else if error.is_connect() {
            "could not connect"
        } else {
            "the connection failed"
        };
        ActionError::Retry(Failure {
            what: self.mask.text(&format!("{did}: {}", innermost(error))),
            timed_out: error.is_timeout(),
            ..Failure::default()
        })
    }
}

impl Answer {
    async fn read(mut response: Response, until: Instant) -> Self {
        let status = response.status();
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| retry_after::parse(value.to_str().ok()?, SystemTime::now()));
        let mut body = Vec::new();
        // A body that fails or lingers does not change what the status said.
        while let Ok(Ok(Some(chunk))) = timeout_at(until, response.chunk()).await {
            body.extend_from_slice(&chunk[..chunk.len().min(READ_LIMIT - body.len())]);
            if body.len() == READ_LIMIT {
                break;
            }
        }
        Self { status, retry_after, body }
    }
}

impl Verdict {
    /// What `status` means, after `CONTRACT.md` section 4.
    pub(super) fn of(status: StatusCode) -> Self {
        match status.as_u16() {
            200..=299 => Self::Taken,
            401 | 403 | 408 | 425 | 429 | 500..=599 => Self::Later,
            410 => Self::Gone,
            _ => Self::Never,
        }
    }
}

fn builder(concurrency: usize, allow_private: bool) -> reqwest::ClientBuilder {
    // Whoever comes first installs it; an error means that somebody did.
    let _installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let builder = reqwest::Client::builder()
        .http1_only()
        .no_proxy()
        .redirect(Policy::none())
        .referer(false)
        .user_agent(USER_AGENT)
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(concurrency);
    if allow_private { builder } else { builder.dns_resolver(PublicOnly) }
}

fn refused(refusal: &NotPublic) -> ActionError {
    ActionError::Refused(Failure { what: refusal.to_string(), ..Failure::default() })
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| (*error).source())
}

/// The text of the first cause; those around it name the URL.
fn innermost(error: &reqwest::Error) -> String {
    causes(error).skip(1).last().map_or_else(|| "unknown cause".to_owned(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(status: u16) -> Verdict {
        Verdict::of(StatusCode::from_u16(status).unwrap())
    }

    #[test]
    fn every_status_means_what_the_contract_says() {
        for status in [200, 201, 202, 204, 299] {
            assert_eq!(verdict(status), Verdict::Taken, "{status}");
        }
        for status in [401, 403, 408, 425, 429, 500, 502, 503, 504, 507, 599] {
            assert_eq!(verdict(status), Verdict::Later, "{status}");
        }
        for status in [300, 301, 302, 307, 308, 400, 402, 404, 405, 409, 413, 422, 451, 600, 999] {
            assert_eq!(verdict(status), Verdict::Never, "{status}");
        }
        assert_eq!(verdict(410), Verdict::Gone);
    }
}
