//! Looks every few minutes whether Attio still sends: a webhook that is degraded turns inactive
//! within days, and nobody but Attio can tell.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::sync::watch as latest;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use url::Url;

use super::{
    client::{Client, Instant},
    subscription::{Status, Target, Webhook},
};
use crate::{
    config::{Config, Source},
    name::SourceName,
    telemetry::{Metrics, unix_seconds},
};

/// How often it is looked, unless a test is in a hurry.
pub const EVERY: Duration = Duration::from_mins(5);

/// One look takes so long at the most.
const LOOK: Duration = Duration::from_mins(1);

/// Every value of the label `status`.
const STATUSES: [&str; 5] = ["active", "degraded", "inactive", "missing", "unknown"];

/// Says which sources' webhooks are looked at.
#[derive(Debug)]
pub struct Targets {
    public_url: Option<Url>,
    told: latest::Sender<Vec<Target>>,
}

/// The sources whose webhooks are looked at, as they are now.
#[derive(Debug)]
pub struct Watched(latest::Receiver<Vec<Target>>);

impl Targets {
    /// Those of the configuration; none without `public_url`.
    #[must_use]
    pub fn new(config: &Config) -> (Self, Watched) {
        let (told, watched) = latest::channel(Vec::new());
        let targets = Self { public_url: config.server.public_url.clone(), told };
        targets.change(&config.sources);
        (targets, Watched(watched))
    }

    /// Other sources are configured: they are looked at, at once.
    pub fn change(&self, sources: &[Source]) {
        if let Some(url) = &self.public_url {
            self.told.send_replace(sources.iter().map(|one| Target::new(url, one)).collect());
        }
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

/// Looks until `stop`, the first time at once, and shows for each source how its webhook is.
pub async fn watch(
    client: Client,
    mut watched: Watched,
    every: Duration,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
) {
    let mut known = HashMap::new();
    while !stop.is_cancelled() {
        let look = client.webhooks(Instant::now() + LOOK);
        match stop.run_until_cancelled(look).await {
            Some(Ok(webhooks)) => {
                let webhooks: Vec<Webhook> = webhooks.into_iter().map(Webhook::from).collect();
                let targets = watched.0.borrow_and_update().clone();
                forget(&targets, &metrics, &mut known);
                for target in &targets {
                    show(target, standing(target, &webhooks), &metrics, &mut known);
                }
                metrics.last_success.with(["webhooks"]).set(unix_seconds());
            }
            Some(Err(error)) => warn!(%error, "could not look at the webhooks in Attio"),
            None => return,
        }
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            () = watched.changed() => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Shows nothing any more of sources that are not configured any more.
fn forget(targets: &[Target], metrics: &Metrics, known: &mut HashMap<SourceName, Option<Status>>) {
    known.retain(|source, _| {
        let is_there = targets.iter().any(|target| target.source == *source);
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
