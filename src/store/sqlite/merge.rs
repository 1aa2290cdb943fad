//! Debounce: see `store::merge`. The one writer makes those that decide take turns.

use std::time::Duration;

use sqlx::{
    Row,
    sqlite::{SqliteConnection, SqliteRow},
};
use uuid::{Uuid, fmt::Hyphenated};

use super::{Lane, queue::moment};
use crate::store::{Change, Merged, StoreError, merge::reason, micros};

/// For tests that look at plans.
pub(super) const STATEMENTS: [&str; 4] = [LATEST, FIRST, ABSORB, CHANGES];

const MINE: &str = "-- store::sqlite::merge mine
SELECT seq, order_key, merged_into FROM deliveries
WHERE id = ?1 AND lease_no = ?2 AND ended_at IS NULL AND owner IS NOT NULL";

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
    FROM chain c CROSS JOIN deliveries d ON d.merged_into = c.id AND d.id <> c.id"
    };
}

/// The latest one after `?2`; where `?3`, of those only that are due or claimed.
const LATEST: &str = concat!(
    "-- store::sqlite::merge latest
SELECT id, seq FROM deliveries INDEXED BY deliveries_debounced
WHERE debounce_key = ?1 AND ended_at IS NULL AND seq > ?2 AND held IS NOT 'orphaned'
      AND ",
    mergeable!(),
    " AND (NOT ?3 OR owner IS NOT NULL OR due_at <= ?4)
ORDER BY seq DESC LIMIT 1"
);

/// Whether the first of those that would be merged arrived before `?4`.
const FIRST: &str = concat!(
    "-- store::sqlite::merge first
WITH RECURSIVE chain AS (
    SELECT id, event_id, seq FROM deliveries INDEXED BY deliveries_debounced
    WHERE debounce_key = ?1 AND ended_at IS NULL AND (id = ?2 OR (seq < ?3 AND ",
    mergeable!(),
    "))
    ",
    and_all_merged_into_them!(),
    "
)
SELECT m.received_at <= ?4
FROM (SELECT event_id FROM chain ORDER BY seq LIMIT 1) f
     CROSS JOIN events e ON e.id = f.event_id CROSS JOIN messages m ON m.id = e.message_id"
);

/// Merges `?3` and all before `?4` into `?1`. Those that nobody performs end with it, but for ones
/// that are ordered by another key than `?5`. Tells which ended.
const ABSORB: &str = concat!(
    "-- store::sqlite::merge absorb
UPDATE deliveries INDEXED BY deliveries_debounced
SET merged_into = ?1,
    held = CASE WHEN owner IS NULL AND order_key IS ?5 THEN NULL ELSE held END,
    state = CASE WHEN owner IS NULL AND order_key IS ?5 THEN 'skipped' ELSE state END,
    reason = CASE WHEN owner IS NULL AND order_key IS ?5 THEN ?6 END,
    ended_at = CASE WHEN owner IS NULL AND order_key IS ?5 THEN ?7 END
WHERE debounce_key = ?2 AND ended_at IS NULL AND (id = ?3 OR (seq < ?4 AND ",
    mergeable!(),
    "))
RETURNING ended_at IS NOT NULL"
);

/// What all that was merged into `?1` tells of, the oldest first.
const CHANGES: &str = concat!(
    "-- store::sqlite::merge changes
WITH RECURSIVE chain AS (
    SELECT id, event_id, seq FROM deliveries WHERE id = ?1
    ",
    and_all_merged_into_them!(),
    "
)
SELECT e.type, e.attribute_id, e.actor_type, e.actor_id, min(m.received_at) AS since
FROM chain c CROSS JOIN events e ON e.id = c.event_id CROSS JOIN messages m ON m.id = e.message_id
GROUP BY e.type, e.attribute_id, e.actor_type, e.actor_id ORDER BY min(c.seq)"
);

/// A claimed delivery, and what it is decided by.
struct Mine {
    id: Uuid,
    key: [u8; 32],
    seq: i64,
    order_key: Option<Vec<u8>>,
    now: i64,
}

impl Lane {
    pub(in crate::store) async fn merge(
        &mut self,
        id: Uuid,
        lease_no: i32,
        key: [u8; 32],
        longest: Duration,
    ) -> Result<Merged, StoreError> {
        self.connection
            .write(async |db, now| merge(db, now, (id, lease_no), key, longest).await)
            .await
    }
}

async fn merge(
    db: &mut SqliteConnection,
    now: i64,
    (id, lease_no): (Uuid, i32),
    key: [u8; 32],
    longest: Duration,
) -> Result<Merged, sqlx::Error> {
    let row =
        sqlx::query(MINE).bind(id.hyphenated()).bind(lease_no).fetch_optional(&mut *db).await?;
    let Some(row) = row else {
        return Ok(Merged::Lost);
    };
    let merged_into = row.try_get::<Option<Hyphenated>, _>("merged_into")?.map(Uuid::from);
    if let Some(into) = merged_into.filter(|into| *into != id) {
        return Ok(Merged::Into { id: into, ended: 0 });
    }
    let (seq, order_key) = (row.try_get("seq")?, row.try_get("order_key")?);
    let mine = Mine { id, key, seq, order_key, now };
    let later = mine.later(db, longest).await?;
    let ended = mine.absorb(db, later.unwrap_or((id, mine.seq))).await?;
    match later {
        Some((into, _)) => Ok(Merged::Into { id: into, ended }),
        None => last(db, id, ended).await,
    }
}

impl Mine {
    /// The one that goes instead.
    async fn later(
        &self,
        db: &mut SqliteConnection,
        longest: Duration,
    ) -> Result<Option<(Uuid, i64)>, sqlx::Error> {
        let latest = self.latest(db, false).await?;
        if latest.is_some() && self.has_waited(db, longest).await? {
            return self.latest(db, true).await;
        }
        Ok(latest)
    }

    async fn latest(
        &self,
        db: &mut SqliteConnection,
        due_only: bool,
    ) -> Result<Option<(Uuid, i64)>, sqlx::Error> {
        let found: Option<(Hyphenated, i64)> = sqlx::query_as(LATEST)
            .bind(self.key.as_slice())
            .bind(self.seq)
            .bind(due_only)
            .bind(self.now)
            .fetch_optional(db)
            .await?;
        Ok(found.map(|(id, seq)| (id.into(), seq)))
    }

    async fn has_waited(
        &self,
        db: &mut SqliteConnection,
        longest: Duration,
    ) -> Result<bool, sqlx::Error> {
        sqlx::query_scalar(FIRST)
            .bind(self.key.as_slice())
            .bind(self.id.hyphenated())
            .bind(self.seq)
            .bind(self.now.saturating_sub(micros(longest)))
            .fetch_one(db)
            .await
    }

    /// Merges this one and all before the target into that. Returns how many others ended.
    async fn absorb(
        &self,
        db: &mut SqliteConnection,
        (into, before): (Uuid, i64),
    ) -> Result<u64, sqlx::Error> {
        let ends: Vec<bool> = sqlx::query_scalar(ABSORB)
            .bind(into.hyphenated())
            .bind(self.key.as_slice())
            .bind(self.id.hyphenated())
            .bind(before)
            .bind(self.order_key.as_deref())
            .bind(reason(into))
            .bind(self.now)
            .fetch_all(&mut *db)
            .await?;
        let ended = ends.into_iter().filter(|ends| *ends).count() as u64;
        if let Some(order_key) = &self.order_key {
            sqlx::query("-- store::sqlite::merge count_ended\nUPDATE order_keys SET pending = pending - ?2 WHERE key = ?1")
                .bind(order_key)
                .bind(ended.cast_signed())
                .execute(db)
                .await?;
        }
        Ok(ended)
    }
}

async fn last(db: &mut SqliteConnection, id: Uuid, ended: u64) -> Result<Merged, sqlx::Error> {
    let changes = sqlx::query(CHANGES)
        .bind(id.hyphenated())
        .try_map(|row: SqliteRow| {
            Ok(Change {
                event_type: row.try_get("type")?,
                attribute_id: row.try_get("attribute_id")?,
                actor_type: row.try_get("actor_type")?,
                actor_id: row.try_get("actor_id")?,
                since: moment(row.try_get("since")?)?,
            })
        })
        .fetch_all(db)
        .await?;
    Ok(Merged::Last { changes, ended })
}
