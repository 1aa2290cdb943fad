//! Notices when an action is sent round in circles by its own writes.
//!
//! Only writes that were caused by events of our own token count, each delivery once however often
//! it is tried. Kept in memory: each process counts its own share, and a restart begins anew.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use uuid::Uuid;

/// Writes are counted over so long.
const WINDOW: Duration = Duration::from_mins(1);

/// Beyond so many records, those without a write in the window are forgotten.
const MANY: usize = 1024;

/// The writes of one action that its own earlier writes caused.
#[derive(Debug)]
pub(super) struct Loops {
    limit: usize,
    /// By what is written to.
    writes: Mutex<HashMap<String, VecDeque<(Instant, Uuid)>>>,
}

impl Loops {
    /// At most `limit` writes to one record in a minute.
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, writes: Mutex::default() }
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Whether this delivery may write to `subject` at `now`; it then counts.
    pub(super) fn admits(&self, subject: &str, delivery: Uuid, now: Instant) -> bool {
        let is_old = |at: Instant| now.saturating_duration_since(at) >= WINDOW;
        let mut writes = self.writes();
        if writes.len() >= MANY {
            writes.retain(|_, of_one| of_one.back().is_some_and(|(at, _)| !is_old(*at)));
        }
        let of_one = writes.entry(subject.to_owned()).or_default();
        while of_one.front().is_some_and(|(at, _)| is_old(*at)) {
            of_one.pop_front();
        }
        if of_one.iter().any(|(_, known)| *known == delivery) {
            return true;
        }
        let is_free = of_one.len() < self.limit;
        if is_free {
            of_one.push_back((now, delivery));
        }
        is_free
    }

    fn writes(&self) -> MutexGuard<'_, HashMap<String, VecDeque<(Instant, Uuid)>>> {
        self.writes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn delivery(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    #[test]
    fn so_many_writes_to_one_record_in_any_minute_are_let_through() {
        let (loops, start) = (Loops::new(2), Instant::now());
        assert!(loops.admits("deal", delivery(1), start));
        assert!(loops.admits("deal", delivery(2), start + 30 * SECOND));
        assert!(!loops.admits("deal", delivery(3), start + 59 * SECOND));
        assert!(loops.admits("another deal", delivery(3), start + 59 * SECOND));
        assert!(loops.admits("deal", delivery(3), start + 60 * SECOND), "the first is over");
        assert!(!loops.admits("deal", delivery(4), start + 89 * SECOND));
    }

    #[test]
    fn a_delivery_that_is_tried_again_is_no_loop() {
        let (loops, start) = (Loops::new(1), Instant::now());
        for second in 0..50 {
            assert!(loops.admits("deal", delivery(1), start + second * SECOND));
        }
        assert!(!loops.admits("deal", delivery(2), start + 50 * SECOND));
    }

    #[test]
    fn records_that_are_left_alone_are_forgotten() {
        let (loops, start) = (Loops::new(1), Instant::now());
        for number in 0..5_000_u128 {
            let at = start + WINDOW * u32::try_from(number / 1000).unwrap();
            loops.admits(&number.to_string(), delivery(number), at);
        }
        assert!(loops.writes().len() <= MANY + 1000);
    }
}
