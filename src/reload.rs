//! Taking over a changed configuration: as a whole or not at all, without a restart.
//!
//! Routes, actions, sources and alerts change while the program runs; what else is in the file
//! waits for a restart, and says so. Everything that can be wrong is found before anything changes.
//! Accepted race: a message planned by the old routes a moment before may be committed a moment
//! after; its deliveries go where they were planned to go, or wait until their action comes back.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use tokio::sync::Notify;
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

/// The files are looked at so often: a change takes effect within two seconds.
const LOOK: Duration = Duration::from_secs(1);

/// Sections that are read at the start only.
const AT_START: [&str; 5] = ["server", "store", "attio", "worker", "reconcile"];

/// Which configuration is in effect. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Standing(Arc<Mutex<State>>);

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
        let state = self.state();
        (state.generation, state.fingerprint.clone())
    }

    /// What is in effect: what was read last, but for what waits for a restart.
    #[must_use]
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(&self.state().config)
    }

    /// What was read since and cannot be used.
    #[must_use]
    pub fn refused(&self) -> Option<Refused> {
        self.state().refused.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no one panics while holding it")
    }

    fn refuse(&self, problems: String) {
        let mut state = self.state();
        let since = state.refused.as_ref().map(|refused| refused.since);
        let since = since.unwrap_or_else(OffsetDateTime::now_utc);
        state.refused = Some(Refused { since, problems });
    }

    fn next(&self, seen: &Seen, config: Config, metrics: &Metrics) -> u64 {
        let mut state = self.state();
        let old = Arc::clone(&state.config);
        let Config { sources, actions, routes, alerts, references, .. } = config;
        let config = Config { sources, actions, routes, alerts, references, ..(*old).clone() };
        *state = State {
            generation: state.generation + 1,
            fingerprint: hex::encode(&seen.hash[..6]),
            config: Arc::new(config),
            refused: None,
        };
        #[expect(clippy::cast_precision_loss, reason = "counts reloads")]
        metrics.config_generation.with([]).set(state.generation as f64);
        let start = seen.hash[..6].iter().fold(0.0, |sum, byte| sum * 256.0 + f64::from(*byte));
        metrics.config_fingerprint.with([]).set(start);
        state.generation
    }
}

/// What was read: the file, and every file that it names a secret by.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Seen {
    hash: [u8; 32],
    sections: toml::Table,
}

impl Seen {
    /// Reads all of them. What cannot be read counts as empty: the checks say what is wrong.
    fn look(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let sections: toml::Table = toml::from_str(&text).unwrap_or_default();
        let mut hash = Sha256::new().chain_update(&text);
        for file in files(&toml::Value::Table(sections.clone())) {
            hash.update([0]);
            hash.update(std::fs::read(file).unwrap_or_default());
        }
        Self { hash: hash.finalize().into(), sections }
    }

    /// Sections that were read at the start and are others now.
    fn waiting(&self, started: &Self) -> Vec<&'static str> {
        let differs =
            |section: &&str| self.sections.get(*section) != started.sections.get(*section);
        AT_START.into_iter().filter(differs).collect()
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
    let standing = Standing(Arc::new(Mutex::new(state)));
    let seen = origin.map(|origin| Seen::look(&origin.path)).unwrap_or_default();
    standing.next(&seen, config.clone(), metrics);
    (standing, seen)
}

/// The files that secrets are kept in, in the order of the configuration.
fn files(value: &toml::Value) -> Vec<PathBuf> {
    match value {
        toml::Value::String(text) => {
            text.strip_prefix("file:").map(PathBuf::from).into_iter().collect()
        }
        toml::Value::Array(items) => items.iter().flat_map(files).collect(),
        toml::Value::Table(table) => table.values().flat_map(files).collect(),
        _ => Vec::new(),
    }
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
        let mut seen = started.clone();
        loop {
            let is_told = tokio::select! {
                () = tokio::time::sleep(LOOK) => false,
                () = told.notified() => true,
                () = stop.cancelled() => return,
            };
            let now = Seen::look(&origin.path);
            if now == seen && !is_told {
                continue;
            }
            self.reload(&origin, &now, &started);
            seen = now;
        }
    }

    fn reload(&self, origin: &Origin, now: &Seen, started: &Seen) {
        let result = match config::load(&origin.path, &origin.outside) {
            Ok((config, _warnings)) => self.change(&config).map(|()| config),
            Err(problems) => Err(problems.to_string()),
        };
        match result {
            Ok(config) => {
                self.metrics.config_reload.with(["ok"]).increment(1);
                self.sights.stands(Kind::ReloadFailed, "", None);
                let generation = self.standing.next(now, config, &self.metrics);
                info!(generation, "the changed configuration is in effect");
                let waiting = now.waiting(started);
                if !waiting.is_empty() {
                    warn!(
                        sections = waiting.join(", "),
                        "these sections changed too; they need a restart"
                    );
                }
            }
            Err(problems) => {
                self.metrics.config_reload.with(["failed"]).increment(1);
                let first = problems.lines().next().unwrap_or_default().to_owned();
                self.sights.stands(Kind::ReloadFailed, "", Some(first));
                error!(%problems, "the changed configuration cannot be used; the old one stays in effect");
                self.standing.refuse(problems);
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_in_files_and_sections_of_the_start_are_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, secret) = (folder.path().join("relay.toml"), folder.path().join("secret"));
        let write = |listen: &str| {
            let secret = secret.display();
            let text = format!(
                "[server]\nlisten = \"{listen}\"\n[[sources]]\nsecrets = [\"file:{secret}\"]\n"
            );
            std::fs::write(&path, text).unwrap();
            Seen::look(&path)
        };
        let started = write("127.0.0.1:1");
        assert_eq!(write("127.0.0.1:1"), started);
        std::fs::write(&secret, "new").unwrap();
        let rotated = write("127.0.0.1:1");
        assert_ne!(rotated, started);
        assert!(rotated.waiting(&started).is_empty());
        assert_eq!(write("127.0.0.1:2").waiting(&started), ["server"]);
    }
}
