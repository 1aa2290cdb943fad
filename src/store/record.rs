//! What is recorded: messages that are new, with their events and deliveries.

use std::time::Duration;

use bytes::Bytes;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Lane, Origin, StoreError};
use crate::name::{ActionName, RouteName, SourceName};

/// A signed message on its way into the store, with all that it causes.
#[derive(Debug, Clone)]
pub struct NewMessage {
    /// Made before the first try, so that a row found with it is our own earlier commit.
    pub id: Uuid,
    /// What the unique index decides by; see `intake::plan`.
    pub dedup: [u8; 32],
    /// The source it came to.
    pub source: SourceName,
    /// The `webhook_id` of its envelope.
    pub webhook_id: Option<String>,
    /// The key it was sent with: the header's bytes, or the body's `event_id`.
    pub key: Option<Bytes>,
    /// When it arrived, by this process's clock.
    pub received_at: OffsetDateTime,
    /// Whose word it is.
    pub origin: Origin,
    /// Why it is kept aside, where it is.
    pub quarantined: Option<&'static str>,
    /// The bytes that were signed.
    pub body: Bytes,
    /// What it says happened; none when quarantined.
    pub events: Vec<NewEvent>,
}

/// One event of a [`NewMessage`].
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// Its id.
    pub id: Uuid,
    /// What is known of it.
    pub event: crate::attio::event::Event,
    /// The deliveries that it causes.
    pub deliveries: Vec<NewDelivery>,
}

/// One delivery that an event causes.
#[derive(Debug, Clone)]
pub struct NewDelivery {
    /// Its id, and its idempotency key.
    pub id: Uuid,
    /// The route that wants it.
    pub route: RouteName,
    /// The action that performs it.
    pub action: ActionName,
    /// What it is kept in order by; `None` when order does not matter.
    pub order_key: Option<[u8; 32]>,
    /// Born leased to this process for so long; otherwise due for anyone.
    pub lease: Option<Duration>,
    /// Due for anyone after so long; never together with `lease`.
    pub delay: Option<Duration>,
    /// By what those are known that it may be merged with; see [`Lane::merge`].
    pub debounce_key: Option<[u8; 32]>,
}

/// A row that has the same `dedup` as a message that was not new.
#[derive(Debug, Clone)]
pub struct Existing {
    /// The `dedup` that was asked for.
    pub dedup: [u8; 32],
    /// The id of the row.
    pub id: Uuid,
    /// Its body; empty once it was removed.
    pub body: Bytes,
    /// Stands for the body that was removed; see `intake::digest`.
    pub body_digest: Option<[u8; 32]>,
}

impl NewMessage {
    /// `messages.status`.
    #[must_use]
    pub fn status(&self) -> &'static str {
        if self.quarantined.is_some() { "quarantined" } else { "accepted" }
    }
}

impl Lane {
    /// Records the messages that are new, with their events and deliveries, all or nothing.
    /// Returns the ids of those that were new.
    ///
    /// # Errors
    /// Any [`StoreError`]; after [`StoreError::Doubtful`] the same batch may be recorded again:
    /// what it committed is then found by [`Lane::existing`] under its own ids.
    pub async fn record(&mut self, batch: &[&NewMessage]) -> Result<Vec<Uuid>, StoreError> {
        match self {
            Self::Postgres(lane) => lane.record(batch).await,
            Self::Sqlite(lane) => lane.record(batch).await,
        }
    }

    /// The messages that stand under the given `dedup`s.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn existing(&mut self, dedups: &[[u8; 32]]) -> Result<Vec<Existing>, StoreError> {
        match self {
            Self::Postgres(lane) => lane.existing(dedups).await,
            Self::Sqlite(lane) => lane.existing(dedups).await,
        }
    }
}
