//! Reconciles now and then, once for the whole fleet: whoever takes the turn does it.
//!
//! A process that dies at it loses its turn after the lease, and another one goes on: what was made
//! is known by then.

use std::{sync::Arc, time::Duration};

use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{GRACE, Made, Reconcile, Search, Trouble};
use crate::{
    attio::client::Client,
    config::{self, Config},
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
    work: Reconcile,
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
    /// None where the configuration wants none.
    #[must_use]
    pub fn new(
        config: &Config,
        client: Option<&Client>,
        store: &Store,
        metrics: &Arc<Metrics>,
    ) -> Option<Self> {
        Some(Self {
            config: config.reconcile?,
            kept: config.store.retention,
            work: Reconcile::new(config, client?.clone())?,
            lane: store.lane(LaneKind::Reconcile, DEADLINE),
            turns: store.lane(LaneKind::Reconcile, DEADLINE),
            metrics: Arc::clone(metrics),
        })
    }

    /// Reconciles whenever it is due, until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            match self.turns.begin_turn(TASK, LEASE).await {
                Ok(true) => self.take_turn(&stop).await,
                Ok(false) => {}
                Err(error) => {
                    self.metrics.store_errors.with(["reconcile"]).increment(1);
                    warn!(error = error_text(&error), "could not tell whether to reconcile");
                }
            }
            let pause = LOOK.mul_f64(1.0 + fastrand::f64());
            stop.run_until_cancelled(tokio::time::sleep(pause)).await;
        }
    }

    async fn take_turn(&mut self, stop: &CancellationToken) {
        let started = std::time::Instant::now();
        let next = match self.reconcile(stop).await {
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

    async fn reconcile(&mut self, stop: &CancellationToken) -> Result<Ended, Trouble> {
        let Self { work, config, kept, lane, turns, metrics } = self;
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
