//! Reconciles now and then, once for the whole fleet: whoever takes the turn does it.
//!
//! A process that dies at it loses its turn after the lease, and another one goes on: what was made
//! is known by then. Each turn goes by the routes that are in effect when it begins. Accepted race:
//! those that change during a turn have their way in the next one.

use std::{sync::Arc, time::Duration};

use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{GRACE, Made, Reconcile, Search, Trouble};
use crate::{
    attio::client::Client,
    config,
    reload::Standing,
    store::{Lane, LaneKind, Store},
    telemetry::{Metrics, error_text, unix_seconds},
};

/// `turns.task`.
const TASK: &str = "reconcile";

/// A turn that is not kept is free again after so long.
const LEASE: Duration = Duration::from_mins(2);

/// It is looked so often whether the turn is due, with as much again at random.
const LOOK: Duration = Duration::from_secs(30);

/// After a run that failed the next one comes so soon.
const AGAIN: Duration = Duration::from_mins(15);

/// So many events are made in one run: more are no accident, and somebody has to look.
const LIMIT: usize = 10_000;

/// Calls to the store take so long at the most.
const DEADLINE: Duration = Duration::from_secs(30);

/// The loop that reconciles.
#[derive(Debug)]
pub struct Schedule {
    standing: Standing,
    client: Client,
    config: config::Reconcile,
    kept: Duration,
    lane: Lane,
    turns: Lane,
    metrics: Arc<Metrics>,
}

/// How a run ended that did not fail.
enum Ended {
    Done,
    Stopped,
    TurnLost,
}

impl Schedule {
    /// None where the configuration wants none, or there is no access to Attio. Whether a route
    /// asks for it is looked at again and again: routes change while the program runs.
    #[must_use]
    pub fn new(
        standing: &Standing,
        client: Option<&Client>,
        store: &Store,
        metrics: &Arc<Metrics>,
    ) -> Option<Self> {
        let config = standing.config();
        Some(Self {
            standing: standing.clone(),
            client: client?.clone(),
            config: config.reconcile?,
            kept: config.store.retention,
            lane: store.lane(LaneKind::Reconcile, DEADLINE),
            turns: store.lane(LaneKind::Reconcile, DEADLINE),
            metrics: Arc::clone(metrics),
        })
    }

    /// Reconciles whenever it is due, until `stop`. It is looked at once when routes change.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut changes = self.standing.changes();
        while !stop.is_cancelled() {
            self.look(&stop).await;
            tokio::select! {
                () = tokio::time::sleep(LOOK.mul_f64(1.0 + fastrand::f64())) => {}
                () = changes.next() => {}
                () = stop.cancelled() => {}
            }
        }
    }

    async fn look(&mut self, stop: &CancellationToken) {
        let work = Reconcile::new(&self.standing.config(), self.client.clone());
        // Without a route that asks for it no turn is spent: one may ask soon.
        let Some(work) = work else { return };
        match self.turns.begin_turn(TASK, LEASE).await {
            Ok(true) => self.take_turn(&work, stop).await,
            Ok(false) => {}
            Err(error) => {
                self.metrics.store_errors.with(["reconcile"]).increment(1);
                warn!(error = error_text(&error), "could not tell whether to reconcile");
            }
        }
    }

    async fn take_turn(&mut self, work: &Reconcile, stop: &CancellationToken) {
        let started = std::time::Instant::now();
        let next = match self.reconcile(work, stop).await {
            Ok(Ended::Done) => {
                self.metrics.last_success.with(["reconcile"]).set(unix_seconds());
                self.config.every.saturating_sub(started.elapsed())
            }
            Ok(Ended::Stopped) => Duration::ZERO,
            Ok(Ended::TurnLost) => return warn!("another process goes on with reconciling"),
            Err(error) => {
                warn!(error = error_text(&error), "could not reconcile; will be tried again");
                AGAIN
            }
        };
        if let Err(error) = self.turns.end_turn(TASK, next).await {
            warn!(error = error_text(&error), "the turn at reconciling could not be ended");
        }
    }

    async fn reconcile(
        &mut self,
        work: &Reconcile,
        stop: &CancellationToken,
    ) -> Result<Ended, Trouble> {
        let Self { config, kept, lane, turns, metrics, .. } = self;
        let run = async {
            let Some(search) = window(config.window.min(*kept), lane).await? else { return Ok(()) };
            let found = work.find(lane, search, &mut |_| {}).await?;
            let made = work.make(lane, &found, metrics, &mut |_| {}).await?;
            report(search, found.things, found.total, made);
            Ok(())
        };
        tokio::pin!(run);
        loop {
            tokio::select! {
                ended = &mut run => return ended.map(|()| Ended::Done),
                () = stop.cancelled() => return Ok(Ended::Stopped),
                () = tokio::time::sleep(LEASE / 4) => {
                    if !turns.keep_turn(TASK, LEASE).await? {
                        return Ok(Ended::TurnLost);
                    }
                }
            }
        }
    }
}

/// What is looked for; nothing before the first message ever arrived: what happened before the
/// webhook was there was never to arrive. Nor before what is kept: it would look as if it never had.
async fn window(window: Duration, lane: &mut Lane) -> Result<Option<Search>, Trouble> {
    let now = OffsetDateTime::now_utc();
    let oldest = lane.oldest_message().await?;
    Ok(oldest.map(|oldest| Search {
        since: oldest.max(now - window),
        until: now - GRACE,
        limit: LIMIT,
        is_thorough: false,
    }))
}

fn report(search: Search, things: usize, total: usize, made: Made) {
    info!(since = %search.since, until = %search.until, things, made = made.events, "reconciled");
    if total > search.limit {
        error!(
            missing = total,
            made = made.events,
            "far more events are missing than an accident explains; look why Attio does not send \
             them, and then make the rest with `attio-relay reconcile`"
        );
    }
}
