//! The way in: a whole batch in one transaction. Rows travel as one JSON text for each statement.

use std::collections::{BTreeMap, HashMap, HashSet};

use bytes::Bytes;
use serde::Serialize;
use sqlx::sqlite::SqliteConnection;
use uuid::{Uuid, fmt::Hyphenated};

use super::queue::json;
use crate::store::{Existing, NewDelivery, NewEvent, NewMessage, Origin, micros};

/// The bodies are cut out of one BLOB, which spares turning them into text. (All of them empty:
/// `substr` of nothing is null.)
const MESSAGES: &str = "-- store::sqlite::record messages
INSERT INTO messages (id, dedup, source, webhook_id, key, received_at, status, reason, body)
SELECT value ->> 'id', unhex(value ->> 'dedup'), value ->> 'source', value ->> 'webhook_id',
       unhex(value ->> 'key'), value ->> 'received_at', value ->> 'status', value ->> 'reason',
       coalesce(substr(?2, 1 + (value ->> 'start'), value ->> 'length'), x'')
FROM jsonb_each(?1) WHERE true
ON CONFLICT (dedup) DO NOTHING
RETURNING id";

const EVENTS: &str = "-- store::sqlite::record events
INSERT INTO events (id, message_id, type, actor_type, actor_id, workspace_id, object_id,
                    record_id, list_id, entry_id, attribute_id, body_start, body_length)
SELECT value ->> 'id', value ->> 'message_id', value ->> 'type', value ->> 'actor_type',
       value ->> 'actor_id', value ->> 'workspace_id', value ->> 'object_id',
       value ->> 'record_id', value ->> 'list_id', value ->> 'entry_id',
       value ->> 'attribute_id', value ->> 'body_start', value ->> 'body_length'
FROM jsonb_each(?1)";

/// Only for batches of which some were made here: the others are as the column has it by default.
const MADE: &str = "-- store::sqlite::record made
UPDATE messages SET origin = 'reconcile' WHERE id IN (SELECT value FROM jsonb_each(?1))";

/// Counts a batch's ordered deliveries, and tells how many of each key are open now.
const ORDER_KEYS: &str = "-- store::sqlite::record order_keys
INSERT INTO order_keys AS k (key, pending)
SELECT unhex(value ->> 'key'), value ->> 'count' FROM jsonb_each(?1) WHERE true
ON CONFLICT (key) DO UPDATE SET pending = k.pending + excluded.pending
RETURNING key, pending";

/// In the order of arrival, which gives them their `seq`.
const DELIVERIES: &str = "-- store::sqlite::record deliveries
INSERT INTO deliveries (id, event_id, route, action, order_key, idempotency_key, debounce_key, held,
                        due_at, owner, lease_no)
SELECT value ->> 'id', value ->> 'event_id', value ->> 'route', value ->> 'action',
       unhex(value ->> 'order_key'), value ->> 'id', unhex(value ->> 'debounce_key'),
       value ->> 'held', ?2 + coalesce(value ->> 'lease', value ->> 'delay', 0),
       CASE WHEN value ->> 'lease' IS NOT NULL THEN ?3 END, value ->> 'lease' IS NOT NULL
FROM jsonb_each(?1) ORDER BY key";

#[derive(Serialize)]
struct MessageRow<'a> {
    id: Uuid,
    dedup: String,
    source: &'a str,
    webhook_id: Option<&'a str>,
    key: Option<String>,
    received_at: i64,
    status: &'static str,
    reason: Option<&'static str>,
    start: usize,
    length: usize,
}

#[derive(Serialize)]
struct EventRow<'a> {
    id: Uuid,
    message_id: Uuid,
    r#type: &'a str,
    actor_type: Option<&'a str>,
    actor_id: Option<&'a str>,
    workspace_id: Option<&'a str>,
    object_id: Option<&'a str>,
    record_id: Option<&'a str>,
    list_id: Option<&'a str>,
    entry_id: Option<&'a str>,
    attribute_id: Option<&'a str>,
    body_start: usize,
    body_length: usize,
}

#[derive(Serialize)]
struct KeyRow {
    key: String,
    count: i64,
}

#[derive(Serialize)]
struct DeliveryRow<'a> {
    id: Uuid,
    event_id: Uuid,
    route: &'a str,
    action: &'a str,
    order_key: Option<String>,
    held: Option<&'static str>,
    lease: Option<i64>,
    delay: Option<i64>,
    debounce_key: Option<String>,
}

impl<'a> MessageRow<'a> {
    /// The row; its body is added to the `bodies`.
    fn of(message: &'a NewMessage, bodies: &mut Vec<u8>) -> Self {
        let start = bodies.len();
        bodies.extend_from_slice(&message.body);
        Self {
            id: message.id,
            dedup: hex::encode(message.dedup),
            source: message.source.as_str(),
            webhook_id: message.webhook_id.as_deref(),
            key: message.key.as_ref().map(hex::encode),
            received_at: micros_since_1970(message.received_at),
            status: message.status(),
            reason: message.quarantined,
            start,
            length: message.body.len(),
        }
    }
}

impl<'a> EventRow<'a> {
    fn of(message_id: Uuid, new: &'a NewEvent) -> Self {
        let event = &new.event;
        Self {
            id: new.id,
            message_id,
            r#type: &event.event_type,
            actor_type: event.actor_type.as_deref(),
            actor_id: event.actor_id.as_deref(),
            workspace_id: event.workspace_id.as_deref(),
            object_id: event.subject.object_id.as_deref(),
            record_id: event.subject.record_id.as_deref(),
            list_id: event.subject.list_id.as_deref(),
            entry_id: event.subject.entry_id.as_deref(),
            attribute_id: event.attribute_id.as_deref(),
            body_start: event.span.start,
            body_length: event.span.len(),
        }
    }
}

impl<'a> DeliveryRow<'a> {
    fn of(event_id: Uuid, new: &'a NewDelivery, is_head: bool) -> Self {
        Self {
            id: new.id,
            event_id,
            route: new.route.as_str(),
            action: new.action.as_str(),
            order_key: new.order_key.map(hex::encode),
            held: if is_head { None } else { Some("order") },
            lease: new.lease.map(micros),
            delay: new.delay.map(micros),
            debounce_key: new.debounce_key.map(hex::encode),
        }
    }
}

pub(super) fn micros_since_1970(moment: time::OffsetDateTime) -> i64 {
    i64::try_from(moment.unix_timestamp_nanos() / 1000).expect("years have four digits")
}

/// Writes messages, and events and deliveries for the new ones only. Returns the ids of the new.
pub(super) async fn record(
    db: &mut SqliteConnection,
    now: i64,
    process: Uuid,
    batch: &[&NewMessage],
) -> Result<Vec<Uuid>, sqlx::Error> {
    let mut bodies = Vec::new();
    let messages: Vec<MessageRow> =
        batch.iter().map(|message| MessageRow::of(message, &mut bodies)).collect();
    let new: Vec<Hyphenated> = sqlx::query_scalar(MESSAGES)
        .bind(json(&messages)?)
        .bind(bodies)
        .fetch_all(&mut *db)
        .await?;
    let new: Vec<Uuid> = new.into_iter().map(Uuid::from).collect();
    let is_new: HashSet<Uuid> = new.iter().copied().collect();
    let made: Vec<Uuid> = batch
        .iter()
        .filter(|message| message.origin == Origin::Reconcile && is_new.contains(&message.id))
        .map(|message| message.id)
        .collect();
    if !made.is_empty() {
        sqlx::query(MADE).bind(json(&made)?).execute(&mut *db).await?;
    }
    let events: Vec<(Uuid, &NewEvent)> = batch
        .iter()
        .filter(|message| is_new.contains(&message.id))
        .flat_map(|message| message.events.iter().map(|event| (message.id, event)))
        .collect();
    if !events.is_empty() {
        record_events(db, &events).await?;
        record_deliveries(db, now, process, &events).await?;
    }
    Ok(new)
}

async fn record_events(
    db: &mut SqliteConnection,
    events: &[(Uuid, &NewEvent)],
) -> Result<(), sqlx::Error> {
    let rows: Vec<EventRow> =
        events.iter().map(|&(message_id, event)| EventRow::of(message_id, event)).collect();
    sqlx::query(EVENTS).bind(json(&rows)?).execute(db).await.map(drop)
}

async fn record_deliveries(
    db: &mut SqliteConnection,
    now: i64,
    process: Uuid,
    events: &[(Uuid, &NewEvent)],
) -> Result<(), sqlx::Error> {
    let deliveries: Vec<(Uuid, &NewDelivery)> = events
        .iter()
        .flat_map(|(_, event)| event.deliveries.iter().map(|delivery| (event.id, delivery)))
        .collect();
    if deliveries.is_empty() {
        return Ok(());
    }
    let mut idle_keys = count_keys(db, &deliveries).await?;
    let rows: Vec<DeliveryRow> = deliveries
        .iter()
        .map(|&(event_id, delivery)| {
            let is_head = delivery.order_key.is_none_or(|key| idle_keys.remove(&key));
            DeliveryRow::of(event_id, delivery, is_head)
        })
        .collect();
    sqlx::query(DELIVERIES)
        .bind(json(&rows)?)
        .bind(now)
        .bind(process.hyphenated())
        .execute(db)
        .await
        .map(drop)
}

/// Counts the deliveries of each key in, and returns the keys that had none open before.
async fn count_keys(
    db: &mut SqliteConnection,
    deliveries: &[(Uuid, &NewDelivery)],
) -> Result<HashSet<[u8; 32]>, sqlx::Error> {
    let mut counts: BTreeMap<[u8; 32], i64> = BTreeMap::new();
    for key in deliveries.iter().filter_map(|(_, delivery)| delivery.order_key) {
        *counts.entry(key).or_default() += 1;
    }
    if counts.is_empty() {
        return Ok(HashSet::new());
    }
    let rows: Vec<KeyRow> =
        counts.iter().map(|(key, &count)| KeyRow { key: hex::encode(key), count }).collect();
    let pending: Vec<(Vec<u8>, i64)> =
        sqlx::query_as(ORDER_KEYS).bind(json(&rows)?).fetch_all(db).await?;
    let pending: HashMap<Vec<u8>, i64> = pending.into_iter().collect();
    Ok(counts
        .into_iter()
        .filter(|(key, count)| pending.get(key.as_slice()) == Some(count))
        .map(|(key, _)| key)
        .collect())
}

/// `dedup`, `id`, `body` and `body_digest`.
type StandingRow = (Vec<u8>, Hyphenated, Vec<u8>, Option<Vec<u8>>);

/// The rows that stand under the given `dedup`s.
pub(super) async fn existing(
    db: &mut SqliteConnection,
    dedups: &[[u8; 32]],
) -> Result<Vec<Existing>, sqlx::Error> {
    let dedups: Vec<String> = dedups.iter().map(hex::encode).collect();
    let rows: Vec<StandingRow> = sqlx::query_as(
        "-- store::sqlite::existing
        SELECT dedup, id, body, body_digest FROM messages
        WHERE dedup IN (SELECT unhex(value) FROM jsonb_each(?1))",
    )
    .bind(json(&dedups)?)
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .filter_map(|(dedup, id, body, digest)| {
            let body_digest = digest.and_then(|digest| digest.try_into().ok());
            let (dedup, body) = (dedup.try_into().ok()?, Bytes::from(body));
            Some(Existing { dedup, id: id.into(), body, body_digest })
        })
        .collect())
}
