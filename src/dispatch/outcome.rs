//! The outcome lane: what became of deliveries is written in batches, again and again until the
//! store takes it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use time::OffsetDateTime;
use tokio::sync::mpsc;
use tracing::{error, warn};

use super::{Limits, tally::Counts};
use crate::{
    name::{ActionName, RouteName},
    store::{Lane, Outcome, StoreError, Verdict},
    telemetry::{Metrics, error_text, unix_seconds},
};

/// The most outcomes in one batch.
const BATCH: usize = 256;

/// Outcomes that make no whole batch gather for so long before they are written: each commit costs
/// the database more than many rows do, and nobody waits for these. A crash repeats a little more,
/// under the same keys.
const GATHER: Duration = Duration::from_millis(5);

/// The pause after a batch that failed; the lane backs off by itself.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// How often a batch is tried again while the store refuses it without being away.
const MOST_CONTENDED: u32 = 20;

/// An outcome on its way to the store.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) outcome: Outcome,
    pub(super) origin: Origin,
}

/// Whose outcome it is.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) route: RouteName,
    pub(super) action: ActionName,
    pub(super) gate: usize,
}

/// Whether outcomes get through.
#[derive(Debug, Clone, Default)]
pub(super) struct Stall(Arc<AtomicBool>);

impl Stall {
    pub(super) fn is_stalled(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    fn set_stalled(&self, stalled: bool) {
        self.0.store(stalled, Ordering::Release);
    }
}

/// The writing loop of a process.
#[derive(Debug)]
pub(super) struct Writing {
    inbox: mpsc::Receiver<Report>,
    lane: Lane,
    stall: Stall,
    limits: Arc<Limits>,
    counts: Counts,
    metrics: Arc<Metrics>,
}

impl Writing {
    pub(super) fn new(
        inbox: mpsc::Receiver<Report>,
        lane: Lane,
        stall: Stall,
        limits: Arc<Limits>,
        counts: Counts,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { inbox, lane, stall, limits, counts, metrics }
    }

    /// Writes until every sender is gone and all is written.
    pub(super) async fn run(mut self) {
        let mut reports = Vec::with_capacity(BATCH);
        while self.inbox.recv_many(&mut reports, BATCH).await > 0 {
            // The next one in order waits for these.
            let is_waited_for = reports.iter().any(|report| report.outcome.order_key.is_some());
            let is_full = reports.len() >= BATCH;
            if !is_full && !is_waited_for && !self.inbox.is_closed() {
                tokio::time::sleep(GATHER).await;
                while reports.len() < BATCH
                    && let Ok(report) = self.inbox.try_recv()
                {
                    reports.push(report);
                }
            }
            let (outcomes, origins): (Vec<_>, Vec<_>) =
                reports.drain(..).map(|report| (report.outcome, report.origin)).unzip();
            self.write(&outcomes, &origins).await;
        }
    }

    /// Writes a batch for certain. One that the store refuses is halved until the outcome that it
    /// will not take stands alone; that one is left to its lease.
    async fn write(&mut self, outcomes: &[Outcome], origins: &[Origin]) {
        let mut contended = 0;
        loop {
            match self.lane.finish(outcomes).await {
                Ok(written) => {
                    self.stall.set_stalled(false);
                    self.metrics.last_success.with(["outcome"]).set(unix_seconds());
                    return self.account(outcomes, origins, &written);
                }
                Err(StoreError::Contended(_)) if contended < MOST_CONTENDED => contended += 1,
                Err(StoreError::Refused(cause)) if outcomes.len() == 1 => {
                    self.metrics.store_errors.with(["outcome"]).increment(1);
                    let delivery_id = outcomes[0].id;
                    error!(%delivery_id, error = %error_text(&*cause), "the store refused an outcome");
                    return;
                }
                Err(StoreError::Refused(_)) => {
                    let half = outcomes.len() / 2;
                    Box::pin(self.write(&outcomes[..half], &origins[..half])).await;
                    return Box::pin(self.write(&outcomes[half..], &origins[half..])).await;
                }
                Err(error) => {
                    self.stall.set_stalled(true);
                    self.metrics.store_errors.with(["outcome"]).increment(1);
                    warn!(error = %error_text(&error), "could not write outcomes; will try again");
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            }
        }
    }

    fn account(&self, outcomes: &[Outcome], origins: &[Origin], written: &[uuid::Uuid]) {
        let written: std::collections::HashSet<_> = written.iter().collect();
        let mut woken: Vec<usize> = Vec::new();
        let now = OffsetDateTime::now_utc();
        for (outcome, Origin { route, action, gate }) in outcomes.iter().zip(origins) {
            if !written.contains(&outcome.id) {
                self.metrics.leases_lost.with([]).increment(1);
                warn!(delivery_id = %outcome.id, %action, "a lease was lost: the outcome came too late and was not written");
                continue;
            }
            self.counts.count((route, action), outcome, now);
            if outcome.verdict.ends() {
                let result = outcome.verdict.state();
                self.metrics
                    .deliveries
                    .with([route.as_str(), action.as_str(), result])
                    .increment(1);
            }
            let frees_the_next = outcome.verdict.ends() && outcome.order_key.is_some();
            let due_at_once = matches!(outcome.verdict, Verdict::Retry(wait) | Verdict::Postponed(wait) if wait.is_zero());
            if (frees_the_next || due_at_once) && !woken.contains(gate) {
                woken.push(*gate);
            }
        }
        for gate in woken {
            self.limits.made_due(gate);
        }
    }
}
