//! How much at a time, and how long to rest after it.

use std::time::Duration;

/// Rows of one batch.
const FIRST: usize = 100;
const LEAST: usize = 20;
const MOST: usize = 1000;

/// What a batch may take; SQLite's one writer is held as long. Beside Postgres on the same few cores
/// whoever is at it that long makes others wait for their turn: short ones are not felt.
const LONG: Duration = Duration::from_millis(1);

/// After each batch it rests so many times as long as that took: a twentieth of one connection's
/// time is used at the most.
const REST: u32 = 20;

/// The shortest rest, and the longest: a store that is slow is not made slower, nor given up.
const SHORTEST: Duration = Duration::from_millis(20);
const LONGEST: Duration = Duration::from_secs(5);

/// How many rows go in one batch: as many as go quickly.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace(usize);

impl Default for Pace {
    fn default() -> Self {
        Self(FIRST)
    }
}

impl Pace {
    /// Rows of the next batch.
    pub fn batch(self) -> usize {
        self.0
    }

    /// How long to rest after a batch that took so long; how long others were in its way counts.
    pub fn rest_after(&mut self, took: Duration) -> Duration {
        if took > LONG {
            self.0 = (self.0 / 2).max(LEAST);
        } else if took < LONG / 2 {
            self.0 = (self.0 + self.0 / 2).min(MOST);
        }
        (took * REST).clamp(SHORTEST, LONGEST).mul_f64(0.75 + fastrand::f64() / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_shrink_while_they_are_slow_and_grow_while_they_are_quick() {
        let mut pace = Pace::default();
        for _ in 0..20 {
            assert!(pace.rest_after(LONG * 10) >= LONG * 30);
        }
        assert_eq!(pace.batch(), LEAST);
        for _ in 0..20 {
            pace.rest_after(LONG / 3);
        }
        assert_eq!(pace.batch(), MOST);
    }
}
