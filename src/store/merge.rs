//! Debounce: of the deliveries about one record or entry that wait at the same time, one goes.
//!
//! Each is recorded with its own due time; who goes is decided when one of them is claimed, in one
//! transaction that holds a lock on their key. The latest one carries what the others tell of, so
//! nothing is lost when a process dies at any point: what was merged says into which, also before it
//! ended. Accepted race: a delivery that another process is performing takes nothing more along, so
//! one that arrived before it, but was committed after it went, is sent by itself.

use std::time::Duration;

use time::OffsetDateTime;
use uuid::Uuid;

use super::{Lane, StoreError};

/// What becomes of a claimed delivery that may be merged with others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merged {
    /// A later one carries what it tells of: end it with [`Verdict::Merged`](super::Verdict).
    Into {
        /// The later one.
        id: Uuid,
        /// How many others of the key ended with it, merged into the same one.
        ended: u64,
    },
    /// It goes, with all that changed since the first of them.
    Last {
        /// What each that was merged into it tells of, and its own; each once, the oldest first.
        changes: Vec<Change>,
        /// How many others of the key ended just now, merged into it.
        ended: u64,
    },
    /// It is not this process's own any more: somebody else claimed it, or it ended.
    Lost,
}

/// What one merged event tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The event's type.
    pub event_type: String,
    /// The attribute that changed, where the event names one.
    pub attribute_id: Option<String>,
    /// What kind of actor did it.
    pub actor_type: Option<String>,
    /// The actor's id.
    pub actor_id: Option<String>,
    /// When the first message arrived that tells of it.
    pub since: OffsetDateTime,
}

/// `deliveries.reason` of one that was merged.
pub(super) fn reason(into: Uuid) -> String {
    format!("merged into {into}")
}

impl Lane {
    /// Decides what becomes of a claimed delivery under a `debounce_key`: the latest open one of the
    /// key that is not being performed goes, and carries what all earlier ones tell of. When the
    /// first of them arrived `longest` ago, nothing is waited for any more: then it is the latest of
    /// those that are due. Those that wait for nothing but their time end with this.
    ///
    /// To be asked before each attempt; asked again, it may well answer otherwise, and nothing is
    /// lost by that.
    ///
    /// # Errors
    /// Any [`StoreError`]; it may be asked again.
    pub async fn merge(
        &mut self,
        id: Uuid,
        lease_no: i32,
        debounce_key: [u8; 32],
        longest: Duration,
    ) -> Result<Merged, StoreError> {
        match self {
            Self::Postgres(lane) => lane.merge(id, lease_no, debounce_key, longest).await,
            Self::Sqlite(lane) => lane.merge(id, lease_no, debounce_key, longest).await,
        }
    }
}
