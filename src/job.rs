//! What templates see of a delivery, and what actions send of it.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;
use time::{OffsetDateTime, UtcOffset};
use uuid::Uuid;

use crate::{
    name::{RouteName, SourceName},
    routing::table::ALERTS,
};

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
    /// What was looked up for it.
    pub values: Arc<Values>,
}

/// What was looked up for an event, each made plain. `None` was not looked up; `Value::Null` is a
/// fact: it is not there, or not any more.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Values {
    /// The record of the event's subject.
    pub record: Option<Value>,
    /// The list entry of the event's subject.
    pub entry: Option<Value>,
    /// The record or entry as it was before the change.
    pub previous: Option<Value>,
    /// The actor, with name and e-mail address.
    pub actor: Option<Value>,
    /// The workspace: id, name, slug.
    pub workspace: Option<Value>,
    /// The note.
    pub note: Option<Value>,
    /// The task.
    pub task: Option<Value>,
    /// The comment.
    pub comment: Option<Value>,
    /// The call recording, with its meeting.
    pub meeting: Option<Value>,
}

impl Job {
    /// What an alert says to people; none for events of Attio.
    #[must_use]
    pub fn alert_text(&self) -> Option<String> {
        if self.route.as_str() != ALERTS {
            return None;
        }
        let event: Value = serde_json::from_slice(&self.json).ok()?;
        event["text"].as_str().map(str::to_owned)
    }

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
