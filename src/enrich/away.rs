//! Leaves Attio alone while it is away: one look-up now and then asks whether it is back.

use std::{
    sync::{Mutex, MutexGuard},
    time::{Duration, Instant},
};

use tracing::{info, warn};

use super::{DENIED, Setback};
use crate::attio::client::ApiError;

/// The first pause, doubled with every failure.
const FIRST: Duration = Duration::from_millis(500);

/// The longest pause.
const LONGEST: Duration = Duration::from_secs(30);

/// Whether look-ups have any chance at the moment.
#[derive(Debug, Default)]
pub(super) struct Away(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    until: Option<Instant>,
    failures: u32,
}

impl Away {
    /// # Errors
    /// Attio failed a moment ago and is left alone.
    pub(super) fn check(&self) -> Result<(), Setback> {
        let mut state = self.state();
        let now = Instant::now();
        match state.until.filter(|until| *until > now) {
            None => {
                // Whoever comes first asks; the others wait for what it meets.
                if state.failures > 0 {
                    state.until = Some(now + pause(state.failures));
                }
                Ok(())
            }
            Some(until) => Err(later("Attio does not answer", until - now)),
        }
    }

    pub(super) fn answered(&self) {
        let mut state = self.state();
        if state.failures > 0 {
            info!("Attio answers again");
        }
        *state = State::default();
    }

    /// Notes a failure, and says what it means for the delivery.
    pub(super) fn failed(&self, error: &ApiError) -> Setback {
        let what = error.to_string();
        match error {
            ApiError::Refused { .. } => {
                self.answered();
                Setback::Never(what)
            }
            ApiError::Denied { .. } => {
                warn!(error = what, "Attio does not let the token look something up");
                Setback::Later { reason: "attio", what, wait: jittered(DENIED) }
            }
            // Its limits say when; whoever asks again before that is told the same by the client.
            ApiError::Later { after: Some(after), .. } => later(&what, *after),
            ApiError::Later { after: None, .. } => {
                let mut state = self.state();
                if state.failures == 0 {
                    warn!(error = what, "Attio is away; deliveries that need it are put off");
                }
                state.failures = state.failures.saturating_add(1);
                let pause = pause(state.failures);
                state.until = Some(Instant::now() + pause);
                later(&what, pause)
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no one panics while holding it")
    }
}

fn pause(failures: u32) -> Duration {
    (FIRST * 2_u32.saturating_pow(failures.min(16))).min(LONGEST)
}

fn later(what: &str, wait: Duration) -> Setback {
    Setback::Later { reason: "attio", what: what.to_owned(), wait: jittered(wait) }
}

/// A little later, so that not all come at once.
fn jittered(wait: Duration) -> Duration {
    wait + wait.mul_f64(fastrand::f64() / 4.0) + Duration::from_millis(fastrand::u64(..250))
}
