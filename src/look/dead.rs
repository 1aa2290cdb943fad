//! Dead letters in groups: what failed alike is seen, understood and replayed together.
//!
//! Only the newest of them are grouped, so that the answer stays quick however many there are;
//! how many there are in all is counted.

use serde::Serialize;
use time::OffsetDateTime;
use uuid::Uuid;

use super::Lookout;
use crate::store::{StoreError, time};

/// Deliveries that ended without success and that nobody has replayed or discarded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeadLetters {
    /// All of them.
    pub total: u64,
    /// So many of the newest are in the groups.
    pub grouped: u64,
    /// The groups, the one with the newest first.
    pub groups: Vec<DeadGroup>,
}

/// Dead letters of one action with one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeadGroup {
    /// The action.
    pub action: String,
    /// Why they died; what differs from one to another, such as an id, stands as `…`.
    pub reason: String,
    /// A part of the reason that all of them have: finds them, as the filter for errors does.
    pub part: String,
    /// So many.
    pub count: u64,
    /// The routes that wanted them.
    pub routes: Vec<String>,
    /// When the last one died.
    #[serde(serialize_with = "time")]
    pub newest: OffsetDateTime,
    /// When the first one of those that are grouped died.
    #[serde(serialize_with = "time")]
    pub oldest: OffsetDateTime,
    /// One of them: the newest.
    pub example: Uuid,
}

impl Lookout {
    /// The dead letters, grouped by action and reason.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn dead_letters(&self) -> Result<DeadLetters, StoreError> {
        Err(StoreError::Unusable("is not told yet".to_owned()))
    }
}
