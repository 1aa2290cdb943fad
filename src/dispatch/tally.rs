//! Counts what became of deliveries, in memory, and has the store add it every few seconds.
//!
//! Only what the store has taken is counted, and each count goes to the store once. Accepted: what
//! a killed process has counted and not yet told is missing from the tallies, and so is what a call
//! told that ended in doubt.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use time::OffsetDateTime;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{
    name::{ActionName, RouteName},
    store::{Counted, Desk, Fared, Outcome, StoreError, Tally, Verdict, quarter_of},
    telemetry::{Metrics, error_text, unix_seconds},
};

/// So long after the first count all are told.
const GATHER: Duration = Duration::from_secs(2);

/// The pauses after failures, doubled up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// The counts of a process. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Counts(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    gathered: Mutex<Gathered>,
    begun: Notify,
}

/// What was counted and not yet told.
#[derive(Debug, Default)]
struct Gathered {
    tallies: HashMap<(OffsetDateTime, RouteName, ActionName, Counted), u64>,
    fared: HashMap<(RouteName, ActionName), Fared>,
}

impl Counts {
    /// Counts what the store has taken of an outcome.
    pub(super) fn count(
        &self,
        (route, action): (&RouteName, &ActionName),
        outcome: &Outcome,
        now: OffsetDateTime,
    ) {
        let error = || outcome.attempt.as_ref().and_then(|attempt| attempt.error.clone());
        let (what, failed) = match &outcome.verdict {
            Verdict::Succeeded => (Counted::Succeeded, None),
            Verdict::Skipped(_) | Verdict::Merged(_) => (Counted::Skipped, None),
            Verdict::Dead(reason) => (Counted::Dead, Some(reason.clone())),
            Verdict::Retry(_) => (Counted::Failed, Some(error().unwrap_or_default())),
            Verdict::Postponed(_) | Verdict::Orphaned | Verdict::Paused => return,
        };
        let mut gathered = self.gathered();
        gathered.add((route, action), what, 1, now);
        if matches!(what, Counted::Succeeded) {
            gathered.fared((route, action)).succeeded(now);
        } else if let Some(error) = failed {
            gathered.fared((route, action)).failed(now, error);
        }
        drop(gathered);
        self.0.begun.notify_one();
    }

    /// Counts deliveries that ended beside another one, merged into it.
    pub(super) fn merged(&self, of: (&RouteName, &ActionName), count: u64, now: OffsetDateTime) {
        if count > 0 {
            self.gathered().add(of, Counted::Skipped, count, now);
            self.0.begun.notify_one();
        }
    }

    fn gathered(&self) -> MutexGuard<'_, Gathered> {
        self.0.gathered.lock().expect("no one panics while holding it")
    }

    /// Tells the store what was counted until `stop`, and then the rest.
    pub(super) async fn tell(self, desk: Desk, metrics: Arc<Metrics>, stop: CancellationToken) {
        let mut failures = 0;
        while stop.run_until_cancelled(self.0.begun.notified()).await.is_some() {
            stop.run_until_cancelled(tokio::time::sleep(GATHER)).await;
            failures = if self.flush(&desk, &metrics).await { 0 } else { failures + 1 };
            if failures > 0 {
                let pause = FIRST_PAUSE * 2_u32.saturating_pow(failures.min(6) - 1);
                let pause = pause.min(LONGEST_PAUSE).mul_f64(0.5 + fastrand::f64() / 2.0);
                stop.run_until_cancelled(tokio::time::sleep(pause)).await;
                self.0.begun.notify_one();
            }
        }
        self.flush(&desk, &metrics).await;
    }

    /// False when it is to be tried again.
    async fn flush(&self, desk: &Desk, metrics: &Metrics) -> bool {
        let (tallies, fared) = std::mem::take(&mut *self.gathered()).rows();
        if tallies.is_empty() {
            return true;
        }
        match desk.add_tallies(tallies.clone(), fared.clone()).await {
            Ok(()) => {
                metrics.last_success.with(["tally"]).set(unix_seconds());
                true
            }
            Err(error) => {
                metrics.store_errors.with(["tally"]).increment(1);
                let is_lost = matches!(error, StoreError::Doubtful(_) | StoreError::Refused(_));
                let what = if is_lost { "they are missing" } else { "will try again" };
                warn!(error = error_text(&error), "could not add to the tallies; {what}");
                if !is_lost {
                    self.gathered().take_back(tallies, fared);
                }
                is_lost
            }
        }
    }
}

impl Gathered {
    fn add(
        &mut self,
        (route, action): (&RouteName, &ActionName),
        what: Counted,
        count: u64,
        now: OffsetDateTime,
    ) {
        let key = (quarter_of(now), route.clone(), action.clone(), what);
        *self.tallies.entry(key).or_default() += count;
    }

    fn fared(&mut self, (route, action): (&RouteName, &ActionName)) -> &mut Fared {
        self.fared.entry((route.clone(), action.clone())).or_insert_with(|| Fared {
            route: route.to_string(),
            action: action.to_string(),
            ..Fared::default()
        })
    }

    fn rows(self) -> (Vec<Tally>, Vec<Fared>) {
        let tally = |((bucket, route, action, result), count): (
            (OffsetDateTime, RouteName, ActionName, Counted),
            u64,
        )| {
            let (route, action) = (route.to_string(), action.to_string());
            Tally { bucket, route, action, result, count }
        };
        (self.tallies.into_iter().map(tally).collect(), self.fared.into_values().collect())
    }

    /// The store did not take them; what was counted since comes after them.
    fn take_back(&mut self, tallies: Vec<Tally>, fared: Vec<Fared>) {
        for Tally { bucket, route, action, result, count } in tallies {
            let key = (bucket, route.as_str().into(), action.as_str().into(), result);
            *self.tallies.entry(key).or_default() += count;
        }
        for mut earlier in fared {
            let key = (earlier.route.as_str().into(), earlier.action.as_str().into());
            if let Some(later) = self.fared.remove(&key) {
                earlier.go_on(later);
            }
            self.fared.insert(key, earlier);
        }
    }
}

impl Fared {
    fn succeeded(&mut self, now: OffsetDateTime) {
        (self.last_success, self.failing_since) = (Some(now), None);
    }

    fn failed(&mut self, now: OffsetDateTime, error: String) {
        (self.last_failure, self.last_error) = (Some(now), Some(error));
        self.failing_since.get_or_insert(now);
    }

    /// What happened afterwards.
    fn go_on(&mut self, later: Self) {
        if later.last_success.is_some() {
            self.last_success = later.last_success;
            self.failing_since = later.failing_since;
        }
        if later.last_failure.is_some() {
            (self.last_failure, self.last_error) = (later.last_failure, later.last_error);
            self.failing_since = self.failing_since.or(later.failing_since);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(1_800_000_000 + seconds).unwrap()
    }

    #[test]
    fn what_the_store_did_not_take_is_told_with_what_came_since() {
        let (route, action) = (RouteName::from("r"), ActionName::from("a"));
        let of = (&route, &action);
        let mut counts = Gathered::default();
        counts.add(of, Counted::Failed, 2, at(0));
        counts.fared(of).failed(at(0), "no".to_owned());
        let (tallies, fared) = std::mem::take(&mut counts).rows();
        counts.add(of, Counted::Failed, 1, at(5));
        counts.fared(of).failed(at(5), "still no".to_owned());
        counts.take_back(tallies, fared);
        let (tallies, fared) = counts.rows();
        assert_eq!((tallies.len(), tallies[0].count), (1, 3));
        assert_eq!((fared[0].failing_since, fared[0].last_failure), (Some(at(0)), Some(at(5))));
        assert_eq!(fared[0].last_error.as_deref(), Some("still no"));
    }

    #[test]
    fn a_success_ends_the_failing_and_the_next_failure_begins_it_anew() {
        let mut fared = Fared::default();
        fared.failed(at(0), "no".to_owned());
        fared.succeeded(at(1));
        assert_eq!(fared.failing_since, None);
        let mut later = Fared::default();
        later.succeeded(at(2));
        later.failed(at(3), "again".to_owned());
        fared.go_on(later);
        assert_eq!((fared.failing_since, fared.last_success), (Some(at(3)), Some(at(2))));
    }
}
