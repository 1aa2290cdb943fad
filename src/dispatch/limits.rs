//! How much may run at once: slots, rates and breakers of all actions, in one place.
//!
//! A [`Slot`] is taken before a delivery is claimed or born leased, never after: a delivery with
//! nowhere to run would only burn its lease. The lock is held for a few instructions at a time.

mod gate;
mod pauses;

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use tokio::sync::Notify;

pub use pauses::Turn;

use self::gate::{Gate, Pace, most_retries};
use crate::{config, store::Want};

/// The slots of a process.
#[derive(Debug)]
pub struct Limits {
    state: Mutex<State>,
    /// Told whenever a claim may now find room or rows.
    wake: Notify,
}

#[derive(Debug)]
struct State {
    total: usize,
    running: usize,
    retrying: usize,
    draining: bool,
    /// Where the next round starts, so that no action is always last.
    first: usize,
    gates: Vec<Gate>,
    paused: pauses::Paused,
}

/// Room for one attempt. Dropping it makes the room free again, and has another one make the
/// probe that the breaker was told nothing of.
#[derive(Debug)]
pub struct Slot {
    limits: Arc<Limits>,
    gate: usize,
    retry: bool,
    probe: bool,
}

/// What to ask the store for, with the room that is kept for it.
#[derive(Debug)]
pub struct Ask {
    /// What to ask for.
    pub want: Want,
    /// Room for each.
    pub slots: Vec<Slot>,
    gate: usize,
    made_due: u64,
}

impl Limits {
    /// Limits for a process that makes `total` attempts at once; without any action yet.
    #[must_use]
    pub fn new(total: usize) -> Arc<Self> {
        let (gates, paused) = (Vec::new(), pauses::Paused::default());
        let state =
            State { total, running: 0, retrying: 0, draining: false, first: 0, gates, paused };
        Arc::new(Self { state: Mutex::new(state), wake: Notify::new() })
    }

    /// Takes over the actions of another configuration. An action keeps its gate for good, also
    /// when it goes and comes back: attempts that run know it by its number. Returns the gate of
    /// each.
    pub fn change(&self, actions: &[config::Action]) -> Vec<usize> {
        let now = Instant::now();
        let mut state = self.state();
        for gate in &mut state.gates {
            gate.concurrency = 0;
        }
        let mut gates = Vec::new();
        for action in actions {
            let known = state.gates.iter().position(|gate| gate.action == action.name);
            let at = known.unwrap_or(state.gates.len());
            if let Some(gate) = state.gates.get_mut(at) {
                gate.change(action, now);
            } else {
                let is_paused = state.paused.names(&action.name);
                let pace = if is_paused { Pace::Paused } else { Pace::Full };
                state.gates.push(Gate { pace, ..Gate::new(action, now) });
            }
            gates.push(at);
        }
        drop(state);
        self.wake.notify_one();
        gates
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no one panics while holding it")
    }

    /// Room for a delivery that is about to be born leased, and how long its lease lasts.
    ///
    /// Only while nothing older waits for the action.
    #[must_use]
    pub fn reserve(self: &Arc<Self>, gate: usize) -> Option<(Slot, Duration)> {
        let mut state = self.state();
        if state.draining || state.running >= state.total {
            return None;
        }
        let it = &mut state.gates[gate];
        if it.first_waits || it.breaker.is_open() || it.room(Instant::now()) == 0 {
            return None;
        }
        it.take(1);
        let lease = it.lease;
        state.running += 1;
        let slot = Slot { limits: Arc::clone(self), gate, retry: false, probe: false };
        Some((slot, lease))
    }

    /// What to claim now, with the room for it already taken.
    #[must_use]
    pub fn asks(self: &Arc<Self>) -> Vec<Ask> {
        let now = Instant::now();
        let mut state = self.state();
        if state.draining {
            return Vec::new();
        }
        let count = state.gates.len();
        let first = state.first;
        state.first = (first + 1) % count.max(1);
        let mut free = state.total.saturating_sub(state.running);
        let mut retry_free = most_retries(state.total).saturating_sub(state.retrying);
        let mut asks = Vec::new();
        for gate in (0..count).map(|step| (first + step) % count) {
            let it = &mut state.gates[gate];
            let room = it.room(now).min(free);
            let retry_room = if it.retry_waits { it.retry_room().min(retry_free) } else { 0 };
            let retries = retry_room.min(room);
            let room = if it.first_waits { room } else { retries };
            if room == 0 {
                continue;
            }
            it.take(room);
            free -= room;
            retry_free -= retries;
            let probe = it.breaker.is_open();
            it.breaker.probe();
            let want = Want { action: it.action.clone(), slots: room, retries, lease: it.lease };
            let slot = || Slot { limits: Arc::clone(self), gate, retry: false, probe };
            let slots = std::iter::repeat_with(slot).take(room).collect();
            asks.push(Ask { want, slots, gate, made_due: it.made_due });
        }
        state.running = state.total - free;
        asks
    }

    /// A claim brought `first` first attempts and `retries` retries for an ask: whether more wait.
    pub fn claimed(&self, ask: &Ask, first: usize, retries: usize) {
        let mut state = self.state();
        let gate = &mut state.gates[ask.gate];
        if first + retries < ask.want.slots && gate.made_due == ask.made_due {
            gate.first_waits = false;
            if retries < ask.want.retries {
                gate.retry_waits = false;
            }
        }
    }

    /// Rows of an action became due: a claim will find them.
    pub fn made_due(&self, gate: usize) {
        let mut state = self.state();
        let gate = &mut state.gates[gate];
        gate.made_due += 1;
        gate.first_waits = true;
        gate.retry_waits = true;
        drop(state);
        self.wake.notify_one();
    }

    /// Time has passed: anything may have become due.
    pub fn time_passed(&self) {
        for gate in &mut self.state().gates {
            gate.first_waits = true;
            gate.retry_waits = true;
        }
    }

    /// Returns when a claim may find more than the last one did.
    pub async fn woken(&self) {
        self.wake.notified().await;
    }

    /// How long until an action that waits for its rate may go on.
    #[must_use]
    pub fn next_token(&self) -> Option<Duration> {
        let now = Instant::now();
        let mut state = self.state();
        let waiting = state.gates.iter_mut().filter(|gate| gate.first_waits || gate.retry_waits);
        waiting
            .filter_map(|gate| {
                let bucket = gate.bucket.as_mut()?;
                (bucket.whole(now) == 0).then(|| bucket.until_next())
            })
            .min()
    }

    /// From now on nothing is claimed and nothing is born leased.
    pub fn drain(&self) {
        self.state().draining = true;
    }

    /// The destination did its work: what was resumed may hurry. True when this closed the breaker.
    pub fn succeeded(&self, gate: usize) -> bool {
        let mut state = self.state();
        let pace = &mut state.gates[gate].pace;
        if *pace == Pace::Careful {
            *pace = Pace::Full;
        }
        drop(state);
        self.answered(gate)
    }

    /// The destination answered: it is there. True when this closed the breaker.
    pub fn answered(&self, gate: usize) -> bool {
        let mut state = self.state();
        let breaker = &mut state.gates[gate].breaker;
        let was_open = breaker.is_open();
        breaker.succeeded();
        drop(state);
        if was_open {
            self.wake.notify_one();
        }
        was_open
    }

    /// The destination failed. True when this opened the breaker.
    pub fn failed(&self, gate: usize) -> bool {
        let mut state = self.state();
        let breaker = &mut state.gates[gate].breaker;
        let was_open = breaker.is_open();
        breaker.failed(Instant::now(), fastrand::f64());
        !was_open && breaker.is_open()
    }
}

impl Slot {
    /// The delivery was tried before: it counts among the retries from here on.
    pub fn is_for_a_retry(&mut self) {
        if !std::mem::replace(&mut self.retry, true) {
            let mut state = self.limits.state();
            state.retrying += 1;
            state.gates[self.gate].retrying += 1;
        }
    }

    /// No attempt was made: the rate token goes back.
    pub fn unused(self) {
        let mut state = self.limits.state();
        let gate = &mut state.gates[self.gate];
        if let Some(bucket) = &mut gate.bucket {
            bucket.give_back();
        }
    }

    /// Which action's it is.
    #[must_use]
    pub fn gate(&self) -> usize {
        self.gate
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.limits.state();
        state.running -= 1;
        state.retrying -= usize::from(self.retry);
        let gate = &mut state.gates[self.gate];
        gate.running -= 1;
        gate.retrying -= usize::from(self.retry);
        if self.probe {
            gate.breaker.probe_not_made(Instant::now());
        }
        let waits = gate.first_waits || gate.retry_waits;
        drop(state);
        if waits {
            self.limits.wake.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{Action, ActionKind, LogAction, Rate, Retry},
        dispatch::breaker::Breaker,
    };

    pub(super) fn action(name: &str, concurrency: usize) -> Action {
        Action {
            name: name.into(),
            kind: ActionKind::Log(LogAction { text: None }),
            timeout: Duration::from_secs(10),
            concurrency,
            rate: None,
            retry: Retry {
                attempts: 3,
                first: Duration::from_secs(1),
                factor: 2.0,
                max: Duration::from_secs(9),
            },
        }
    }

    /// Takes everything that may be retried, as a claim that found only retries would.
    fn claim_retries(limits: &Arc<Limits>) -> Vec<Slot> {
        let mut taken = Vec::new();
        for mut ask in limits.asks() {
            for mut slot in ask.slots.drain(..).take(ask.want.retries) {
                slot.is_for_a_retry();
                taken.push(slot);
            }
        }
        taken
    }

    pub(super) fn limits(total: usize, actions: &[config::Action]) -> Arc<Limits> {
        let limits = Limits::new(total);
        limits.change(actions);
        limits
    }

    #[test]
    fn retries_of_all_actions_together_leave_a_quarter_of_the_process_to_first_attempts() {
        let actions: Vec<_> = (0..8).map(|n| action(&n.to_string(), 4)).collect();
        let limits = limits(16, &actions);
        assert_eq!(claim_retries(&limits).len(), 12);
    }

    #[test]
    fn retries_of_one_action_leave_a_quarter_of_its_slots_to_first_attempts() {
        let limits = limits(64, &[action("one", 8)]);
        let taken = claim_retries(&limits);
        assert_eq!(taken.len(), 6);
        assert_eq!(limits.asks()[0].want.slots, 2);
        drop(taken);
        assert_eq!(claim_retries(&limits).len(), 6);
    }

    #[test]
    fn nothing_is_born_leased_before_a_claim_came_back_short() {
        let limits = limits(8, &[action("one", 4)]);
        assert!(limits.reserve(0).is_none());
        let asks = limits.asks();
        limits.claimed(&asks[0], 0, 0);
        drop(asks);
        assert!(limits.reserve(0).is_some());
        limits.made_due(0);
        assert!(limits.reserve(0).is_none());
    }

    #[test]
    fn what_was_made_due_during_a_claim_is_not_taken_for_nothing_left() {
        let limits = limits(8, &[action("one", 4)]);
        let asks = limits.asks();
        limits.made_due(0);
        limits.claimed(&asks[0], 0, 0);
        drop(asks);
        assert!(limits.reserve(0).is_none());
    }

    #[test]
    fn a_probe_that_nobody_told_of_may_be_made_by_another() {
        let limits = limits(8, &[action("one", 4)]);
        limits.state().gates[0].breaker = Breaker::Open { until: Instant::now(), times: 1 };
        let lost = limits.asks();
        assert_eq!(lost[0].want.slots, 1);
        assert!(limits.asks().is_empty());
        drop(lost);
        let failed = limits.asks();
        assert_eq!(failed[0].want.slots, 1);
        limits.failed(0);
        drop(failed);
        assert!(limits.asks().is_empty());
    }

    #[test]
    fn a_rate_token_that_was_not_used_is_given_back() {
        let slow = Action { rate: Some(Rate { per_second: 1.0 }), ..action("slow", 4) };
        let limits = limits(8, &[slow]);
        let mut asks = limits.asks();
        assert_eq!(asks[0].want.slots, 1);
        assert!(limits.asks().is_empty());
        asks[0].slots.pop().unwrap().unused();
        assert_eq!(limits.asks()[0].want.slots, 1);
    }
}
