//! The circuit breaker of one action: a destination that fails again and again is left alone.
//!
//! While it is open nothing is claimed for the action, so waiting costs no tries. Then one
//! delivery is let through: its success closes the breaker, its failure opens it for longer. Pure:
//! the time and chance are arguments.

use std::time::{Duration, Instant};

/// Failures in a row that open the breaker.
const FAILURES: u32 = 10;

/// How long it is open the first time; doubled each further time, up to `LONGEST`.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_mins(1);

/// Whether an action's destination is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breaker {
    /// Attempts are made.
    Closed {
        /// Failures in a row so far.
        failures: u32,
    },
    /// No attempt is made.
    Open {
        /// Until then.
        until: Instant,
        /// How often in a row it opened.
        times: u32,
    },
    /// One attempt is being made, to see.
    Probing {
        /// How often in a row it opened.
        times: u32,
    },
}

/// How many attempts a breaker lets through now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// Any number.
    Free,
    /// One, as a probe.
    Probe,
    /// None.
    Barred,
}

impl Breaker {
    /// What is let through.
    #[must_use]
    pub fn passage(&self, now: Instant) -> Passage {
        match self {
            Self::Closed { .. } => Passage::Free,
            Self::Open { until, .. } if *until <= now => Passage::Probe,
            Self::Open { .. } | Self::Probing { .. } => Passage::Barred,
        }
    }

    /// The probe was let through.
    pub fn probe(&mut self) {
        if let Self::Open { times, .. } = *self {
            *self = Self::Probing { times };
        }
    }

    /// The probe ended without an attempt: another one may go.
    pub fn probe_not_made(&mut self, now: Instant) {
        if let Self::Probing { times } = *self {
            *self = Self::Open { until: now, times };
        }
    }

    /// The destination answered.
    pub fn succeeded(&mut self) {
        *self = Self::Closed { failures: 0 };
    }

    /// The destination did not do its work. `random` is between 0 and 1.
    pub fn failed(&mut self, now: Instant, random: f64) {
        *self = match *self {
            Self::Closed { failures } if failures + 1 < FAILURES => {
                Self::Closed { failures: failures + 1 }
            }
            Self::Closed { .. } => Self::opened(now, 0, random),
            Self::Probing { times } => Self::opened(now, times, random),
            open @ Self::Open { .. } => open,
        };
    }

    /// Whether attempts are held back.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !matches!(self, Self::Closed { .. })
    }

    fn opened(now: Instant, times: u32, random: f64) -> Self {
        let longest = (SHORTEST * 2_u32.saturating_pow(times.min(16))).min(LONGEST);
        Self::Open { until: now + longest.mul_f64(0.5 + random / 2.0), times: times + 1 }
    }
}

impl Default for Breaker {
    fn default() -> Self {
        Self::Closed { failures: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed_often(now: Instant) -> Breaker {
        let mut breaker = Breaker::default();
        (0..FAILURES).for_each(|_| breaker.failed(now, 1.0));
        breaker
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_only_then() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 1..FAILURES {
            breaker.failed(now, 1.0);
        }
        assert_eq!(breaker.passage(now), Passage::Free);
        breaker.succeeded();
        breaker.failed(now, 1.0);
        assert_eq!(breaker.passage(now), Passage::Free);
        assert_eq!(failed_often(now).passage(now), Passage::Barred);
    }

    #[test]
    fn one_probe_goes_after_the_pause_and_its_success_closes() {
        let now = Instant::now();
        let mut breaker = failed_often(now);
        assert_eq!(breaker.passage(now + SHORTEST), Passage::Probe);
        breaker.probe();
        assert_eq!(breaker.passage(now + LONGEST), Passage::Barred);
        breaker.succeeded();
        assert_eq!(breaker.passage(now), Passage::Free);
    }

    #[test]
    fn each_failed_probe_doubles_the_pause_up_to_a_limit() {
        let now = Instant::now();
        let mut breaker = failed_often(now);
        for pause in [2, 4, 8, 16, 32, 60, 60] {
            breaker.probe();
            breaker.failed(now, 1.0);
            let pause = Duration::from_secs(pause);
            assert_eq!(breaker.passage(now + pause.mul_f64(0.999)), Passage::Barred);
            assert_eq!(breaker.passage(now + pause), Passage::Probe);
        }
    }

    #[test]
    fn a_probe_that_was_not_made_frees_the_way_for_another() {
        let now = Instant::now();
        let mut breaker = failed_often(now);
        breaker.probe();
        breaker.probe_not_made(now);
        assert_eq!(breaker.passage(now), Passage::Probe);
    }
}
