//! One call: leave from its limit, the request, and the quick repeats that its deadline allows.
//!
//! Whatever Attio says it did not carry out may be repeated. After a fault or a lost answer only
//! what does no harm twice is repeated: never a write without a natural key.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::{
    ApiError, Client,
    answer::Outcome,
    setback::{Setback, is_not_found, no_room, unreadable},
};

/// More of an answer is not read; lists are allowed more.
const ROOM: usize = 1024 * 1024;
const ROOM_FOR_LISTS: usize = 8 * 1024 * 1024;

/// A request that hangs does not take all of a call's time where it can be repeated.
const LONGEST_REQUEST: Duration = Duration::from_secs(10);

/// Whose limit a call counts against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It changes nothing; queries are reads too, though they are sent by POST.
    Read,
    /// It changes something.
    Write,
}

/// A call, before it is made.
#[derive(Debug, Clone)]
pub(super) struct Call<'a> {
    pub(super) kind: Kind,
    pub(super) method: Method,
    pub(super) path: Vec<&'a str>,
    pub(super) query: Vec<(&'static str, String)>,
    pub(super) body: Option<Value>,
    /// Twice does the same as once.
    pub(super) harmless_twice: bool,
    /// So much of an answer is read, in bytes.
    pub(super) room: usize,
}

impl<'a> Call<'a> {
    fn new(kind: Kind, method: Method, path: &[&'a str]) -> Self {
        let harmless_twice = method != Method::POST || kind == Kind::Read;
        let (path, query) = (path.to_vec(), Vec::new());
        Self { kind, method, path, query, body: None, harmless_twice, room: ROOM }
    }

    /// A look-up of one thing; `path` begins after `/v2`.
    pub(super) fn get(path: &[&'a str]) -> Self {
        Self::new(Kind::Read, Method::GET, path)
    }

    /// A look-up of many things.
    pub(super) fn list(path: &[&'a str]) -> Self {
        Self { room: ROOM_FOR_LISTS, ..Self::get(path) }
    }

    /// A look-up that is sent by POST.
    pub(super) fn query(path: &[&'a str], body: Value) -> Self {
        let call = Self::new(Kind::Read, Method::POST, path);
        Self { room: ROOM_FOR_LISTS, body: Some(body), ..call }
    }

    /// A write; `data` is what the envelope holds.
    pub(super) fn write(method: Method, path: &[&'a str], data: &Value) -> Self {
        let body = Some(serde_json::json!({ "data": data }));
        Self { body, ..Self::new(Kind::Write, method, path) }
    }

    /// The end of something.
    pub(super) fn delete(path: &[&'a str]) -> Self {
        Self::new(Kind::Write, Method::DELETE, path)
    }

    /// Adds a parameter to the query string.
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// For logs and errors: slugs and ids, no values.
    pub(super) fn name(&self) -> String {
        format!("{} /v2/{}", self.method, self.path.join("/"))
    }
}

impl Client {
    /// Makes a call and gives the `data` of its answer.
    pub(super) async fn data(&self, call: Call<'_>, deadline: Instant) -> Result<Value, ApiError> {
        match self.whole(&call, deadline).await? {
            Value::Object(mut answer) if answer.contains_key("data") => {
                Ok(answer.remove("data").unwrap_or_default())
            }
            _ => Err(unreadable(&call)),
        }
    }

    /// The same for what may not be there: `None` is a fact, not an error.
    pub(super) async fn found(
        &self,
        call: Call<'_>,
        deadline: Instant,
    ) -> Result<Option<Value>, ApiError> {
        match self.data(call, deadline).await {
            Err(error) if is_not_found(&error) => Ok(None),
            data => data.map(Some),
        }
    }

    /// The same for a list.
    pub(super) async fn rows(
        &self,
        call: Call<'_>,
        deadline: Instant,
    ) -> Result<Vec<Value>, ApiError> {
        let name = call.name();
        match self.data(call, deadline).await? {
            Value::Array(rows) => Ok(rows),
            _ => Err(ApiError::refused(format!("Attio's answer to {name} is no list"))),
        }
    }

    /// Makes a call and gives all of its answer.
    pub(super) async fn whole(
        &self,
        call: &Call<'_>,
        deadline: Instant,
    ) -> Result<Value, ApiError> {
        let mut repeats = 0;
        let mut last = None;
        loop {
            let setback = match self.once(call, deadline).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(setback)) => setback,
                // Why it had to be repeated says more than that there was no room for it.
                Err(no_room) => return Err(last.unwrap_or(no_room)),
            };
            if repeats >= setback.outcome.most_repeats(call) {
                return Err(setback.error);
            }
            let wait = setback.outcome.backoff(repeats, fastrand::f64());
            let wait = wait.max(setback.wait.unwrap_or_default());
            if Instant::now() + wait >= deadline {
                return Err(setback.error);
            }
            repeats += 1;
            last = Some(setback.error);
            sleep(wait).await;
        }
    }

    /// Makes one request. The outer error: it could not be made in time.
    async fn once(
        &self,
        call: &Call<'_>,
        deadline: Instant,
    ) -> Result<Result<Value, Setback>, ApiError> {
        let request = self.0.transport.request(call)?;
        let limit = self.limit(call.kind);
        let began = Instant::now();
        let pass = limit.pass(deadline).await;
        self.0.metrics.attio_wait_seconds.with([]).record(began.elapsed().as_secs_f64());
        let pass = pass.map_err(|late| no_room(call, late))?;
        // What cannot be repeated has all the time there is.
        let cut = if call.harmless_twice { Instant::now() + LONGEST_REQUEST } else { deadline };
        let until = deadline.min(cut);
        let answer = self.0.transport.send(request, call.room, until).await;
        let result = match answer {
            Ok(answer) => self.judge(call, &answer),
            Err(lost) => Err(Self::not_answered(call, lost)),
        };
        // Only after the pause that the answer may have asked for: nobody slips in between.
        drop(pass);
        let outcome = result.as_ref().map_or_else(|setback| setback.outcome, |_| Outcome::Taken);
        self.0.metrics.attio_requests.with([outcome.label()]).increment(1);
        Ok(result)
    }
}
