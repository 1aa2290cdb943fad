//! Is it healthy, and if not, what is wrong since when and where to look: the first page.

use serde::Serialize;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Lookout, standing::Day};
use crate::store::{StoreError, some_time, time};

/// All that the first page shows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Overview {
    /// No problem is [`Weight::Trouble`].
    pub is_healthy: bool,
    /// What somebody should see to, the worst first.
    pub problems: Vec<Problem>,
    /// What happens a minute, in this process.
    pub rates: Rates,
    /// How long Attio waits for its answer, at this process; none when nothing was answered lately.
    pub ack: Option<AckTime>,
    /// How long the oldest due delivery of an action that is not paused has waited, in seconds.
    pub oldest_due_seconds: f64,
    /// Deliveries that have not ended, of the whole fleet.
    pub open: Open,
    /// Dead deliveries that nobody has replayed or discarded.
    pub dead_letters: u64,
    /// Which configuration is in effect in this process.
    pub configuration: Configuration,
    /// The process that answers.
    pub process: Process,
    /// The last day of every route that is configured, in the order of the file.
    pub routes: Vec<RouteDay>,
}

/// Something that somebody should see to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Problem {
    /// How bad it is.
    pub weight: Weight,
    /// What it is, from a closed set, such as `failing`.
    pub what: &'static str,
    /// It in a sentence.
    pub text: String,
    /// Since when, where that is known.
    #[serde(serialize_with = "some_time")]
    pub since: Option<OffsetDateTime>,
    /// Where to look.
    pub place: Place,
    /// The route, action or source that it is about.
    pub name: Option<String>,
}

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// Something does not arrive, or soon will not.
    Trouble,
    /// Good to know.
    Notice,
}

/// The page that tells more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// This one.
    Overview,
    /// The search.
    Events,
    /// Dead letters.
    DeadLetters,
    /// Routes and actions; the name is a route's.
    Routes,
    /// Routes and actions; the name is an action's.
    Actions,
    /// The inventory.
    Integrations,
    /// What is Attio's.
    Attio,
}

/// What happens a minute, counted by this process alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Rates {
    /// Over so many seconds, up to now.
    pub window_seconds: f64,
    /// Messages that were new.
    pub accepted: f64,
    /// Requests that were sent away with an error.
    pub refused: f64,
    /// Deliveries that ended well.
    pub delivered: f64,
}

/// From the end of a request's head to its answer, for messages that were stored. Taken from the
/// buckets of a histogram, so good to a factor of about 1.5.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct AckTime {
    /// Half of them took less, in seconds.
    pub p50_seconds: f64,
    /// All but one in a hundred took less, in seconds.
    pub p99_seconds: f64,
    /// So many messages.
    pub count: u64,
}

/// Deliveries that have not ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Open {
    /// Due, waiting for their time, or waiting for an earlier one of their key.
    pub due: u64,
    /// Some process has them.
    pub leased: u64,
    /// Their route or action is paused.
    pub paused: u64,
    /// Their route or action is configured no longer.
    pub orphaned: u64,
}

/// Which configuration is in effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Configuration {
    /// Counts the configurations that took effect in this process; 1 after the start.
    pub generation: u64,
    /// The start of the hash of what was read; the same on all replicas that have read the same.
    pub fingerprint: String,
    /// The file was changed and cannot be used: since when.
    #[serde(serialize_with = "some_time")]
    pub refused_since: Option<OffsetDateTime>,
    /// What is wrong with it.
    pub refused: Option<String>,
}

/// The process that answers. Of the other replicas only what is in the store is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Process {
    /// Its id, as `deliveries.owner` names it.
    pub id: Uuid,
    /// The version that runs.
    pub version: &'static str,
    /// Since when it runs.
    #[serde(serialize_with = "time")]
    pub started_at: OffsetDateTime,
}

/// The last day of a route.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RouteDay {
    /// The route.
    pub route: String,
    /// Its deliveries, quarter hour by quarter hour.
    pub day: Day,
}

impl Lookout {
    /// The first page.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn overview(&self) -> Result<Overview, StoreError> {
        Err(StoreError::Unusable("is not told yet".to_owned()))
    }
}
