//! The way in: one statement for a whole batch.
//!
//! Nearly every message is new, so a batch is first written as if all were: that spares the look
//! for what is known already and the joins that follow from it. Where one is known after all, the
//! unique index ends the statement, nothing is written, and the careful one takes the batch.

mod statements;

use std::collections::HashSet;

use bytes::Bytes;
use sqlx::postgres::{PgConnection, PgQueryResult, types::PgRecordEncoder};
use uuid::Uuid;

use super::row::{Row, row_type};
use crate::store::{BoxError, Existing, NewDelivery, NewEvent, NewMessage, Origin, micros};
use statements::{RECORD, RECORD_MADE, RECORD_NEW, RECORD_ONE, RECORD_ORDERED};

/// Batches that are written carefully at once after one that held a known message: duplicates come
/// in bursts.
const CAREFUL: u32 = 64;

/// A row of type `new_message`.
struct MessageRow<'a>(&'a NewMessage);

/// A row of type `new_event`.
struct EventRow<'a>(Uuid, &'a NewEvent);

/// A row of type `new_delivery`.
struct DeliveryRow<'a>(Uuid, Uuid, &'a NewDelivery);

row_type!(MessageRow<'_>, "new_message");
row_type!(EventRow<'_>, "new_event");
row_type!(DeliveryRow<'_>, "new_delivery");

impl Row for MessageRow<'_> {
    fn write(&self, row: &mut PgRecordEncoder<'_>) -> Result<(), BoxError> {
        let message = self.0;
        row.encode(message.id)?
            .encode(message.dedup.as_slice())?
            .encode(message.source.as_str())?
            .encode(message.webhook_id.as_deref())?
            .encode(message.key.as_deref())?
            .encode(message.received_at)?
            .encode(message.quarantined)?
            .encode(&message.body[..])?;
        Ok(())
    }
}

impl Row for EventRow<'_> {
    fn write(&self, row: &mut PgRecordEncoder<'_>) -> Result<(), BoxError> {
        let Self(message_id, NewEvent { id, event, .. }) = self;
        let subject = &event.subject;
        row.encode(*id)?
            .encode(*message_id)?
            .encode(event.event_type.as_str())?
            .encode(event.actor_type.as_deref())?
            .encode(event.actor_id.as_deref())?
            .encode(event.workspace_id.as_deref())?
            .encode(subject.object_id.as_deref())?
            .encode(subject.record_id.as_deref())?
            .encode(subject.list_id.as_deref())?
            .encode(subject.entry_id.as_deref())?
            .encode(event.attribute_id.as_deref())?
            .encode(offset(event.span.start))?
            .encode(offset(event.span.len()))?;
        Ok(())
    }
}

impl Row for DeliveryRow<'_> {
    fn write(&self, row: &mut PgRecordEncoder<'_>) -> Result<(), BoxError> {
        let Self(message_id, event_id, delivery) = self;
        row.encode(delivery.id)?
            .encode(*message_id)?
            .encode(*event_id)?
            .encode(delivery.route.as_str())?
            .encode(delivery.action.as_str())?
            .encode(delivery.order_key.as_ref().map(<[u8; 32]>::as_slice))?
            .encode(delivery.lease.map(micros))?
            .encode(delivery.delay.map(micros))?
            .encode(delivery.debounce_key.as_ref().map(<[u8; 32]>::as_slice))?;
        Ok(())
    }
}

/// An offset in a body, which is far shorter than 2 GiB.
fn offset(bytes: usize) -> i32 {
    i32::try_from(bytes).expect("bodies are bounded by body_limit")
}

/// The rows of a batch, in the order in which they are written.
struct Rows<'a> {
    messages: Vec<MessageRow<'a>>,
    events: Vec<EventRow<'a>>,
    deliveries: Vec<DeliveryRow<'a>>,
}

impl<'a> Rows<'a> {
    fn new(batch: &[&'a NewMessage]) -> Self {
        let mut messages: Vec<_> = batch.iter().map(|&message| MessageRow(message)).collect();
        messages.sort_unstable_by_key(|row| row.0.dedup);
        let (mut events, mut deliveries) = (Vec::new(), Vec::new());
        for message in batch {
            for event in &message.events {
                events.push(EventRow(message.id, event));
                let rows = event.deliveries.iter();
                deliveries.extend(rows.map(|delivery| DeliveryRow(message.id, event.id, delivery)));
            }
        }
        Self { messages, events, deliveries }
    }

    /// The messages that did not come from Attio.
    fn made(&self) -> Vec<Uuid> {
        let made = self.messages.iter().filter(|row| row.0.origin == Origin::Reconcile);
        made.map(|row| row.0.id).collect()
    }

    fn are_ordered(&self) -> bool {
        self.deliveries.iter().any(|row| row.2.order_key.is_some())
    }

    /// Writes all of them; an error when any message is known.
    async fn write_as_new(
        &self,
        db: &mut PgConnection,
        process: Uuid,
    ) -> Result<PgQueryResult, sqlx::Error> {
        if let ([message], [event], [delivery]) =
            (&self.messages[..], &self.events[..], &self.deliveries[..])
            && message.0.quarantined.is_none()
            && delivery.2.delay.is_none()
        {
            return write_one(db, process, message.0, event.1, delivery.2).await;
        }
        sqlx::query(RECORD_NEW)
            .bind(&self.messages)
            .bind(&self.events)
            .bind(&self.deliveries)
            .bind(process)
            .execute(db)
            .await
    }

    /// Writes those that are new.
    async fn write(
        self,
        db: &mut PgConnection,
        process: Uuid,
        made: Vec<Uuid>,
    ) -> Result<Vec<Uuid>, sqlx::Error> {
        let statement = match (made.is_empty(), self.are_ordered()) {
            (false, _) => RECORD_MADE,
            (true, true) => RECORD_ORDERED,
            (true, false) => RECORD,
        };
        let query = sqlx::query_scalar(statement)
            .bind(self.messages)
            .bind(self.events)
            .bind(self.deliveries)
            .bind(process);
        let query = if made.is_empty() { query } else { query.bind(made) };
        query.fetch_one(db).await
    }
}

async fn write_one(
    db: &mut PgConnection,
    process: Uuid,
    message: &NewMessage,
    NewEvent { id, event, .. }: &NewEvent,
    delivery: &NewDelivery,
) -> Result<PgQueryResult, sqlx::Error> {
    let subject = &event.subject;
    sqlx::query(RECORD_ONE)
        .bind(message.id)
        .bind(message.dedup.as_slice())
        .bind(message.source.as_str())
        .bind(message.webhook_id.as_deref())
        .bind(message.key.as_deref())
        .bind(message.received_at)
        .bind(&message.body[..])
        .bind(*id)
        .bind(event.event_type.as_str())
        .bind(event.actor_type.as_deref())
        .bind(event.actor_id.as_deref())
        .bind(event.workspace_id.as_deref())
        .bind(subject.object_id.as_deref())
        .bind(subject.record_id.as_deref())
        .bind(subject.list_id.as_deref())
        .bind(subject.entry_id.as_deref())
        .bind(event.attribute_id.as_deref())
        .bind(offset(event.span.start))
        .bind(offset(event.span.len()))
        .bind(delivery.id)
        .bind(delivery.route.as_str())
        .bind(delivery.action.as_str())
        .bind(delivery.lease.map_or(0, micros))
        .bind(delivery.lease.map(|_| process))
        .bind(i32::from(delivery.lease.is_some()))
        .execute(db)
        .await
}

/// Writes a batch, all or nothing. Returns the ids of the messages that were new. `careful` counts
/// the batches in which known messages are still to be expected.
pub(super) async fn record(
    db: &mut PgConnection,
    process: Uuid,
    batch: &[&NewMessage],
    careful: &mut u32,
) -> Result<Vec<Uuid>, sqlx::Error> {
    let rows = Rows::new(batch);
    let made = rows.made();
    if made.is_empty() && *careful == 0 && !rows.are_ordered() {
        match rows.write_as_new(db, process).await {
            Ok(_) => return Ok(batch.iter().map(|message| message.id).collect()),
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => *careful = CAREFUL,
            Err(error) => return Err(error),
        }
    }
    *careful = careful.saturating_sub(1);
    rows.write(db, process, made).await
}

/// `dedup`, `id`, `body` and `body_digest`.
type StandingRow = (Vec<u8>, Uuid, Vec<u8>, Option<Vec<u8>>);

/// The rows that stand under the given `dedup`s. A statement of its own: `RETURNING` after
/// `DO NOTHING` shows only what is new.
pub(super) async fn existing(
    db: &mut PgConnection,
    dedups: &[[u8; 32]],
) -> Result<Vec<Existing>, sqlx::Error> {
    let dedups: HashSet<&[u8]> = dedups.iter().map(<[u8; 32]>::as_slice).collect();
    let rows: Vec<StandingRow> = sqlx::query_as(
        "-- store::postgres::existing
        SELECT dedup, id, body, body_digest FROM messages WHERE dedup = ANY ($1)",
    )
    .bind(dedups.into_iter().collect::<Vec<_>>())
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .filter_map(|(dedup, id, body, digest)| {
            let body_digest = digest.and_then(|digest| digest.try_into().ok());
            let (dedup, body) = (dedup.try_into().ok()?, Bytes::from(body));
            Some(Existing { dedup, id, body, body_digest })
        })
        .collect())
}
