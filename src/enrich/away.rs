//! Leaves Attio alone while it is away: one look-up now and then asks whether it is back.
//!
//! One thing that Attio cannot answer is not Attio being away: only failures in a row count, those
//! that met at the same time as one. What the token may not see is left alone by itself.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard},
    time::{Duration, Instant},
};

use tracing::{info, warn};

use super::{DENIED, Setback, thing::Kind};
use crate::attio::client::ApiError;

/// What failed is looked up again after so long; the first pause of all is as long, and doubled
/// with every failure.
const FIRST: Duration = Duration::from_secs(1);

/// The longest pause.
const LONGEST: Duration = Duration::from_secs(30);

/// So many failures in a row are no accident. One that got no answer at all is none either.
const ENOUGH: u32 = 3;

/// Whether look-ups have any chance at the moment.
#[derive(Debug, Default)]
pub(super) struct Away(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Until when nothing is asked.
    until: Option<Instant>,
    /// In a row.
    failures: u32,
    failed_at: Option<Instant>,
    /// Until when things of a kind are not asked for.
    denied: HashMap<Kind, Instant>,
}

impl Away {
    /// # Errors
    /// Attio failed a moment ago and is left alone.
    pub(super) fn check(&self, kind: &Kind) -> Result<(), Setback> {
        let mut state = self.state();
        let now = Instant::now();
        if let Some(until) = state.until.filter(|until| *until > now) {
            return Err(later("Attio does not answer", until - now));
        }
        if let Some(until) = state.denied.get(kind).filter(|until| **until > now) {
            return Err(later("the token may not look it up", *until - now));
        }
        if state.failures >= ENOUGH {
            // Whoever comes first asks; the others wait for what it meets.
            state.until = Some(now + state.pause());
        }
        Ok(())
    }

    /// Notes what came of a look-up that began at `asked_at`.
    pub(super) fn note<T>(
        &self,
        kind: &Kind,
        asked_at: Instant,
        found: Result<T, ApiError>,
    ) -> Result<T, Setback> {
        match found {
            Ok(found) => {
                self.answered();
                Ok(found)
            }
            Err(error) => Err(self.failed(kind, asked_at, &error)),
        }
    }

    fn answered(&self) {
        let mut state = self.state();
        if state.failures >= ENOUGH {
            info!("Attio answers again");
        }
        (state.until, state.failures) = (None, 0);
    }

    fn failed(&self, kind: &Kind, asked_at: Instant, error: &ApiError) -> Setback {
        let what = error.to_string();
        match error {
            ApiError::Refused { .. } => {
                self.answered();
                Setback::Never(what)
            }
            ApiError::Denied { status, .. } => {
                warn!(error = what, "Attio does not let the token look something up");
                let until = Instant::now() + DENIED;
                if *status == 403 {
                    self.answered();
                    self.state().denied.insert(kind.clone(), until);
                } else {
                    self.state().until = Some(until);
                }
                later(&what, DENIED)
            }
            // Its limits say when; whoever asks again before that is told the same by the client.
            ApiError::Later { after: Some(after), .. } => later(&what, *after),
            // Busy with this one: a merge, a write.
            ApiError::Later { status: Some(404 | 409), .. } => later(&what, FIRST),
            ApiError::Later { status, .. } => {
                later(&what, self.state().count(asked_at, status.is_some(), &what))
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no one panics while holding it")
    }
}

impl State {
    /// Counts a failure, unless it met at the same time as the last one. Returns when to try again.
    fn count(&mut self, asked_at: Instant, was_answered: bool, what: &str) -> Duration {
        if self.failed_at.is_none_or(|failed_at| failed_at <= asked_at) {
            let was_away = self.failures >= ENOUGH;
            let least = if was_answered { 0 } else { ENOUGH };
            self.failures = self.failures.saturating_add(1).max(least);
            self.failed_at = Some(Instant::now());
            if self.failures >= ENOUGH {
                self.until = Some(Instant::now() + self.pause());
                if !was_away {
                    warn!(error = what, "Attio is away; deliveries that need it are put off");
                }
            }
        }
        let until = self.until.map(|until| until.saturating_duration_since(Instant::now()));
        until.unwrap_or_default().max(FIRST)
    }

    fn pause(&self) -> Duration {
        let doubled = self.failures.saturating_sub(ENOUGH).min(16);
        FIRST.saturating_mul(2_u32.saturating_pow(doubled)).min(LONGEST)
    }
}

fn later(what: &str, wait: Duration) -> Setback {
    Setback::Later { reason: "attio", what: what.to_owned(), wait: jittered(wait) }
}

/// A little later, so that not all come at once.
fn jittered(wait: Duration) -> Duration {
    wait + wait.mul_f64(fastrand::f64() / 4.0) + Duration::from_millis(fastrand::u64(..250))
}
