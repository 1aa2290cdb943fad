//! The fake's clock: the wall's, which tests may move.

use std::{sync::Mutex, time::SystemTime};

use time::{Duration, OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

/// Wall time plus what it was moved ahead by, or less what it was set back by.
#[derive(Debug, Default)]
pub(super) struct Clock {
    ahead: Mutex<Duration>,
}

impl Clock {
    pub(super) fn now(&self) -> SystemTime {
        SystemTime::now() + *super::lock(&self.ahead)
    }

    /// Ahead, or back where negative.
    pub(super) fn shift(&self, by: Duration) {
        *super::lock(&self.ahead) += by;
    }

    /// Now, as Attio writes it.
    pub(super) fn text(&self) -> String {
        text(self.now().into())
    }
}

/// RFC 3339 in UTC with nanoseconds; two such texts compare as their times do.
pub(super) fn text(at: OffsetDateTime) -> String {
    let at = at.to_offset(UtcOffset::UTC);
    let (hour, minute, second, nano) = at.time().as_hms_nano();
    let (year, month, day) = at.to_calendar_date();
    let month = u8::from(month);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nano:09}Z")
}

/// A time stamp or a date as Attio writes time stamps; `None` for anything else.
pub(super) fn normal(written: &str) -> Option<String> {
    let is_date = written.len() == "2026-11-22".len();
    let whole = if is_date { format!("{written}T00:00:00Z") } else { written.to_owned() };
    OffsetDateTime::parse(&whole, &Rfc3339).ok().map(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_attio_writes_them() {
        let written = normal("2026-11-22T09:30:00.5+01:00");
        assert_eq!(written.as_deref(), Some("2026-11-22T08:30:00.500000000Z"));
        assert_eq!(normal("2026-11-22").as_deref(), Some("2026-11-22T00:00:00.000000000Z"));
        assert_eq!(normal("yesterday"), None);
    }
}
