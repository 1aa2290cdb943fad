//! Looks every few minutes whether Attio still sends: a webhook that is degraded turns inactive
//! within days, and nobody but Attio can tell.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{
    client::{Client, Instant},
    subscription::{Status, Target, Webhook},
};
use crate::{
    name::SourceName,
    telemetry::{Metrics, unix_seconds},
};

/// How often it is looked, unless a test is in a hurry.
pub const EVERY: Duration = Duration::from_mins(5);

/// One look takes so long at the most.
const LOOK: Duration = Duration::from_mins(1);

/// Every value of the label `status`.
const STATUSES: [&str; 5] = ["active", "degraded", "inactive", "missing", "unknown"];

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
    targets: Vec<Target>,
    every: Duration,
    (metrics, seen): (Arc<Metrics>, Seen),
    stop: CancellationToken,
) {
    let mut known = HashMap::new();
    while !stop.is_cancelled() {
        let look = client.webhooks(Instant::now() + LOOK);
        match stop.run_until_cancelled(look).await {
            Some(Ok(webhooks)) => {
                let webhooks: Vec<Webhook> = webhooks.into_iter().map(Webhook::from).collect();
                for target in &targets {
                    show(target, standing(target, &webhooks), &metrics, &mut known);
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
        stop.run_until_cancelled(tokio::time::sleep(every)).await;
    }
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
