//! How the deliveries of a route or an action fare: counted for a day, and what came last.

use serde::Serialize;
use time::OffsetDateTime;

use super::lookout::{Kept, begin_of_day};
use crate::store::{Counted, Fared, QUARTER, Tally, some_time, time};

/// Quarters of an hour in a day.
pub const QUARTERS: usize = 96;

/// How something fares.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fares {
    /// Its deliveries of the last day, quarter hour by quarter hour.
    pub day: Day,
    /// Of the deliveries that succeeded or died in the last day, the part that succeeded, from 0 to
    /// 1; none when there were none.
    pub success_rate: Option<f64>,
    /// When a delivery succeeded last.
    #[serde(serialize_with = "some_time")]
    pub last_success: Option<OffsetDateTime>,
    /// When an attempt failed, or a delivery died, last.
    #[serde(serialize_with = "some_time")]
    pub last_failure: Option<OffsetDateTime>,
    /// What went wrong then.
    pub last_error: Option<String>,
    /// Since when all attempts fail; none when the last one did not, and when nothing is left of
    /// what failed: it was discarded, say.
    #[serde(serialize_with = "some_time")]
    pub failing_since: Option<OffsetDateTime>,
    /// Deliveries that have not ended.
    pub open: u64,
    /// There are more: not all were counted.
    pub open_is_at_least: bool,
    /// How long the oldest one that is due has waited, in seconds; 0 when none is.
    pub oldest_due_seconds: f64,
}

/// The deliveries of a day up to now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Day {
    /// When the first quarter of an hour begins. The last one is the present one.
    #[serde(serialize_with = "time")]
    pub begins_at: OffsetDateTime,
    /// Deliveries that succeeded, for each of the [`QUARTERS`].
    pub delivered: Vec<u64>,
    /// Attempts that failed and are tried again, and deliveries that died, for each of them.
    pub failed: Vec<u64>,
    /// Deliveries that succeeded, in all.
    pub succeeded: u64,
    /// Deliveries that the route did not want after all.
    pub skipped: u64,
    /// Deliveries that ended without success.
    pub dead: u64,
    /// Deliveries that a person ended.
    pub discarded: u64,
}

impl Fares {
    /// Over all pairs of a route and an action that are meant.
    pub(super) fn new(
        kept: &Kept,
        is_meant: impl Fn(&str, &str) -> bool,
        now: OffsetDateTime,
    ) -> Self {
        let fared: Vec<&Fared> =
            kept.fared.iter().filter(|one| is_meant(&one.route, &one.action)).collect();
        let open: Vec<_> =
            kept.open.iter().filter(|one| is_meant(&one.route, &one.action)).collect();
        let day = Day::new(&kept.tallies, &is_meant, now);
        let last_success = fared.iter().filter_map(|one| one.last_success).max();
        let failed = fared.iter().filter(|one| one.last_failure.is_some());
        let failed = failed.max_by_key(|one| one.last_failure);
        let last_failure = failed.and_then(|one| one.last_failure);
        let is_left =
            |one: &&&Fared| one.failing_since.is_some() && kept.is_left(&one.route, &one.action);
        let left: Vec<_> = fared.iter().filter(is_left).collect();
        let left_failure = left.iter().filter_map(|one| one.last_failure).max();
        let since = left.iter().filter_map(|one| one.failing_since);
        let since = since.filter(|since| Some(*since) > last_success).min();
        let due_since = open.iter().filter_map(|one| one.due_since).min();
        Self {
            success_rate: day.success_rate(),
            day,
            last_success,
            last_failure,
            last_error: failed.and_then(|one| one.last_error.clone()),
            failing_since: (left_failure > last_success)
                .then_some(since.or(left_failure))
                .flatten(),
            open: open.iter().map(|one| one.count).sum(),
            open_is_at_least: kept.is_cut(),
            oldest_due_seconds: due_since
                .map_or(0.0, |since| (now - since).as_seconds_f64())
                .max(0.0),
        }
    }
}

impl Day {
    pub(super) fn new(
        tallies: &[Tally],
        is_meant: impl Fn(&str, &str) -> bool,
        now: OffsetDateTime,
    ) -> Self {
        let begins_at = begin_of_day(now);
        let mut day = Self {
            begins_at,
            delivered: vec![0; QUARTERS],
            failed: vec![0; QUARTERS],
            succeeded: 0,
            skipped: 0,
            dead: 0,
            discarded: 0,
        };
        for tally in tallies.iter().filter(|one| is_meant(&one.route, &one.action)) {
            let quarter = (tally.bucket - begins_at).whole_seconds().div_euclid(QUARTER);
            // The clock of a replica may be a little ahead.
            let quarter = usize::try_from(quarter).unwrap_or(0).min(QUARTERS - 1);
            day.add(quarter, tally.result, tally.count);
        }
        day
    }

    fn add(&mut self, quarter: usize, result: Counted, count: u64) {
        match result {
            Counted::Succeeded => {
                self.delivered[quarter] += count;
                self.succeeded += count;
            }
            Counted::Failed => self.failed[quarter] += count,
            Counted::Dead => {
                self.failed[quarter] += count;
                self.dead += count;
            }
            Counted::Skipped => self.skipped += count,
            Counted::Discarded => self.discarded += count,
        }
    }

    fn success_rate(&self) -> Option<f64> {
        let all = self.succeeded + self.dead;
        #[expect(clippy::cast_precision_loss, reason = "a share")]
        let rate = self.succeeded as f64 / all as f64;
        (all > 0).then_some(rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::OpenTally;

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(1_800_000_000 + seconds).unwrap()
    }

    fn tally(seconds: i64, result: Counted, count: u64) -> Tally {
        let (route, action) = ("r".to_owned(), "a".to_owned());
        Tally { bucket: at(seconds), route, action, result, count }
    }

    #[test]
    fn the_last_quarter_is_the_present_one_and_the_first_began_almost_a_day_before() {
        let tallies = [
            tally(0, Counted::Succeeded, 3),
            tally(-95 * QUARTER, Counted::Dead, 2),
            tally(0, Counted::Failed, 4),
            tally(0, Counted::Skipped, 5),
            tally(QUARTER, Counted::Discarded, 1),
        ];
        let day = Day::new(&tallies, |_, _| true, at(899));
        assert_eq!((day.delivered[95], day.failed[95], day.failed[0]), (3, 4, 2));
        assert_eq!((day.succeeded, day.dead, day.skipped, day.discarded), (3, 2, 5, 1));
        assert_eq!(day.success_rate(), Some(0.6));
        assert_eq!(Day::new(&tallies, |_, _| false, at(0)).success_rate(), None);
    }

    #[test]
    fn an_action_fails_since_the_first_failure_after_the_last_success_of_any_route() {
        let fared = |route: &str, success: Option<i64>, failing: Option<(i64, i64)>| Fared {
            route: route.to_owned(),
            action: "a".to_owned(),
            last_success: success.map(at),
            last_failure: failing.map(|(_, last)| at(last)),
            last_error: failing.map(|(_, last)| format!("error {last}")),
            failing_since: failing.map(|(since, _)| at(since)),
        };
        let open = |route: &str| OpenTally {
            route: route.to_owned(),
            action: "a".to_owned(),
            count: 2,
            failing: 1,
            due_since: None,
        };
        let of = |fared: Vec<Fared>, open: Vec<OpenTally>| {
            Fares::new(&Kept { fared, open, ..Kept::default() }, |_, _| true, at(100))
        };
        let both = || vec![fared("r", None, Some((1, 9))), fared("s", Some(4), Some((5, 8)))];
        let fail = of(both(), vec![open("r"), open("s")]);
        assert_eq!((fail.failing_since, fail.last_failure), (Some(at(5)), Some(at(9))));
        assert_eq!(fail.last_error.as_deref(), Some("error 9"));
        let one = of(both(), vec![open("r"), OpenTally { failing: 0, ..open("s") }]);
        assert_eq!(one.failing_since, Some(at(9)), "of the other nothing is left that failed");
        let none = of(both(), Vec::new());
        assert_eq!((none.failing_since, none.last_failure), (None, Some(at(9))));
        let well =
            of(vec![fared("r", None, Some((1, 3))), fared("s", Some(4), None)], vec![open("r")]);
        assert_eq!((well.failing_since, well.last_success), (None, Some(at(4))));
    }
}
