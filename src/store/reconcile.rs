//! What the store tells of events that arrived, so that those which never did are known; and whose
//! turn it is to look for them.

use std::time::Duration;

use bytes::Bytes;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Lane, StoreError, words::words};

words! {
    /// Whose word a message is.
    Origin "messages.origin" {
        /// Attio sent it, with a signature.
        Attio "attio",
        /// It was made here, because nothing was heard of a change.
        Reconcile "reconcile",
        /// It was made here, to tell of trouble.
        Alert "alert",
    }
}

/// An event that Attio sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// Its id; rises with the time of arrival.
    pub id: Uuid,
    /// Its type.
    pub event_type: String,
    /// The record of its subject.
    pub record_id: Option<String>,
    /// The list entry of its subject.
    pub entry_id: Option<String>,
    /// The attribute that changed.
    pub attribute_id: Option<String>,
    /// When its message arrived.
    pub received_at: OffsetDateTime,
    /// Its JSON, for notes and tasks, whose ids stand nowhere else.
    pub json: Option<Bytes>,
}

impl Lane {
    /// Events of these types that Attio sent, in the order of their ids: up to `limit` after the
    /// id `after`, which need not be any event's. By their ids: they tell when an event arrived.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn heard(
        &mut self,
        after: Uuid,
        types: &[&str],
        limit: usize,
    ) -> Result<Vec<Heard>, StoreError> {
        match self {
            Self::Postgres(lane) => lane.heard(after, types, limit).await,
            Self::Sqlite(lane) => lane.heard(after, types, limit).await,
        }
    }

    /// When the oldest message arrived that is still there.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn oldest_message(&mut self) -> Result<Option<OffsetDateTime>, StoreError> {
        match self {
            Self::Postgres(lane) => lane.oldest_message().await,
            Self::Sqlite(lane) => lane.oldest_message().await,
        }
    }

    /// Takes the turn at a task, where it is due and nobody else has it. It is free again after
    /// `lease`, unless it is kept or ended before.
    ///
    /// # Errors
    /// Any [`StoreError`]; a turn that was taken in doubt is free again after `lease`.
    pub async fn begin_turn(&mut self, task: &str, lease: Duration) -> Result<bool, StoreError> {
        match self {
            Self::Postgres(lane) => lane.begin_turn(task, lease).await,
            Self::Sqlite(lane) => lane.begin_turn(task, lease).await,
        }
    }

    /// Keeps a turn that this process has for another `lease`. Whether it still has it.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn keep_turn(&mut self, task: &str, lease: Duration) -> Result<bool, StoreError> {
        match self {
            Self::Postgres(lane) => lane.move_turn(task, lease, true).await,
            Self::Sqlite(lane) => lane.move_turn(task, lease, true).await,
        }
    }

    /// Ends a turn that this process has; the next one is due after `pause`.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn end_turn(&mut self, task: &str, pause: Duration) -> Result<bool, StoreError> {
        match self {
            Self::Postgres(lane) => lane.move_turn(task, pause, false).await,
            Self::Sqlite(lane) => lane.move_turn(task, pause, false).await,
        }
    }
}
