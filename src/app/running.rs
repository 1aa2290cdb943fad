//! What runs, until it is told to stop, and the order of the stop.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{
    preparing,
    tasks::{Ends, Tasks},
};
use crate::{
    config::Config, dispatch::Dispatch, shutdown::Stop, store::ServeLock, telemetry::Metrics,
};

/// Running attempts get so long after the listener closed; then they are cut off.
const ATTEMPTS_PATIENCE: Duration = Duration::from_secs(20);

/// The last batch, and then the last outcomes, get so long each.
const WRITING_PATIENCE: Duration = Duration::from_secs(4);

/// The whole stop takes so long at the most, whatever hangs: who runs us waits for 60 s.
const STOP_LIMIT: Duration = Duration::from_secs(45);

/// Why a running program ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The store can never be used.
    #[error("{0}")]
    Store(String),
    /// A task ended that never should.
    #[error("the {0} loop ended unasked")]
    Task(&'static str),
}

/// A program that runs.
#[derive(Debug)]
pub struct Running {
    /// Where the public listener listens.
    pub public: SocketAddr,
    /// Where the private listener listens.
    pub admin: SocketAddr,
    /// How to stop it.
    pub stop: Stop,
    /// Its metrics.
    pub metrics: Arc<Metrics>,
    ended: JoinHandle<Result<(), Failure>>,
}

impl Running {
    /// Everything that was built runs from now on.
    pub(super) fn start(parts: Parts, public: SocketAddr, admin: SocketAddr) -> Self {
        let (stop, metrics) = (parts.stop.clone(), Arc::clone(&parts.metrics));
        #[expect(clippy::disallowed_methods, reason = "the one task that supervises all others")]
        let ended = tokio::spawn(parts.run());
        Self { public, admin, stop, metrics, ended }
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// Why it ended by itself.
    pub async fn ended(self) -> Result<(), Failure> {
        self.ended.await.unwrap_or(Err(Failure::Task("main")))
    }
}

/// Everything that runs.
pub(super) struct Parts {
    pub config: Config,
    /// Held until the end: a second process on one SQLite file would be refused.
    pub serve_lock: Option<ServeLock>,
    pub metrics: Arc<Metrics>,
    pub stop: Stop,
    pub draining: Arc<AtomicBool>,
    pub dispatch: Dispatch,
    pub tasks: Tasks,
    pub prepared: CancellationToken,
    pub unusable: mpsc::Receiver<String>,
    pub ends: Ends,
}

impl Parts {
    async fn run(mut self) -> Result<(), Failure> {
        let result = self.until_stop().await;
        if let Err(failure) = &result {
            error!(%failure, "stopping");
        }
        let now = self.stop.now.clone();
        tokio::select! {
            () = self.wind_down() => {}
            () = now.cancelled() => warn!("stopped at once: leases of what was running will run out"),
            () = tokio::time::sleep(STOP_LIMIT) => {
                warn!("the stop took too long: leases of what was running will run out");
            }
        }
        result
    }

    /// Runs until a stop is asked for, or something ends that should not.
    async fn until_stop(&mut self) -> Result<(), Failure> {
        loop {
            tokio::select! {
                () = self.stop.soon.cancelled() => return Ok(()),
                Some(why) = self.unusable.recv() => return Err(Failure::Store(why)),
                name = self.tasks.next_end() => match name {
                    preparing::NAME => {}
                    name => return Err(Failure::Task(name)),
                },
            }
        }
    }

    /// Readiness goes; the listener closes; the last batch is committed; attempts end or are cut
    /// off; outcomes are written.
    async fn wind_down(mut self) {
        self.draining.store(true, Ordering::Relaxed);
        self.dispatch.drain();
        self.ends.claims.cancel();
        if self.prepared.is_cancelled() {
            tokio::time::sleep(self.config.server.drain_delay).await;
        }
        self.ends.listener.cancel();
        self.tasks.wait_for("public listener", Duration::from_secs(10)).await;
        if !self.prepared.is_cancelled() || !self.tasks.wait_for("intake", WRITING_PATIENCE).await {
            self.ends.intake.cancel();
            self.tasks.wait_for("intake", WRITING_PATIENCE).await;
        }
        self.tasks.wait_for("claim", WRITING_PATIENCE).await;
        self.tasks.wait_for("reconcile", WRITING_PATIENCE).await;
        self.dispatch.finish_attempts(ATTEMPTS_PATIENCE).await;
        drop(self.dispatch);
        if !self.tasks.wait_for("outcome", WRITING_PATIENCE).await {
            warn!("the last outcomes could not be written; their leases will run out");
        }
        self.ends.rest.cancel();
        self.tasks.wait_for("tally", WRITING_PATIENCE).await;
        self.tasks.wait_for("private listener", WRITING_PATIENCE).await;
        drop(self.serve_lock);
        info!("stopped");
        self.metrics.upkeep();
    }
}
