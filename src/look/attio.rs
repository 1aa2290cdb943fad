//! What is Attio's: the webhooks as they were last seen, the limits, the token, the names.

use std::time::Duration;

use serde::Serialize;
use time::OffsetDateTime;

use super::Lookout;
use crate::{
    attio::{
        catalog::{Catalog, Identity},
        client::Client,
        scopes::of_config,
        subscription::{Comparison, Plan, Status, Target, UnknownName, Webhook},
        watch::Sight,
    },
    config::{Config, Rate},
    store::{StoreError, StoredCatalog, some_time, time},
};

/// Why nobody looks.
const NOT_WATCHED: &str =
    "`server.public_url` is missing: without it nobody can say which webhooks are ours";

/// How it stands with Attio; `configured` is false without `[attio]`, and all else empty then.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AttioStanding {
    /// Whether there is access to Attio.
    pub configured: bool,
    /// Where its API is.
    pub base_url: Option<String>,
    /// Whose token it is, once Attio has said.
    pub workspace: Option<Workspace>,
    /// What the token must be allowed to do, and whether it is.
    pub scopes: Vec<ScopeStanding>,
    /// What the token may do, as Attio says; none before it has.
    pub granted: Option<Vec<String>>,
    /// The names of objects, lists and attributes, as they were learnt last.
    pub names: Option<Names>,
    /// Reads of this process.
    pub reads: Option<LimitStanding>,
    /// Writes of this process.
    pub writes: Option<LimitStanding>,
    /// Why webhooks are not looked at, where they are not.
    pub not_watched: Option<&'static str>,
    /// When this process saw the webhooks last.
    #[serde(serialize_with = "some_time")]
    pub seen_at: Option<OffsetDateTime>,
    /// Why it could not see them since.
    pub not_seen: Option<String>,
    /// The webhook of each source, once they were seen.
    pub webhooks: Vec<WebhookStanding>,
}

/// A workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Workspace {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its part of the addresses in Attio's app.
    pub slug: String,
}

/// A scope that is needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScopeStanding {
    /// The scope, such as `record_permission:read`.
    pub scope: String,
    /// What it is needed for.
    pub needed_by: Vec<String>,
    /// Whether the token has it; none before Attio has said.
    pub is_granted: Option<bool>,
}

/// The names that were learnt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Names {
    /// When Attio was asked, by any process.
    #[serde(serialize_with = "time")]
    pub learnt_at: OffsetDateTime,
    /// So many seconds ago.
    pub age_seconds: i64,
    /// Objects.
    pub objects: usize,
    /// Lists.
    pub lists: usize,
}

/// How many calls may be made.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LimitStanding {
    /// So many a second, by the configuration.
    pub per_second: f64,
    /// Attio asked to wait: no call is made before then.
    #[serde(serialize_with = "some_time")]
    pub paused_until: Option<OffsetDateTime>,
}

/// The webhook of a source.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WebhookStanding {
    /// The source.
    pub source: String,
    /// Where Attio must post to.
    pub target_url: String,
    /// The webhook's id; none when there is none.
    pub webhook_id: Option<String>,
    /// Whether it still delivers; none when there is none.
    pub status: Option<Status>,
    /// Since when this process sees it so.
    #[serde(serialize_with = "some_time")]
    pub status_since: Option<OffsetDateTime>,
    /// What it brings, each in a line.
    pub subscriptions: Vec<String>,
    /// All that is not as the routes need it, each in a sentence; also where not all names are
    /// known. Told of the first source, which `webhooks plan` plans for.
    pub drift: Vec<String>,
}

impl Lookout {
    /// How it stands with Attio. Attio is not asked: what was seen last is told.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn attio(&self) -> Result<AttioStanding, StoreError> {
        let config = self.config();
        let Some(access) = &config.attio else { return Ok(AttioStanding::none()) };
        let mut lane = self.parts.look.readers().reader().await?;
        let stored = lane.catalog(None).await?;
        drop(lane);
        let now = OffsetDateTime::now_utc();
        let catalog = stored.as_ref().map(|stored| &stored.catalog);
        let identity = catalog.and_then(|catalog| catalog.identity.as_ref());
        let granted = identity.map(|identity| identity.scopes.clone());
        let (reads, writes) = self.parts.client.as_ref().map(Client::pauses).unwrap_or_default();
        let limit = |rate: Rate, pause: Option<Duration>| LimitStanding {
            per_second: rate.per_second,
            paused_until: pause.map(|pause| now + pause),
        };
        let sight = self.parts.seen.last();
        let is_watched = config.server.public_url.is_some();
        Ok(AttioStanding {
            configured: true,
            base_url: Some(access.base_url.to_string()),
            workspace: identity.map(Workspace::from),
            scopes: scopes(&config, granted.as_deref()),
            granted,
            names: stored.as_ref().map(|stored| Names::new(stored, now)),
            reads: Some(limit(access.reads, reads)),
            writes: Some(limit(access.writes, writes)),
            not_watched: (!is_watched).then_some(NOT_WATCHED),
            seen_at: sight.at,
            webhooks: webhooks(&config, &sight, catalog.unwrap_or(&Catalog::default())),
            not_seen: sight.failed,
        })
    }
}

impl AttioStanding {
    fn none() -> Self {
        Self {
            configured: false,
            base_url: None,
            workspace: None,
            scopes: Vec::new(),
            granted: None,
            names: None,
            reads: None,
            writes: None,
            not_watched: Some("there is no [attio] section, so Attio cannot be asked"),
            seen_at: None,
            not_seen: None,
            webhooks: Vec::new(),
        }
    }
}

impl Names {
    fn new(stored: &StoredCatalog, now: OffsetDateTime) -> Self {
        Self {
            learnt_at: stored.learnt_at,
            age_seconds: (now - stored.learnt_at).whole_seconds().max(0),
            objects: stored.catalog.objects.len(),
            lists: stored.catalog.lists.len(),
        }
    }
}

impl From<&Identity> for Workspace {
    fn from(identity: &Identity) -> Self {
        Self {
            id: identity.workspace_id.clone(),
            name: identity.workspace_name.clone(),
            slug: identity.workspace_slug.clone(),
        }
    }
}

/// What is needed, each scope once.
fn scopes(config: &Config, granted: Option<&[String]>) -> Vec<ScopeStanding> {
    let mut standings: Vec<ScopeStanding> = Vec::new();
    for needed in of_config(config) {
        let scope = needed.scope.to_string();
        match standings.iter_mut().find(|one| one.scope == scope) {
            Some(one) => one.needed_by.push(needed.by),
            None => standings.push(ScopeStanding {
                scope,
                needed_by: vec![needed.by],
                is_granted: granted.map(|granted| needed.scope.is_granted(granted)),
            }),
        }
    }
    standings
}

/// One for each source. As for `webhooks plan`, it is the first one's that the routes need.
fn webhooks(config: &Config, sight: &Sight, catalog: &Catalog) -> Vec<WebhookStanding> {
    let Some(url) = config.server.public_url.as_ref().filter(|_| sight.at.is_some()) else {
        return Vec::new();
    };
    let targets: Vec<Target> =
        config.sources.iter().map(|source| Target::new(url, source)).collect();
    let plan = Plan::new(&config.routes, catalog);
    let standing = |(number, target): (usize, &Target)| {
        let here = target.webhooks(&sight.webhooks);
        let best = here.iter().max_by_key(|(version, webhook)| (webhook.status, *version));
        let webhook = best.map(|(_, webhook)| *webhook);
        let drift = if number == 0 {
            drift(&plan, &targets, target, (&sight.webhooks, catalog))
        } else {
            Vec::new()
        };
        let brings = webhook.into_iter().flat_map(|webhook| &webhook.subscriptions);
        WebhookStanding {
            source: target.source.to_string(),
            target_url: webhook.map_or_else(|| target.at(1), |webhook| webhook.target_url.clone()),
            webhook_id: webhook.map(|webhook| webhook.id.clone()),
            status: webhook.map(|webhook| webhook.status),
            status_since: sight.statuses.get(&target.source).map(|(_, since)| *since),
            subscriptions: brings.map(|one| one.describe(catalog)).collect(),
            drift,
        }
    };
    targets.iter().enumerate().map(standing).collect()
}

fn drift(
    plan: &Plan,
    targets: &[Target],
    target: &Target,
    (webhooks, catalog): (&[Webhook], &Catalog),
) -> Vec<String> {
    if !plan.unknown.is_empty() {
        // Without all names nobody can say what is lacking.
        return plan.unknown.iter().map(UnknownName::describe).collect();
    }
    let comparison = Comparison::new(plan, targets, &target.source, webhooks);
    let findings = comparison.into_iter().flat_map(|comparison| comparison.findings);
    findings.map(|finding| finding.describe(catalog)).collect()
}
