//! When somebody last looked at a route, and when that is due again.

use time::{Date, Duration, format_description::well_known::Iso8601};

/// A review holds for so many days.
const HOLDS_DAYS: i64 = 90;

/// It is tomorrow somewhere already.
const ZONES: Duration = Duration::days(1);

/// How it stands with the reviews of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Review {
    /// Nobody ever said that they looked at it.
    Never,
    /// It was looked at not too long ago.
    Current {
        /// When.
        reviewed: Date,
        /// The last day on which that is enough.
        next: Date,
    },
    /// It was looked at too long ago.
    Overdue {
        /// When.
        reviewed: Date,
        /// The day on which it was due again.
        next: Date,
        /// Days since then.
        days: i64,
    },
    /// The day is still to come, so it tells nothing.
    ToCome {
        /// The day.
        reviewed: Date,
    },
}

impl Review {
    /// What a date, as `YYYY-MM-DD`, means `today`.
    #[must_use]
    pub fn of(reviewed: Option<&str>, today: Date) -> Self {
        let parsed = reviewed.and_then(|day| Date::parse(day, &Iso8601::DATE).ok());
        let Some(reviewed) = parsed else {
            return Self::Never;
        };
        let next = reviewed.saturating_add(Duration::days(HOLDS_DAYS));
        let days = (today - next).whole_days();
        if reviewed - today > ZONES {
            Self::ToCome { reviewed }
        } else if days > 0 {
            Self::Overdue { reviewed, next, days }
        } else {
            Self::Current { reviewed, next }
        }
    }

    /// When somebody last looked at it.
    #[must_use]
    pub fn reviewed(self) -> Option<Date> {
        match self {
            Self::Never => None,
            Self::Current { reviewed, .. }
            | Self::Overdue { reviewed, .. }
            | Self::ToCome { reviewed } => Some(reviewed),
        }
    }

    /// When somebody should look at it again.
    #[must_use]
    pub fn next(self) -> Option<Date> {
        match self {
            Self::Never | Self::ToCome { .. } => None,
            Self::Current { next, .. } | Self::Overdue { next, .. } => Some(next),
        }
    }

    /// What somebody should see to.
    #[must_use]
    pub fn finding(self) -> Option<String> {
        match self {
            Self::Current { .. } => None,
            Self::Never => Some("was never reviewed".to_owned()),
            Self::Overdue { reviewed, next, days } => {
                let days = if days == 1 { "1 day".to_owned() } else { format!("{days} days") };
                Some(format!("was reviewed on {reviewed}, and again due on {next}: {days} overdue"))
            }
            Self::ToCome { reviewed } => {
                Some(format!("says it was reviewed on {reviewed}, which is still to come"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Date {
        Date::parse(text, &Iso8601::DATE).unwrap()
    }

    fn on(today: &str) -> Review {
        Review::of(Some("2026-08-01"), day(today))
    }

    #[test]
    fn a_review_holds_for_ninety_days() {
        let (reviewed, next) = (day("2026-08-01"), day("2026-10-30"));
        assert_eq!(on("2026-08-01"), Review::Current { reviewed, next });
        assert_eq!(on("2026-10-30"), Review::Current { reviewed, next });
        assert_eq!(on("2026-10-31"), Review::Overdue { reviewed, next, days: 1 });
        assert!(on("2026-10-30").finding().is_none());
        assert!(on("2026-10-31").finding().unwrap().ends_with("due on 2026-10-30: 1 day overdue"));
    }

    #[test]
    fn what_was_never_reviewed_is_said() {
        assert_eq!(Review::of(None, day("2026-10-30")), Review::Never);
        assert_eq!(Review::Never.finding().unwrap(), "was never reviewed");
    }

    #[test]
    fn a_day_to_come_is_no_review_unless_it_is_only_tomorrow() {
        assert!(matches!(on("2026-07-31"), Review::Current { .. }));
        assert!(matches!(on("2026-07-30"), Review::ToCome { .. }));
        assert!(on("2026-07-30").finding().unwrap().contains("still to come"));
    }
}
