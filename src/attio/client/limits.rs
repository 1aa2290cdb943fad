//! How many calls of one kind may be made, for all of the process.
//!
//! A token is taken before a call is sent and comes back one window after its answer came. So in
//! no window, wherever it begins and however long requests travel, does Attio see more calls than
//! there are tokens. The price is a rate that is lower by the share of time that answers take.
//! Waiters are served in the order in which they came.

use std::{
    collections::VecDeque,
    sync::{Mutex as Lock, MutexGuard},
    time::Duration,
};

use tokio::{
    sync::{Mutex, Notify, watch},
    time::{Instant, sleep_until},
};

use crate::config::Rate;

/// No pause is longer, whatever an answer asks for; after it the next answer says more.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// No pause is shorter: the date that an answer names may have passed on the way.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);

/// The first pause when a 429 does not say how long; doubled with each one after it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Processes that were paused alike do not come back at the same instant.
const SPREAD: Duration = Duration::from_millis(250);

/// The limit of one kind of calls.
#[derive(Debug)]
pub(super) struct Limit {
    state: Lock<State>,
    /// Whoever holds it is the next one to go; the others wait for it in order.
    turn: Mutex<()>,
    /// Told when a call has ended: only who has the turn listens.
    ended: Notify,
    /// Told when a pause begins or grows: everyone listens who waits.
    paused: watch::Sender<()>,
}

#[derive(Debug)]
struct State {
    tokens: usize,
    window: Duration,
    at_once: usize,
    /// Calls that are under way.
    running: usize,
    /// Calls that wait.
    waiting: usize,
    /// When the tokens of calls that ended may be used again, in order.
    resting: VecDeque<Instant>,
    paused_until: Option<Instant>,
    /// 429s in a row that did not say how long.
    unexplained: u32,
}

/// Leave to make one call. Dropping it ends the call.
#[derive(Debug)]
pub(super) struct Pass<'a>(&'a Limit);

/// A place among those who wait.
struct Place<'a>(&'a Limit);

/// A call cannot be made before its deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLate {
    /// How long it would have had to wait at least.
    pub(super) after: Duration,
}

impl Limit {
    /// Room for `rate` calls, of which at most `at_once` are under way.
    pub(super) fn new(rate: Rate, at_once: usize) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate is positive, and far below what an integer holds"
        )]
        let tokens = (rate.per_second as usize).max(1);
        #[expect(clippy::cast_precision_loss, reason = "small")]
        let window = Duration::from_secs_f64(tokens as f64 / rate.per_second);
        let state = State {
            tokens,
            window,
            at_once,
            running: 0,
            waiting: 0,
            resting: VecDeque::new(),
            paused_until: None,
            unexplained: 0,
        };
        let (paused, _) = watch::channel(());
        Self { state: Lock::new(state), turn: Mutex::new(()), ended: Notify::new(), paused }
    }

    /// Waits for leave to make a call; not at all when it cannot come before `deadline`.
    ///
    /// # Errors
    /// It cannot come in time, or did not.
    pub(super) async fn pass(&self, deadline: Instant) -> Result<Pass<'_>, TooLate> {
        let mut paused = self.paused.subscribe();
        let _place = self.queue_up(deadline)?;
        let turn = self.turn.lock();
        tokio::pin!(turn);
        let _turn = loop {
            tokio::select! {
                biased;
                turn = &mut turn => break turn,
                () = sleep_until(deadline) => return Err(self.too_late()),
                _ = paused.changed() => self.check_pause(deadline)?,
            }
        };
        loop {
            let ended = self.ended.notified();
            let now = Instant::now();
            let ready_at = match self.state().ready_at(now) {
                Some(at) if at <= now => break,
                Some(at) if at > deadline => return Err(TooLate { after: at - now }),
                // Who waits for an answer to another call is told when it came.
                ready_at => ready_at.unwrap_or(deadline),
            };
            tokio::select! {
                () = sleep_until(ready_at) => if ready_at >= deadline { return Err(self.too_late()) },
                () = ended => {}
                _ = paused.changed() => self.check_pause(deadline)?,
            }
        }
        self.state().running += 1;
        Ok(Pass(self))
    }

    /// Nobody begins a call of this kind for `wait`, within bounds; `random` is in 0..1.
    pub(super) fn pause(&self, wait: Duration, random: f64) {
        let wait = wait.clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
        self.pause_until(Instant::now() + wait + SPREAD.min(wait / 10).mul_f64(random));
    }

    /// The same where an answer says only that it is too much.
    pub(super) fn pause_unexplained(&self, random: f64) {
        let wait = {
            let mut state = self.state();
            let is_new = state.paused_until.is_none_or(|until| until <= Instant::now());
            if !is_new {
                return; // one of several that were under way
            }
            state.unexplained += 1;
            FIRST_PAUSE.saturating_mul(1 << (state.unexplained - 1).min(8))
        };
        self.pause(wait.min(LONGEST_PAUSE / 2).mul_f64(0.5 + random), random);
    }

    /// A call was not too much.
    pub(super) fn taken(&self) {
        self.state().unexplained = 0;
    }

    /// How long the pause lasts that there is.
    pub(super) fn paused_for(&self) -> Option<Duration> {
        let until = self.state().paused_until?;
        let left = until.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    fn pause_until(&self, until: Instant) {
        let mut state = self.state();
        if state.paused_until.is_none_or(|known| known < until) {
            state.paused_until = Some(until);
        }
        drop(state);
        self.paused.send_replace(());
    }

    /// Joins those who wait, unless even at best the turn comes too late.
    fn queue_up(&self, deadline: Instant) -> Result<Place<'_>, TooLate> {
        let now = Instant::now();
        let mut state = self.state();
        let at_best = state.at_best(state.waiting, now);
        if at_best > deadline || deadline <= now {
            return Err(TooLate { after: at_best - now });
        }
        state.waiting += 1;
        Ok(Place(self))
    }

    fn check_pause(&self, deadline: Instant) -> Result<(), TooLate> {
        let now = Instant::now();
        match self.state().paused_until {
            Some(until) if until > deadline => Err(TooLate { after: until - now }),
            _ => Ok(()),
        }
    }

    fn too_late(&self) -> TooLate {
        let now = Instant::now();
        TooLate { after: self.state().at_best(0, now) - now }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no one panics while holding it")
    }
}

impl State {
    /// When the next call may go; `None`: when one that is under way has ended.
    fn ready_at(&mut self, now: Instant) -> Option<Instant> {
        while self.resting.front().is_some_and(|rested| *rested <= now) {
            self.resting.pop_front();
        }
        if self.running >= self.at_once.min(self.tokens) {
            return None;
        }
        let paused_until = self.paused_until.unwrap_or(now).max(now);
        if self.running + self.resting.len() < self.tokens {
            return Some(paused_until);
        }
        self.resting.front().map(|rested| paused_until.max(*rested))
    }

    /// The earliest instant at which a call can go that has `ahead` others before it.
    fn at_best(&self, ahead: usize, now: Instant) -> Instant {
        let resting = self.resting.iter().filter(|rested| **rested > now);
        let free = self.tokens.saturating_sub(self.running + resting.clone().count());
        let step = ahead % self.tokens;
        let first = match step.checked_sub(free) {
            None => now,
            Some(step) => resting.clone().nth(step).copied().unwrap_or(now + self.window),
        };
        let rounds = u32::try_from(ahead / self.tokens).unwrap_or(u32::MAX);
        first.max(self.paused_until.unwrap_or(now)) + self.window.saturating_mul(rounds)
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.running -= 1;
        let rested = Instant::now() + state.window;
        state.resting.push_back(rested);
        drop(state);
        self.0.ended.notify_one();
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.state().waiting -= 1;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, future::join_all};
    use tokio::time::sleep;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn limit(per_second: f64, at_once: usize) -> Limit {
        Limit::new(Rate { per_second }, at_once)
    }

    fn late() -> Instant {
        Instant::now() + Duration::from_hours(1)
    }

    /// A call that takes `lasts`, and when it was sent.
    async fn call(limit: &Limit, lasts: Duration) -> Instant {
        let _pass = limit.pass(late()).await.unwrap();
        let at = Instant::now();
        sleep(lasts).await;
        at
    }

    #[tokio::test(start_paused = true)]
    async fn in_no_second_wherever_it_begins_are_there_more_calls_than_the_rate() {
        let limit = limit(40.0, 16);
        let call = |n: u64| call(&limit, Duration::from_millis(n * 37 % 90));
        let sent = join_all((0..400).map(call)).await;
        for first in &sent {
            let within = sent.iter().filter(|at| *at >= first && **at < *first + SECOND).count();
            assert!(within <= 40, "{within}");
        }
        let took = sent.iter().max().unwrap().duration_since(*sent.iter().min().unwrap());
        assert!(took < Duration::from_secs(11), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_calls_are_under_way_at_once_than_allowed() {
        let limit = limit(40.0, 3);
        let sent = join_all((0..9).map(|_| call(&limit, SECOND))).await;
        let at_first = sent.iter().filter(|at| **at == sent[0]).count();
        assert_eq!(at_first, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_below_one_a_second_is_kept() {
        let limit = limit(0.5, 8);
        let sent = join_all((0..3).map(|_| call(&limit, Duration::ZERO))).await;
        assert_eq!(sent[1] - sent[0], 2 * SECOND);
        assert_eq!(sent[2] - sent[1], 2 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn who_came_first_goes_first() {
        let limit = limit(1.0, 1);
        let sent = join_all((0..5).map(|_| call(&limit, Duration::ZERO))).await;
        assert!(sent.is_sorted());
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_holds_everyone_who_waits_and_everyone_who_comes() {
        let limit = limit(2.0, 8);
        let begin = Instant::now();
        let (sent, ()) = tokio::join!(join_all((0..3).map(|_| call(&limit, SECOND / 2))), async {
            sleep(SECOND / 4).await;
            limit.pause(10 * SECOND, 0.0);
        });
        assert!(sent[2] >= begin + 10 * SECOND, "{:?}", sent[2] - begin);
    }

    #[tokio::test(start_paused = true)]
    async fn who_cannot_have_leave_in_time_is_told_at_once_and_how_long_it_takes() {
        let limit = limit(2.0, 8);
        limit.pause(10 * SECOND, 0.0);
        let soon = Instant::now() + 5 * SECOND;
        let refused = limit.pass(soon).now_or_never().unwrap().unwrap_err();
        assert_eq!(refused, TooLate { after: 10 * SECOND });
        assert!(limit.pass(late()).now_or_never().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_queue_that_is_too_long_is_not_joined() {
        let limit = limit(2.0, 8);
        let waiting: Vec<_> = (0..20).map(|_| call(&limit, Duration::ZERO)).collect();
        tokio::pin! { let waiting = join_all(waiting); }
        assert!(waiting.as_mut().now_or_never().is_none());
        let soon = Instant::now() + 5 * SECOND;
        assert!(limit.pass(soon).now_or_never().unwrap().is_err());
        waiting.await;
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_learns_at_once_that_a_pause_outlasts_its_deadline() {
        let limit = limit(1.0, 1);
        let begin = Instant::now();
        let _running = limit.pass(late()).await.unwrap();
        let (refused, ()) = tokio::join!(limit.pass(begin + 5 * SECOND), async {
            sleep(SECOND).await;
            limit.pause(30 * SECOND, 0.0);
        });
        assert_eq!(refused.unwrap_err().after, 30 * SECOND);
        assert_eq!(begin.elapsed(), SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_leaves_the_turn_to_the_next() {
        let limit = limit(1.0, 1);
        let running = limit.pass(late()).await.unwrap();
        let (given_up, next, ()) = tokio::join!(
            limit.pass(Instant::now() + SECOND),
            call(&limit, Duration::ZERO),
            async {
                sleep(3 * SECOND).await;
                drop(running);
            }
        );
        assert!(given_up.is_err());
        assert!(next.elapsed() < SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn absurd_pauses_are_bounded_and_a_passed_date_still_pauses_a_little() {
        let limit = limit(2.0, 8);
        limit.pause(Duration::ZERO, 0.0);
        assert_eq!(limit.paused_for(), Some(SHORTEST_PAUSE));
        limit.pause(Duration::from_hours(12), 0.9);
        assert!(limit.paused_for().unwrap() <= LONGEST_PAUSE + SPREAD);
        limit.pause(SECOND, 0.0);
        assert!(limit.paused_for().unwrap() > SECOND, "a shorter one does not end a longer one");
    }

    #[tokio::test(start_paused = true)]
    async fn unexplained_refusals_in_a_row_pause_longer_and_longer_but_not_those_of_one_moment() {
        let limit = limit(2.0, 8);
        let mut pauses = Vec::new();
        for _ in 0..3 {
            limit.pause_unexplained(0.5);
            limit.pause_unexplained(0.5);
            pauses.push(limit.paused_for().unwrap().as_secs());
            sleep(limit.paused_for().unwrap()).await;
        }
        assert_eq!(pauses, [1, 2, 4]);
        limit.taken();
        limit.pause_unexplained(0.5);
        assert_eq!(limit.paused_for().unwrap().as_secs(), 1);
    }
}
