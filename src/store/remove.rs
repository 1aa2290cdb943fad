//! Removing what is old: the questions that decide about it, and the deletions, in small batches.
//!
//! No index leads from a message to its events or from an event to its deliveries: each would cost
//! every message on its way in. Ids do: what is made of one message is made in one moment
//! ([`moment_between`]). What was made later is found from what was made before it: a replay by
//! `replayed_by`, the other half of a merger by `merged_into`, the events of a released message by
//! `released`. Who decides is `retention`; whether it still is so is asked again by the deletion.

use bytes::Bytes;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Lane, Range, StoreError, columns::Columns, look::born_with, unsigned};

/// What decides whether a delivery may go, and what goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldDelivery {
    /// Its id.
    pub id: Uuid,
    /// Its event.
    pub event_id: Uuid,
    /// When it ended; `None` while it is open.
    pub ended_at: Option<OffsetDateTime>,
    /// The delivery that does it again.
    pub replayed_by: Option<Uuid>,
    /// The delivery that carries what it tells of; may be itself.
    pub merged_into: Option<Uuid>,
}

impl OldDelivery {
    pub(super) fn of_row(row: &impl Columns) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.id("id")?,
            event_id: row.id("event_id")?,
            ended_at: row.maybe_at("ended_at")?,
            replayed_by: row.maybe_id("replayed_by")?,
            merged_into: row.maybe_id("merged_into")?,
        })
    }
}

/// What decides whether a message may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldMessage {
    /// Its id.
    pub id: Uuid,
    /// How long its body is, in bytes.
    pub size: u64,
    /// Its body is gone already, and a digest stands for it.
    pub is_slim: bool,
    /// An id of the moment in which its events were made, where that was not on arrival.
    pub released: Option<Uuid>,
}

impl OldMessage {
    pub(super) fn of_row(row: &impl Columns) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.id("id")?,
            size: unsigned(row.read("size")?),
            is_slim: row.read("is_slim")?,
            released: row.maybe_id("released")?,
        })
    }
}

/// An event with all of its deliveries, that may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removable {
    /// The event.
    pub event: Uuid,
    /// All of its deliveries.
    pub deliveries: Vec<Uuid>,
}

/// A message whose body goes, and what its later copies are compared with from then on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slimmed {
    /// The message.
    pub id: Uuid,
    /// The SHA-256 of what its body said; see `intake::digest`.
    pub digest: [u8; 32],
}

/// How many rows are gone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removed {
    /// Events.
    pub events: u64,
    /// Deliveries.
    pub deliveries: u64,
    /// Attempts.
    pub attempts: u64,
    /// Snapshots.
    pub snapshots: u64,
}

/// How large a part of the store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Size {
    /// The table; for SQLite also `file`, the whole of it, and `free`, what of it is unused.
    pub of: String,
    /// About how many rows it has, where that can be told without counting them.
    pub rows: Option<u64>,
    /// How many bytes it takes with its indexes, where that can be told.
    pub bytes: Option<u64>,
}

/// The tables whose sizes are told.
pub(super) const SIZED: [&str; 7] =
    ["messages", "events", "deliveries", "attempts", "snapshots", "acts", "order_keys"];

/// The ids that can have been made in the moments of these and of all between them.
#[must_use]
pub fn moment_between(first: Uuid, last: Uuid) -> Range {
    Range { least: born_with(first).least, before: born_with(last).before }
}

/// The removable events of which every delivery is among the `locked` ones; the others changed.
pub(super) fn unchanged(batch: &[Removable], locked: &[Uuid]) -> (Vec<Uuid>, Vec<Uuid>) {
    let locked: std::collections::HashSet<&Uuid> = locked.iter().collect();
    let still = batch.iter().filter(|one| one.deliveries.iter().all(|id| locked.contains(id)));
    let (mut events, mut deliveries) = (Vec::new(), Vec::new());
    for one in still {
        events.push(one.event);
        deliveries.extend_from_slice(&one.deliveries);
    }
    (events, deliveries)
}

impl Lane {
    /// The ids of events after `after` and before `before`, in their order.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn old_events(
        &mut self,
        after: Uuid,
        before: Uuid,
        limit: usize,
    ) -> Result<Vec<Uuid>, StoreError> {
        match self {
            Self::Postgres(lane) => lane.old_events(after, before, limit).await,
            Self::Sqlite(lane) => lane.old_events(after, before, limit).await,
        }
    }

    /// The deliveries of `events` among those of a range of ids.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn old_deliveries(
        &mut self,
        range: Range,
        events: &[Uuid],
    ) -> Result<Vec<OldDelivery>, StoreError> {
        match self {
            Self::Postgres(lane) => lane.old_deliveries(range, events).await,
            Self::Sqlite(lane) => lane.old_deliveries(range, events).await,
        }
    }

    /// The deliveries of these ids that are there.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn linked_deliveries(
        &mut self,
        ids: &[Uuid],
    ) -> Result<Vec<OldDelivery>, StoreError> {
        match self {
            Self::Postgres(lane) => lane.linked_deliveries(ids).await,
            Self::Sqlite(lane) => lane.linked_deliveries(ids).await,
        }
    }

    /// Messages after `after` and before `before`, in the order of their ids.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn old_messages(
        &mut self,
        after: Uuid,
        before: Uuid,
        limit: usize,
    ) -> Result<Vec<OldMessage>, StoreError> {
        match self {
            Self::Postgres(lane) => lane.old_messages(after, before, limit).await,
            Self::Sqlite(lane) => lane.old_messages(after, before, limit).await,
        }
    }

    /// Those of `messages` that events of a range of ids were told by, each once.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn told_by(
        &mut self,
        events: Range,
        messages: &[Uuid],
    ) -> Result<Vec<Uuid>, StoreError> {
        match self {
            Self::Postgres(lane) => lane.told_by(events, messages).await,
            Self::Sqlite(lane) => lane.told_by(events, messages).await,
        }
    }

    /// The bodies of messages.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn bodies(&mut self, messages: &[Uuid]) -> Result<Vec<(Uuid, Bytes)>, StoreError> {
        match self {
            Self::Postgres(lane) => lane.bodies(messages).await,
            Self::Sqlite(lane) => lane.bodies(messages).await,
        }
    }

    /// Removes events with their deliveries, attempts and snapshots, all or nothing. An event of
    /// which any delivery is open, or was replayed meanwhile by one that was not known of, stays
    /// whole.
    ///
    /// # Errors
    /// Any [`StoreError`]; the same may be asked again.
    pub async fn remove_events(&mut self, batch: &[Removable]) -> Result<Removed, StoreError> {
        match self {
            Self::Postgres(lane) => lane.remove_events(batch).await,
            Self::Sqlite(lane) => lane.remove_events(batch).await,
        }
    }

    /// Removes messages that have no events. One that was released meanwhile stays: of those that
    /// were released, only the ones with a `released` among these go. Returns how many went.
    ///
    /// # Errors
    /// Any [`StoreError`]; the same may be asked again.
    pub async fn remove_messages(&mut self, batch: &[OldMessage]) -> Result<u64, StoreError> {
        let ids: Vec<Uuid> = batch.iter().map(|message| message.id).collect();
        let released: Vec<Uuid> = batch.iter().filter_map(|message| message.released).collect();
        match self {
            Self::Postgres(lane) => lane.remove_messages(&ids, &released).await,
            Self::Sqlite(lane) => lane.remove_messages(&ids, &released).await,
        }
    }

    /// Puts a digest in the place of the bodies of messages that have no events; as
    /// [`Self::remove_messages`]. Returns how many bodies went.
    ///
    /// # Errors
    /// Any [`StoreError`]; the same may be asked again.
    pub async fn slim_messages(
        &mut self,
        batch: &[Slimmed],
        released: &[Uuid],
    ) -> Result<u64, StoreError> {
        match self {
            Self::Postgres(lane) => lane.slim_messages(batch, released).await,
            Self::Sqlite(lane) => lane.slim_messages(batch, released).await,
        }
    }

    /// Removes the oldest acts before an id, up to `limit`. Returns how many.
    ///
    /// # Errors
    /// Any [`StoreError`]; the same may be asked again.
    pub async fn remove_acts(&mut self, before: Uuid, limit: usize) -> Result<u64, StoreError> {
        match self {
            Self::Postgres(lane) => lane.remove_acts(before, limit).await,
            Self::Sqlite(lane) => lane.remove_acts(before, limit).await,
        }
    }

    /// How large the store is, by what the engine knows without reading the tables.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn sizes(&mut self) -> Result<Vec<Size>, StoreError> {
        match self {
            Self::Postgres(lane) => lane.sizes().await,
            Self::Sqlite(lane) => lane.sizes().await,
        }
    }
}
