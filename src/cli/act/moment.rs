//! A moment, as people write it: `2026-11-22T09:00:00Z`, or so long ago, such as `2h`.

use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

/// Reads a moment; `now` is what "ago" counts from.
pub(super) fn parse(text: &str) -> Result<OffsetDateTime, String> {
    at(text, OffsetDateTime::now_utc())
}

fn at(text: &str, now: OffsetDateTime) -> Result<OffsetDateTime, String> {
    if let Ok(moment) = OffsetDateTime::parse(text, &Rfc3339) {
        return Ok(moment);
    }
    ago(text).and_then(|ago| now.checked_sub(ago)).ok_or_else(|| {
        "write a time such as 2026-11-22T09:00:00Z, or how long ago: 90s, 30m, 2h, 7d".to_owned()
    })
}

fn ago(text: &str) -> Option<Duration> {
    let seconds = match text.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return None,
    };
    let number: i64 = text[..text.len() - 1].parse().ok().filter(|number| *number >= 0)?;
    Some(Duration::seconds(number.checked_mul(seconds)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_time_or_so_long_ago() {
        let now = OffsetDateTime::UNIX_EPOCH + Duration::days(100);
        let hours = |hours| Ok(now - Duration::hours(hours));
        assert_eq!(at("2h", now), hours(2));
        assert_eq!(at("2d", now), hours(48));
        assert_eq!(at("1970-04-11T00:00:00Z", now), hours(0));
        assert_eq!(at("1970-04-11T02:00:00+02:00", now), hours(0));
        for wrong in ["", "h", "-2h", "2", "yesterday", "2ü", "99999999999999d"] {
            assert!(at(wrong, now).is_err(), "{wrong}");
        }
    }
}
