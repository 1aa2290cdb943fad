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
        catalog::{Asked, Attribute, Catalog, Holder},
        client::{ApiError, Client, Instant},
        learn::{learn, learn_attribute},
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

/// What other processes learnt, or doubt, is looked for so often.
const LOOK: Duration = Duration::from_secs(1);

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
    /// The pause between two answers to those who ask: longer when the last one told nothing new.
    apart: Duration,
}

impl Wanted {
    pub(super) fn new(config: &Config) -> Self {
        let text = |name: &Name| name.to_string();
        Self {
            objects: config.routes.iter().filter_map(|it| it.object.as_ref()).map(text).collect(),
            lists: config.routes.iter().filter_map(|it| it.list.as_ref()).map(text).collect(),
        }
    }

    /// Those that are known already, and those that are asked for.
    fn add(&mut self, known: &Catalog, asked: &[Asked]) {
        let learnt = known.objects.iter().filter(|object| object.attributes.is_some());
        self.objects.extend(learnt.map(|object| object.id.clone()));
        let learnt = known.lists.iter().filter(|list| list.attributes.is_some());
        self.lists.extend(learnt.map(|list| list.id.clone()));
        for Asked { is_list, holder, .. } in asked {
            let names = if *is_list { &mut self.lists } else { &mut self.objects };
            names.push(holder.clone());
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
            apart: APART,
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
                    let names = self.enrich.catalog();
                    if self.learnt_at.is_some_and(|learnt_at| names.is_in_doubt(learnt_at)) {
                        self.apart = APART;
                        self.share_doubt().await;
                    }
                    // While Attio is away nobody can hurry it.
                    if self.failures == 0 {
                        due = due.min(Instant::now() + self.apart);
                    }
                }
                () = stop.cancelled() => return,
            }
        }
    }

    /// Takes over what is kept, where that is newer.
    async fn read(&mut self) -> Result<(), StoreError> {
        let newer = self.enrich.0.desk.newer_catalog(self.learnt_at).await?;
        let Some(kept) = newer else { return Ok(()) };
        let is_ours = |ours: &Catalog| {
            let workspace = ours.identity.as_ref().map(|identity| &identity.workspace_id);
            workspace.is_none_or(|workspace| *workspace == kept.workspace)
        };
        if is_ours(&self.enrich.catalog().current())
            && self.enrich.catalog().replace(kept.catalog, kept.learnt_at)
        {
            self.learnt_at = Some(kept.learnt_at);
            self.enrich.missing().look(&self.enrich.catalog().current());
        }
        Ok(())
    }

    /// Lets other processes, and those that start while Attio is away, forget what this one forgot:
    /// by the old names they would drop what the new ones want.
    async fn share_doubt(&mut self) {
        let catalog = Catalog::clone(&self.enrich.catalog().current());
        let doubted_at = OffsetDateTime::now_utc();
        self.learnt_at = Some(doubted_at);
        self.store(doubted_at, catalog).await;
    }

    /// Asks Attio. Returns when to ask again.
    async fn learn(&mut self) -> Duration {
        let learnt_at = OffsetDateTime::now_utc();
        match self.ask().await {
            Ok(catalog) => {
                self.failures = 0;
                let known = arc_swap::Guard::into_inner(self.enrich.catalog().current());
                let is_new = catalog != *known;
                self.apart = if is_new { APART } else { (self.apart * 2).min(LONGEST) };
                let is_taken = self.keep(learnt_at, catalog).await;
                if is_taken { STALE } else { APART }
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
        let deadline = Instant::now() + PATIENCE;
        let known = arc_swap::Guard::into_inner(self.enrich.catalog().current());
        let asked = self.enrich.catalog().asked_about();
        let mut wanted = Wanted::clone(&self.enrich.0.wanted.load());
        wanted.add(&known, &asked);
        let (objects, lists) = (texts(&wanted.objects), texts(&wanted.lists));
        let mut catalog = learn(&self.client, &objects, &lists, deadline).await?;
        for object in &mut catalog.objects {
            let before = known.attributes(Holder::Object(&object.id));
            keep_archived(&mut object.attributes, before);
        }
        for list in &mut catalog.lists {
            let before = known.attributes(Holder::List(&list.id));
            keep_archived(&mut list.attributes, before);
        }
        for Asked { is_list, holder, attribute } in &asked {
            let Some(id) = attribute else { continue };
            let holder = if *is_list { Holder::List(holder) } else { Holder::Object(holder) };
            learn_attribute(&self.client, &mut catalog, holder, id, deadline).await?;
        }
        self.enrich.catalog().answered(&asked);
        Ok(catalog)
    }

    /// Whether it is shown; not when it is in doubt by now.
    async fn keep(&mut self, learnt_at: OffsetDateTime, catalog: Catalog) -> bool {
        if !self.enrich.catalog().replace(catalog.clone(), learnt_at) {
            return false;
        }
        self.learnt_at = Some(learnt_at);
        self.enrich.missing().look(&catalog);
        info!(objects = catalog.objects.len(), lists = catalog.lists.len(), "names learnt");
        self.store(learnt_at, catalog).await;
        true
    }

    async fn store(&self, learnt_at: OffsetDateTime, catalog: Catalog) {
        let Some(identity) = &catalog.identity else { return };
        let workspace = identity.workspace_id.clone();
        let kept = StoredCatalog { workspace, learnt_at, catalog };
        if let Err(error) = self.enrich.0.desk.keep_catalog(kept).await {
            warn!(error = error_text(&error), "names could not be kept in the store");
        }
    }
}

/// Archived attributes are in no list of Attio's; those that came up stay known.
fn keep_archived(attributes: &mut Option<Vec<Attribute>>, before: Option<&[Attribute]>) {
    if let (Some(attributes), Some(before)) = (attributes, before) {
        let gone = before.iter().filter(|old| attributes.iter().all(|new| new.id != old.id));
        let gone: Vec<_> = gone.cloned().collect();
        attributes.extend(gone);
    }
}

fn texts(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}
