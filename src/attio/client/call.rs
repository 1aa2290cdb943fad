//! One call: leave from its limit, the request, and the quick repeats that its deadline allows.
//!
//! Whatever Attio says it did not carry out may be repeated. After a fault or a lost answer only
//! what does no harm twice is repeated: never a write without a natural key.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use tokio::time::{Instant, sleep};
use tracing::{debug, info, warn};

use super::{
    ApiError, Client,
    answer::{Answer, ErrorBody, Outcome},
    limits::TooLate,
    transport::Lost,
};

/// More of an answer is not read; lists are allowed more.
const ROOM: usize = 1024 * 1024;
const ROOM_FOR_LISTS: usize = 8 * 1024 * 1024;

/// A request that hangs does not take all of a call's time.
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
    harmless_twice: bool,
    room: usize,
}

/// Why a request did not bring what it was for.
struct Setback {
    outcome: Outcome,
    /// The wait that was asked for.
    wait: Option<Duration>,
    error: ApiError,
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
    fn name(&self) -> String {
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
        loop {
            let setback = match self.once(call, deadline).await? {
                Ok(answer) => return Ok(answer),
                Err(setback) => setback,
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
        let until = deadline.min(Instant::now() + LONGEST_REQUEST);
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

    fn judge(&self, call: &Call<'_>, answer: &Answer) -> Result<Value, Setback> {
        let (outcome, said) = answer.outcome();
        let limit = self.limit(call.kind);
        match (outcome, answer.retry_after.max(answer.reset)) {
            (Outcome::RateLimited, Some(wait)) => limit.pause(wait, fastrand::f64()),
            (Outcome::RateLimited, None) => limit.pause_unexplained(fastrand::f64()),
            _ => {
                limit.taken();
                if let Some(wait) = answer.reset {
                    limit.pause(wait, fastrand::f64());
                }
            }
        }
        if outcome != Outcome::Taken {
            self.log(call, answer, &said);
            return Err(self.answered(call, answer, outcome, said));
        }
        if answer.is_cut {
            let what = format!("Attio's answer to {} is too long", call.name());
            return Err(Setback::of(Outcome::Unreadable, ApiError::refused(what)));
        }
        answer.json().ok_or_else(|| Setback::of(Outcome::Unreadable, unreadable(call)))
    }

    /// The whole body only for those who ask for it; it may hold what people wrote.
    fn log(&self, call: &Call<'_>, answer: &Answer, said: &ErrorBody) {
        let (status, call) = (answer.status.as_u16(), call.name());
        let (kind, code) = (shown(said.kind.as_deref()), shown(said.code.as_deref()));
        if answer.outcome().0 == Outcome::NotFound {
            info!(call, status, kind, code, "Attio does not have it");
        } else {
            warn!(call, status, kind, code, "Attio did not take a call");
        }
        let body = self.0.transport.shown(&answer.body);
        debug!(call, status, body, "Attio's answer to a call that it did not take");
    }

    fn answered(
        &self,
        call: &Call<'_>,
        answer: &Answer,
        outcome: Outcome,
        said: ErrorBody,
    ) -> Setback {
        let status = answer.status.as_u16();
        let code = said.code.as_deref().unwrap_or_default();
        let what = format!("Attio answered {status} {code} to {}", call.name()).replace("  ", " ");
        let answer_kept = Some(self.0.transport.kept(&answer.body));
        let error = match outcome {
            Outcome::Unauthorized | Outcome::Forbidden => {
                ApiError::Denied { what, status, answer: answer_kept }
            }
            Outcome::NotFound | Outcome::Refused | Outcome::Taken => ApiError::Refused {
                what,
                status: Some(status),
                code: said.code,
                answer: answer_kept,
            },
            Outcome::RateLimited
            | Outcome::Busy
            | Outcome::Unavailable
            | Outcome::Unreadable
            | Outcome::NoConnection
            | Outcome::Broken
            | Outcome::TimedOut => ApiError::Later {
                what,
                after: match outcome {
                    Outcome::RateLimited => self.limit(call.kind).paused_for(),
                    _ => answer.retry_after,
                },
                status: Some(status),
                answer: answer_kept,
                in_doubt: !call.harmless_twice && outcome.is_in_doubt(),
            },
        };
        // A pause is waited for where leave is given; other waits are the call's own.
        let wait = answer.retry_after.filter(|_| outcome != Outcome::RateLimited);
        Setback { outcome, wait, error }
    }

    fn not_answered(call: &Call<'_>, lost: Lost) -> Setback {
        let call_name = call.name();
        warn!(call = call_name, what = lost.what, "a call to Attio was not answered");
        let error = ApiError::Later {
            what: lost.what,
            after: None,
            status: None,
            answer: None,
            in_doubt: !call.harmless_twice && lost.outcome.is_in_doubt(),
        };
        Setback::of(lost.outcome, error)
    }
}

impl Setback {
    fn of(outcome: Outcome, error: ApiError) -> Self {
        Self { outcome, wait: None, error }
    }
}

impl Outcome {
    /// How often a call may be repeated after this, its deadline permitting.
    fn most_repeats(self, call: &Call<'_>) -> u32 {
        match self {
            Self::Taken | Self::NotFound | Self::Forbidden | Self::Refused => 0,
            Self::Unauthorized => 1,
            Self::RateLimited | Self::Busy => 8,
            Self::Unavailable
            | Self::Unreadable
            | Self::NoConnection
            | Self::Broken
            | Self::TimedOut => 3 * u32::from(call.harmless_twice),
        }
    }

    /// Full jitter: anything between nothing and a bound that doubles; `random` is in 0..1.
    fn backoff(self, repeats: u32, random: f64) -> Duration {
        let (first, most) = match self {
            Self::RateLimited => return Duration::ZERO,
            Self::Busy => (Duration::from_millis(400), Duration::from_secs(4)),
            _ => (Duration::from_millis(200), Duration::from_secs(2)),
        };
        first.saturating_mul(1 << repeats.min(16)).min(most).mul_f64(random)
    }
}

fn no_room(call: &Call<'_>, late: TooLate) -> ApiError {
    let kind = match call.kind {
        Kind::Read => "reads",
        Kind::Write => "writes",
    };
    ApiError::Later {
        what: format!("the limit of {kind} from Attio has no room in time"),
        after: Some(late.after),
        status: None,
        answer: None,
        in_doubt: false,
    }
}

fn unreadable(call: &Call<'_>) -> ApiError {
    ApiError::Later {
        what: format!("Attio's answer to {} cannot be read", call.name()),
        after: None,
        status: None,
        answer: None,
        in_doubt: !call.harmless_twice,
    }
}

pub(super) fn is_not_found(error: &ApiError) -> bool {
    matches!(error, ApiError::Refused { code: Some(code), status: Some(404), .. }
        if code == "not_found")
}

/// A word of Attio's, for a log line; anything longer is no code.
fn shown(word: Option<&str>) -> &str {
    let is_word = |word: &&str| {
        word.len() <= 64 && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    word.filter(is_word).unwrap_or("-")
}
