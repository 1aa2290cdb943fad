//! The claim loop: room first, deliveries second.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{Dispatch, Leased, limits::Ask, outcome::Standing};
use crate::{
    store::{Claimed, Lane, StoreError},
    telemetry::{error_text, unix_seconds},
};

/// The shortest pause between two looks for what became due meanwhile; the longest is twice that.
const POLL: Duration = Duration::from_millis(500);

/// The pause after a claim that failed; the lane backs off by itself.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// The claim loop of a process.
#[derive(Debug)]
pub(super) struct Claiming {
    dispatch: Dispatch,
    lane: Lane,
    outcomes: Standing,
}

impl Claiming {
    pub(super) fn new(dispatch: Dispatch, lane: Lane, outcomes: Standing) -> Self {
        Self { dispatch, lane, outcomes }
    }

    pub(super) async fn run(mut self, stop: CancellationToken) {
        let mut adopted = None;
        let mut next_poll = Instant::now();
        while !stop.is_cancelled() {
            let generation = self.dispatch.0.generation.load(Ordering::Acquire);
            let result = if adopted == Some(generation) {
                self.claim().await
            } else {
                self.adopt().await.inspect(|_| adopted = Some(generation))
            };
            let metrics = &self.dispatch.0.metrics;
            match result {
                Ok(0) => {}
                Ok(_) => continue,
                Err(error) => {
                    metrics.store_errors.with(["claim"]).increment(1);
                    warn!(error = %error_text(&error), "could not claim deliveries; will try again");
                    stop.run_until_cancelled(tokio::time::sleep(AFTER_FAILURE)).await;
                    continue;
                }
            }
            metrics.last_success.with(["claim"]).set(unix_seconds());
            self.wait(&mut next_poll, &stop).await;
        }
    }

    /// Until something may be claimed, or it is time to look anyway.
    async fn wait(&self, next_poll: &mut Instant, stop: &CancellationToken) {
        let limits = &self.dispatch.0.limits;
        let now = Instant::now();
        if *next_poll <= now {
            limits.time_passed();
            *next_poll = now + POLL + POLL.mul_f64(fastrand::f64());
            return;
        }
        let poll_in = next_poll.saturating_duration_since(now);
        let wait = limits.next_token().map_or(poll_in, |token| poll_in.min(token));
        tokio::select! {
            () = limits.woken() => {}
            () = tokio::time::sleep(wait) => {}
            () = stop.cancelled() => {}
        }
    }

    /// Lets deliveries go on whose route was not configured and is now.
    async fn adopt(&mut self) -> Result<usize, StoreError> {
        let routes = self.dispatch.0.routes.current();
        let routes: Vec<&str> = routes.names().collect();
        self.lane.adopt(&routes).await.map(|_| 1)
    }

    /// Claims what there is room for and starts it. Returns how many were started.
    async fn claim(&mut self) -> Result<usize, StoreError> {
        // What this process finished while the store was away is written before anything else is
        // claimed, or it would be claimed and done again.
        if self.outcomes.is_stalled() {
            return Ok(0);
        }
        let mut asks = self.dispatch.0.limits.asks();
        if asks.is_empty() {
            return Ok(0);
        }
        let before = Instant::now();
        let wants: Vec<_> = asks.iter().map(|ask| ask.want.clone()).collect();
        let claimed = match self.lane.claim(&wants).await {
            Ok(claimed) => claimed,
            Err(error) => {
                asks.into_iter().flat_map(|ask| ask.slots).for_each(super::Slot::unused);
                return Err(error);
            }
        };
        let count = claimed.len();
        self.note(&asks, &claimed);
        for claimed in claimed {
            self.start(&mut asks, claimed, before);
        }
        asks.into_iter().flat_map(|ask| ask.slots).for_each(super::Slot::unused);
        Ok(count)
    }

    fn note(&self, asks: &[Ask], claimed: &[Claimed]) {
        for ask in asks {
            let of_it = || claimed.iter().filter(|claimed| claimed.action == ask.want.action);
            let retries = of_it().filter(|claimed| claimed.tries > 0).count();
            self.dispatch.0.limits.claimed(ask, of_it().count() - retries, retries);
        }
        let lost = claimed.iter().filter(|claimed| claimed.lost > 0).count();
        self.dispatch.0.metrics.leases_lost.with([]).increment(lost as u64);
    }

    fn start(&self, asks: &mut [Ask], claimed: Claimed, before: Instant) {
        let ask = asks.iter_mut().find(|ask| ask.want.action == claimed.action);
        let Some((mut slot, lease)) = ask.and_then(|ask| Some((ask.slots.pop()?, ask.want.lease)))
        else {
            return;
        };
        if claimed.tries > 0 {
            slot.is_for_a_retry();
        }
        self.dispatch.start(Leased { claimed, until: before + lease }, slot);
    }
}
