//! Taking over a changed configuration: as a whole or not at all, without a restart.
//!
//! Routes, actions, sources and alerts change while the program runs; what else is in the file
//! waits for a restart, and says so. Everything that can be wrong is found before anything changes.
//! Accepted race: a message planned by the old routes a moment before may be committed a moment
//! after; its deliveries go where they were planned to go, or wait until their action comes back.

mod seen;

use std::{path::PathBuf, sync::Arc, time::Duration};

use time::OffsetDateTime;
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{
    alerts,
    attio::watch::Targets,
    config::{self, Config, Outside},
    dispatch::Dispatch,
    enrich::Enrich,
    http::Door,
    routing::{self, RouteTable},
    sights::{Kind, Sights},
    telemetry::Metrics,
};
pub(crate) use seen::Seen;

/// The files are looked at so often: a change takes effect within two seconds.
const LOOK: Duration = Duration::from_secs(1);

/// What was refused is tried again so often: the reason may lie outside of what is looked at.
const AGAIN: Duration = Duration::from_secs(10);

/// Which configuration is in effect. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Standing(Arc<watch::Sender<State>>);

/// Tells when another configuration is in effect.
#[derive(Debug)]
pub(crate) struct Changes(watch::Receiver<State>);

#[derive(Debug)]
struct State {
    generation: u64,
    fingerprint: String,
    config: Arc<Config>,
    refused: Option<Refused>,
}

/// A changed configuration that cannot be used; the one before stays in effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Since when there is no usable one.
    pub since: OffsetDateTime,
    /// What is wrong with the last one that was read.
    pub problems: String,
}

/// Where the configuration comes from, and who is told to read it again.
#[derive(Clone)]
pub struct Origin {
    /// The file.
    pub path: PathBuf,
    /// What lies outside of it.
    pub outside: Outside<'static>,
}

/// Everything that a changed configuration changes.
pub(crate) struct Parts {
    pub(crate) routes: routing::Shared,
    pub(crate) dispatch: Dispatch,
    pub(crate) enrich: Enrich,
    pub(crate) door: Arc<Door>,
    pub(crate) targets: Targets,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) standing: Standing,
    pub(crate) alerts: alerts::Settings,
    pub(crate) sights: Arc<Sights>,
}

impl Standing {
    /// How many configurations took effect, the first included, and the start of the hash of what
    /// was read for the last.
    #[must_use]
    pub fn current(&self) -> (u64, String) {
        let state = self.0.borrow();
        (state.generation, state.fingerprint.clone())
    }

    /// What is in effect: what was read last, but for what waits for a restart.
    #[must_use]
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(&self.0.borrow().config)
    }

    /// What was read since and cannot be used.
    #[must_use]
    pub fn refused(&self) -> Option<Refused> {
        self.0.borrow().refused.clone()
    }

    /// Those from now on.
    pub(crate) fn changes(&self) -> Changes {
        Changes(self.0.subscribe())
    }

    fn refuse(&self, problems: String) {
        // Nothing else is in effect: nobody is told.
        self.0.send_if_modified(|state| {
            let since = state.refused.as_ref().map(|refused| refused.since);
            let since = since.unwrap_or_else(OffsetDateTime::now_utc);
            state.refused = Some(Refused { since, problems });
            false
        });
    }

    fn next(&self, seen: &Seen, config: Config, metrics: &Metrics) -> u64 {
        let Config { sources, actions, routes, alerts, references, .. } = config;
        self.0.send_modify(|state| {
            let old = (*state.config).clone();
            let config = Config { sources, actions, routes, alerts, references, ..old };
            *state = State {
                generation: state.generation + 1,
                fingerprint: hex::encode(&seen.hash[..6]),
                config: Arc::new(config),
                refused: None,
            };
        });
        let generation = self.0.borrow().generation;
        #[expect(clippy::cast_precision_loss, reason = "counts reloads")]
        metrics.config_generation.with([]).set(generation as f64);
        let start = seen.hash[..6].iter().fold(0.0, |sum, byte| sum * 256.0 + f64::from(*byte));
        metrics.config_fingerprint.with([]).set(start);
        generation
    }
}

impl Changes {
    /// Waits for the next one; for ever when there can be none any more.
    pub(crate) async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// The configuration that the program starts with, as the first one in effect.
pub(crate) fn first(
    config: &Config,
    origin: Option<&Origin>,
    metrics: &Metrics,
) -> (Standing, Seen) {
    let started = Arc::new(config.clone());
    let state = State { generation: 0, fingerprint: String::new(), config: started, refused: None };
    let standing = Standing(Arc::new(watch::Sender::new(state)));
    let seen = origin.map(|origin| Seen::look(&origin.path)).unwrap_or_default();
    standing.next(&seen, config.clone(), metrics);
    (standing, seen)
}

impl Parts {
    /// Looks for changes until `stop`, and whenever told to.
    pub(crate) async fn watch(
        self,
        origin: Origin,
        started: Seen,
        told: Arc<Notify>,
        stop: CancellationToken,
    ) {
        let (mut seen, mut tried) = (started.clone(), Instant::now());
        loop {
            let is_told = tokio::select! {
                () = tokio::time::sleep(LOOK) => false,
                () = told.notified() => true,
                () = stop.cancelled() => return,
            };
            let now = Seen::look(&origin.path);
            let is_new = is_told || now != seen;
            let is_again = self.standing.refused().is_some() && tried.elapsed() >= AGAIN;
            if is_new || is_again {
                self.reload(&origin, &now, &started, is_new);
                (seen, tried) = (now, Instant::now());
            }
        }
    }

    fn reload(&self, origin: &Origin, now: &Seen, started: &Seen, is_new: bool) {
        let result = match config::load(&origin.path, &origin.outside) {
            Ok((config, _warnings)) => self.change(&config).map(|()| config),
            Err(problems) => Err(problems.to_string()),
        };
        match result {
            Ok(config) => self.took_effect(config, now, started),
            Err(problems) => self.refused(problems, is_new),
        }
    }

    fn took_effect(&self, config: Config, now: &Seen, started: &Seen) {
        self.metrics.config_reload.with(["ok"]).increment(1);
        self.sights.stands(Kind::ReloadFailed, "", None);
        let generation = self.standing.next(now, config, &self.metrics);
        info!(generation, "the changed configuration is in effect");
        let waiting = now.waiting(started);
        if !waiting.is_empty() {
            let sections = waiting.join(", ");
            warn!(
                sections,
                "these sections, or secrets of theirs, changed too; they need a restart"
            );
        }
    }

    /// A further try that fails as the one before is told of to nobody but the counter.
    fn refused(&self, problems: String, is_new: bool) {
        self.metrics.config_reload.with(["failed"]).increment(1);
        let first = problems.lines().next().unwrap_or_default().to_owned();
        self.sights.stands(Kind::ReloadFailed, "", Some(first));
        let is_known = self.standing.refused().is_some_and(|known| known.problems == problems);
        if is_new || !is_known {
            error!(%problems, "the changed configuration cannot be used; the old one stays in effect");
        }
        self.standing.refuse(problems);
    }

    /// All of it, once nothing can go wrong any more.
    fn change(&self, config: &Config) -> Result<(), String> {
        let built = self.dispatch.build(&config.actions);
        let built = built.map_err(|error| format!("an action cannot be built: {error}"))?;
        self.enrich.change(config);
        self.dispatch.change(built, &config.actions);
        self.routes.replace(RouteTable::new(&config.routes));
        self.dispatch.routes_changed();
        self.door.change(&config.sources);
        self.targets.change(config);
        self.metrics.show(config);
        self.alerts.change(config);
        Ok(())
    }
}
