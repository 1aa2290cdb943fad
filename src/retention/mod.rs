//! Removes what is older than `store.retention`, all the time and a little at a time, once for the
//! whole fleet: whoever takes the turn does it.
//!
//! What has not ended stays whole, however old it is. A message, which is what later copies of it
//! are known by, stays for `store.dedup_window` too; where that is longer, only a digest of its body
//! does. SQLite's file does not shrink by this, nor does it grow on: freed pages are used again.
//! (To have it shrink, every page would have to keep its place in a map: that costs each commit.)

mod due;
mod pace;
mod sweep;
mod whole;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};
use uuid::Uuid;

use self::{due::Due, pace::Pace, sweep::Walks};
use crate::{
    config,
    store::{Lane, LaneKind, Store, StoreError, moment_of},
    telemetry::{Metrics, error_text, unix_seconds},
};

/// `turns.task`.
const TASK: &str = "retention";

/// A turn that is not kept is free again after so long.
const LEASE: Duration = Duration::from_mins(2);

/// It is looked so often whether something is due, with half as much again at random.
const LOOK: Duration = Duration::from_secs(30);

/// After failures it is looked again no later than that.
const LONGEST_PAUSE: Duration = Duration::from_mins(10);

/// So often the walks begin anew, for what could not go when they passed it.
const START_OVER: Duration = Duration::from_hours(24);

/// Calls to the store take so long at the most.
const DEADLINE: Duration = Duration::from_secs(10);

/// While messages queue up at the door, it waits so long at a time, and so often, before each batch.
const BUSY_PAUSE: Duration = Duration::from_millis(500);
const BUSY_PAUSES: u32 = 20;

/// The loop that removes.
pub struct Retention {
    config: config::Store,
    read: Lane,
    write: Lane,
    metrics: Arc<Metrics>,
    is_busy: Box<dyn Fn() -> bool + Send + Sync>,
    stop: CancellationToken,
    walks: Walks,
    began: Instant,
    pace: Pace,
    kept: Option<Instant>,
    measured: Option<Instant>,
}

/// Why it does not go on.
#[derive(Debug, thiserror::Error)]
enum Halt {
    #[error("it was told to stop")]
    Stopped,
    #[error("another process goes on with it")]
    TurnLost,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Retention {
    /// `is_busy` says whether messages queue up; then removing waits.
    #[must_use]
    pub fn new(
        config: &config::Store,
        store: &Store,
        metrics: &Arc<Metrics>,
        is_busy: impl Fn() -> bool + Send + Sync + 'static,
        stop: CancellationToken,
    ) -> Self {
        Self {
            config: config.clone(),
            read: store.lane(LaneKind::Read, DEADLINE),
            write: store.lane(LaneKind::Remove, DEADLINE),
            metrics: Arc::clone(metrics),
            is_busy: Box::new(is_busy),
            stop,
            walks: Walks::default(),
            began: Instant::now(),
            pace: Pace::default(),
            kept: None,
            measured: None,
        }
    }

    /// Removes whenever something is due, until the stop.
    pub async fn run(mut self) {
        let mut pause = LOOK;
        while !self.stop.is_cancelled() {
            pause = match self.turn().await {
                Ok(()) => LOOK,
                Err(error) => {
                    self.metrics.store_errors.with(["remove"]).increment(1);
                    warn!(error = error_text(&error), "could not remove what is old");
                    (pause * 2).min(LONGEST_PAUSE)
                }
            };
            let stop = self.stop.clone();
            let pause = pause.mul_f64(1.0 + fastrand::f64() / 2.0);
            stop.run_until_cancelled(tokio::time::sleep(pause)).await;
        }
    }

    /// Removes what may go now. Stops early when it is told to.
    ///
    /// # Errors
    /// Any [`StoreError`]; what was removed stays so.
    pub async fn sweep(&mut self) -> Result<(), StoreError> {
        match self.begin_and_walk().await {
            Ok(()) | Err(Halt::Stopped | Halt::TurnLost) => Ok(()),
            Err(Halt::Store(error)) => Err(error),
        }
    }

    async fn turn(&mut self) -> Result<(), StoreError> {
        self.measure().await?;
        if !self.write.begin_turn(TASK, LEASE).await? {
            return Ok(());
        }
        self.kept = Some(Instant::now());
        let ended = self.begin_and_walk().await;
        self.kept = None;
        match ended {
            Ok(()) => {
                self.metrics.last_success.with(["retention"]).set(unix_seconds());
                self.write.end_turn(TASK, LOOK).await.map(drop)
            }
            Err(Halt::Stopped) => self.write.end_turn(TASK, Duration::ZERO).await.map(drop),
            Err(Halt::TurnLost) => {
                debug!("another process goes on with removing");
                Ok(())
            }
            // The turn comes free with its lease, for whoever the store serves better.
            Err(Halt::Store(error)) => Err(error),
        }
    }

    async fn begin_and_walk(&mut self) -> Result<(), Halt> {
        if self.began.elapsed() > START_OVER {
            (self.began, self.walks) = (Instant::now(), Walks::default());
        }
        let now = OffsetDateTime::now_utc();
        self.walk(&Due::at(now, self.config.retention, self.config.dedup_window)).await
    }

    fn count(&self, table: &'static str, removed: u64) {
        if removed > 0 {
            self.metrics.removed.with([table]).increment(removed);
        }
    }

    /// Rests after a batch, makes sure that it is still this process's turn, and lets what is more
    /// urgent go first.
    async fn rest_after(&mut self, began: Instant) -> Result<(), Halt> {
        let rest = self.pace.rest_after(began.elapsed());
        self.pause(rest).await?;
        if self.kept.is_some_and(|kept| kept.elapsed() > LEASE / 4) {
            if !self.write.keep_turn(TASK, LEASE).await? {
                return Err(Halt::TurnLost);
            }
            self.kept = Some(Instant::now());
            self.metrics.last_success.with(["retention"]).set(unix_seconds());
            self.measure().await?;
        }
        for _ in 0..BUSY_PAUSES {
            if !(self.is_busy)() {
                break;
            }
            self.pause(BUSY_PAUSE).await?;
        }
        Ok(())
    }

    async fn pause(&self, pause: Duration) -> Result<(), Halt> {
        let slept = self.stop.run_until_cancelled(tokio::time::sleep(pause)).await;
        slept.ok_or(Halt::Stopped)
    }

    /// Shows how large the store is, once a look.
    async fn measure(&mut self) -> Result<(), StoreError> {
        if self.measured.is_some_and(|measured| measured.elapsed() < LOOK) {
            return Ok(());
        }
        #[expect(clippy::cast_precision_loss, reason = "about so many")]
        let about = |number: u64| number as f64;
        for size in self.read.sizes().await? {
            if let Some(rows) = size.rows {
                self.metrics.store_rows.with([&size.of]).set(about(rows));
            }
            if let Some(bytes) = size.bytes {
                self.metrics.store_bytes.with([&size.of]).set(about(bytes));
            }
        }
        let oldest = self.read.old_events(Uuid::nil(), Uuid::max(), 1).await?;
        let oldest = oldest.first().copied().and_then(moment_of);
        let age = oldest.map_or(0.0, |made| (OffsetDateTime::now_utc() - made).as_seconds_f64());
        self.metrics.oldest_event_seconds.with([]).set(age.max(0.0));
        self.measured = Some(Instant::now());
        Ok(())
    }
}
