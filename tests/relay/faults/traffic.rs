//! Constant traffic: a message every few milliseconds, whatever became of those before.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::wire;
use crate::support::client::fresh_id;

/// The pauses before a message is posted again: the first, and the longest.
const AGAIN: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(2)];

/// Where messages may be sent; changes while relays come and go.
#[derive(Clone, Default)]
pub struct Doors(Arc<Mutex<Vec<SocketAddr>>>);

/// A message that was posted, once or more often.
#[derive(Debug)]
pub struct Sent {
    /// Its key, and the record that it is about.
    pub key: String,
    /// Each time that it was posted.
    pub tries: Vec<Try>,
}

/// One time that a message was posted.
#[derive(Debug)]
pub struct Try {
    /// When.
    pub at: Instant,
    /// How long until the answer, or until the connection broke.
    pub took: Duration,
    /// Status and body; `None` when no answer came.
    pub answer: Option<(u16, String)>,
}

/// Traffic that flows until it is stopped.
pub struct Traffic {
    stop: CancellationToken,
    flow: JoinSet<Vec<Sent>>,
}

impl Doors {
    /// One door.
    pub fn one(door: SocketAddr) -> Self {
        let doors = Self::default();
        doors.open(door);
        doors
    }

    /// Messages may go there too.
    pub fn open(&self, door: SocketAddr) {
        self.0.lock().unwrap().push(door);
    }

    /// No message goes there any more.
    pub fn close(&self, door: SocketAddr) {
        self.0.lock().unwrap().retain(|open| *open != door);
    }

    fn any(&self) -> Option<SocketAddr> {
        let open = self.0.lock().unwrap();
        (!open.is_empty()).then(|| open[fastrand::usize(..open.len())])
    }
}

impl Sent {
    /// Whether it was answered 200.
    pub fn was_acknowledged(&self) -> bool {
        self.tries.last().is_some_and(|last| last.status() == Some(200))
    }
}

impl Try {
    /// The status of its answer.
    pub fn status(&self) -> Option<u16> {
        self.answer.as_ref().map(|(status, _)| *status)
    }

    /// When it was answered.
    pub fn answered_at(&self) -> Instant {
        self.at + self.took
    }
}

impl Traffic {
    /// A message every so often, each posted once.
    pub fn every(pause: Duration, doors: &Doors) -> Self {
        Self::flow(pause, doors, false)
    }

    /// The same, and each is posted again under its key until it is answered 200.
    pub fn every_until_acknowledged(pause: Duration, doors: &Doors) -> Self {
        Self::flow(pause, doors, true)
    }

    fn flow(pause: Duration, doors: &Doors, again: bool) -> Self {
        let stop = CancellationToken::new();
        let (stopped, doors) = (stop.clone(), doors.clone());
        let mut flow = JoinSet::new();
        flow.spawn(async move {
            let mut messages = JoinSet::new();
            let mut clock = tokio::time::interval(pause);
            while stopped.run_until_cancelled(clock.tick()).await.is_some() {
                if doors.any().is_some() {
                    messages.spawn(send(doors.clone(), again));
                }
            }
            messages.join_all().await
        });
        Self { stop, flow }
    }

    /// Stops it, waits for the last answers, and tells of every message.
    pub async fn stop(self) -> Vec<Sent> {
        self.stop.cancel();
        self.flow.join_all().await.into_iter().flatten().collect()
    }
}

async fn send(doors: Doors, again: bool) -> Sent {
    let mut sent = Sent { key: fresh_id(), tries: Vec::new() };
    let request = wire::message(&sent.key);
    let [mut pause, longest] = AGAIN;
    loop {
        if let Some(door) = doors.any() {
            sent.tries.push(post_request(door, &request).await);
        }
        if !again || sent.was_acknowledged() {
            return sent;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(longest);
    }
}

async fn post_request(door: SocketAddr, request: &[u8]) -> Try {
    let at = Instant::now();
    let answer = wire::post(door, request).await;
    Try { at, took: at.elapsed(), answer: answer.ok().map(|answer| (answer.status, answer.body)) }
}

/// Posts a message once; its record is named like its key.
pub async fn post(door: SocketAddr, key: &str) -> Try {
    post_request(door, &wire::message(key)).await
}
