//! What is kept, and the one narrow way to it.
//!
//! Both engines mean the same: `tests/store.rs` runs one conformance suite over both. Every call
//! takes a whole batch and is one transaction. A [`Lane`] owns its connection, is used by one task
//! that nobody cancels, and after any doubt starts over with a new connection.

use std::{ops::Range, time::Duration};

use bytes::Bytes;
use time::OffsetDateTime;
use uuid::Uuid;

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
}

/// A row that has the same `dedup` as a message that was not new.
#[derive(Debug, Clone)]
pub struct Existing {
    /// The `dedup` that was asked for.
    pub dedup: [u8; 32],
    /// The id of the row.
    pub id: Uuid,
    /// Its body.
    pub body: Bytes,
}

/// How many deliveries of one action this process has room for.
#[derive(Debug, Clone)]
pub struct Want {
    /// The action.
    pub action: ActionName,
    /// Deliveries in all.
    pub slots: usize,
    /// Of these, how many may have been tried before.
    pub retries: usize,
    /// How long the claimed ones are ours.
    pub lease: Duration,
}

/// A delivery that was claimed: leased to this process, with what is needed to perform it.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// The delivery's id.
    pub id: Uuid,
    /// The fence: an outcome counts only while this is the row's own.
    pub lease_no: i32,
    /// Tries that were made and recorded before.
    pub tries: u32,
    /// Leases lost in a row before this one.
    pub lost: u32,
    /// Its route.
    pub route: RouteName,
    /// Its action.
    pub action: ActionName,
    /// What it is kept in order by.
    pub order_key: Option<[u8; 32]>,
    /// The same for all attempts.
    pub idempotency_key: Uuid,
    /// The event.
    pub event: ClaimedEvent,
}

/// The event of a delivery, as its action needs it.
#[derive(Debug, Clone)]
pub struct ClaimedEvent {
    /// Its id.
    pub id: Uuid,
    /// Its type.
    pub event_type: String,
    /// The source of its message.
    pub source: SourceName,
    /// When its message arrived.
    pub received_at: OffsetDateTime,
    /// Its JSON, as Attio sent it.
    pub json: Bytes,
}

/// What became of one claimed delivery.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The delivery.
    pub id: Uuid,
    /// The lease that it was performed under.
    pub lease_no: i32,
    /// What to do with the row.
    pub verdict: Verdict,
    /// What its key is, so that the next one in order goes.
    pub order_key: Option<[u8; 32]>,
    /// The try that was made, if one was.
    pub attempt: Option<Attempt>,
}

/// What to do with a delivery's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Ended well.
    Succeeded,
    /// Ended because the route does not want it after all; says why.
    Skipped(String),
    /// Ended without success; says why.
    Dead(String),
    /// The try failed; due again after so long.
    Retry(Duration),
    /// No try was made, none is counted; due again after so long.
    Postponed(Duration),
    /// Its route is no longer configured: kept until the route comes back.
    Orphaned,
}

/// One recorded try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// 1 for the first.
    pub number: u32,
    /// How long ago it started.
    pub started_ago: Duration,
    /// How long it took.
    pub duration: Duration,
    /// `succeeded`, `failed`, `refused`, `timeout`, …: from a closed set.
    pub result: &'static str,
    /// The HTTP status of the answer, where there was one.
    pub status: Option<u16>,
    /// What went wrong.
    pub error: Option<String>,
    /// The first 4 KiB of a failed answer.
    pub answer: Option<Bytes>,
}

/// What the gauges show: open deliveries of one action.
#[derive(Debug, Clone, PartialEq)]
pub struct Backlog {
    /// The action's name as it stands in the rows; may be configured no longer.
    pub action: String,
    /// Due, waiting for their time, or waiting for an earlier one of their key.
    pub due: u64,
    /// Leased to some process.
    pub leased: u64,
    /// Their route is configured no longer.
    pub orphaned: u64,
    /// Dead and neither replayed nor discarded.
    pub dead: u64,
    /// How long the oldest due one has waited; zero when none is due.
    pub oldest_due: Duration,
}

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Nothing of the batch can have been committed.
    #[error("the store is away")]
    Away(#[source] BoxError),
    /// The batch may or may not have been committed.
    #[error("the store did not confirm the commit")]
    Doubtful(#[source] BoxError),
    /// The store refused the batch, and would again.
    #[error("the store refused the batch")]
    Refused(#[source] BoxError),
    /// This store can never be used with this program or configuration.
    #[error("{0}")]
    Unusable(String),
}

/// Any error, boxed.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Where in a body something lies.
pub type Span = Range<usize>;
