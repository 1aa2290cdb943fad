//! What lists and stories show of a row, on either engine, as people and programs get it.

use serde::{Serialize, Serializer};
use time::{OffsetDateTime, UtcOffset};
use uuid::Uuid;

use crate::store::{columns::Columns, unsigned};

/// A message, without its body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MessageRow {
    /// Its id.
    pub id: Uuid,
    /// When its head arrived.
    #[serde(serialize_with = "time")]
    pub received_at: OffsetDateTime,
    /// The source it came to.
    pub source: String,
    /// Whose word it is: `attio`, `reconcile` or `alert`.
    pub origin: String,
    /// `accepted` or `quarantined`.
    pub status: String,
    /// Why it is quarantined.
    pub reason: Option<String>,
    /// The `webhook_id` of its envelope.
    pub webhook_id: Option<String>,
    /// The key it was sent with.
    pub key: Option<String>,
    /// How long its body is, in bytes.
    pub body_bytes: u64,
}

impl MessageRow {
    pub(in crate::store) fn of_row(row: &impl Columns) -> Result<Self, sqlx::Error> {
        let key: Option<Vec<u8>> = row.read("key")?;
        Ok(Self {
            id: row.id("id")?,
            received_at: row.at("received_at")?,
            source: row.read("source")?,
            origin: row.read("origin")?,
            status: row.read("status")?,
            reason: row.read("reason")?,
            webhook_id: row.read("webhook_id")?,
            key: key.map(|key| String::from_utf8_lossy(&key).into_owned()),
            body_bytes: unsigned(row.read("body_bytes")?),
        })
    }
}

/// What an event is about. Slugs are there where the names were learnt.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Subject {
    /// The object's slug.
    pub object: Option<String>,
    /// The object's id.
    pub object_id: Option<String>,
    /// The record's id.
    pub record_id: Option<String>,
    /// The list's slug.
    pub list: Option<String>,
    /// The list's id.
    pub list_id: Option<String>,
    /// The list entry's id.
    pub entry_id: Option<String>,
}

impl Subject {
    pub(in crate::store) fn of_row(row: &impl Columns) -> Result<Self, sqlx::Error> {
        Ok(Self {
            object_id: row.read("object_id")?,
            record_id: row.read("record_id")?,
            list_id: row.read("list_id")?,
            entry_id: row.read("entry_id")?,
            ..Self::default()
        })
    }
}

/// An event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EventRow {
    /// Its id.
    pub id: Uuid,
    /// The message that told of it.
    pub message_id: Uuid,
    /// When that message arrived.
    #[serde(serialize_with = "time")]
    pub received_at: OffsetDateTime,
    /// The source it came to.
    pub source: String,
    /// Its type.
    #[serde(rename = "type")]
    pub event_type: String,
    /// What it is about.
    #[serde(flatten)]
    pub subject: Subject,
    /// The attribute that changed.
    pub attribute_id: Option<String>,
    /// What kind of actor caused it.
    pub actor_type: Option<String>,
    /// Which one.
    pub actor_id: Option<String>,
    /// The workspace.
    pub workspace_id: Option<String>,
}

impl EventRow {
    pub(in crate::store) fn of_row(row: &impl Columns) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.id("id")?,
            message_id: row.id("message_id")?,
            received_at: row.at("received_at")?,
            source: row.read("source")?,
            event_type: row.read("type")?,
            subject: Subject::of_row(row)?,
            attribute_id: row.read("attribute_id")?,
            actor_type: row.read("actor_type")?,
            actor_id: row.read("actor_id")?,
            workspace_id: row.read("workspace_id")?,
        })
    }
}

/// A delivery, with what its event is about and how the last try went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeliveryRow {
    /// Its id.
    pub id: Uuid,
    /// Its event.
    pub event_id: Uuid,
    /// When the event's message arrived.
    #[serde(serialize_with = "some_time")]
    pub received_at: Option<OffsetDateTime>,
    /// The source it came to.
    pub source: Option<String>,
    /// The event's type.
    #[serde(rename = "type")]
    pub event_type: Option<String>,
    /// What the event is about.
    #[serde(flatten)]
    pub subject: Subject,
    /// The route that wanted it.
    pub route: String,
    /// The action that performs it.
    pub action: String,
    /// `open`, `succeeded`, `skipped`, `dead` or `discarded`.
    pub state: String,
    /// Why an open one may not be claimed: `order`, `orphaned` or `paused`.
    pub held: Option<String>,
    /// Whether some process has it now.
    pub is_leased: bool,
    /// Tries that were made and told of.
    pub tries: u64,
    /// When an open one may be claimed; of a leased one, when its lease ends.
    #[serde(serialize_with = "some_time")]
    pub due_at: Option<OffsetDateTime>,
    /// When it ended.
    #[serde(serialize_with = "some_time")]
    pub ended_at: Option<OffsetDateTime>,
    /// Why it ended without success.
    pub reason: Option<String>,
    /// What went wrong in the last try.
    pub last_error: Option<String>,
    /// The HTTP status that the last try got.
    pub last_status: Option<i64>,
    /// Sent with every attempt.
    pub idempotency_key: Uuid,
    /// The later delivery that carries what this one tells of.
    pub merged_into: Option<Uuid>,
    /// The ended delivery that this one does again.
    pub replay_of: Option<Uuid>,
    /// The delivery that does this one again.
    pub replayed_by: Option<Uuid>,
}

impl DeliveryRow {
    pub(in crate::store) fn of_row(row: &impl Columns) -> Result<Self, sqlx::Error> {
        let state: String = row.read("state")?;
        let due_at = row.at("due_at")?;
        Ok(Self {
            id: row.id("id")?,
            event_id: row.id("event_id")?,
            received_at: row.maybe_at("received_at")?,
            source: row.read("source")?,
            event_type: row.read("type")?,
            subject: Subject::of_row(row)?,
            route: row.read("route")?,
            action: row.read("action")?,
            held: row.read("held")?,
            is_leased: row.read("is_leased")?,
            tries: unsigned(row.read("tries")?),
            due_at: (state == "open").then_some(due_at),
            state,
            ended_at: row.maybe_at("ended_at")?,
            reason: row.read("reason")?,
            last_error: row.read("last_error")?,
            last_status: row.read("last_status")?,
            idempotency_key: row.id("idempotency_key")?,
            merged_into: row.maybe_id("merged_into")?,
            replay_of: row.maybe_id("replay_of")?,
            replayed_by: row.maybe_id("replayed_by")?,
        })
    }
}

/// A recorded try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AttemptRow {
    /// The delivery.
    #[serde(skip)]
    pub delivery_id: Uuid,
    /// 1 for the first; after a lost lease the number is used again.
    pub number: u64,
    /// When it started; not known of a lost lease.
    #[serde(serialize_with = "some_time")]
    pub started_at: Option<OffsetDateTime>,
    /// How long it took, in microseconds.
    pub duration_us: Option<u64>,
    /// `succeeded`, `failed`, `timeout`, `refused`, `cut_off` or `lease_lost`.
    pub result: String,
    /// The HTTP status of the answer.
    pub status: Option<i64>,
    /// What went wrong; known secrets masked.
    pub error: Option<String>,
    /// The start of a failed answer; known secrets masked.
    pub answer: Option<String>,
}

impl AttemptRow {
    pub(in crate::store) fn of_row(row: &impl Columns) -> Result<Self, sqlx::Error> {
        let answer: Option<Vec<u8>> = row.read("answer")?;
        let took: Option<i64> = row.read("duration_us")?;
        Ok(Self {
            delivery_id: row.id("delivery_id")?,
            number: unsigned(row.read("number")?),
            started_at: row.maybe_at("started_at")?,
            duration_us: took.map(unsigned),
            result: row.read("result")?,
            status: row.read("status")?,
            error: row.read("error")?,
            answer: answer.map(|answer| String::from_utf8_lossy(&answer).into_owned()),
        })
    }
}

/// A time as it is shown: RFC 3339, UTC, milliseconds.
#[must_use]
pub fn text_of(moment: OffsetDateTime) -> String {
    let moment = moment.to_offset(UtcOffset::UTC);
    let (hour, minute, second, milli) = moment.time().as_hms_milli();
    let (year, month, day) = (moment.year(), u8::from(moment.month()), moment.day());
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

/// [`text_of`] for serde.
pub(crate) fn time<S: Serializer>(moment: &OffsetDateTime, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(&text_of(*moment))
}

/// [`text_of`] for serde, where there may be none.
#[expect(clippy::ref_option, reason = "serde passes fields by reference")]
pub(crate) fn some_time<S: Serializer>(
    moment: &Option<OffsetDateTime>,
    out: S,
) -> Result<S::Ok, S::Error> {
    moment.map(text_of).serialize(out)
}
