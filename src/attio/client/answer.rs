//! What an answer of Attio means: by its status first, then by the code in its body.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use reqwest::{
    StatusCode,
    header::{DATE, HeaderMap, RETRY_AFTER},
};
use serde::Deserialize;
use serde_json::Value;

use crate::{attio::envelope::without_lone_surrogates, retry_after};

/// Headers that no page of Attio names; taken as hints where they come.
const REMAINING: &str = "x-ratelimit-remaining";
const RESET: &str = "x-ratelimit-reset";

/// A longer wait until a reset is taken for a misreading of a header that nobody documents.
const LONGEST_RESET: Duration = Duration::from_mins(5);

/// Numbers from here on are seconds since 1970, and from there on milliseconds.
const EPOCH_SECONDS: u64 = 1_000_000_000;
const EPOCH_MILLIS: u64 = 1_000_000_000_000;

/// An answer, read to its end or to the end of our patience.
#[derive(Debug)]
pub(super) struct Answer {
    /// Its status.
    pub(super) status: StatusCode,
    /// The wait that it asks for.
    pub(super) retry_after: Option<Duration>,
    /// It says that no call is left, and until when.
    pub(super) reset: Option<Duration>,
    /// Its body.
    pub(super) body: Bytes,
    /// The body was longer than we read.
    pub(super) is_cut: bool,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was carried out.
    Taken,
    /// There is no such thing, or not any more.
    NotFound,
    /// Too many calls; it was not carried out.
    RateLimited,
    /// A merge or another write is under way; it was not carried out.
    Busy,
    /// The token is not known. Stray ones are met under load, so it may be said wrongly.
    Unauthorized,
    /// The token may not do this.
    Forbidden,
    /// Attio will never take it.
    Refused,
    /// Attio is not well.
    Unavailable,
    /// The answer is no JSON, or not what it should be.
    Unreadable,
    /// The connection could not be made: nothing was sent.
    NoConnection,
    /// The connection broke.
    Broken,
    /// There was no answer in time.
    TimedOut,
}

/// Attio's error body: <https://docs.attio.com/rest-api/guides/rate-limiting> and every endpoint.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ErrorBody {
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) code: Option<String>,
}

impl Outcome {
    /// All of them.
    const ALL: [Self; 12] = [
        Self::Taken,
        Self::NotFound,
        Self::RateLimited,
        Self::Busy,
        Self::Unauthorized,
        Self::Forbidden,
        Self::Refused,
        Self::Unavailable,
        Self::Unreadable,
        Self::NoConnection,
        Self::Broken,
        Self::TimedOut,
    ];

    /// Every label that the metric can have.
    pub(super) fn labels() -> impl Iterator<Item = &'static str> {
        Self::ALL.into_iter().map(Self::label)
    }

    /// For the metric's label.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Taken => "ok",
            Self::NotFound => "not_found",
            Self::RateLimited => "rate_limited",
            Self::Busy => "busy",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::Refused => "refused",
            Self::Unavailable => "unavailable",
            Self::Unreadable => "unreadable",
            Self::NoConnection => "no_connection",
            Self::Broken => "broken",
            Self::TimedOut => "timeout",
        }
    }

    /// Whether the request may have been carried out although it looks as if not.
    pub(super) fn is_in_doubt(self) -> bool {
        match self {
            Self::Unavailable | Self::Unreadable | Self::Broken | Self::TimedOut => true,
            Self::Taken
            | Self::NotFound
            | Self::RateLimited
            | Self::Busy
            | Self::Unauthorized
            | Self::Forbidden
            | Self::Refused
            | Self::NoConnection => false,
        }
    }

    fn of(status: StatusCode, code: Option<&str>) -> Self {
        match (status.as_u16(), code) {
            (200..=299, _) => Self::Taken,
            (404, Some("merge_in_progress")) | (409, Some("concurrent_write_conflict")) => {
                Self::Busy
            }
            (404, Some("not_found")) => Self::NotFound,
            (401, _) => Self::Unauthorized,
            (403, _) => Self::Forbidden,
            (429, _) => Self::RateLimited,
            (408 | 425 | 500..=599, _) => Self::Unavailable,
            _ => Self::Refused,
        }
    }
}

impl Answer {
    /// Its meaning, with what its body says of an error.
    pub(super) fn outcome(&self) -> (Outcome, ErrorBody) {
        if self.status.is_success() {
            return (Outcome::Taken, ErrorBody::default());
        }
        // The status decides; the body's copy of it is spelt in two ways and never looked at.
        let error: ErrorBody = serde_json::from_slice(&self.body).unwrap_or_default();
        (Outcome::of(self.status, error.code.as_deref()), error)
    }

    /// The body as JSON.
    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok().or_else(|| {
            let text = std::str::from_utf8(&self.body).ok()?;
            serde_json::from_str(&without_lone_surrogates(text)).ok()
        })
    }
}

/// The wait of `Retry-After`.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    retry_after::parse(text(headers, RETRY_AFTER.as_str())?, sent_at(headers, now))
}

/// The wait until the reset, when an answer says that no call is left before it.
pub(super) fn reset(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let is_empty = text(headers, REMAINING)?.parse::<i64>().ok()? <= 0;
    let reset = text(headers, RESET).filter(|_| is_empty)?;
    let now = sent_at(headers, now);
    let wait = match reset.parse::<u64>() {
        Ok(number @ ..EPOCH_SECONDS) => Some(Duration::from_secs(number)),
        Ok(number) => {
            let millis = if number < EPOCH_MILLIS { number.checked_mul(1000)? } else { number };
            let at = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(millis))?;
            at.duration_since(now).ok()
        }
        Err(_) => retry_after::parse(reset, now),
    };
    wait.filter(|wait| *wait <= LONGEST_RESET)
}

/// When the answer was sent, by the clock that its other dates are told by: ours may differ.
fn sent_at(headers: &HeaderMap, now: SystemTime) -> SystemTime {
    let date = text(headers, DATE.as_str()).and_then(|date| httpdate::parse_http_date(date).ok());
    date.unwrap_or(now)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(status: u16, code: &str) -> Outcome {
        Outcome::of(StatusCode::from_u16(status).unwrap(), Some(code))
    }

    #[test]
    fn every_recorded_error_means_what_the_reference_says() {
        let index = include_str!("../../../tests/data/api/index.json");
        let index: Value = serde_json::from_str(index).unwrap();
        for case in index["responses"].as_array().unwrap() {
            let file = case["file"].as_str().unwrap();
            let path = format!("{}/tests/data/api/{file}", env!("CARGO_MANIFEST_DIR"));
            let status = u16::try_from(case["status"].as_u64().unwrap()).unwrap();
            let answer = Answer {
                status: StatusCode::from_u16(status).unwrap(),
                retry_after: None,
                reset: None,
                body: std::fs::read(path).unwrap().into(),
                is_cut: false,
            };
            let expected = match file {
                "error.404-merge-in-progress.json" => Outcome::Busy,
                "error.404-not-found.json" => Outcome::NotFound,
                "error.401-unauthorized.json" => Outcome::Unauthorized,
                "error.403-scope.json" => Outcome::Forbidden,
                "error.429-rate-limit.json" => Outcome::RateLimited,
                error if error.starts_with("error.") => Outcome::Refused,
                _ => Outcome::Taken,
            };
            assert_eq!(answer.outcome().0, expected, "{file}");
        }
        assert_eq!(outcome(409, "concurrent_write_conflict"), Outcome::Busy);
        assert_eq!(outcome(409, "slug_conflict"), Outcome::Refused);
        for status in [408, 500, 502, 503, 504] {
            assert_eq!(outcome(status, ""), Outcome::Unavailable, "{status}");
        }
    }

    #[test]
    fn a_404_that_is_not_attios_own_is_no_fact_about_a_record() {
        assert_eq!(Outcome::of(StatusCode::NOT_FOUND, None), Outcome::Refused);
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn now() -> SystemTime {
        httpdate::parse_http_date("Sun, 22 Nov 2026 08:30:00 GMT").unwrap()
    }

    #[test]
    fn a_date_is_read_by_the_clock_of_who_sent_it() {
        let headers = headers(&[
            ("date", "Sun, 22 Nov 2026 09:30:00 GMT"),
            ("retry-after", "Sun, 22 Nov 2026 09:30:02 GMT"),
        ]);
        assert_eq!(retry_after(&headers, now()), Some(Duration::from_secs(2)));
    }

    #[test]
    fn a_reset_is_read_in_every_form_but_only_when_nothing_remains() {
        let wait = |remaining: &str, value: &str| {
            reset(&headers(&[(REMAINING, remaining), (RESET, value)]), now())
        };
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(wait("0", "2"), seconds(2));
        assert_eq!(wait("0", "1795336203"), seconds(3));
        assert_eq!(wait("0", "1795336204000"), seconds(4));
        assert_eq!(wait("0", "2026-11-22T08:30:05Z"), seconds(5));
        assert_eq!(wait("0", "Sun, 22 Nov 2026 08:30:06 GMT"), seconds(6));
        for (remaining, value) in
            [("1", "2"), ("", "2"), ("0", "soon"), ("0", "301"), ("0", "1795336100"), ("0", "-1")]
        {
            assert_eq!(wait(remaining, value), None, "{remaining} {value}");
        }
    }
}
