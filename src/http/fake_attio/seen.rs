//! What the fake saw: every request, and how many there were at once.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::sync::watch;

use super::{
    call::{Access, Call},
    lock,
};

/// A request as it came in, and what became of it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// `GET`, `POST`, …
    pub method: String,
    /// The path, with slugs for the ids of objects and lists.
    pub path: String,
    /// The parameters of the query string.
    pub query: Vec<(String, String)>,
    /// The JSON of the body; null without one.
    pub body: Value,
    /// What it counts as.
    pub access: Access,
    /// When it had arrived whole.
    pub started: Instant,
    /// When it was answered or given up; `None` while it waits.
    pub ended: Option<Instant>,
    /// The status it was answered with; `None` while it waits, and when it never was.
    pub status: Option<u16>,
}

/// All requests, in the order of their arrival.
#[derive(Debug)]
pub(super) struct Log {
    calls: Mutex<Vec<Seen>>,
    changed: watch::Sender<()>,
}

/// A request that is being served; over when it is dropped.
pub(super) struct Serving<'l> {
    log: &'l Log,
    place: usize,
}

impl Log {
    pub(super) fn new() -> Self {
        Self { calls: Mutex::default(), changed: watch::Sender::new(()) }
    }

    pub(super) fn begin(&self, call: &Call) -> Serving<'_> {
        let mut calls = lock(&self.calls);
        calls.push(Seen {
            method: call.method.to_string(),
            path: call.path.clone(),
            query: call.query.clone(),
            body: call.body.clone().unwrap_or_default(),
            access: call.access(),
            started: Instant::now(),
            ended: None,
            status: None,
        });
        let place = calls.len() - 1;
        drop(calls);
        self.changed.send_replace(());
        Serving { log: self, place }
    }

    pub(super) fn all(&self) -> Vec<Seen> {
        lock(&self.calls).clone()
    }

    /// Those whose method is this (`*`: any) and whose path starts so.
    pub(super) fn to(&self, method: &str, path: &str) -> Vec<Seen> {
        let is_meant = |seen: &&Seen| fits(method, path, &seen.method, &seen.path);
        lock(&self.calls).iter().filter(is_meant).cloned().collect()
    }

    fn count(&self, method: &str, path: &str) -> usize {
        let is_meant = |seen: &&Seen| fits(method, path, &seen.method, &seen.path);
        lock(&self.calls).iter().filter(is_meant).count()
    }

    /// Returns once so many were seen.
    pub(super) async fn wait_for(&self, method: &str, path: &str, count: usize) {
        let mut changes = self.changed.subscribe();
        while self.count(method, path) < count && changes.changed().await.is_ok() {}
    }
}

impl Serving<'_> {
    pub(super) fn answered(&self, status: u16) {
        if let Some(seen) = lock(&self.log.calls).get_mut(self.place) {
            seen.status = Some(status);
        }
    }
}

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        if let Some(seen) = lock(&self.log.calls).get_mut(self.place) {
            seen.ended = Some(Instant::now());
        }
        self.log.changed.send_replace(());
    }
}

/// Whether a request is one of those that are meant.
pub(super) fn fits(wanted_method: &str, wanted_path: &str, method: &str, path: &str) -> bool {
    (wanted_method == "*" || wanted_method == method) && path.starts_with(wanted_path)
}

/// The most requests that arrived in any one second, wherever it begins.
#[must_use]
pub fn most_in_a_second(requests: &[Seen]) -> usize {
    let within = |first: &Seen, last: &Seen| last.started - first.started < Duration::from_secs(1);
    let mut first = 0;
    let mut most = 0;
    for (last, seen) in requests.iter().enumerate() {
        while !within(&requests[first], seen) {
            first += 1;
        }
        most = most.max(last + 1 - first);
    }
    most
}

/// The most requests that were being served at the same moment.
#[must_use]
pub fn most_at_once(requests: &[Seen]) -> usize {
    let overlaps = |moment: Instant| {
        let is_on =
            |seen: &&Seen| seen.started <= moment && seen.ended.is_none_or(|ended| ended > moment);
        requests.iter().filter(is_on).count()
    };
    requests.iter().map(|seen| overlaps(seen.started)).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Requests that began and ended so many milliseconds after a moment.
    fn requests(times: &[(u64, u64)]) -> Vec<Seen> {
        let moment = Instant::now();
        let after = |milliseconds| moment + Duration::from_millis(milliseconds);
        let seen = |(started, ended): &(u64, u64)| Seen {
            method: "GET".to_owned(),
            path: "/v2/tasks".to_owned(),
            query: Vec::new(),
            body: Value::Null,
            access: Access::Read,
            started: after(*started),
            ended: Some(after(*ended)),
            status: Some(200),
        };
        times.iter().map(seen).collect()
    }

    #[test]
    fn the_busiest_second_may_begin_anywhere() {
        let spread = [(0, 1), (900, 901), (1000, 1001), (1899, 1900), (1900, 1901), (5000, 5001)];
        assert_eq!(most_in_a_second(&requests(&spread)), 3);
        assert_eq!(most_in_a_second(&[]), 0);
    }

    #[test]
    fn requests_are_there_at_once_while_none_of_them_has_ended() {
        assert_eq!(most_at_once(&requests(&[(0, 10), (5, 15), (10, 20), (12, 13)])), 3);
        assert_eq!(most_at_once(&requests(&[(0, 10), (10, 20), (20, 30)])), 1);
    }
}
