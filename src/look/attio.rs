//! What is Attio's: the webhooks as they were last seen, the limits, the token, the names.

use serde::Serialize;
use time::OffsetDateTime;

use super::Lookout;
use crate::{
    attio::subscription::{Finding, Status},
    store::{StoreError, some_time, time},
};

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
    /// Whether it still delivers.
    pub status: Option<Status>,
    /// What it brings, each in a line.
    pub subscriptions: Vec<String>,
    /// All that is not as the routes need it.
    pub findings: Vec<Finding>,
    /// The same, each in a sentence.
    pub drift: Vec<String>,
}

impl Lookout {
    /// How it stands with Attio. Attio is not asked: what was seen last is told.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn attio(&self) -> Result<AttioStanding, StoreError> {
        Err(StoreError::Unusable("is not told yet".to_owned()))
    }
}
