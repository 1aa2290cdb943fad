//! The demo's destination: takes what the relay delivers, and tells of it.
//!
//! The first attempt of one chosen type is answered 503, so that a retry can be seen.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Response, StatusCode, Uri},
};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{answer::json, listener::Listener};

/// More connections than the relay ever opens.
const CONNECTIONS: usize = 256;

/// Arrivals that nobody has looked at yet; beyond it the relay waits for its answer.
const UNSEEN: usize = 1024;

/// One attempt of a delivery, as it arrived.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// Where it was sent to: the path, without its slash.
    pub destination: String,
    /// The delivery's key, the same for all its attempts; empty where it bears none, as for Slack.
    pub key: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it came.
    pub text: String,
    /// The body as JSON.
    pub body: Value,
    /// The type of the event; empty where the body does not tell it.
    pub event_type: String,
    /// The event, as Attio sent it; null where the body does not hold it.
    pub event: Value,
    /// 1 for the first attempt, also where the body does not count them.
    pub attempt: u64,
    /// What it was answered.
    pub status: u16,
}

/// A destination that is bound and not served yet.
pub struct Sink {
    listener: Listener,
}

/// What answers.
#[derive(Debug)]
struct Desk {
    refuses: &'static str,
    has_refused: AtomicBool,
    arrivals: mpsc::Sender<Arrival>,
}

impl Sink {
    /// Binds a free port of this machine. The first attempt of the first event of the type
    /// `refuses` will be answered 503, all else 200.
    ///
    /// # Errors
    /// There is no free port.
    pub async fn bind(refuses: &'static str) -> io::Result<(Self, mpsc::Receiver<Arrival>)> {
        let (arrivals, seen) = mpsc::channel(UNSEEN);
        let desk = Arc::new(Desk { refuses, has_refused: AtomicBool::new(false), arrivals });
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let router = Router::new().fallback(take).with_state(desk);
        let listener = Listener::bind(address, CONNECTIONS, router).await?;
        Ok((Self { listener }, seen))
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The operating system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.address()
    }

    /// Takes deliveries until told to stop.
    pub async fn serve(self, stop: CancellationToken) {
        self.listener.serve(stop).await;
    }
}

async fn take(
    State(desk): State<Arc<Desk>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let Some(mut arrival) = read(&uri, headers, &body) else {
        return json(StatusCode::BAD_REQUEST, r#"{"error":"not JSON"}"#);
    };
    let is_chosen = arrival.event_type == desk.refuses && arrival.attempt == 1;
    let (status, text) = if is_chosen && !desk.has_refused.swap(true, Ordering::Relaxed) {
        (StatusCode::SERVICE_UNAVAILABLE, r#"{"error":"busy, try again"}"#)
    } else {
        // What Slack says; to others only the status matters.
        (StatusCode::OK, r#"{"ok":true}"#)
    };
    arrival.status = status.as_u16();
    let _nobody_looks_any_more = desk.arrivals.send(arrival).await;
    json(status, text)
}

fn read(uri: &Uri, headers: HeaderMap, body: &[u8]) -> Option<Arrival> {
    let text = std::str::from_utf8(body).ok()?.to_owned();
    let body: Value = serde_json::from_str(&text).ok()?;
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok());
    Some(Arrival {
        destination: uri.path().trim_start_matches('/').to_owned(),
        key: key.unwrap_or_default().to_owned(),
        event_type: body["type"].as_str().unwrap_or_default().to_owned(),
        event: body["event"].clone(),
        attempt: body["attempt"].as_u64().unwrap_or(1),
        headers,
        text,
        body,
        status: 0,
    })
}
