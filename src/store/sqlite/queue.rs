//! The way out: claiming what is due, and what waits there.

use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use sqlx::{
    Row,
    sqlite::{SqliteConnection, SqliteRow},
};
use time::OffsetDateTime;
use uuid::{Uuid, fmt::Hyphenated};

use crate::store::{Backlog, Claimed, ClaimedEvent, Want, count, micros, unsigned};

/// Leases due deliveries of one action, oldest first, at most as many as are wanted.
pub(super) const CLAIM: &str = "-- store::sqlite::claim
UPDATE deliveries
SET due_at = ?2 + ?5, owner = ?6, lease_no = lease_no + 1,
    lost = CASE WHEN owner IS NULL THEN 0 ELSE lost + 1 END
WHERE seq IN (
    SELECT seq FROM (
        SELECT * FROM (
            SELECT seq, due_at FROM deliveries INDEXED BY deliveries_first
            WHERE action = ?1 AND ended_at IS NULL AND held IS NULL AND tries = 0
                  AND due_at <= ?2
            ORDER BY due_at, seq LIMIT ?3)
        UNION ALL
        SELECT * FROM (
            SELECT seq, due_at FROM deliveries INDEXED BY deliveries_again
            WHERE action = ?1 AND ended_at IS NULL AND held IS NULL AND tries > 0
                  AND due_at <= ?2
            ORDER BY due_at, seq LIMIT ?4)
    ) ORDER BY due_at, seq LIMIT ?3
)
RETURNING seq, lost";

/// A row that still had an owner was lost by it: that is noted as an attempt.
const NOTE_LOST: &str = "-- store::sqlite::note_lost
INSERT INTO attempts (delivery_id, lease_no, number, result)
SELECT id, lease_no - 1, tries + 1, 'lease_lost' FROM deliveries
WHERE seq IN (SELECT value FROM jsonb_each(?1))
ON CONFLICT DO NOTHING";

const CLAIMED: &str = "-- store::sqlite::claimed
SELECT d.*, e.type, m.source, m.received_at, substr(m.body, e.body_start + 1, e.body_length) AS json
FROM jsonb_each(?1) j CROSS JOIN deliveries d ON d.seq = j.value
     CROSS JOIN events e ON e.id = d.event_id CROSS JOIN messages m ON m.id = e.message_id
ORDER BY d.seq";

/// Rows as the statements take them.
pub(super) fn json<T: Serialize>(rows: &[T]) -> Result<String, sqlx::Error> {
    serde_json::to_string(rows).map_err(|error| sqlx::Error::Encode(error.into()))
}

pub(super) async fn claim(
    db: &mut SqliteConnection,
    now: i64,
    process: Uuid,
    wants: &[Want],
) -> Result<Vec<Claimed>, sqlx::Error> {
    let mut leased = Vec::new();
    for want in wants {
        let of_action: Vec<(i64, i64)> = sqlx::query_as(CLAIM)
            .bind(want.action.as_str())
            .bind(now)
            .bind(count(want.slots))
            .bind(count(want.retries))
            .bind(micros(want.lease))
            .bind(process.hyphenated())
            .fetch_all(&mut *db)
            .await?;
        leased.extend(of_action);
    }
    if leased.is_empty() {
        return Ok(Vec::new());
    }
    let lost: Vec<i64> = leased.iter().filter(|(_, lost)| *lost > 0).map(|(seq, _)| *seq).collect();
    if !lost.is_empty() {
        sqlx::query(NOTE_LOST).bind(json(&lost)?).execute(&mut *db).await?;
    }
    let leased: Vec<i64> = leased.into_iter().map(|(seq, _)| seq).collect();
    sqlx::query(CLAIMED).bind(json(&leased)?).try_map(|row| claimed(&row)).fetch_all(db).await
}

fn claimed(row: &SqliteRow) -> Result<Claimed, sqlx::Error> {
    let key = |column| {
        let key: Option<&[u8]> = row.try_get(column)?;
        Ok::<_, sqlx::Error>(key.and_then(|key| key.try_into().ok()))
    };
    let id = |column| row.try_get::<Hyphenated, _>(column).map(Uuid::from);
    Ok(Claimed {
        id: id("id")?,
        lease_no: row.try_get("lease_no")?,
        tries: unsigned(row.try_get("tries")?),
        lost: unsigned(row.try_get("lost")?),
        route: row.try_get::<&str, _>("route")?.into(),
        action: row.try_get::<&str, _>("action")?.into(),
        order_key: key("order_key")?,
        debounce_key: key("debounce_key")?,
        idempotency_key: id("idempotency_key")?,
        event: ClaimedEvent {
            id: id("event_id")?,
            event_type: row.try_get("type")?,
            source: row.try_get::<&str, _>("source")?.into(),
            received_at: moment(row.try_get("received_at")?)?,
            json: Bytes::from(row.try_get::<Vec<u8>, _>("json")?),
        },
    })
}

/// A column's microseconds since 1970 as a time.
pub(super) fn moment(micros: i64) -> Result<OffsetDateTime, sqlx::Error> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000)
        .map_err(|error| sqlx::Error::Decode(error.into()))
}

/// Lets orphaned deliveries of routes that are configured again go on.
pub(super) async fn adopt(
    db: &mut SqliteConnection,
    now: i64,
    routes: &[&str],
) -> Result<u64, sqlx::Error> {
    let done = sqlx::query(
        "-- store::sqlite::adopt
        UPDATE deliveries SET held = NULL, due_at = ?2
        WHERE held = 'orphaned' AND route IN (SELECT value FROM jsonb_each(?1))",
    )
    .bind(json(routes)?)
    .bind(now)
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// Counts what is open and what is dead, for each action that has any.
pub(super) async fn backlog(db: &mut SqliteConnection) -> Result<Vec<Backlog>, sqlx::Error> {
    sqlx::query(
        "-- store::sqlite::backlog
        SELECT action,
               count(*) FILTER (WHERE open AND (held IS NULL OR held = 'order') AND owner IS NULL) AS due,
               count(*) FILTER (WHERE open AND owner IS NOT NULL) AS leased,
               count(*) FILTER (WHERE open AND held = 'orphaned') AS orphaned,
               count(*) FILTER (WHERE open AND held = 'paused') AS paused,
               count(*) FILTER (WHERE NOT open) AS dead,
               coalesce(unixepoch('subsec') - min(due_at) FILTER
                   (WHERE open AND held IS NULL AND due_at <= unixepoch('subsec') * 1e6) / 1e6,
                   0.0) AS oldest
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
            SELECT action, NULL, NULL, NULL, false FROM deliveries INDEXED BY deliveries_dead
            WHERE state = 'dead' AND replayed_by IS NULL
        ) counted
        GROUP BY action",
    )
    .try_map(|row: SqliteRow| {
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
