//! Performing one attempt at one destination, within one deadline.
//!
//! An action never decides when to try again: it says what happened, and the variant of
//! [`ActionError`] is the decision.

use std::time::Duration;

use bytes::Bytes;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::name::{RouteName, SourceName};

/// One delivery, as its action needs it.
#[derive(Debug, Clone)]
pub struct Job {
    /// The same for every attempt of one delivery.
    pub idempotency_key: Uuid,
    /// The route that caused it.
    pub route: RouteName,
    /// The event's id.
    pub event_id: Uuid,
    /// The event's type.
    pub event_type: String,
    /// The source of its message.
    pub source: SourceName,
    /// When its message arrived.
    pub received_at: OffsetDateTime,
    /// The event's JSON, as Attio sent it.
    pub json: Bytes,
    /// 1 for the first attempt.
    pub attempt: u32,
}

/// A destination took the event.
#[derive(Debug, Clone, Default)]
pub struct Done {
    /// The HTTP status of the answer, where there was one.
    pub status: Option<u16>,
}

/// Why one attempt did not succeed.
///
/// The variant is the decision: dispatch never looks inside to choose.
#[derive(Debug, thiserror::Error)]
pub enum ActionError {
    /// The destination may take the same event later.
    #[error("{}", .0.what)]
    Retry(Failure),
    /// The destination will never take this event.
    #[error("{}", .0.what)]
    Refused(Failure),
    /// The destination is gone for good: this event is refused, and the action pauses.
    #[error("{}", .0.what)]
    Gone(Failure),
}

/// What is known of a failed attempt. Holds no secret.
#[derive(Debug, Clone, Default)]
pub struct Failure {
    /// What went wrong, in a sentence without a full stop.
    pub what: String,
    /// The HTTP status of the answer, where there was one.
    pub status: Option<u16>,
    /// The first 4 KiB of the answer, known secrets masked.
    pub answer: Option<Bytes>,
    /// The wait that the destination asked for.
    pub retry_after: Option<Duration>,
    /// The attempt ran out of time.
    pub timed_out: bool,
}
