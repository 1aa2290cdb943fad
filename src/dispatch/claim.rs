//! The claim loop: room first, deliveries second.

use std::{
    collections::HashSet,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{
    Dispatch, Leased,
    limits::{Ask, Turn},
    outcome::Stall,
    pausing::own_act,
};
use crate::{
    store::{Claimed, Lane, StoreError},
    telemetry::{error_text, unix_seconds},
};

/// The shortest pause between two looks for what became due meanwhile; the longest is twice that.
const POLL: Duration = Duration::from_millis(500);

/// Held deliveries of one route that one look lets go.
const LET_GO: usize = 1000;

/// The pause after a claim that failed; the lane backs off by itself.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// The claim loop of a process.
#[derive(Debug)]
pub(super) struct Claiming {
    dispatch: Dispatch,
    lane: Lane,
    outcomes: Stall,
}

/// What one turn of the loop came to.
enum Step {
    /// Deliveries of routes that are configured again were let go.
    Adopted,
    /// What is paused is known.
    Looked,
    /// Deliveries were started.
    Started,
    /// There was nothing to start, or no room.
    Idle,
}

/// How long until the next look. No two processes keep step.
fn poll() -> Duration {
    POLL + POLL.mul_f64(fastrand::f64())
}

impl Claiming {
    pub(super) fn new(dispatch: Dispatch, lane: Lane, outcomes: Stall) -> Self {
        Self { dispatch, lane, outcomes }
    }

    pub(super) async fn run(mut self, stop: CancellationToken) {
        let mut adopted = None;
        let mut next_poll = Instant::now();
        while !stop.is_cancelled() {
            let generation = self.generation();
            let result = if next_poll <= Instant::now() {
                // Also while there is always something to claim; and before the very first claim.
                self.obey().await.inspect(|_| next_poll = Instant::now() + poll())
            } else if adopted == Some(generation) {
                self.claim().await
            } else {
                self.adopt().await.inspect(|_| adopted = Some(generation))
            };
            let metrics = &self.dispatch.0.metrics;
            match result {
                Ok(Step::Idle) => {}
                Ok(Step::Adopted | Step::Looked | Step::Started) => continue,
                Err(error) => {
                    metrics.store_errors.with(["claim"]).increment(1);
                    warn!(error = %error_text(&error), "could not claim deliveries; will try again");
                    stop.run_until_cancelled(tokio::time::sleep(AFTER_FAILURE)).await;
                    continue;
                }
            }
            metrics.last_success.with(["claim"]).set(unix_seconds());
            self.wait(next_poll, &stop).await;
        }
    }

    /// Until something may be claimed, or it is time to look anyway.
    async fn wait(&self, next_poll: Instant, stop: &CancellationToken) {
        let limits = &self.dispatch.0.limits;
        let poll_in = next_poll.saturating_duration_since(Instant::now());
        let wait = limits.next_token().map_or(poll_in, |token| poll_in.min(token));
        tokio::select! {
            () = limits.woken() => {}
            () = tokio::time::sleep(wait) => {}
            () = stop.cancelled() => {}
        }
    }

    /// Rises whenever routes, or what Attio calls things, are others than before.
    fn generation(&self) -> u64 {
        let shared = &self.dispatch.0;
        shared.generation.load(Ordering::Acquire) + shared.enrich.catalog().revision()
    }

    /// Lets deliveries go on whose route was not configured and is now.
    async fn adopt(&mut self) -> Result<Step, StoreError> {
        let routes = self.dispatch.0.routes.current();
        let routes: Vec<&str> = routes.names().collect();
        self.lane.adopt(&routes).await.map(|_| Step::Adopted)
    }

    /// Looks at what is paused and does so; lets go what is held for no pause, some at a time. What
    /// this process paused by itself and could not tell is told first.
    async fn obey(&mut self) -> Result<Step, StoreError> {
        let limits = &self.dispatch.0.limits;
        limits.time_passed();
        for untold in limits.untold() {
            self.lane.pause(&untold, &own_act(&untold)).await?;
            limits.told(&untold);
        }
        let glance = limits.glance();
        let pauses = self.lane.pauses().await?.into_iter().map(|standing| standing.pause);
        for Turn { kind, name, is_paused } in limits.obey(glance, &pauses.collect::<Vec<_>>()) {
            let what = if is_paused { "paused: its deliveries wait" } else { "resumed" };
            info!(kind = kind.as_str(), name, "{what}");
        }
        for action in self.lane.let_go(LET_GO).await?.into_iter().collect::<HashSet<_>>() {
            self.dispatch.made_due(&action.into());
        }
        Ok(Step::Looked)
    }

    /// Claims what there is room for and starts it.
    async fn claim(&mut self) -> Result<Step, StoreError> {
        // What this process finished while the store was away is written before anything else is
        // claimed, or it would be claimed and done again.
        if self.outcomes.is_stalled() {
            return Ok(Step::Idle);
        }
        let mut asks = self.dispatch.0.limits.asks();
        if asks.is_empty() {
            return Ok(Step::Idle);
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
        let step = if claimed.is_empty() { Step::Idle } else { Step::Started };
        self.note(&asks, &claimed);
        for claimed in claimed {
            self.start(&mut asks, claimed, before);
        }
        asks.into_iter().flat_map(|ask| ask.slots).for_each(super::Slot::unused);
        Ok(step)
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
