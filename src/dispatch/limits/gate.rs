//! What one action may do at the moment.

use std::time::{Duration, Instant};

use crate::{
    config,
    dispatch::breaker::{Breaker, Passage},
    name::ActionName,
};

/// A lease lasts at least so long.
const SHORTEST_LEASE: Duration = Duration::from_secs(20);

/// What a lease has beyond the action's deadline.
const LEASE_MARGIN: Duration = Duration::from_secs(5);

/// How long a full bucket lasts at its rate: the burst that is allowed.
const BURST: f64 = 0.1;

/// What one action may do.
#[derive(Debug)]
pub(super) struct Gate {
    pub(super) action: ActionName,
    /// Attempts at once; none for an action that is configured no longer.
    pub(super) concurrency: usize,
    pub(super) lease: Duration,
    pub(super) running: usize,
    pub(super) retrying: usize,
    pub(super) bucket: Option<Bucket>,
    pub(super) breaker: Breaker,
    pub(super) pace: Pace,
    /// Something older may wait for a first attempt: nothing is born leased until a claim came
    /// back short.
    pub(super) first_waits: bool,
    /// A retry may be due.
    pub(super) retry_waits: bool,
    /// Counts what was made due, so that a claim which started before does not say "nothing left".
    pub(super) made_due: u64,
}

/// What people, and its own destination, let an action do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// As much as its limits allow.
    Full,
    /// One at a time: it was resumed, and its destination has not done its work since. Not an open
    /// breaker, which would be trouble to tell of where nothing waits.
    Careful,
    /// Nothing.
    Paused,
}

/// A token bucket. Tokens that were not used can be given back.
#[derive(Debug)]
pub(super) struct Bucket {
    per_second: f64,
    capacity: f64,
    tokens: f64,
    filled_at: Instant,
}

impl Bucket {
    pub(super) fn new(rate: config::Rate, now: Instant) -> Self {
        let capacity = (rate.per_second * BURST).max(1.0);
        Self { per_second: rate.per_second, capacity, tokens: capacity, filled_at: now }
    }

    fn fill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.tokens = (self.tokens + elapsed * self.per_second).min(self.capacity);
        self.filled_at = now;
    }

    pub(super) fn whole(&mut self, now: Instant) -> usize {
        self.fill(now);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "small, positive"
        )]
        let whole = self.tokens as usize;
        whole
    }

    /// One that was taken and not used is there again.
    pub(super) fn give_back(&mut self) {
        self.tokens = (self.tokens + 1.0).min(self.capacity);
    }

    pub(super) fn until_next(&self) -> Duration {
        Duration::from_secs_f64(((1.0 - self.tokens) / self.per_second).max(0.0))
    }
}

impl Gate {
    pub(super) fn new(action: &config::Action, now: Instant) -> Self {
        Self {
            action: action.name.clone(),
            concurrency: action.concurrency,
            lease: SHORTEST_LEASE.max(action.timeout + LEASE_MARGIN),
            running: 0,
            retrying: 0,
            bucket: action.rate.map(|rate| Bucket::new(rate, now)),
            breaker: Breaker::default(),
            pace: Pace::Full,
            first_waits: true,
            retry_waits: true,
            made_due: 0,
        }
    }

    /// How many attempts may start now.
    pub(super) fn room(&mut self, now: Instant) -> usize {
        let at_once = match self.pace {
            Pace::Full => self.concurrency,
            Pace::Careful => self.concurrency.min(1),
            Pace::Paused => return 0,
        };
        let passage = match self.breaker.passage(now) {
            Passage::Free => usize::MAX,
            Passage::Probe => 1,
            Passage::Barred => 0,
        };
        let tokens = self.bucket.as_mut().map_or(usize::MAX, |bucket| bucket.whole(now));
        at_once.saturating_sub(self.running).min(tokens).min(passage)
    }

    /// Goes on under another configuration. What runs goes on counting.
    pub(super) fn change(&mut self, action: &config::Action, now: Instant) {
        let Self { concurrency, lease, bucket, .. } = Self::new(action, now);
        if self.bucket.as_ref().map(|old| old.per_second) != action.rate.map(|new| new.per_second) {
            self.bucket = bucket;
        }
        (self.concurrency, self.lease) = (concurrency, lease);
        (self.first_waits, self.retry_waits) = (true, true);
    }

    pub(super) fn is_paused(&self) -> bool {
        self.pace == Pace::Paused
    }

    pub(super) fn retry_room(&self) -> usize {
        most_retries(self.concurrency).saturating_sub(self.retrying)
    }

    pub(super) fn take(&mut self, slots: usize) {
        self.running += slots;
        if let Some(bucket) = &mut self.bucket {
            #[expect(clippy::cast_precision_loss, reason = "small")]
            let taken = slots as f64;
            bucket.tokens -= taken;
        }
    }
}

/// A quarter of the slots, of each action and of the process, is kept for first attempts.
pub(super) fn most_retries(slots: usize) -> usize {
    if slots > 1 { slots - slots.div_ceil(4) } else { slots }
}
