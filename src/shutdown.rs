//! How the program stops: asked once, in order; asked twice, now.

use std::sync::Arc;

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::Notify,
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// The two ways to stop. `now` follows `soon`, never the other way round.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// Stop in order: finish what was begun, give back the rest.
    pub soon: CancellationToken,
    /// Do not wait for anything any more.
    pub now: CancellationToken,
    /// Told at every SIGHUP: read the configuration again.
    pub reread: Arc<Notify>,
}

impl Stop {
    /// Nothing asked yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for a stop, or hurries one that was asked for.
    pub fn ask(&self) {
        if self.soon.is_cancelled() {
            self.now.cancel();
        }
        self.soon.cancel();
    }

    /// Asks whenever SIGTERM or SIGINT arrives; never ends. SIGHUP is
    /// passed on to whoever reads the configuration.
    ///
    /// # Errors
    /// The operating system does not let us listen for signals.
    pub async fn on_signals(self) -> std::io::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hang_up = signal(SignalKind::hangup())?;
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                _ = hang_up.recv() => {
                    self.reread.notify_one();
                    continue;
                }
            }
            if self.soon.is_cancelled() {
                warn!("asked to stop again: stopping now");
            } else {
                info!("asked to stop: finishing what was begun");
            }
            self.ask();
        }
    }
}
