//! The way out: claiming what is due, writing what became of it.

use std::time::Duration;

use bytes::Bytes;
use sqlx::{
    Connection as _, Row,
    postgres::{PgConnection, PgRow, types::PgRecordEncoder},
};
use time::OffsetDateTime;
use uuid::Uuid;

use super::row::row_type;
use crate::store::{
    Backlog, BoxError, Claimed, ClaimedEvent, Outcome, Want, count, micros, unsigned,
};

/// Leases due deliveries, oldest first, at most as many for each action as are wanted.
///
/// Materialised, so that the limits hold (a plan that ran the selection again could claim more). A
/// row that still has an owner was lost by it: that is noted as an attempt.
pub(super) const CLAIM: &str = "-- store::postgres::claim
WITH want AS MATERIALIZED (
    SELECT * FROM unnest($1::text[], $2::int8[], $3::int8[], $4::int8[])
                  AS w (action, slots, retries, lease)
), picked AS MATERIALIZED (
    SELECT due.id, w.lease FROM want w CROSS JOIN LATERAL (
        SELECT id FROM (
            SELECT * FROM (
                SELECT id, due_at FROM deliveries d
                WHERE d.action = w.action AND ended_at IS NULL AND held IS NULL AND tries = 0
                      AND due_at <= now()
                ORDER BY due_at LIMIT w.slots FOR UPDATE SKIP LOCKED) first
            UNION ALL
            SELECT * FROM (
                SELECT id, due_at FROM deliveries d
                WHERE d.action = w.action AND ended_at IS NULL AND held IS NULL AND tries > 0
                      AND due_at <= now()
                ORDER BY due_at LIMIT w.retries FOR UPDATE SKIP LOCKED) again
        ) both_kinds ORDER BY due_at LIMIT w.slots
    ) due
), claimed AS (
    UPDATE deliveries d
    SET due_at = now() + p.lease * interval '1 microsecond', owner = $5, lease_no = d.lease_no + 1,
        lost = CASE WHEN d.owner IS NULL THEN 0 ELSE d.lost + 1 END
    FROM picked p WHERE d.id = p.id
    RETURNING d.id, d.seq, d.lease_no, d.tries, d.lost, d.route, d.action, d.order_key,
              d.debounce_key, d.idempotency_key, d.event_id
), noted AS (
    INSERT INTO attempts (delivery_id, lease_no, number, result)
    SELECT id, lease_no - 1, tries + 1, 'lease_lost' FROM claimed WHERE lost > 0
    ON CONFLICT DO NOTHING
)
SELECT c.*, e.type, m.source, m.received_at,
       substring(m.body FROM e.body_start + 1 FOR e.body_length) AS json
FROM claimed c JOIN events e ON e.id = c.event_id JOIN messages m ON m.id = e.message_id
ORDER BY c.seq";

/// Writes what became of deliveries, each only under the lease it was performed in, and the
/// attempts of those. Returns the ids that were still ours.
///
/// What is told comes back with the rows that were written: joined with them anew it would be read
/// once for each, as the planner takes both for short.
pub(super) const FINISH: &str = "-- store::postgres::finish
WITH told AS MATERIALIZED (
    SELECT * FROM unnest($1::outcome[])
), written AS (
    UPDATE deliveries d
    SET state = t.state, held = t.held, owner = NULL, reason = t.reason, lost = 0,
        tries = d.tries + t.tried,
        ended_at = CASE WHEN t.state <> 'open' THEN now() END,
        due_at = CASE WHEN t.state = 'open' THEN now() + t.wait_us * interval '1 microsecond'
                      ELSE d.due_at END
    FROM told t
    WHERE d.id = t.id AND d.lease_no = t.lease_no AND d.ended_at IS NULL AND d.owner IS NOT NULL
    RETURNING t.*
), tried AS (
    INSERT INTO attempts (delivery_id, lease_no, number, started_at, duration_us, result, status,
                          error, answer)
    SELECT id, lease_no, number, now() - ago_us * interval '1 microsecond', duration_us, result,
           status, error, answer
    FROM written WHERE number IS NOT NULL
)
SELECT coalesce(array_agg(id), '{}') FROM written";

/// Lets the next delivery of each key go: `$2` of its deliveries have ended. The keys' rows are
/// locked, so whoever adds to a key waits, and this statement sees all that came before. A debounced
/// one still waits for its own time.
pub(super) const RELEASE_NEXT: &str = "-- store::postgres::release_next
WITH ended AS MATERIALIZED (
    SELECT * FROM unnest($1::bytea[], $2::int8[]) AS k (key, count)
), counted AS (
    UPDATE order_keys o SET pending = o.pending - e.count FROM ended e WHERE o.key = e.key
), next AS MATERIALIZED (
    SELECT due.id FROM ended e CROSS JOIN LATERAL (
        SELECT id FROM deliveries d WHERE d.order_key = e.key AND d.held = 'order'
        ORDER BY seq LIMIT 1
    ) due
)
UPDATE deliveries d SET held = NULL, due_at = greatest(d.due_at, now())
FROM next n WHERE d.id = n.id";

pub(super) async fn claim(
    db: &mut PgConnection,
    process: Uuid,
    wants: &[Want],
) -> Result<Vec<Claimed>, sqlx::Error> {
    sqlx::query(CLAIM)
        .bind(wants.iter().map(|want| want.action.as_str()).collect::<Vec<_>>())
        .bind(wants.iter().map(|want| count(want.slots)).collect::<Vec<_>>())
        .bind(wants.iter().map(|want| count(want.retries)).collect::<Vec<_>>())
        .bind(wants.iter().map(|want| micros(want.lease)).collect::<Vec<_>>())
        .bind(process)
        .try_map(|row| claimed(&row))
        .fetch_all(db)
        .await
}

fn claimed(row: &PgRow) -> Result<Claimed, sqlx::Error> {
    let key = |column| {
        let key: Option<&[u8]> = row.try_get(column)?;
        Ok::<_, sqlx::Error>(key.and_then(|key| key.try_into().ok()))
    };
    Ok(Claimed {
        id: row.try_get("id")?,
        lease_no: row.try_get("lease_no")?,
        tries: unsigned(row.try_get::<i32, _>("tries")?.into()),
        lost: unsigned(row.try_get::<i32, _>("lost")?.into()),
        route: row.try_get::<&str, _>("route")?.into(),
        action: row.try_get::<&str, _>("action")?.into(),
        order_key: key("order_key")?,
        debounce_key: key("debounce_key")?,
        idempotency_key: row.try_get("idempotency_key")?,
        event: ClaimedEvent {
            id: row.try_get("event_id")?,
            event_type: row.try_get("type")?,
            source: row.try_get::<&str, _>("source")?.into(),
            received_at: row.try_get::<OffsetDateTime, _>("received_at")?,
            json: Bytes::from(row.try_get::<Vec<u8>, _>("json")?),
        },
    })
}

pub(super) async fn finish(
    db: &mut PgConnection,
    outcomes: &[Outcome],
) -> Result<Vec<Uuid>, sqlx::Error> {
    let mut keys: Vec<[u8; 32]> = outcomes
        .iter()
        .filter(|outcome| outcome.verdict.ends())
        .filter_map(|outcome| outcome.order_key)
        .collect();
    if keys.is_empty() {
        return write(db, outcomes).await;
    }
    keys.sort_unstable();
    keys.dedup();
    let mut tx = db.begin().await?;
    sqlx::query(
        "-- store::postgres::lock_keys
        SELECT FROM order_keys WHERE key = ANY ($1) ORDER BY key FOR UPDATE",
    )
    .bind(keys.iter().map(<[u8; 32]>::as_slice).collect::<Vec<_>>())
    .execute(&mut *tx)
    .await?;
    let written = write(&mut tx, outcomes).await?;
    release_next(&mut tx, outcomes, &written).await?;
    tx.commit().await?;
    Ok(written)
}

async fn write(db: &mut PgConnection, outcomes: &[Outcome]) -> Result<Vec<Uuid>, sqlx::Error> {
    let rows: Vec<OutcomeRow<'_>> = outcomes.iter().map(OutcomeRow).collect();
    sqlx::query_scalar(FINISH).bind(rows).fetch_one(db).await
}

/// A row of type `outcome`.
struct OutcomeRow<'a>(&'a Outcome);

row_type!(OutcomeRow<'_>, "outcome");

impl super::row::Row for OutcomeRow<'_> {
    fn write(&self, row: &mut PgRecordEncoder<'_>) -> Result<(), BoxError> {
        let Outcome { id, lease_no, verdict, attempt, .. } = self.0;
        let attempt = attempt.as_ref();
        row.encode(*id)?
            .encode(*lease_no)?
            .encode(verdict.state())?
            .encode(verdict.held())?
            .encode(micros(verdict.wait()))?
            .encode(verdict.reason().as_deref())?
            .encode(i32::from(self.0.counts_a_try()))?
            .encode(attempt.map(|attempt| attempt.number.cast_signed()))?
            .encode(attempt.map(|attempt| micros(attempt.started_ago)))?
            .encode(attempt.map(|attempt| micros(attempt.duration)))?
            .encode(attempt.map(|attempt| attempt.result))?
            .encode(attempt.and_then(|attempt| attempt.status).map(i32::from))?
            .encode(attempt.and_then(|attempt| attempt.error.as_deref()))?
            .encode(attempt.and_then(|attempt| attempt.answer.as_deref()))?;
        Ok(())
    }
}

async fn release_next(
    tx: &mut PgConnection,
    outcomes: &[Outcome],
    written: &[Uuid],
) -> Result<(), sqlx::Error> {
    let ended = crate::store::queue::ended_by_key(outcomes, written);
    if ended.is_empty() {
        return Ok(());
    }
    let keys: Vec<&[u8]> = ended.keys().map(<[u8; 32]>::as_slice).collect();
    sqlx::query(RELEASE_NEXT)
        .bind(&keys)
        .bind(ended.values().copied().collect::<Vec<i64>>())
        .execute(&mut *tx)
        .await?;
    forget_idle_keys(tx, &keys).await
}

/// Removes the rows of keys that have nothing open.
pub(super) async fn forget_idle_keys(
    tx: &mut PgConnection,
    keys: &[&[u8]],
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "-- store::postgres::forget_idle_keys
        DELETE FROM order_keys WHERE key = ANY ($1) AND pending = 0",
    )
    .bind(keys)
    .execute(tx)
    .await
    .map(drop)
}

/// Lets orphaned deliveries of routes that are configured again go on.
pub(super) async fn adopt(db: &mut PgConnection, routes: &[&str]) -> Result<u64, sqlx::Error> {
    let done = sqlx::query(
        "-- store::postgres::adopt
        UPDATE deliveries SET held = NULL, due_at = now()
        WHERE held = 'orphaned' AND route = ANY ($1)",
    )
    .bind(routes)
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// Counts what is open and what is dead, for each action that has any.
pub(super) async fn backlog(db: &mut PgConnection) -> Result<Vec<Backlog>, sqlx::Error> {
    sqlx::query(
        "-- store::postgres::backlog
        SELECT action,
               count(*) FILTER (WHERE open AND (held IS NULL OR held = 'order') AND owner IS NULL) AS due,
               count(*) FILTER (WHERE open AND owner IS NOT NULL) AS leased,
               count(*) FILTER (WHERE open AND held = 'orphaned') AS orphaned,
               count(*) FILTER (WHERE open AND held = 'paused') AS paused,
               count(*) FILTER (WHERE NOT open) AS dead,
               coalesce(extract(epoch FROM now() - min(due_at) FILTER
                   (WHERE open AND held IS NULL AND due_at <= now())), 0)::float8 AS oldest
        FROM (
            SELECT action, held, owner, due_at, true AS open FROM deliveries
            WHERE ended_at IS NULL AND held IS NULL AND tries = 0
            UNION ALL
            SELECT action, held, owner, due_at, true FROM deliveries
            WHERE ended_at IS NULL AND held IS NULL AND tries > 0
            UNION ALL
            SELECT action, held, owner, due_at, true FROM deliveries WHERE held = 'order'
            UNION ALL
            SELECT action, held, owner, due_at, true FROM deliveries WHERE held = 'orphaned'
            UNION ALL
            SELECT action, held, owner, due_at, true FROM deliveries WHERE held = 'paused'
            UNION ALL
            SELECT action, held, owner, due_at, false FROM deliveries
            WHERE state = 'dead' AND replayed_by IS NULL
        ) counted
        GROUP BY action",
    )
    .try_map(|row: PgRow| {
        Ok(Backlog {
            action: row.try_get("action")?,
            due: unsigned(row.try_get("due")?),
            leased: unsigned(row.try_get("leased")?),
            orphaned: unsigned(row.try_get("orphaned")?),
            paused: unsigned(row.try_get("paused")?),
            dead: unsigned(row.try_get("dead")?),
            oldest_due: Duration::from_secs_f64(row.try_get::<f64, _>("oldest")?.max(0.0)),
        })
    })
    .fetch_all(db)
    .await
}
