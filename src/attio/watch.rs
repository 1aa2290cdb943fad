//! Looks every few minutes whether Attio still sends: a webhook that is degraded turns inactive
//! within days, and nobody but Attio can tell.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use time::OffsetDateTime;
use tokio::sync::watch as latest;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use url::Url;

use super::{
    client::{Client, Instant},
    subscription::{Status, Target, Webhook},
};
use crate::{
    config::Config,
    name::SourceName,
    sights::{Kind, Sights},
    telemetry::{Metrics, unix_seconds},
};

/// How often it is looked, unless a test is in a hurry.
pub const EVERY: Duration = Duration::from_mins(5);

/// One look takes so long at the most.
const LOOK: Duration = Duration::from_mins(1);

/// Every value of the label `status`.
const STATUSES: [&str; 5] = ["active", "degraded", "inactive", "missing", "unknown"];

/// What is said of a source that should have a webhook and has none.
const MISSING: &str = "no webhook posts to this source";

/// Says which sources' webhooks are looked at.
#[derive(Debug)]
pub struct Targets {
    public_url: Option<Url>,
    told: latest::Sender<Looked>,
}

/// The sources whose webhooks are looked at, as they are now.
#[derive(Debug)]
pub struct Watched(latest::Receiver<Looked>);

/// What is looked at.
#[derive(Debug, Clone, Default)]
struct Looked {
    targets: Vec<Target>,
    /// The source that `webhooks plan` plans for, where there are routes that need something. Others
    /// may be fed by another workspace, whose webhooks nobody here sees.
    planned: Option<SourceName>,
}

impl Targets {
    /// Those of the configuration; none without `public_url`.
    #[must_use]
    pub fn new(config: &Config) -> (Self, Watched) {
        let (told, watched) = latest::channel(Looked::default());
        let targets = Self { public_url: config.server.public_url.clone(), told };
        targets.change(config);
        (targets, Watched(watched))
    }

    /// Other sources are configured: they are looked at, at once.
    pub fn change(&self, config: &Config) {
        let Some(url) = &self.public_url else { return };
        let first = config.sources.first().filter(|_| !config.routes.is_empty());
        self.told.send_replace(Looked {
            targets: config.sources.iter().map(|one| Target::new(url, one)).collect(),
            planned: first.map(|source| source.name.clone()),
        });
    }
}

impl Watched {
    /// Waits until they are others. Never ends when nobody can change them any more.
    async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// The webhooks as this process saw them last. Cheap to clone; all clones show the same.
#[derive(Debug, Clone, Default)]
pub struct Seen(Arc<Mutex<Sight>>);

/// What was seen.
#[derive(Debug, Clone, Default)]
pub struct Sight {
    /// When; none before the first look.
    pub at: Option<OffsetDateTime>,
    /// Every webhook of the workspace.
    pub webhooks: Vec<Webhook>,
    /// For each source its webhook's status, and since when this process sees it so; no status when
    /// there is no webhook.
    pub statuses: HashMap<SourceName, (Option<Status>, OffsetDateTime)>,
    /// Why the last look failed, if it did.
    pub failed: Option<String>,
}

impl Seen {
    /// What was seen last.
    #[must_use]
    pub fn last(&self) -> Sight {
        self.sight().clone()
    }

    fn sight(&self) -> MutexGuard<'_, Sight> {
        self.0.lock().expect("no one panics while holding it")
    }

    fn saw(&self, webhooks: Vec<Webhook>, targets: &[Target]) {
        let now = OffsetDateTime::now_utc();
        let mut sight = self.sight();
        for target in targets {
            let status = standing(target, &webhooks);
            let known = sight.statuses.entry(target.source.clone()).or_insert((status, now));
            if known.0 != status {
                *known = (status, now);
            }
        }
        (sight.at, sight.webhooks, sight.failed) = (Some(now), webhooks, None);
    }
}

/// Looks until `stop`, the first time at once, and shows for each source how its webhook is.
pub async fn watch(
    client: Client,
    mut watched: Watched,
    every: Duration,
    (metrics, sights, seen): (Arc<Metrics>, Arc<Sights>, Seen),
    stop: CancellationToken,
) {
    let (mut known, mut had) = (HashMap::new(), HashSet::new());
    while !stop.is_cancelled() {
        let look = client.webhooks(Instant::now() + LOOK);
        match stop.run_until_cancelled(look).await {
            Some(Ok(webhooks)) => {
                let webhooks: Vec<Webhook> = webhooks.into_iter().map(Webhook::from).collect();
                let Looked { targets, planned } = watched.0.borrow_and_update().clone();
                forget(&targets, &metrics, &sights, &mut known);
                had.retain(|source| known.contains_key(source));
                for target in &targets {
                    let standing = standing(target, &webhooks);
                    if standing.is_some() {
                        had.insert(target.source.clone());
                    }
                    let should_be =
                        planned.as_ref() == Some(&target.source) || had.contains(&target.source);
                    tell(&target.source, standing, should_be, &sights);
                    show(target, standing, &metrics, &mut known);
                }
                seen.saw(webhooks, &targets);
                metrics.last_success.with(["webhooks"]).set(unix_seconds());
            }
            Some(Err(error)) => {
                warn!(%error, "could not look at the webhooks in Attio");
                seen.sight().failed = Some(error.to_string());
            }
            None => return,
        }
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            () = watched.changed() => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Shows and tells nothing any more of sources that are not configured any more.
fn forget(
    targets: &[Target],
    metrics: &Metrics,
    sights: &Sights,
    known: &mut HashMap<SourceName, Option<Status>>,
) {
    known.retain(|source, _| {
        let is_there = targets.iter().any(|target| target.source == *source);
        if !is_there {
            tell(source, None, false, sights);
        }
        for status in STATUSES.iter().filter(|_| !is_there) {
            metrics.webhook_status.with([source.as_str(), *status]).set(0.0);
        }
        is_there
    });
}

/// The best webhook that posts to a source; `None` when there is none.
fn standing(target: &Target, webhooks: &[Webhook]) -> Option<Status> {
    target.webhooks(webhooks).into_iter().map(|(_, webhook)| webhook.status).max()
}

/// What somebody has to be told of. A webhook that is not there sends as little as one that is
/// inactive: deleting it ends no trouble.
fn tell(source: &SourceName, standing: Option<Status>, should_be: bool, sights: &Sights) {
    let about = format!("source/{source}");
    let (degraded, inactive) = match standing {
        Some(Status::Degraded) => (Some(String::new()), None),
        Some(Status::Inactive) => (None, Some(String::new())),
        None if should_be => (None, Some(MISSING.to_owned())),
        Some(Status::Active | Status::Unknown) | None => (None, None),
    };
    sights.stands(Kind::WebhookDegraded, &about, degraded);
    sights.stands(Kind::WebhookInactive, &about, inactive);
}

/// Sets the gauges, and tells of what changed since the last look.
fn show(
    target: &Target,
    standing: Option<Status>,
    metrics: &Metrics,
    known: &mut HashMap<SourceName, Option<Status>>,
) {
    let source = &target.source;
    let is = standing.map_or("missing", Status::as_str);
    for status in STATUSES {
        let flag = if status == is { 1.0 } else { 0.0 };
        metrics.webhook_status.with([source.as_str(), status]).set(flag);
    }
    let before = known.insert(source.clone(), standing);
    if before == Some(standing) {
        return;
    }
    match standing {
        Some(Status::Degraded) => error!(
            %source,
            "Attio says that the webhook is degraded: deliveries failed for days. Within 7 days of \
             that it turns inactive and sends nothing any more; see why it could not deliver"
        ),
        Some(Status::Inactive) => error!(
            %source,
            "the webhook is inactive: Attio sends nothing any more, and only a new one helps; run \
             `attio-relay webhooks apply`"
        ),
        None => warn!(%source, "no webhook of the workspace posts to this source"),
        Some(Status::Unknown) => warn!(%source, "the webhook has a status that is not known"),
        Some(Status::Active) if before.is_some() => info!(%source, "the webhook is active again"),
        Some(Status::Active) => {}
    }
}
