//! Performing deliveries: claim, lease, attempt, outcome.
//!
//! A delivery runs only while its lease is this process's own, counted locally from before the
//! claim. Accepted race: a process that stalls after its lease check may still reach the
//! destination beside the one that claimed the delivery next; both send the same idempotency key,
//! and only the second one's outcome is written.

mod attempt;
pub mod breaker;
mod claim;
mod limits;
mod outcome;
mod pausing;
mod ready;
pub mod retry;
mod roster;
mod tally;
mod telling;
mod together;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::warn;

pub use limits::{Limits, Slot};
pub use roster::Built;

use crate::{
    action::TemplateProblem,
    config,
    enrich::Enrich,
    name::{ActionName, RouteName},
    routing,
    sights::Sights,
    store::{Claimed, Desk, Lane},
    telemetry::Metrics,
};
use outcome::Report;
use roster::Roster;
use tally::Counts;

/// Outcomes that may wait to be written; beyond, attempts keep their slots until there is room.
const OUTCOME_QUEUE: usize = 1024;

/// Hands deliveries to their actions. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Dispatch(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limits: Arc<Limits>,
    roster: ArcSwap<Roster>,
    /// Rises whenever routes or actions change: what was orphaned may go on.
    generation: AtomicU64,
    routes: routing::Shared,
    enrich: Enrich,
    desk: Desk,
    reports: mpsc::Sender<Report>,
    attempts: TaskTracker,
    cut_off: CancellationToken,
    counts: Counts,
    metrics: Arc<Metrics>,
    sights: Arc<Sights>,
}

/// A delivery that is leased to this process.
#[derive(Debug)]
pub struct Leased {
    /// The delivery.
    pub claimed: Claimed,
    /// Until when it is ours, by the local clock.
    pub until: Instant,
}

/// The loops that dispatch needs; the program runs and supervises them.
#[derive(Debug)]
pub struct Loops {
    claim: claim::Claiming,
    outcome: outcome::Writing,
}

impl Dispatch {
    /// Builds every action. The claim and outcome lanes are its own.
    ///
    /// # Errors
    /// [`TemplateProblem`] when an action's template or client cannot be made.
    pub fn new(
        config: &config::Config,
        routes: routing::Shared,
        claim_lane: Lane,
        outcome_lane: Lane,
        (enrich, desk): (Enrich, Desk),
        (metrics, sights): (Arc<Metrics>, Arc<Sights>),
    ) -> Result<(Self, Loops), TemplateProblem> {
        let built = Built::new(&config.actions, &enrich)?;
        let limits = Limits::new(config.worker.concurrency);
        let roster = Roster::new(built, &config.actions, &limits);
        let (reports, inbox) = mpsc::channel(OUTCOME_QUEUE);
        let (outcomes, counts) = (outcome::Stall::default(), Counts::default());
        let shared = Arc::new(Shared {
            limits: Arc::clone(&limits),
            roster: ArcSwap::from_pointee(roster),
            generation: AtomicU64::new(0),
            routes,
            enrich,
            desk,
            reports,
            attempts: TaskTracker::new(),
            cut_off: CancellationToken::new(),
            counts: counts.clone(),
            metrics: Arc::clone(&metrics),
            sights,
        });
        let dispatch = Self(shared);
        let claim = claim::Claiming::new(dispatch.clone(), claim_lane, outcomes.clone());
        let outcome = outcome::Writing::new(inbox, outcome_lane, outcomes, limits, counts, metrics);
        Ok((dispatch, Loops { claim, outcome }))
    }

    /// Builds other actions, which do not act until [`Dispatch::change`].
    ///
    /// # Errors
    /// As [`Dispatch::new`].
    pub fn build(&self, actions: &[config::Action]) -> Result<Built, TemplateProblem> {
        Built::new(actions, &self.0.enrich)
    }

    /// From now on these actions act; `built` are those of `actions`. What runs ends as it began.
    pub fn change(&self, built: Built, actions: &[config::Action]) {
        self.0.roster.store(Arc::new(Roster::new(built, actions, &self.0.limits)));
    }

    /// Other routes are in effect: what waited for one of them may go on.
    pub fn routes_changed(&self) {
        self.0.generation.fetch_add(1, Ordering::Release);
        self.0.limits.time_passed();
    }

    /// Room for a delivery of this route and action that is about to be born leased, and how long
    /// its lease lasts; `None` when it must be claimed like any other.
    #[must_use]
    pub fn reserve(&self, route: &RouteName, action: &ActionName) -> Option<(Slot, Duration)> {
        if self.0.limits.is_route_paused(route) {
            return None;
        }
        self.0.limits.reserve(self.0.roster.load().gate(action)?)
    }

    /// Performs a delivery that is leased to this process, in a task of its own.
    pub fn start(&self, leased: Leased, slot: Slot) {
        self.0.attempts.spawn(attempt::run(Arc::clone(&self.0), leased, slot));
    }

    /// Asks every destination that can be asked whether it is as its action needs it, in the
    /// background. What is wrong is a warning in the log; nothing waits for the answer.
    pub fn check_destinations(&self) {
        let shared = Arc::clone(&self.0);
        self.0.attempts.spawn(async move {
            let check_all = async {
                let roster = shared.roster.load_full();
                for runner in roster.runners() {
                    if let Err(problem) = runner.action.check_online().await {
                        warn!(action = %runner.name, %problem, "the destination is not ready");
                    }
                }
            };
            shared.cut_off.run_until_cancelled(check_all).await;
        });
    }

    /// Rows of this action became due.
    pub fn made_due(&self, action: &ActionName) {
        if let Some(gate) = self.0.roster.load().gate(action) {
            self.0.limits.made_due(gate);
        }
    }

    /// From now on nothing is claimed and nothing is born leased.
    pub fn drain(&self) {
        self.0.limits.drain();
    }

    /// Waits for the attempts that run; after `patience` they are cut off, their deliveries given
    /// back. Nothing may be started afterwards.
    pub async fn finish_attempts(&self, patience: Duration) {
        self.0.attempts.close();
        if tokio::time::timeout(patience, self.0.attempts.wait()).await.is_err() {
            self.0.cut_off.cancel();
            self.0.attempts.wait().await;
        }
    }

    /// Tells the store what became of deliveries, as far as it is counted here, until `stop`.
    pub fn tell_counts(&self, stop: CancellationToken) -> impl Future<Output = ()> + Send + use<> {
        let (counts, desk) = (self.0.counts.clone(), self.0.desk.clone());
        counts.tell(desk, Arc::clone(&self.0.metrics), stop)
    }

    /// What may run at once, for the gauges.
    #[must_use]
    pub fn limits(&self) -> &Arc<Limits> {
        &self.0.limits
    }
}

impl Loops {
    /// The two loops: claiming runs until `stop`, writing until the last [`Dispatch`] is gone.
    pub fn split(
        self,
        stop: CancellationToken,
    ) -> (impl Future<Output = ()> + Send, impl Future<Output = ()> + Send) {
        (self.claim.run(stop), self.outcome.run())
    }
}
