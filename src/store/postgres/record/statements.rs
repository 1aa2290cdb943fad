//! The statements that write a batch: plain ones for what is new, careful ones for what may not be.

/// For one new message with one event and one delivery that does not wait: what a quiet server
/// gets all the time.
pub(super) const RECORD_ONE: &str = "-- store::postgres::record_one
WITH message AS (
    INSERT INTO messages (id, dedup, source, webhook_id, key, received_at, status, body)
    VALUES ($1, $2, $3, $4, $5, $6, 'accepted', $7)
), event AS (
    INSERT INTO events (id, message_id, type, actor_type, actor_id, workspace_id, object_id,
                        record_id, list_id, entry_id, attribute_id, body_start, body_length)
    VALUES ($8, $1, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
)
INSERT INTO deliveries (id, event_id, route, action, idempotency_key, due_at, owner, lease_no)
VALUES ($20, $8, $21, $22, $20, now() + $23::bigint * interval '1 microsecond', $24, $25)";

/// For new messages whose deliveries are in no order.
pub(super) const RECORD_NEW: &str = "-- store::postgres::record_new
WITH new_messages AS (
    INSERT INTO messages (id, dedup, source, webhook_id, key, received_at, status, reason, body)
    SELECT id, dedup, source, webhook_id, key, received_at,
           CASE WHEN reason IS NULL THEN 'accepted' ELSE 'quarantined' END,
           reason, body
    FROM unnest($1::new_message[])
), new_events AS (
    INSERT INTO events (id, message_id, type, actor_type, actor_id, workspace_id, object_id,
                        record_id, list_id, entry_id, attribute_id, body_start, body_length)
    SELECT * FROM unnest($2::new_event[])
)
INSERT INTO deliveries (id, event_id, route, action, idempotency_key, debounce_key, due_at, owner,
                        lease_no)
SELECT id, event_id, route, action, id, debounce_key,
       now() + coalesce(lease_us, delay_us, 0) * interval '1 microsecond',
       CASE WHEN lease_us IS NOT NULL THEN $4::uuid END,
       CASE WHEN lease_us IS NOT NULL THEN 1 ELSE 0 END
FROM unnest($3::new_delivery[])";

/// Writes messages, and events and deliveries for the new ones only. Returns the ids of the new.
///
/// Messages go in the order of their `dedup`: two replicas that write the same ones in different
/// order would deadlock. Deliveries go in the order of arrival, which gives them their `seq`.
macro_rules! record {
    ($order_keys:expr, $held:expr, $from:expr) => {
        record!($order_keys, $held, $from, "", "")
    };
    ($order_keys:expr, $held:expr, $from:expr, $column:literal, $origin:literal) => {
        concat!(
            "-- store::postgres::record
WITH fresh AS (
    INSERT INTO messages (id, dedup, source, webhook_id, key, received_at, status, reason, body",
            $column,
            ")
    SELECT id, dedup, source, webhook_id, key, received_at,
           CASE WHEN reason IS NULL THEN 'accepted' ELSE 'quarantined' END,
           reason, body",
            $origin,
            "
    FROM unnest($1::new_message[])
    ON CONFLICT (dedup) DO NOTHING
    RETURNING id
), new_events AS (
    INSERT INTO events (id, message_id, type, actor_type, actor_id, workspace_id, object_id,
                        record_id, list_id, entry_id, attribute_id, body_start, body_length)
    SELECT e.* FROM unnest($2::new_event[]) e
    WHERE e.message_id IN (SELECT id FROM fresh)
), wanted AS (
    SELECT * FROM unnest($3::new_delivery[]) WITH ORDINALITY
           AS d (id, message_id, event_id, route, action, order_key, lease_us, delay_us,
                 debounce_key, place)
    WHERE message_id IN (SELECT id FROM fresh)
), ",
            $order_keys,
            "new_deliveries AS (
    INSERT INTO deliveries (id, event_id, route, action, order_key, idempotency_key,
                            debounce_key, held, due_at, owner, lease_no)
    SELECT d.id, d.event_id, d.route, d.action, d.order_key, d.id, d.debounce_key,
           ",
            $held,
            ",
           now() + coalesce(d.lease_us, d.delay_us, 0) * interval '1 microsecond',
           CASE WHEN d.lease_us IS NOT NULL THEN $4::uuid END,
           CASE WHEN d.lease_us IS NOT NULL THEN 1 ELSE 0 END
    FROM ",
            $from,
            " ORDER BY d.place
)
SELECT coalesce(array_agg(id), '{}') FROM fresh"
        )
    };
}

/// For batches in which order matters for nothing.
pub(super) const RECORD: &str = record!("", "NULL", "wanted d");

/// Batches with ordered deliveries: the first of a key that has no open one may go, the others are
/// held. The key's row makes this and the ending of its deliveries take turns.
macro_rules! ordered {
    ($($origin:literal),*) => {
        record!(
            "queued AS (
    INSERT INTO order_keys AS k (key, pending)
    SELECT order_key, count(*) FROM wanted WHERE order_key IS NOT NULL
    GROUP BY order_key ORDER BY order_key
    ON CONFLICT (key) DO UPDATE SET pending = k.pending + EXCLUDED.pending
    RETURNING key, pending
), ",
            "CASE WHEN d.order_key IS NULL THEN NULL
                WHEN q.pending = count(*) OVER of_key AND d.place = min(d.place) OVER of_key THEN NULL
                ELSE 'order' END",
            "wanted d LEFT JOIN queued q ON q.key = d.order_key \
             WINDOW of_key AS (PARTITION BY d.order_key)"
            $(, $origin)*
        )
    };
}

/// For batches in which order matters for something.
pub(super) const RECORD_ORDERED: &str = ordered!();

/// For batches in which some messages were made here, and are marked so; ordered or not.
pub(super) const RECORD_MADE: &str =
    ordered!(", origin", ", CASE WHEN id = ANY ($5) THEN 'reconcile' ELSE 'attio' END");
