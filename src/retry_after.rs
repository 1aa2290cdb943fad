//! The wait that a destination asks for with `Retry-After`.
//!
//! <https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3> knows seconds and HTTP dates; some
//! services, Attio's clients have met it, send ISO 8601. What cannot be meant is ignored, so that
//! one broken header cannot park a delivery for years.

use std::time::{Duration, SystemTime};

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// A longer wait than this is taken for a mistake.
const LONGEST: Duration = Duration::from_hours(30 * 24);

/// The wait from `now` on that `value` asks for.
///
/// `None` when it cannot be read, lies in the past, or is more than 30 days.
#[must_use]
pub fn parse(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    let wait = seconds(value).or_else(|| instant(value)?.duration_since(now).ok())?;
    (wait <= LONGEST).then_some(wait)
}

fn seconds(value: &str) -> Option<Duration> {
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| value.parse().ok().map(Duration::from_secs))?
}

fn instant(value: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(value)
        .ok()
        .or_else(|| OffsetDateTime::parse(value, &Rfc3339).ok().map(SystemTime::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(value: &str) -> Option<Duration> {
        let now = httpdate::parse_http_date("Sun, 22 Nov 2026 08:30:00 GMT").unwrap();
        parse(value, now)
    }

    #[test]
    fn all_three_forms_are_understood() {
        assert_eq!(wait("2"), Some(Duration::from_secs(2)));
        assert_eq!(wait("0"), Some(Duration::ZERO));
        assert_eq!(wait(" 7 "), Some(Duration::from_secs(7)));
        assert_eq!(wait("Sun, 22 Nov 2026 08:30:01 GMT"), Some(Duration::from_secs(1)));
        assert_eq!(wait("2026-11-22T08:30:03.000Z"), Some(Duration::from_secs(3)));
        assert_eq!(wait("2026-11-22T09:30:05+01:00"), Some(Duration::from_secs(5)));
        assert_eq!(wait("Sun, 22 Nov 2026 20:30:00 GMT"), Some(Duration::from_hours(12)));
    }

    #[test]
    fn what_cannot_be_meant_is_ignored() {
        for value in [
            "",
            "soon",
            "-1",
            "+5",
            "1.5",
            "2592001",
            "99999999999999999999999",
            "Sun, 22 Nov 2026 08:29:59 GMT",
            "2026-11-22T08:29:59Z",
            "2027-11-22T08:30:00Z",
            "9999-12-31T23:59:59Z",
            "Sun, 22 Nov 2026",
            "2026-13-40T00:00:00Z",
        ] {
            assert_eq!(wait(value), None, "{value}");
        }
    }

    #[test]
    fn the_recorded_answers_of_attio_are_understood() {
        let recorded = include_str!("../tests/data/api/error-headers.json");
        let recorded: serde_json::Value = serde_json::from_str(recorded).unwrap();
        let seen = recorded["seen_in_third_party_code"].as_array().unwrap().iter();
        for case in seen.chain([&recorded["documented"]]) {
            let text = |name: &str| case["headers"][name].as_str().unwrap();
            let now = httpdate::parse_http_date(text("Date")).unwrap();
            let expected = case["wait_seconds"].as_u64().map(Duration::from_secs);
            assert_eq!(parse(text("Retry-After"), now), expected);
        }
    }
}
