//! What lists and stories show of a row, on either engine, as people and programs get it.

use serde::{Serialize, Serializer};
use time::{OffsetDateTime, UtcOffset};
use uuid::Uuid;

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

/// How an engine's rows are read: the same columns under the same names, in its own types, which
/// `id`, `maybe_id`, `at` and `maybe_at` of the place where this stands know.
macro_rules! row_readers {
    ($row:ty) => {
        fn message_row(row: &$row) -> Result<$crate::store::MessageRow, sqlx::Error> {
            let key: Option<Vec<u8>> = row.try_get("key")?;
            Ok($crate::store::MessageRow {
                id: id(row, "id")?,
                received_at: at(row, "received_at")?,
                source: row.try_get("source")?,
                origin: row.try_get("origin")?,
                status: row.try_get("status")?,
                reason: row.try_get("reason")?,
                webhook_id: row.try_get("webhook_id")?,
                key: key.map(|key| String::from_utf8_lossy(&key).into_owned()),
                body_bytes: $crate::store::unsigned(row.try_get("body_bytes")?),
            })
        }

        fn subject(row: &$row) -> Result<$crate::store::Subject, sqlx::Error> {
            Ok($crate::store::Subject {
                object_id: row.try_get("object_id")?,
                record_id: row.try_get("record_id")?,
                list_id: row.try_get("list_id")?,
                entry_id: row.try_get("entry_id")?,
                ..$crate::store::Subject::default()
            })
        }

        fn event_row(row: &$row) -> Result<$crate::store::EventRow, sqlx::Error> {
            Ok($crate::store::EventRow {
                id: id(row, "id")?,
                message_id: id(row, "message_id")?,
                received_at: at(row, "received_at")?,
                source: row.try_get("source")?,
                event_type: row.try_get("type")?,
                subject: subject(row)?,
                attribute_id: row.try_get("attribute_id")?,
                actor_type: row.try_get("actor_type")?,
                actor_id: row.try_get("actor_id")?,
                workspace_id: row.try_get("workspace_id")?,
            })
        }

        fn delivery_row(row: &$row) -> Result<$crate::store::DeliveryRow, sqlx::Error> {
            let state: String = row.try_get("state")?;
            let due_at = at(row, "due_at")?;
            Ok($crate::store::DeliveryRow {
                id: id(row, "id")?,
                event_id: id(row, "event_id")?,
                received_at: maybe_at(row, "received_at")?,
                source: row.try_get("source")?,
                event_type: row.try_get("type")?,
                subject: subject(row)?,
                route: row.try_get("route")?,
                action: row.try_get("action")?,
                held: row.try_get("held")?,
                is_leased: row.try_get("is_leased")?,
                tries: $crate::store::unsigned(row.try_get("tries")?),
                due_at: (state == "open").then_some(due_at),
                state,
                ended_at: maybe_at(row, "ended_at")?,
                reason: row.try_get("reason")?,
                last_error: row.try_get("last_error")?,
                last_status: row.try_get("last_status")?,
                idempotency_key: id(row, "idempotency_key")?,
                merged_into: maybe_id(row, "merged_into")?,
                replay_of: maybe_id(row, "replay_of")?,
                replayed_by: maybe_id(row, "replayed_by")?,
            })
        }

        fn attempt_row(row: &$row) -> Result<$crate::store::AttemptRow, sqlx::Error> {
            let answer: Option<Vec<u8>> = row.try_get("answer")?;
            let took: Option<i64> = row.try_get("duration_us")?;
            Ok($crate::store::AttemptRow {
                delivery_id: id(row, "delivery_id")?,
                number: $crate::store::unsigned(row.try_get("number")?),
                started_at: maybe_at(row, "started_at")?,
                duration_us: took.map($crate::store::unsigned),
                result: row.try_get("result")?,
                status: row.try_get("status")?,
                error: row.try_get("error")?,
                answer: answer.map(|answer| String::from_utf8_lossy(&answer).into_owned()),
            })
        }
    };
}
pub(in crate::store) use row_readers;
