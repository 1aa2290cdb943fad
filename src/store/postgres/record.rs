//! The way in: one statement for a whole batch.

use std::collections::HashSet;

use bytes::Bytes;
use sqlx::postgres::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::store::{Existing, NewMessage};

/// Writes messages, and events and deliveries for the new ones only. Returns the ids of the new.
///
/// Messages go in the order of their `dedup`: two replicas that write the same ones in different
/// order would deadlock. Deliveries go in the order of arrival, which gives them their `seq`.
macro_rules! record {
    ($order_keys:literal, $held:literal, $from:literal) => {
        concat!(
            "-- store::postgres::record
WITH fresh AS (
    INSERT INTO messages (id, dedup, source, webhook_id, key, received_at, status, reason, body)
    SELECT id, dedup, source, webhook_id, key, received_at,
           CASE WHEN reason IS NULL THEN 'accepted'::message_status ELSE 'quarantined' END,
           reason, body
    FROM unnest($1::uuid[], $2::bytea[], $3::text[], $4::text[], $5::bytea[], $6::timestamptz[],
                $7::text[], $8::bytea[])
         AS m (id, dedup, source, webhook_id, key, received_at, reason, body)
    ON CONFLICT (dedup) DO NOTHING
    RETURNING id
), new_events AS (
    INSERT INTO events (id, message_id, type, actor_type, actor_id, workspace_id, object_id,
                        record_id, list_id, entry_id, attribute_id, body_start, body_length)
    SELECT e.* FROM unnest($9::uuid[], $10::uuid[], $11::text[], $12::text[], $13::text[],
                           $14::text[], $15::text[], $16::text[], $17::text[], $18::text[],
                           $19::text[], $20::int4[], $21::int4[])
           AS e (id, message_id, type, actor_type, actor_id, workspace_id, object_id,
                 record_id, list_id, entry_id, attribute_id, body_start, body_length)
    WHERE e.message_id IN (SELECT id FROM fresh)
), wanted AS (
    SELECT * FROM unnest($22::uuid[], $23::uuid[], $24::uuid[], $25::text[], $26::text[],
                         $27::bytea[], $28::int8[])
           WITH ORDINALITY AS d (id, message_id, event_id, route, action, order_key, lease, place)
    WHERE message_id IN (SELECT id FROM fresh)
), ",
            $order_keys,
            "new_deliveries AS (
    INSERT INTO deliveries (id, event_id, route, action, order_key, idempotency_key,
                            held, due_at, owner, lease_no)
    SELECT d.id, d.event_id, d.route, d.action, d.order_key, d.id,
           ",
            $held,
            ",
           now() + coalesce(d.lease, 0) * interval '1 microsecond',
           CASE WHEN d.lease IS NOT NULL THEN $29::uuid END,
           CASE WHEN d.lease IS NOT NULL THEN 1 ELSE 0 END
    FROM ",
            $from,
            " ORDER BY d.place
)
SELECT coalesce(array_agg(id), '{}') FROM fresh"
        )
    };
}

/// For batches in which order matters for nothing.
const RECORD: &str = record!("", "NULL", "wanted d");

/// For batches with ordered deliveries: the first of a key that has no open one may go, the others
/// are held. The key's row makes this and the ending of its deliveries take turns.
const RECORD_ORDERED: &str = record!(
    "queued AS (
    INSERT INTO order_keys AS k (key, pending)
    SELECT order_key, count(*) FROM wanted WHERE order_key IS NOT NULL
    GROUP BY order_key ORDER BY order_key
    ON CONFLICT (key) DO UPDATE SET pending = k.pending + EXCLUDED.pending
    RETURNING key, pending
), ",
    "CASE WHEN d.order_key IS NULL THEN NULL
                WHEN q.pending = count(*) OVER of_key AND d.place = min(d.place) OVER of_key THEN NULL
                ELSE 'order'::delivery_hold END",
    "wanted d LEFT JOIN queued q ON q.key = d.order_key WINDOW of_key AS (PARTITION BY d.order_key)"
);

/// The columns of a batch.
#[derive(Default)]
struct Columns<'a> {
    message: Messages<'a>,
    event: Events<'a>,
    delivery: Deliveries<'a>,
}

#[derive(Default)]
struct Messages<'a> {
    id: Vec<Uuid>,
    dedup: Vec<&'a [u8]>,
    source: Vec<&'a str>,
    webhook_id: Vec<Option<&'a str>>,
    key: Vec<Option<&'a [u8]>>,
    received_at: Vec<OffsetDateTime>,
    reason: Vec<Option<&'static str>>,
    body: Vec<&'a [u8]>,
}

#[derive(Default)]
struct Events<'a> {
    id: Vec<Uuid>,
    message_id: Vec<Uuid>,
    event_type: Vec<&'a str>,
    actor_type: Vec<Option<&'a str>>,
    actor_id: Vec<Option<&'a str>>,
    workspace_id: Vec<Option<&'a str>>,
    object_id: Vec<Option<&'a str>>,
    record_id: Vec<Option<&'a str>>,
    list_id: Vec<Option<&'a str>>,
    entry_id: Vec<Option<&'a str>>,
    attribute_id: Vec<Option<&'a str>>,
    body_start: Vec<i32>,
    body_length: Vec<i32>,
}

#[derive(Default)]
struct Deliveries<'a> {
    id: Vec<Uuid>,
    message_id: Vec<Uuid>,
    event_id: Vec<Uuid>,
    route: Vec<&'a str>,
    action: Vec<&'a str>,
    order_key: Vec<Option<&'a [u8]>>,
    lease: Vec<Option<i64>>,
}

impl<'a> Columns<'a> {
    fn of(batch: &[&'a NewMessage]) -> Self {
        let mut columns = Self::default();
        let mut by_dedup = batch.to_vec();
        by_dedup.sort_unstable_by_key(|message| message.dedup);
        for message in by_dedup {
            columns.message.push(message);
        }
        for message in batch {
            for event in &message.events {
                columns.event.push(message.id, event);
                for delivery in &event.deliveries {
                    columns.delivery.push(message.id, event.id, delivery);
                }
            }
        }
        columns
    }
}

impl<'a> Messages<'a> {
    fn push(&mut self, message: &'a NewMessage) {
        self.id.push(message.id);
        self.dedup.push(&message.dedup);
        self.source.push(message.source.as_str());
        self.webhook_id.push(message.webhook_id.as_deref());
        self.key.push(message.key.as_deref());
        self.received_at.push(message.received_at);
        self.reason.push(message.quarantined);
        self.body.push(&message.body);
    }
}

impl<'a> Events<'a> {
    fn push(&mut self, message_id: Uuid, new: &'a crate::store::NewEvent) {
        let event = &new.event;
        self.id.push(new.id);
        self.message_id.push(message_id);
        self.event_type.push(&event.event_type);
        self.actor_type.push(event.actor_type.as_deref());
        self.actor_id.push(event.actor_id.as_deref());
        self.workspace_id.push(event.workspace_id.as_deref());
        self.object_id.push(event.subject.object_id.as_deref());
        self.record_id.push(event.subject.record_id.as_deref());
        self.list_id.push(event.subject.list_id.as_deref());
        self.entry_id.push(event.subject.entry_id.as_deref());
        self.attribute_id.push(event.attribute_id.as_deref());
        self.body_start.push(offset(event.span.start));
        self.body_length.push(offset(event.span.len()));
    }
}

impl<'a> Deliveries<'a> {
    fn push(&mut self, message_id: Uuid, event_id: Uuid, new: &'a crate::store::NewDelivery) {
        self.id.push(new.id);
        self.message_id.push(message_id);
        self.event_id.push(event_id);
        self.route.push(new.route.as_str());
        self.action.push(new.action.as_str());
        self.order_key.push(new.order_key.as_ref().map(<[u8; 32]>::as_slice));
        self.lease.push(new.lease.map(crate::store::micros));
    }
}

/// An offset in a body, which is far shorter than 2 GiB.
fn offset(bytes: usize) -> i32 {
    i32::try_from(bytes).expect("bodies are bounded by body_limit")
}

pub(super) async fn record(
    db: &mut PgConnection,
    process: Uuid,
    batch: &[&NewMessage],
) -> Result<Vec<Uuid>, sqlx::Error> {
    let Columns { message, event, delivery } = Columns::of(batch);
    let is_ordered = delivery.order_key.iter().any(Option::is_some);
    sqlx::query_scalar(if is_ordered { RECORD_ORDERED } else { RECORD })
        .bind(message.id)
        .bind(message.dedup)
        .bind(message.source)
        .bind(message.webhook_id)
        .bind(message.key)
        .bind(message.received_at)
        .bind(message.reason)
        .bind(message.body)
        .bind(event.id)
        .bind(event.message_id)
        .bind(event.event_type)
        .bind(event.actor_type)
        .bind(event.actor_id)
        .bind(event.workspace_id)
        .bind(event.object_id)
        .bind(event.record_id)
        .bind(event.list_id)
        .bind(event.entry_id)
        .bind(event.attribute_id)
        .bind(event.body_start)
        .bind(event.body_length)
        .bind(delivery.id)
        .bind(delivery.message_id)
        .bind(delivery.event_id)
        .bind(delivery.route)
        .bind(delivery.action)
        .bind(delivery.order_key)
        .bind(delivery.lease)
        .bind(process)
        .fetch_one(db)
        .await
}

/// The rows that stand under the given `dedup`s. A statement of its own: `RETURNING` after
/// `DO NOTHING` shows only what is new.
pub(super) async fn existing(
    db: &mut PgConnection,
    dedups: &[[u8; 32]],
) -> Result<Vec<Existing>, sqlx::Error> {
    let dedups: HashSet<&[u8]> = dedups.iter().map(<[u8; 32]>::as_slice).collect();
    let rows: Vec<(Vec<u8>, Uuid, Vec<u8>)> = sqlx::query_as(
        "-- store::postgres::existing
        SELECT dedup, id, body FROM messages WHERE dedup = ANY ($1)",
    )
    .bind(dedups.into_iter().collect::<Vec<_>>())
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .filter_map(|(dedup, id, body)| {
            Some(Existing { dedup: dedup.try_into().ok()?, id, body: Bytes::from(body) })
        })
        .collect())
}
