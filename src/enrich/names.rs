//! Learning what the workspace calls things: at start, when asked, and now and then.
//!
//! What was learnt is kept in the store: a restart while Attio is away still routes, and a process
//! learns from the others.

use std::time::Duration;

use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::Enrich;
use crate::{
    attio::{
        catalog::{Catalog, Holder},
        client::{ApiError, Client, Instant},
        learn::learn,
    },
    config::{Config, Name},
    store::{StoreError, StoredCatalog},
    telemetry::error_text,
};

/// Learning takes so long at the most.
const PATIENCE: Duration = Duration::from_mins(1);

/// Names are learnt again after so long even if nobody asks.
const STALE: Duration = Duration::from_hours(1);

/// However often they are asked for, they are learnt at most so often.
const APART: Duration = Duration::from_secs(2);

/// What other processes learnt is looked for so often.
const LOOK: Duration = Duration::from_secs(10);

/// The longest pause between two tries while Attio is away.
const LONGEST: Duration = Duration::from_mins(1);

/// Which objects' and lists' attributes are always learnt: those that routes name.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted {
    objects: Vec<String>,
    lists: Vec<String>,
}

/// The loop that learns names.
#[derive(Debug)]
pub struct Names {
    enrich: Enrich,
    client: Client,
    learnt_at: Option<OffsetDateTime>,
    failures: u32,
}

impl Wanted {
    pub(super) fn new(config: &Config) -> Self {
        let text = |name: &Name| name.to_string();
        Self {
            objects: config.routes.iter().filter_map(|it| it.object.as_ref()).map(text).collect(),
            lists: config.routes.iter().filter_map(|it| it.list.as_ref()).map(text).collect(),
        }
    }
}

impl Enrich {
    /// The loop that learns names; none where there is nobody to learn them from.
    #[must_use]
    pub fn names(&self) -> Option<Names> {
        Some(Names {
            enrich: self.clone(),
            client: self.0.client.clone()?,
            learnt_at: None,
            failures: 0,
        })
    }
}

impl Names {
    /// Learns until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut due = Instant::now();
        loop {
            if let Err(error) = self.read().await {
                warn!(error = error_text(&error), "names could not be read from the store");
            }
            if due <= Instant::now() {
                due = Instant::now() + self.learn().await;
            }
            let look = Instant::now() + LOOK;
            tokio::select! {
                () = tokio::time::sleep_until(due.min(look)) => {}
                () = self.enrich.catalog().asked() => {
                    // While Attio is away nobody can hurry it.
                    if self.failures == 0 {
                        due = due.min(Instant::now() + APART);
                    }
                }
                () = stop.cancelled() => return,
            }
        }
    }

    /// Takes over what is kept, where that is newer.
    async fn read(&mut self) -> Result<(), StoreError> {
        let Some(kept) = self.enrich.0.desk.catalog().await? else { return Ok(()) };
        let is_ours = |ours: &Catalog| {
            let workspace = ours.identity.as_ref().map(|identity| &identity.workspace_id);
            workspace.is_none_or(|workspace| *workspace == kept.workspace)
        };
        if self.learnt_at.is_none_or(|ours| ours < kept.learnt_at)
            && is_ours(&self.enrich.catalog().current())
        {
            self.learnt_at = Some(kept.learnt_at);
            self.enrich.missing().look(&kept.catalog);
            self.enrich.catalog().replace(kept.catalog);
        }
        Ok(())
    }

    /// Asks Attio. Returns when to ask again.
    async fn learn(&mut self) -> Duration {
        let learnt_at = OffsetDateTime::now_utc();
        match self.ask().await {
            Ok(catalog) => {
                self.failures = 0;
                info!(objects = catalog.objects.len(), lists = catalog.lists.len(), "names learnt");
                self.keep(learnt_at, catalog).await;
                STALE
            }
            Err(error) => {
                if self.failures == 0 {
                    warn!(%error, "names could not be learnt from Attio; will be tried again");
                }
                self.failures = self.failures.saturating_add(1);
                let wait = Duration::from_secs(1) * 2_u32.saturating_pow(self.failures.min(10));
                wait.min(LONGEST).mul_f64(0.5 + fastrand::f64() / 2.0)
            }
        }
    }

    async fn ask(&self) -> Result<Catalog, ApiError> {
        let mut wanted = Wanted::clone(&self.enrich.0.wanted.load());
        let current = arc_swap::Guard::into_inner(self.enrich.catalog().current());
        for id in self.enrich.catalog().asked_about() {
            // An id that is not known yet may be either's; the other will not have it.
            if current.attributes(Holder::List(&id)).is_none() {
                wanted.objects.push(id.clone());
            }
            wanted.lists.push(id);
        }
        let names = |all: &[String]| all.to_vec();
        let (objects, lists) = (names(&wanted.objects), names(&wanted.lists));
        let objects: Vec<&str> = objects.iter().map(String::as_str).collect();
        let lists: Vec<&str> = lists.iter().map(String::as_str).collect();
        learn(&self.client, &objects, &lists, Instant::now() + PATIENCE).await
    }

    async fn keep(&mut self, learnt_at: OffsetDateTime, catalog: Catalog) {
        self.learnt_at = Some(learnt_at);
        self.enrich.missing().look(&catalog);
        self.enrich.catalog().replace(catalog.clone());
        let Some(identity) = &catalog.identity else { return };
        let workspace = identity.workspace_id.clone();
        let kept = StoredCatalog { workspace, learnt_at, catalog };
        if let Err(error) = self.enrich.0.desk.keep_catalog(kept).await {
            warn!(error = error_text(&error), "names could not be kept in the store");
        }
    }
}
