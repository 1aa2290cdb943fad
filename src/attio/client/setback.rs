//! What follows when a request did not bring what it was for: a pause for all, a repeat, an error.

use std::time::Duration;

use serde_json::Value;
use tracing::{debug, info, warn};

use super::{
    ApiError, Client,
    answer::{Answer, ErrorBody, Outcome},
    call::{Call, Kind},
    limits::{LONGEST_PAUSE, TooLate},
    transport::Lost,
};

/// Why a request did not bring what it was for.
pub(super) struct Setback {
    pub(super) outcome: Outcome,
    /// The wait that was asked for.
    pub(super) wait: Option<Duration>,
    pub(super) error: ApiError,
}

impl Client {
    /// Gives what the answer holds; a pause that it asks for begins here.
    pub(super) fn judge(&self, call: &Call<'_>, answer: &Answer) -> Result<Value, Setback> {
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
            return Err(Setback::of(Outcome::Refused, ApiError::refused(what)));
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
                    _ => answer.retry_after.map(|wait| wait.min(LONGEST_PAUSE)),
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

    /// There was no answer at all.
    pub(super) fn not_answered(call: &Call<'_>, lost: Lost) -> Setback {
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
    pub(super) fn most_repeats(self, call: &Call<'_>) -> u32 {
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
    pub(super) fn backoff(self, repeats: u32, random: f64) -> Duration {
        let (first, most) = match self {
            Self::RateLimited => return Duration::ZERO,
            Self::Busy => (Duration::from_millis(400), Duration::from_secs(4)),
            _ => (Duration::from_millis(200), Duration::from_secs(2)),
        };
        first.saturating_mul(1 << repeats.min(16)).min(most).mul_f64(random)
    }
}

/// The limit has no room before the deadline.
pub(super) fn no_room(call: &Call<'_>, late: TooLate) -> ApiError {
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

/// The answer is no JSON, or not in an envelope.
pub(super) fn unreadable(call: &Call<'_>) -> ApiError {
    ApiError::Later {
        what: format!("Attio's answer to {} cannot be read", call.name()),
        after: None,
        status: None,
        answer: None,
        in_doubt: !call.harmless_twice,
    }
}

/// Attio says that there is no such thing.
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
