//! One request to Attio and its bounded answer.
//!
//! No redirect is followed, since a token goes with every request; no proxy is taken from the
//! environment; no answer is read to an end that may not come.

use std::{
    error::Error,
    time::{Duration, SystemTime},
};

use bytes::{Bytes, BytesMut};
use reqwest::{
    Request, Response,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue},
    redirect::Policy,
};
use secrecy::ExposeSecret;
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::{
    ApiError, ClientProblem,
    answer::{self, Answer, Outcome},
    call::Call,
};
use crate::{config, mask::Mask};

/// What we call ourselves.
const USER_AGENT: &str = concat!("attio-relay/", env!("CARGO_PKG_VERSION"));

/// How long an unused connection stays open.
const IDLE: Duration = Duration::from_secs(30);

/// More of an error's answer is never read.
const ERROR_LIMIT: usize = 64 * 1024;

/// More of an error's answer is never kept.
const KEEP_LIMIT: usize = 4 * 1024;

/// Connections to Attio, and the token that goes with every request.
pub(super) struct Transport {
    http: reqwest::Client,
    base: Url,
    mask: Mask,
}

/// A request without an answer. Its text holds no secret.
#[derive(Debug)]
pub(super) struct Lost {
    pub(super) outcome: Outcome,
    pub(super) what: String,
}

impl Transport {
    /// Prepares the connections.
    pub(super) fn new(config: &config::Attio) -> Result<Self, ClientProblem> {
        let problem = |field, message: &str| ClientProblem { field, message: message.to_owned() };
        let base = &config.base_url;
        if !matches!(base.scheme(), "http" | "https") || !base.has_host() {
            return Err(problem("base_url", "must be an `http` or `https` URL"));
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(problem("base_url", "must hold no user and no password"));
        }
        let header = format!("Bearer {}", config.token.expose_secret());
        let mut mask = Mask::default();
        mask.add_header(&header);
        let mut authorization = HeaderValue::try_from(header)
            .map_err(|_| problem("token", "holds characters that cannot be sent"))?;
        authorization.set_sensitive(true);
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, authorization);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let builder = || builder().default_headers(headers.clone());
        // Loading the machine's certificates takes time and memory: only where they are used.
        let http = match base.scheme() {
            "https" => builder().build(),
            _ => builder().tls_certs_only([]).build(),
        };
        let http = http.map_err(|error| problem("base_url", &innermost(&error)))?;
        Ok(Self { http, base: base.clone(), mask })
    }

    /// Where Attio is.
    pub(super) fn base(&self) -> &str {
        self.base.as_str()
    }

    /// The request that a call is; the token is added when it is sent.
    pub(super) fn request(&self, call: &Call<'_>) -> Result<Request, ApiError> {
        let mut request = Request::new(call.method.clone(), self.url(call)?);
        if let Some(body) = &call.body {
            let json = HeaderValue::from_static("application/json");
            request.headers_mut().insert(CONTENT_TYPE, json);
            *request.body_mut() = Some(body.to_string().into());
        }
        Ok(request)
    }

    /// Sends a request, and reads at most `room` bytes of its answer, until `deadline`.
    pub(super) async fn send(
        &self,
        request: Request,
        room: usize,
        deadline: Instant,
    ) -> Result<Answer, Lost> {
        let exchange = async {
            let response = self.http.execute(request).await?;
            read(response, room).await
        };
        match timeout_at(deadline, exchange).await {
            Ok(answer) => answer.map_err(|error| self.lost(&error)),
            Err(_) => Err(Lost {
                outcome: Outcome::TimedOut,
                what: "no answer from Attio in time".to_owned(),
            }),
        }
    }

    /// As much of a body as may be kept, without the token.
    pub(super) fn kept(&self, body: &[u8]) -> Bytes {
        self.mask.bytes(body, KEEP_LIMIT).into()
    }

    /// All of a body, without the token, for the log.
    pub(super) fn shown(&self, body: &[u8]) -> String {
        self.mask.text(&String::from_utf8_lossy(body))
    }

    fn url(&self, call: &Call<'_>) -> Result<Url, ApiError> {
        let mut url = self.base.clone();
        url.set_query(None);
        url.set_fragment(None);
        let mut path = url.path_segments_mut().expect("a URL of HTTP has a path");
        path.pop_if_empty().push("v2");
        for segment in &call.path {
            // What would be left out or walk upwards would make another call of it.
            if matches!(*segment, "" | "." | "..") {
                return Err(ApiError::refused("an empty or relative name is no slug and no id"));
            }
            path.push(segment);
        }
        drop(path);
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&call.query);
        }
        Ok(url)
    }

    fn lost(&self, error: &reqwest::Error) -> Lost {
        let (outcome, did) = if error.is_connect() || error.is_dns() {
            (Outcome::NoConnection, "could not connect to Attio")
        } else {
            (Outcome::Broken, "the connection to Attio broke")
        };
        Lost { outcome, what: self.mask.text(&format!("{did}: {}", innermost(error))) }
    }
}

async fn read(mut response: Response, room: usize) -> Result<Answer, reqwest::Error> {
    let status = response.status();
    let now = SystemTime::now();
    let retry_after = answer::retry_after(response.headers(), now);
    let reset = answer::reset(response.headers(), now);
    let room = if status.is_success() { room } else { ERROR_LIMIT };
    let mut body = BytesMut::new();
    let mut is_cut = false;
    loop {
        let chunk = match response.chunk().await {
            Ok(Some(chunk)) => chunk,
            Err(error) if status.is_success() => return Err(error),
            // Of an error the status says enough.
            Ok(None) | Err(_) => break,
        };
        is_cut = chunk.len() > room - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room - body.len())]);
        if is_cut {
            break;
        }
    }
    Ok(Answer { status, retry_after, reset, body: body.freeze(), is_cut })
}

fn builder() -> reqwest::ClientBuilder {
    // Whoever comes first installs it; an error means that somebody did.
    let _installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
    reqwest::Client::builder()
        .http1_only()
        .no_proxy()
        .redirect(Policy::none())
        .referer(false)
        .user_agent(USER_AGENT)
        .pool_idle_timeout(IDLE)
}

/// The text of the first cause; those around it name the URL.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause = error.source();
    while let Some(deeper) = cause.and_then(Error::source) {
        cause = Some(deeper);
    }
    cause.map_or_else(|| "unknown cause".to_owned(), ToString::to_string)
}
