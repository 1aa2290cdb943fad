//! `POST <source path>`: prove who sent it, record it once, answer.
//!
//! One clock runs from the end of the head. Nothing is read before the signature's form is right,
//! nothing is parsed before the signature is.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use axum::{
    Router,
    body::Body,
    http::{
        HeaderMap, HeaderValue, Method, Request, Response,
        header::{CONTENT_ENCODING, CONTENT_LENGTH, EXPECT},
        request::Parts,
    },
};
use bytes::Bytes;
use time::OffsetDateTime;
use tokio_util::task::TaskTracker;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::{info, warn};

use super::{
    Health,
    answer::Answer,
    body::{self, Memory},
};
use crate::{
    config,
    intake::{Intake, Taken},
    sights::Sights,
    signature::{ClaimedSignature, Keyring, SIGNATURE_HEADERS, SignatureError},
    telemetry::Metrics,
};

/// A body must be complete so long after the head.
const BODY_TIMEOUT: Duration = Duration::from_secs(2);

/// The header that tells retries apart from news.
const KEY: &str = "idempotency-key";

/// The limits of the public door.
#[derive(Debug, Clone)]
pub struct DoorLimits {
    body_limit: usize,
    memory: Memory,
    ack_timeout: Duration,
}

impl DoorLimits {
    /// The limits of a configuration.
    #[must_use]
    pub fn new(server: &config::Server) -> Self {
        Self {
            body_limit: server.body_limit,
            memory: Memory::new(server.body_memory),
            ack_timeout: server.ack_timeout,
        }
    }
}

/// The keys of every source, by its path.
type Sources = HashMap<String, Arc<Keyring>>;

/// Every source's door.
#[derive(Debug)]
pub struct Door {
    sources: ArcSwap<Sources>,
    limits: DoorLimits,
    intake: Intake,
    metrics: Arc<Metrics>,
    sights: Arc<Sights>,
    /// Bodies that are read only to be thrown away.
    unwanted: TaskTracker,
}

/// What a request came to, for the metric and the log.
struct Outcome {
    answer: Answer,
    result: &'static str,
    taken: Option<Taken>,
}

impl Outcome {
    fn refused(answer: Answer, result: &'static str) -> Self {
        Self { answer, result, taken: None }
    }

    fn untrusted(error: SignatureError) -> Self {
        let result = match error {
            SignatureError::Missing => "signature_missing",
            SignatureError::Malformed => "signature_malformed",
            SignatureError::Wrong => "signature_wrong",
            SignatureError::Conflict => "signature_conflict",
        };
        Self::refused(Answer::Signature, result)
    }

    fn unread(answer: Answer) -> Self {
        let result = match answer {
            Answer::TooLarge => "too_large",
            Answer::Timeout => "timeout",
            Answer::Stored(_)
            | Answer::Signature
            | Answer::NotFound
            | Answer::MethodNotAllowed
            | Answer::Encoding
            | Answer::Unavailable => "unavailable",
        };
        Self::refused(answer, result)
    }
}

impl Door {
    /// The door to the sources of a configuration.
    #[must_use]
    pub fn new(
        sources: &[config::Source],
        limits: DoorLimits,
        intake: Intake,
        (metrics, sights): (Arc<Metrics>, Arc<Sights>),
    ) -> Arc<Self> {
        let sources = ArcSwap::from_pointee(keyrings(sources));
        Arc::new(Self { sources, limits, intake, metrics, sights, unwanted: TaskTracker::new() })
    }

    /// From now on these are the sources.
    pub fn change(&self, sources: &[config::Source]) {
        self.sources.store(Arc::new(keyrings(sources)));
    }

    /// The whole public listener: health, and everything else to the sources.
    pub fn router(self: Arc<Self>, health: &Health) -> Router {
        health
            .router()
            .fallback(move |request| Arc::clone(&self).receive(request))
            .layer(CatchPanicLayer::custom(|_panic| Answer::Unavailable.response()))
    }

    /// Answers a request to any path.
    async fn receive(self: Arc<Self>, request: Request<Body>) -> Response<Body> {
        let head_at = Instant::now();
        let (head, mut body) = request.into_parts();
        let Some(keyring) = self.sources.load().get(head.uri.path()).map(Arc::clone) else {
            self.discard(&head, body);
            return Answer::NotFound.response();
        };
        if head.method != Method::POST {
            self.discard(&head, body);
            return Answer::MethodNotAllowed.response();
        }
        let outcome = self.judge(&keyring, &head, &mut body, head_at).await;
        self.discard(&head, body);
        self.report(&keyring, &outcome, head_at);
        outcome.answer.response()
    }

    async fn judge(
        &self,
        keyring: &Keyring,
        head: &Parts,
        body: &mut Body,
        head_at: Instant,
    ) -> Outcome {
        let received_at = OffsetDateTime::now_utc();
        if is_encoded(&head.headers) {
            return Outcome::refused(Answer::Encoding, "encoding");
        }
        let declared = declared_length(&head.headers);
        if declared.is_some_and(|length| length > self.limits.body_limit) {
            return Outcome::refused(Answer::TooLarge, "too_large");
        }
        let copies = SIGNATURE_HEADERS.iter().flat_map(|name| head.headers.get_all(*name));
        let claimed = match ClaimedSignature::read(copies.map(HeaderValue::as_bytes)) {
            Ok(claimed) => claimed,
            Err(error) => return Outcome::untrusted(error),
        };
        // Under more load than can be taken, each refusal must cost little: neither the body is
        // looked at nor the signature.
        if self.intake.is_full() {
            return Outcome::refused(Answer::Unavailable, "unavailable");
        }
        let DoorLimits { body_limit, memory, ack_timeout } = &self.limits;
        let body_deadline = head_at + BODY_TIMEOUT;
        let read = match body::read(body, declared, *body_limit, memory, body_deadline).await {
            Ok(read) => read,
            Err(answer) => return Outcome::unread(answer),
        };
        let key = head.headers.get(KEY).map(|key| Bytes::copy_from_slice(key.as_bytes()));
        let message = match keyring.verify(claimed, key, read.bytes.clone(), received_at) {
            Ok(message) => message,
            Err(error) => return Outcome::untrusted(error),
        };
        let taken = self.intake.take(message, head_at + *ack_timeout).await;
        match taken.result {
            Ok(receipt) => Outcome {
                answer: Answer::Stored(receipt),
                result: receipt.as_str(),
                taken: Some(taken),
            },
            Err(_) => {
                Outcome { answer: Answer::Unavailable, result: "unavailable", taken: Some(taken) }
            }
        }
    }

    /// A client that waits for `100 Continue` has sent no body yet.
    fn discard(&self, head: &Parts, body: Body) {
        if !head.headers.contains_key(EXPECT) {
            body::discard(body, &self.unwanted);
        }
    }

    /// One line for a request, and its metrics.
    fn report(&self, keyring: &Keyring, outcome: &Outcome, head_at: Instant) {
        let source = keyring.source().as_str();
        let result = outcome.result;
        let elapsed = head_at.elapsed();
        self.metrics.messages.with([source, result]).increment(1);
        let us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        if let (Some(taken), Answer::Stored(_)) = (&outcome.taken, outcome.answer) {
            self.sights.heard(keyring.source(), OffsetDateTime::now_utc());
            self.metrics.ack_seconds.with([]).record(elapsed.as_secs_f64());
            let event_id = taken.event.map(tracing::field::display);
            let events = taken.events;
            info!(source, message_id = %taken.message, event_id, events, us, "{result}");
        } else {
            if matches!(outcome.answer, Answer::Signature) {
                self.sights.refused(keyring.source());
            }
            let status = outcome.answer.status().as_u16();
            warn!(source, status, us, "refused: {result}");
        }
    }
}

fn keyrings(sources: &[config::Source]) -> Sources {
    let keyring = |source: &config::Source| {
        let keyring = Keyring::new(source.name.clone(), &source.secrets);
        (source.path.clone(), Arc::new(keyring))
    };
    sources.iter().map(keyring).collect()
}

/// Whether the body is anything but itself.
fn is_encoded(headers: &HeaderMap) -> bool {
    headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .any(|encoding| !encoding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity"))
}

fn declared_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
