//! So many calls a second and no more (<https://docs.attio.com/rest-api/guides/rate-limiting>).
//!
//! Seconds are those of the calendar: whoever waits until the date that `Retry-After` names is
//! let in again.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{call::Access, clock, reply::Reply};

/// How a 429 says when to come again. Attio documents the date; the others were met in the wild.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAfter {
    /// An HTTP date, whole seconds.
    Date,
    /// A number of seconds.
    Seconds,
    /// A time stamp with nanoseconds.
    Iso8601,
    /// Not at all.
    Missing,
}

/// What is left of this second.
#[derive(Debug)]
pub(super) struct Limits {
    /// Reads a second.
    pub(super) reads: u32,
    /// Writes a second.
    pub(super) writes: u32,
    pub(super) retry_after: RetryAfter,
    /// Whether every answer carries `X-RateLimit-Remaining` and `X-RateLimit-Reset`.
    pub(super) has_hints: bool,
    second: u64,
    used: [u32; 2],
}

impl Limits {
    pub(super) fn new(reads: u32, writes: u32) -> Self {
        let retry_after = RetryAfter::Date;
        Self { reads, writes, retry_after, has_hints: false, second: 0, used: [0; 2] }
    }

    /// Lets a call in, or answers 429.
    pub(super) fn admit(&mut self, access: Access, now: SystemTime) -> Result<(), Reply> {
        let second = seconds(now);
        if second != self.second {
            (self.second, self.used) = (second, [0; 2]);
        }
        let (limit, used) = self.of(access);
        if used >= limit {
            return Err(refuse(self.retry_after, now, Duration::from_secs(1)));
        }
        self.used[place(access)] += 1;
        Ok(())
    }

    /// The headers that no Attio page names and some gateways send.
    pub(super) fn hints(&self, access: Access) -> Vec<(String, String)> {
        if !self.has_hints {
            return Vec::new();
        }
        let (limit, used) = self.of(access);
        let header = |name: &str, value: String| (name.to_owned(), value);
        vec![
            header("x-ratelimit-limit", limit.to_string()),
            header("x-ratelimit-remaining", limit.saturating_sub(used).to_string()),
            header("x-ratelimit-reset", (self.second + 1).to_string()),
        ]
    }

    fn of(&self, access: Access) -> (u32, u32) {
        let limit = if access == Access::Read { self.reads } else { self.writes };
        (limit, self.used[place(access)])
    }
}

/// A 429 that asks to wait until the next whole second after `now` and almost `wait`.
pub(super) fn refuse(form: RetryAfter, now: SystemTime, wait: Duration) -> Reply {
    let wait = wait.as_secs().max(1);
    let again = UNIX_EPOCH + Duration::from_secs(seconds(now) + wait);
    let value = match form {
        RetryAfter::Date => Some(httpdate::fmt_http_date(again)),
        RetryAfter::Seconds => Some(wait.to_string()),
        RetryAfter::Iso8601 => Some(clock::text(again.into())),
        RetryAfter::Missing => None,
    };
    let mut reply =
        Reply::error(429, "rate_limit_exceeded", "Rate limit exceeded, please try again later");
    reply.headers.extend(value.map(|value| ("retry-after".to_owned(), value)));
    reply
}

fn place(access: Access) -> usize {
    usize::from(access == Access::Write)
}

fn seconds(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
