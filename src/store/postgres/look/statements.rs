//! The statements of looking, in Postgres. Every one reaches its table by an index.
//!
//! What is asked of another table is a scalar subquery and no `EXISTS`: that one the planner may
//! turn into a hash of the whole other table.

use crate::store::look::{Table, Way};

/// All of them; each begins with its name.
pub(in crate::store) const ALL: [&str; 17] = [
    FLOOR_MESSAGES,
    FLOOR_EVENTS,
    FLOOR_DELIVERIES,
    FLOOR_DEAD,
    MOST_OPEN,
    FIND_MESSAGES,
    FIND_EVENTS,
    FIND_DELIVERIES,
    FIND_DEAD,
    FIND_OPEN,
    MESSAGES,
    EVENTS,
    DELIVERIES,
    ATTEMPTS,
    EVENTS_OF,
    DELIVERIES_OF,
    BODY,
];

pub(super) const FLOOR_MESSAGES: &str = "-- store::postgres::floor_messages
SELECT id FROM messages WHERE id >= $1 AND id < $2 ORDER BY id DESC OFFSET $3 - 1 LIMIT 1";

pub(super) const FLOOR_EVENTS: &str = "-- store::postgres::floor_events
SELECT id FROM events WHERE id >= $1 AND id < $2 ORDER BY id DESC OFFSET $3 - 1 LIMIT 1";

pub(super) const FLOOR_DELIVERIES: &str = "-- store::postgres::floor_deliveries
SELECT id FROM deliveries WHERE id >= $1 AND id < $2 ORDER BY id DESC OFFSET $3 - 1 LIMIT 1";

pub(super) const FLOOR_DEAD: &str = "-- store::postgres::floor_dead
SELECT id FROM deliveries WHERE id >= $1 AND id < $2 AND state = 'dead'
ORDER BY id DESC OFFSET $3 - 1 LIMIT 1";

pub(super) const MOST_OPEN: &str = "-- store::postgres::most_open
SELECT greatest(
    (SELECT count(*) FROM (SELECT 1 FROM deliveries
        WHERE ended_at IS NULL AND held IS NULL AND tries = 0 LIMIT $1) first),
    (SELECT count(*) FROM (SELECT 1 FROM deliveries
        WHERE ended_at IS NULL AND held IS NULL AND tries > 0 LIMIT $1) again),
    (SELECT count(*) FROM (SELECT 1 FROM deliveries WHERE held IS NOT NULL LIMIT $1) held))";

pub(super) const FIND_MESSAGES: &str = "-- store::postgres::find_messages
SELECT id FROM messages
WHERE id >= $1 AND id < $2 AND ($4::text IS NULL OR source = $4)
      AND ($5::text IS NULL OR status = $5)
      AND ($6::text IS NULL OR strpos(lower(reason), lower($6)) > 0)
      AND ($7::text IS NULL OR origin = $7)
ORDER BY id DESC LIMIT $3";

pub(super) const FIND_EVENTS: &str = "-- store::postgres::find_events
SELECT id FROM events e
WHERE id >= $1 AND id < $2 AND ($5::text IS NULL OR type = $5)
      AND ($6::text IS NULL OR starts_with(type, $6))
      AND ($7::text IS NULL OR object_id = $7) AND ($8::text IS NULL OR record_id = $8)
      AND ($9::text IS NULL OR list_id = $9) AND ($10::text IS NULL OR entry_id = $10)
      AND ($4::text IS NULL
           OR (SELECT m.source = $4 FROM messages m WHERE m.id = e.message_id))
      AND ($11::text IS NULL
           OR (SELECT m.origin = $11 FROM messages m WHERE m.id = e.message_id))
ORDER BY id DESC LIMIT $3";

macro_rules! find_deliveries {
    ($name:literal, $rows:literal) => {
        concat!(
            "-- store::postgres::find_",
            $name,
            "\nSELECT d.id FROM ",
            $rows,
            "
      AND d.id >= $1 AND d.id < $2
      AND ($11::text IS NULL OR d.route = $11) AND ($12::text IS NULL OR d.action = $12)
      AND ($13::text IS NULL OR d.state = $13) AND ($14::text IS NULL OR d.held = $14)
      AND d.tries >= $15
      AND (NOT $17 OR (SELECT ($5::text IS NULL OR e.type = $5)
               AND ($6::text IS NULL OR starts_with(e.type, $6))
               AND ($7::text IS NULL OR e.object_id = $7)
               AND ($8::text IS NULL OR e.record_id = $8)
               AND ($9::text IS NULL OR e.list_id = $9)
               AND ($10::text IS NULL OR e.entry_id = $10)
           FROM events e WHERE e.id = d.event_id))
      AND ($4::text IS NULL OR (SELECT m.source = $4
           FROM events e JOIN messages m ON m.id = e.message_id WHERE e.id = d.event_id))
      AND ($18::text IS NULL OR (SELECT m.origin = $18
           FROM events e JOIN messages m ON m.id = e.message_id WHERE e.id = d.event_id))
      AND ($16::text IS NULL OR strpos(lower(d.reason), lower($16)) > 0
           OR (SELECT count(*) FROM attempts a
               WHERE a.delivery_id = d.id AND strpos(lower(a.error), lower($16)) > 0) > 0)
ORDER BY d.id DESC LIMIT $3"
        )
    };
}

pub(super) const FIND_DELIVERIES: &str = find_deliveries!("deliveries", "deliveries d WHERE true");

pub(super) const FIND_DEAD: &str = find_deliveries!("dead", "deliveries d WHERE d.state = 'dead'");

pub(super) const FIND_OPEN: &str = find_deliveries!(
    "open",
    "(SELECT id FROM deliveries WHERE ended_at IS NULL AND held IS NULL AND tries = 0
      UNION ALL
      SELECT id FROM deliveries WHERE ended_at IS NULL AND held IS NULL AND tries > 0
      UNION ALL
      SELECT id FROM deliveries WHERE held IS NOT NULL OFFSET 0) o
     JOIN deliveries d ON d.id = o.id WHERE true"
);

pub(super) const MESSAGES: &str = "-- store::postgres::message_rows
SELECT id, received_at, source, origin::text AS origin, status::text AS status, reason, webhook_id, key,
       octet_length(body)::bigint AS body_bytes
FROM messages WHERE id = ANY ($1) ORDER BY id DESC";

pub(super) const EVENTS: &str = "-- store::postgres::event_rows
SELECT e.*, m.source, m.received_at
FROM events e JOIN messages m ON m.id = e.message_id WHERE e.id = ANY ($1) ORDER BY e.id DESC";

pub(super) const DELIVERIES: &str = "-- store::postgres::delivery_rows
SELECT d.id, d.event_id, d.route, d.action, d.state::text AS state, d.held::text AS held,
       d.owner IS NOT NULL AS is_leased, d.tries::bigint AS tries, d.due_at, d.ended_at, d.reason,
       d.idempotency_key, d.merged_into, d.replay_of, d.replayed_by, e.type, e.object_id, e.record_id, e.list_id, e.entry_id,
       m.source, m.received_at, a.error AS last_error, a.status::bigint AS last_status
FROM deliveries d
     LEFT JOIN events e ON e.id = d.event_id LEFT JOIN messages m ON m.id = e.message_id
     LEFT JOIN LATERAL (SELECT error, status FROM attempts WHERE delivery_id = d.id
                        ORDER BY lease_no DESC LIMIT 1) a ON true
WHERE d.id = ANY ($1) ORDER BY d.id DESC";

pub(super) const ATTEMPTS: &str = "-- store::postgres::attempt_rows
SELECT delivery_id, number::bigint AS number, started_at, duration_us, result::text AS result,
       status::bigint AS status, error, answer
FROM attempts WHERE delivery_id = ANY ($1) ORDER BY delivery_id, lease_no";

pub(super) const EVENTS_OF: &str = "-- store::postgres::events_of
SELECT id FROM events WHERE id >= $2 AND id < $3 AND message_id = $1 ORDER BY body_start, id";

pub(super) const DELIVERIES_OF: &str = "-- store::postgres::deliveries_of
SELECT id FROM deliveries WHERE id >= $2 AND id < $3 AND event_id = ANY ($1) ORDER BY seq";

pub(super) const BODY: &str = "-- store::postgres::message_body
SELECT body FROM messages WHERE id = $1 AND body_digest IS NULL";

pub(super) fn floor(table: Table, way: Way) -> &'static str {
    match (table, way) {
        (Table::Messages, _) => FLOOR_MESSAGES,
        (Table::Events, _) => FLOOR_EVENTS,
        (Table::Deliveries, Way::Dead) => FLOOR_DEAD,
        (Table::Deliveries, Way::All | Way::Open) => FLOOR_DELIVERIES,
    }
}

pub(super) fn find(table: Table, way: Way) -> &'static str {
    match (table, way) {
        (Table::Messages, _) => FIND_MESSAGES,
        (Table::Events, _) => FIND_EVENTS,
        (Table::Deliveries, Way::Dead) => FIND_DEAD,
        (Table::Deliveries, Way::Open) => FIND_OPEN,
        (Table::Deliveries, Way::All) => FIND_DELIVERIES,
    }
}
