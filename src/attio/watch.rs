//! Looks every few minutes whether Attio still sends: a webhook that is degraded turns inactive
//! within days, and nobody but Attio can tell.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{
    client::{Client, Instant},
    subscription::{Status, Target, Webhook},
};
use crate::{
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

/// Looks until `stop`, the first time at once, and shows for each source how its webhook is.
pub async fn watch(
    client: Client,
    targets: Vec<Target>,
    every: Duration,
    (metrics, sights): (Arc<Metrics>, Arc<Sights>),
    stop: CancellationToken,
) {
    let mut known = HashMap::new();
    while !stop.is_cancelled() {
        let look = client.webhooks(Instant::now() + LOOK);
        match stop.run_until_cancelled(look).await {
            Some(Ok(webhooks)) => {
                let webhooks: Vec<Webhook> = webhooks.into_iter().map(Webhook::from).collect();
                for target in &targets {
                    let standing = standing(target, &webhooks);
                    tell(target, standing, &sights);
                    show(target, standing, &metrics, &mut known);
                }
                metrics.last_success.with(["webhooks"]).set(unix_seconds());
            }
            Some(Err(error)) => warn!(%error, "could not look at the webhooks in Attio"),
            None => return,
        }
        stop.run_until_cancelled(tokio::time::sleep(every)).await;
    }
}

/// The best webhook that posts to a source; `None` when there is none.
fn standing(target: &Target, webhooks: &[Webhook]) -> Option<Status> {
    target.webhooks(webhooks).into_iter().map(|(_, webhook)| webhook.status).max()
}

/// What somebody has to be told of.
fn tell(target: &Target, standing: Option<Status>, sights: &Sights) {
    let about = format!("source/{}", target.source);
    let stands = |status| (standing == Some(status)).then(String::new);
    sights.stands(Kind::WebhookDegraded, &about, stands(Status::Degraded));
    sights.stands(Kind::WebhookInactive, &about, stands(Status::Inactive));
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
