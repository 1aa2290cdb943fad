//! A destination: a real HTTP server that records every request and answers by a script.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::Instant,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, Response},
};
use bytes::Bytes;
use futures_util::stream;
use serde_json::Value;
use tokio::{net::TcpListener, sync::watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::client::PATIENCE;

/// A request as the destination saw it.
#[derive(Debug, Clone)]
pub struct Received {
    pub at: Instant,
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// What it was answered; `None` while it hangs.
    pub status: Option<u16>,
}

impl Received {
    /// A header's value; it must be there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name}: {self:?}")).to_str().unwrap()
    }

    pub fn key(&self) -> &str {
        self.header("idempotency-key")
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The number of the attempt, as the standard body tells it.
    pub fn attempt(&self) -> u64 {
        self.json()["attempt"].as_u64().unwrap()
    }

    /// The record that the event is about.
    pub fn record(&self) -> String {
        self.json()["event"]["id"]["record_id"].as_str().unwrap().to_owned()
    }

    fn was_taken(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

/// What the destination does with a request.
#[derive(Debug, Clone)]
pub enum Reply {
    Status(u16),
    /// A status, headers, and a body.
    Full(u16, Vec<(&'static str, String)>, String),
    /// No answer before [`Sink::release`].
    Hang,
    /// A head with this status, then a body without end.
    Endless(u16),
}

type Decide = Box<dyn Fn(&Received) -> Option<Reply> + Send + Sync>;

struct Script {
    received: Vec<Received>,
    next: VecDeque<Reply>,
    decide: Decide,
    otherwise: Reply,
    in_flight: usize,
    most_in_flight: usize,
}

struct State {
    script: Mutex<Script>,
    changed: watch::Sender<()>,
    released: Mutex<CancellationToken>,
}

impl State {
    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap()
    }
}

/// A running destination; it ends with the last clone.
#[derive(Clone)]
pub struct Sink {
    pub address: SocketAddr,
    state: Arc<State>,
    _end: Arc<DropGuard>,
}

impl Sink {
    /// Starts a destination that answers everything with 200.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let script = Script {
            received: Vec::new(),
            next: VecDeque::new(),
            decide: Box::new(|_| None),
            otherwise: Reply::Status(200),
            in_flight: 0,
            most_in_flight: 0,
        };
        let state = Arc::new(State {
            script: Mutex::new(script),
            changed: watch::channel(()).0,
            released: Mutex::default(),
        });
        let end = CancellationToken::new();
        let serving = Arc::clone(&state);
        let router = Router::new().fallback(move |request| serve(Arc::clone(&serving), request));
        let ended = end.clone();
        tokio::spawn(async move {
            tokio::select! {
                served = async { axum::serve(listener, router).await } => served.unwrap(),
                () = ended.cancelled() => {}
            }
        });
        Self { address, state, _end: Arc::new(end.drop_guard()) }
    }

    /// `[actions.NAME]` that delivers here, to a path of its own name, with quick retries.
    pub fn action(&self, name: &str, more: &str) -> String {
        let address = self.address;
        let quick = "retry = { attempts = 15, first = \"20ms\", max = \"100ms\" }";
        let retry = if more.contains("retry") { "" } else { quick };
        format!(
            "[actions.{name}]\nkind = \"http\"\nurl = \"http://{address}/{name}\"\n\
             allow_private = true\n{retry}\n{more}\n"
        )
    }

    /// One action that delivers everything here.
    pub fn all(&self) -> String {
        self.action("billing", "") + &route("all", r#"on = ["*"]"#, &["billing"])
    }

    /// What is answered when nothing else is said.
    pub fn always(&self, reply: Reply) {
        self.state.script().otherwise = reply;
    }

    /// The next so many requests get this answer.
    pub fn next(&self, times: usize, reply: &Reply) {
        self.state.script().next.extend(std::iter::repeat_n(reply.clone(), times));
    }

    /// Decides by the request; `None` leaves it to the rest of the script.
    pub fn decide(&self, decide: impl Fn(&Received) -> Option<Reply> + Send + Sync + 'static) {
        self.state.script().decide = Box::new(decide);
    }

    /// Fails about so many of a hundred, the same ones in each run.
    pub fn fail_percent(&self, percent: u64) {
        let random = Mutex::new(fastrand::Rng::with_seed(20));
        self.decide(move |_| {
            let failed = random.lock().unwrap().u64(0..100) < percent;
            failed.then_some(Reply::Status(503))
        });
    }

    /// Lets everything that hangs go, and answers everything with 200 from now on.
    pub fn release(&self) {
        self.always(Reply::Status(200));
        self.decide(|_| None);
        std::mem::take(&mut *self.state.released.lock().unwrap()).cancel();
    }

    /// Everything that came, in its order.
    pub fn received(&self) -> Vec<Received> {
        self.state.script().received.clone()
    }

    /// Everything that came to one action.
    pub fn received_by(&self, action: &str) -> Vec<Received> {
        let path = format!("/{action}");
        self.received().into_iter().filter(|request| request.path == path).collect()
    }

    /// What was answered with success, in the order in which it came.
    pub fn taken(&self) -> Vec<Received> {
        self.received().into_iter().filter(Received::was_taken).collect()
    }

    /// The only request that came.
    #[track_caller]
    pub fn only(&self) -> Received {
        let received = self.received();
        assert_eq!(received.len(), 1, "requests at the destination");
        received[0].clone()
    }

    /// The most requests that were open at once.
    pub fn most_in_flight(&self) -> usize {
        self.state.script().most_in_flight
    }

    /// Waits for a state of what was received.
    pub async fn wait_until(&self, what: &str, is_so: impl Fn(&[Received]) -> bool) {
        let mut changes = self.state.changed.subscribe();
        let waiting = async {
            while !is_so(&self.state.script().received) {
                changes.changed().await.unwrap();
            }
        };
        if tokio::time::timeout(PATIENCE * 2, waiting).await.is_err() {
            let script = self.state.script();
            let taken = script.received.iter().filter(|one| one.was_taken()).count();
            let all = script.received.len();
            panic!("waited in vain until {what}: {all} requests came, {taken} were taken");
        }
    }

    /// Waits until so many requests came.
    pub async fn wait_until_received(&self, count: usize) {
        self.wait_until(&format!("{count} came"), |received| received.len() >= count).await;
    }

    /// Waits until so many requests were answered with success.
    pub async fn wait_until_taken(&self, count: usize) {
        let taken = |received: &[Received]| received.iter().filter(|one| one.was_taken()).count();
        self.wait_until(&format!("{count} were taken"), |received| taken(received) >= count).await;
    }

    /// Waits until so many requests came to one action.
    pub async fn wait_until_received_by(&self, action: &str, count: usize) {
        let path = format!("/{action}");
        let came = |received: &[Received]| received.iter().filter(|one| one.path == path).count();
        self.wait_until(&format!("{count} came to {action}"), |all| came(all) >= count).await;
    }
}

/// `[[routes]]`.
pub fn route(name: &str, more: &str, to: &[&str]) -> String {
    format!("[[routes]]\nname = \"{name}\"\n{more}\nto = {to:?}\n")
}

/// Counts a request as open while it is.
struct Open(Arc<State>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.script().in_flight -= 1;
    }
}

async fn serve(state: Arc<State>, request: Request<Body>) -> Response<Body> {
    let at = Instant::now();
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, usize::MAX).await else { return Response::default() };
    let path = head.uri.path().to_owned();
    let received = Received { at, path, headers: head.headers, body, status: None };
    let (number, reply) = {
        let mut script = state.script();
        let reply = (script.decide)(&received)
            .or_else(|| script.next.pop_front())
            .unwrap_or_else(|| script.otherwise.clone());
        script.received.push(received);
        script.in_flight += 1;
        script.most_in_flight = script.most_in_flight.max(script.in_flight);
        (script.received.len() - 1, reply)
    };
    let _open = Open(Arc::clone(&state));
    state.changed.send_replace(());
    let (status, headers, body) = match reply {
        Reply::Status(status) => (status, Vec::new(), Body::empty()),
        Reply::Full(status, headers, body) => (status, headers, Body::from(body)),
        Reply::Hang => {
            let released = state.released.lock().unwrap().clone();
            released.cancelled().await;
            (200, Vec::new(), Body::empty())
        }
        Reply::Endless(status) => (status, Vec::new(), endless()),
    };
    let response = Response::builder().status(status);
    let response = headers.into_iter().fold(response, |all, (name, value)| all.header(name, value));
    state.script().received[number].status = Some(status);
    state.changed.send_replace(());
    response.body(body).unwrap()
}

fn endless() -> Body {
    let chunk = Bytes::from_static(&[b'x'; 4096]);
    Body::from_stream(stream::repeat_with(move || Ok::<_, std::io::Error>(chunk.clone())))
}
