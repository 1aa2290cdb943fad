//! Debounce: see `store::merge`.

use std::time::Duration;

use sqlx::{
    Connection as _, Row,
    postgres::{PgConnection, PgRow},
};
use uuid::Uuid;

use super::Lane;
use crate::store::{Change, Merged, StoreError, merge::reason, micros};

/// For tests that look at plans.
pub(super) const STATEMENTS: [&str; 4] = [LATEST, FIRST, ABSORB, CHANGES];

const MINE: &str = "-- store::postgres::merge mine
SELECT seq, order_key, merged_into FROM deliveries
WHERE id = $1 AND lease_no = $2 AND ended_at IS NULL AND owner IS NOT NULL";

/// What may still be merged: undecided, or to be tried again and not being tried.
macro_rules! mergeable {
    () => {
        "(merged_into IS NULL OR (merged_into = id AND owner IS NULL))"
    };
}

/// All that was merged into the rows of `chain`, and into those.
macro_rules! and_all_merged_into_them {
    () => {
        "UNION ALL
    SELECT d.id, d.event_id, d.seq
    FROM chain c JOIN deliveries d ON d.merged_into = c.id AND d.id <> c.id"
    };
}

/// The latest one after `$2`; where `$3`, of those only that are due or claimed.
const LATEST: &str = concat!(
    "-- store::postgres::merge latest
SELECT id, seq FROM deliveries
WHERE debounce_key = $1 AND ended_at IS NULL AND seq > $2 AND held IS DISTINCT FROM 'orphaned'
      AND ",
    mergeable!(),
    " AND (NOT $3 OR owner IS NOT NULL OR due_at <= now())
ORDER BY seq DESC LIMIT 1"
);

/// Whether the first of those that would be merged has waited for `$4` microseconds.
const FIRST: &str = concat!(
    "-- store::postgres::merge first
WITH RECURSIVE chain AS (
    SELECT id, event_id, seq FROM deliveries
    WHERE debounce_key = $1 AND ended_at IS NULL AND (id = $2 OR (seq < $3 AND ",
    mergeable!(),
    "))
    ",
    and_all_merged_into_them!(),
    "
)
SELECT m.received_at <= now() - $4::bigint * interval '1 microsecond'
FROM (SELECT event_id FROM chain ORDER BY seq LIMIT 1) f
     JOIN events e ON e.id = f.event_id JOIN messages m ON m.id = e.message_id"
);

/// Merges `$3` and all before `$4` into `$1`. Those that nobody performs end with it, but for ones
/// that are ordered by another key than `$5`. Tells which ended.
const ABSORB: &str = concat!(
    "-- store::postgres::merge absorb
UPDATE deliveries d
SET merged_into = $1,
    held = CASE WHEN o.ends THEN NULL ELSE d.held END,
    state = CASE WHEN o.ends THEN 'skipped' ELSE d.state END,
    reason = CASE WHEN o.ends THEN $6 END,
    ended_at = CASE WHEN o.ends THEN now() END
FROM (
    SELECT id, owner IS NULL AND order_key IS NOT DISTINCT FROM $5 AS ends FROM deliveries
    WHERE debounce_key = $2 AND ended_at IS NULL AND (id = $3 OR (seq < $4 AND ",
    mergeable!(),
    "))
    ORDER BY seq FOR UPDATE
) o
WHERE d.id = o.id
RETURNING o.ends"
);

/// What all that was merged into `$1` tells of, the oldest first.
const CHANGES: &str = concat!(
    "-- store::postgres::merge changes
WITH RECURSIVE chain AS (
    SELECT id, event_id, seq FROM deliveries WHERE id = $1
    ",
    and_all_merged_into_them!(),
    "
)
SELECT e.type, e.attribute_id, e.actor_type, e.actor_id, min(m.received_at) AS since
FROM chain c JOIN events e ON e.id = c.event_id JOIN messages m ON m.id = e.message_id
GROUP BY e.type, e.attribute_id, e.actor_type, e.actor_id ORDER BY min(c.seq)"
);

/// A claimed delivery, and what it is decided by.
struct Mine {
    id: Uuid,
    key: [u8; 32],
    seq: i64,
    order_key: Option<Vec<u8>>,
}

impl Lane {
    pub(in crate::store) async fn merge(
        &mut self,
        id: Uuid,
        lease_no: i32,
        key: [u8; 32],
        longest: Duration,
    ) -> Result<Merged, StoreError> {
        self.connection.run(async |db| merge(db, id, lease_no, key, longest).await).await
    }
}

async fn merge(
    db: &mut PgConnection,
    id: Uuid,
    lease_no: i32,
    key: [u8; 32],
    longest: Duration,
) -> Result<Merged, sqlx::Error> {
    let mut tx = db.begin().await?;
    lock(&mut tx, key).await?;
    let merged = decide(&mut tx, (id, lease_no), key, longest).await?;
    tx.commit().await?;
    Ok(merged)
}

async fn decide(
    tx: &mut PgConnection,
    (id, lease_no): (Uuid, i32),
    key: [u8; 32],
    longest: Duration,
) -> Result<Merged, sqlx::Error> {
    let row = sqlx::query(MINE).bind(id).bind(lease_no).fetch_optional(&mut *tx).await?;
    let Some(row) = row else {
        return Ok(Merged::Lost);
    };
    if let Some(into) = row.try_get::<Option<Uuid>, _>("merged_into")?.filter(|into| *into != id) {
        return Ok(Merged::Into { id: into, ended: 0 });
    }
    let mine = Mine { id, key, seq: row.try_get("seq")?, order_key: row.try_get("order_key")? };
    let later = mine.later(tx, longest).await?;
    let ended = mine.absorb(tx, later.unwrap_or((id, mine.seq))).await?;
    match later {
        Some((into, _)) => Ok(Merged::Into { id: into, ended }),
        None => last(tx, id, ended).await,
    }
}

/// Makes those that decide about one key take turns; each sees what the one before did.
async fn lock(tx: &mut PgConnection, key: [u8; 32]) -> Result<(), sqlx::Error> {
    let start = key.first_chunk::<8>().expect("a hash is longer");
    sqlx::query("-- store::postgres::merge lock\nSELECT pg_advisory_xact_lock($1)")
        .bind(i64::from_be_bytes(*start))
        .execute(tx)
        .await
        .map(drop)
}

impl Mine {
    /// The one that goes instead.
    async fn later(
        &self,
        tx: &mut PgConnection,
        longest: Duration,
    ) -> Result<Option<(Uuid, i64)>, sqlx::Error> {
        let latest = self.latest(tx, false).await?;
        if latest.is_some() && self.has_waited(tx, longest).await? {
            return self.latest(tx, true).await;
        }
        Ok(latest)
    }

    async fn latest(
        &self,
        tx: &mut PgConnection,
        due_only: bool,
    ) -> Result<Option<(Uuid, i64)>, sqlx::Error> {
        sqlx::query_as(LATEST)
            .bind(self.key.as_slice())
            .bind(self.seq)
            .bind(due_only)
            .fetch_optional(tx)
            .await
    }

    async fn has_waited(
        &self,
        tx: &mut PgConnection,
        longest: Duration,
    ) -> Result<bool, sqlx::Error> {
        sqlx::query_scalar(FIRST)
            .bind(self.key.as_slice())
            .bind(self.id)
            .bind(self.seq)
            .bind(micros(longest))
            .fetch_one(tx)
            .await
    }

    /// Merges this one and all before the target into that. Returns how many others ended.
    async fn absorb(
        &self,
        tx: &mut PgConnection,
        (into, before): (Uuid, i64),
    ) -> Result<u64, sqlx::Error> {
        // The key's row first, then deliveries, as whoever ends one does.
        if let Some(order_key) = &self.order_key {
            sqlx::query("-- store::postgres::merge lock_order\nSELECT FROM order_keys WHERE key = $1 FOR UPDATE")
                .bind(order_key)
                .execute(&mut *tx)
                .await?;
        }
        let ends: Vec<bool> = sqlx::query_scalar(ABSORB)
            .bind(into)
            .bind(self.key.as_slice())
            .bind(self.id)
            .bind(before)
            .bind(&self.order_key)
            .bind(reason(into))
            .fetch_all(&mut *tx)
            .await?;
        let ended = ends.into_iter().filter(|ends| *ends).count() as u64;
        if let Some(order_key) = &self.order_key {
            sqlx::query("-- store::postgres::merge count_ended\nUPDATE order_keys SET pending = pending - $2 WHERE key = $1")
                .bind(order_key)
                .bind(ended.cast_signed())
                .execute(tx)
                .await?;
        }
        Ok(ended)
    }
}

async fn last(tx: &mut PgConnection, id: Uuid, ended: u64) -> Result<Merged, sqlx::Error> {
    let changes = sqlx::query(CHANGES)
        .bind(id)
        .try_map(|row: PgRow| {
            Ok(Change {
                event_type: row.try_get("type")?,
                attribute_id: row.try_get("attribute_id")?,
                actor_type: row.try_get("actor_type")?,
                actor_id: row.try_get("actor_id")?,
                since: row.try_get("since")?,
            })
        })
        .fetch_all(tx)
        .await?;
    Ok(Merged::Last { changes, ended })
}
