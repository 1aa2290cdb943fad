//! What templates see of a delivery, and what actions send of it.

use bytes::Bytes;
use time::{OffsetDateTime, UtcOffset};
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

impl Job {
    /// When the message arrived, in RFC 3339, UTC, with milliseconds.
    #[must_use]
    pub fn received_at_text(&self) -> String {
        let at = self.received_at.to_offset(UtcOffset::UTC);
        let (hour, minute, second, milli) = at.time().as_hms_milli();
        format!(
            "{:04}-{:02}-{:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z",
            at.year(),
            u8::from(at.month()),
            at.day(),
        )
    }
}
