//! How routes and actions stand: whether they run, and how they fared in the last day.
//!
//! What is counted is counted by the whole fleet, and up to two seconds late. Breakers are each
//! process's own: the answer knows those of the process that gives it.

use serde::Serialize;
use time::OffsetDateTime;

use super::Lookout;
use crate::store::{StoreError, some_time, time};

/// Quarters of an hour in a day.
pub const QUARTERS: usize = 96;

/// How a route stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RouteStanding {
    /// Its name.
    pub name: String,
    /// What it is doing.
    pub state: State,
    /// Who paused it, where somebody did.
    pub paused: Option<Paused>,
    /// The types of events that it wants.
    pub on: Vec<String>,
    /// The actions that it leads to.
    pub to: Vec<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Why it exists.
    pub purpose: Option<String>,
    /// How it fares, over all of its actions.
    #[serde(flatten)]
    pub fares: Fares,
}

/// How an action stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ActionStanding {
    /// Its name.
    pub name: String,
    /// What it is doing.
    pub state: State,
    /// Who paused it, where somebody did.
    pub paused: Option<Paused>,
    /// `http`, `slack`, …; none when it is configured no longer.
    pub kind: Option<&'static str>,
    /// Where it sends to, without what may be secret; none when it is configured no longer.
    pub writes: Option<String>,
    /// The routes that lead to it.
    pub routes: Vec<String>,
    /// Whether this process leaves its destination alone for a while, because it failed again and
    /// again. Other processes find out for themselves.
    pub breaker_is_open_here: bool,
    /// Its dead deliveries that nobody has replayed or discarded.
    pub dead_letters: u64,
    /// How it fares, over all of its routes.
    #[serde(flatten)]
    pub fares: Fares,
}

/// What a route or an action is doing. Of several the one that is named first here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is configured no longer; its open deliveries wait until it comes back.
    Orphaned,
    /// The relay paused it, because it runs in circles.
    LoopPaused,
    /// It is paused.
    Paused,
    /// This process leaves its destination alone for a while.
    BreakerOpen,
    /// It works, and what it did last failed.
    Failing,
    /// It works.
    Running,
}

/// Why something is paused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Paused {
    /// Who paused it: a person, or what the relay met: `410` (the destination is gone) or `loop`.
    pub by: String,
    /// Since when.
    #[serde(serialize_with = "time")]
    pub since: OffsetDateTime,
    /// Why; empty when nobody said.
    pub reason: String,
}

/// How something fares.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fares {
    /// Its deliveries of the last day, quarter hour by quarter hour.
    pub day: Day,
    /// Of the deliveries that succeeded or died in the last day, the part that succeeded, from 0 to
    /// 1; none when there were none.
    pub success_rate: Option<f64>,
    /// When a delivery succeeded last.
    #[serde(serialize_with = "some_time")]
    pub last_success: Option<OffsetDateTime>,
    /// When an attempt failed, or a delivery died, last.
    #[serde(serialize_with = "some_time")]
    pub last_failure: Option<OffsetDateTime>,
    /// What went wrong then.
    pub last_error: Option<String>,
    /// Since when all attempts fail; none when the last one did not.
    #[serde(serialize_with = "some_time")]
    pub failing_since: Option<OffsetDateTime>,
    /// Deliveries that have not ended.
    pub open: u64,
    /// There are more: not all were counted.
    pub open_is_at_least: bool,
    /// How long the oldest one that is due has waited, in seconds; 0 when none is.
    pub oldest_due_seconds: f64,
}

/// The deliveries of a day up to now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Day {
    /// When the first quarter of an hour begins. The last one is the present one.
    #[serde(serialize_with = "time")]
    pub begins_at: OffsetDateTime,
    /// Deliveries that succeeded, for each of the [`QUARTERS`].
    pub delivered: Vec<u64>,
    /// Attempts that failed and are tried again, and deliveries that died, for each of them.
    pub failed: Vec<u64>,
    /// Deliveries that succeeded, in all.
    pub succeeded: u64,
    /// Deliveries that the route did not want after all.
    pub skipped: u64,
    /// Deliveries that ended without success.
    pub dead: u64,
    /// Deliveries that a person ended.
    pub discarded: u64,
}

impl Lookout {
    /// Every route that is configured, in the order of the file, and then those that still have
    /// open deliveries.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn routes(&self) -> Result<Vec<RouteStanding>, StoreError> {
        Err(StoreError::Unusable("is not told yet".to_owned()))
    }

    /// Every action that is configured, in the order of the file, and then those that still have
    /// open deliveries.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn actions(&self) -> Result<Vec<ActionStanding>, StoreError> {
        Err(StoreError::Unusable("is not told yet".to_owned()))
    }
}
