//! Removing what is old: see `store::remove`. The one writer makes it and replays take turns.

use bytes::Bytes;
use serde::Serialize;
use sqlx::sqlite::SqliteConnection;
use uuid::{Uuid, fmt::Hyphenated};

use super::{Lane, queue::json};
use crate::store::{
    OldDelivery, OldMessage, Range, Removable, Removed, Size, Slimmed, StoreError, count,
    remove::unchanged, unsigned,
};

/// For tests that look at plans.
pub(super) const STATEMENTS: [&str; 14] = [
    OLD_EVENTS,
    OLD_DELIVERIES,
    LINKED_DELIVERIES,
    OLD_MESSAGES,
    TOLD_BY,
    BODIES,
    UNCHANGED,
    REMOVE_ATTEMPTS,
    REMOVE_SNAPSHOTS,
    REMOVE_DELIVERIES,
    REMOVE_EVENTS,
    REMOVE_MESSAGES,
    SLIM,
    REMOVE_ACTS,
];

const OLD_EVENTS: &str = "-- store::sqlite::old_events
SELECT id FROM events WHERE id > ?1 AND id < ?2 ORDER BY id LIMIT ?3";

const OLD_DELIVERIES: &str = "-- store::sqlite::old_deliveries
SELECT id, event_id, ended_at, replayed_by, merged_into FROM deliveries
WHERE id >= ?1 AND id < ?2 AND event_id IN (SELECT value FROM jsonb_each(?3))";

const LINKED_DELIVERIES: &str = "-- store::sqlite::linked_deliveries
SELECT id, event_id, ended_at, replayed_by, merged_into FROM deliveries
WHERE id IN (SELECT value FROM jsonb_each(?1))";

const OLD_MESSAGES: &str = "-- store::sqlite::old_messages
SELECT id, octet_length(body) AS size, body_digest IS NOT NULL AS is_slim, released
FROM messages WHERE id > ?1 AND id < ?2 ORDER BY id LIMIT ?3";

const TOLD_BY: &str = "-- store::sqlite::told_by
SELECT DISTINCT message_id FROM events
WHERE id >= ?1 AND id < ?2 AND message_id IN (SELECT value FROM jsonb_each(?3))";

const BODIES: &str = "-- store::sqlite::bodies
SELECT id, body FROM messages WHERE id IN (SELECT value FROM jsonb_each(?1))";

const UNCHANGED: &str = "-- store::sqlite::remove which
SELECT id FROM deliveries
WHERE id IN (SELECT value FROM jsonb_each(?1)) AND ended_at IS NOT NULL
      AND (replayed_by IS NULL OR replayed_by IN (SELECT value FROM jsonb_each(?1)))";

const REMOVE_ATTEMPTS: &str = "-- store::sqlite::remove attempts
DELETE FROM attempts WHERE delivery_id IN (SELECT value FROM jsonb_each(?1))";

const REMOVE_SNAPSHOTS: &str = "-- store::sqlite::remove snapshots
DELETE FROM snapshots WHERE event_id IN (SELECT value FROM jsonb_each(?1))";

const REMOVE_DELIVERIES: &str = "-- store::sqlite::remove deliveries
DELETE FROM deliveries WHERE id IN (SELECT value FROM jsonb_each(?1))";

const REMOVE_EVENTS: &str = "-- store::sqlite::remove events
DELETE FROM events WHERE id IN (SELECT value FROM jsonb_each(?1))";

const REMOVE_MESSAGES: &str = "-- store::sqlite::remove messages
DELETE FROM messages
WHERE id IN (SELECT value FROM jsonb_each(?1))
      AND (released IS NULL OR released IN (SELECT value FROM jsonb_each(?2)))";

const SLIM: &str = "-- store::sqlite::slim
UPDATE messages SET body = x'', body_digest = unhex(s.digest)
FROM (SELECT value ->> 'id' AS id, value ->> 'digest' AS digest FROM jsonb_each(?1)) s
WHERE messages.id = s.id AND body_digest IS NULL
      AND (released IS NULL OR released IN (SELECT value FROM jsonb_each(?2)))";

const REMOVE_ACTS: &str = "-- store::sqlite::remove acts
DELETE FROM acts WHERE id IN (SELECT id FROM acts WHERE id < ?1 ORDER BY id LIMIT ?2)";

/// Rows are numbered as they come, and go from the other end.
macro_rules! rows {
    ($first:literal $(, $table:literal)*) => {
        concat!(
            "-- store::sqlite::sizes\n", rows!(@ $first),
            $(" UNION ALL ", rows!(@ $table),)*
            " UNION ALL SELECT 'file', NULL, page_count * page_size
                FROM pragma_page_count(), pragma_page_size()
             UNION ALL SELECT 'free', NULL, freelist_count * page_size
                FROM pragma_freelist_count(), pragma_page_size()"
        )
    };
    (@ $table:literal) => {
        concat!(
            "SELECT '", $table, "', coalesce((SELECT max(rowid) FROM ", $table,
            ") - (SELECT min(rowid) FROM ", $table, ") + 1, 0), NULL"
        )
    };
}

const SIZES: &str = rows!("messages", "events", "deliveries", "attempts", "snapshots", "acts");

#[derive(Serialize)]
struct DigestRow {
    id: Uuid,
    digest: String,
}

impl Lane {
    pub(in crate::store) async fn old_events(
        &mut self,
        after: Uuid,
        before: Uuid,
        limit: usize,
    ) -> Result<Vec<Uuid>, StoreError> {
        let asked = sqlx::query_scalar::<_, Hyphenated>(OLD_EVENTS)
            .bind(after.hyphenated())
            .bind(before.hyphenated())
            .bind(count(limit));
        let ids = self.connection.read(async |db| asked.fetch_all(db).await).await?;
        Ok(ids.into_iter().map(Uuid::from).collect())
    }

    pub(in crate::store) async fn old_deliveries(
        &mut self,
        range: Range,
        events: &[Uuid],
    ) -> Result<Vec<OldDelivery>, StoreError> {
        let asked = sqlx::query(OLD_DELIVERIES)
            .bind(range.least.hyphenated())
            .bind(range.before.hyphenated());
        self.connection
            .read(async |db| {
                let asked = asked.bind(json(events)?);
                asked.try_map(|row| OldDelivery::of_row(&row)).fetch_all(db).await
            })
            .await
    }

    pub(in crate::store) async fn linked_deliveries(
        &mut self,
        ids: &[Uuid],
    ) -> Result<Vec<OldDelivery>, StoreError> {
        self.connection
            .read(async |db| {
                let asked = sqlx::query(LINKED_DELIVERIES).bind(json(ids)?);
                asked.try_map(|row| OldDelivery::of_row(&row)).fetch_all(db).await
            })
            .await
    }

    pub(in crate::store) async fn old_messages(
        &mut self,
        after: Uuid,
        before: Uuid,
        limit: usize,
    ) -> Result<Vec<OldMessage>, StoreError> {
        let asked = sqlx::query(OLD_MESSAGES)
            .bind(after.hyphenated())
            .bind(before.hyphenated())
            .bind(count(limit))
            .try_map(|row| OldMessage::of_row(&row));
        self.connection.read(async |db| asked.fetch_all(db).await).await
    }

    pub(in crate::store) async fn told_by(
        &mut self,
        events: Range,
        messages: &[Uuid],
    ) -> Result<Vec<Uuid>, StoreError> {
        let asked = sqlx::query_scalar::<_, Hyphenated>(TOLD_BY)
            .bind(events.least.hyphenated())
            .bind(events.before.hyphenated());
        let ids = self
            .connection
            .read(async |db| asked.bind(json(messages)?).fetch_all(db).await)
            .await?;
        Ok(ids.into_iter().map(Uuid::from).collect())
    }

    pub(in crate::store) async fn bodies(
        &mut self,
        messages: &[Uuid],
    ) -> Result<Vec<(Uuid, Bytes)>, StoreError> {
        let rows = self
            .connection
            .read(async |db| {
                let asked = sqlx::query_as::<_, (Hyphenated, Vec<u8>)>(BODIES);
                asked.bind(json(messages)?).fetch_all(db).await
            })
            .await?;
        Ok(rows.into_iter().map(|(id, body)| (id.into(), body.into())).collect())
    }

    pub(in crate::store) async fn remove_events(
        &mut self,
        batch: &[Removable],
    ) -> Result<Removed, StoreError> {
        self.connection.write(async |db, _now| remove_events(db, batch).await).await
    }

    pub(in crate::store) async fn remove_messages(
        &mut self,
        ids: &[Uuid],
        released: &[Uuid],
    ) -> Result<u64, StoreError> {
        self.connection
            .write(async |db, _now| {
                let asked = sqlx::query(REMOVE_MESSAGES).bind(json(ids)?).bind(json(released)?);
                Ok(asked.execute(db).await?.rows_affected())
            })
            .await
    }

    pub(in crate::store) async fn slim_messages(
        &mut self,
        batch: &[Slimmed],
        released: &[Uuid],
    ) -> Result<u64, StoreError> {
        let row = |one: &Slimmed| DigestRow { id: one.id, digest: hex::encode(one.digest) };
        let rows: Vec<DigestRow> = batch.iter().map(row).collect();
        self.connection
            .write(async |db, _now| {
                let asked = sqlx::query(SLIM).bind(json(&rows)?).bind(json(released)?);
                Ok(asked.execute(db).await?.rows_affected())
            })
            .await
    }

    pub(in crate::store) async fn remove_acts(
        &mut self,
        before: Uuid,
        limit: usize,
    ) -> Result<u64, StoreError> {
        let asked = sqlx::query(REMOVE_ACTS).bind(before.hyphenated()).bind(count(limit));
        let done = self.connection.write(async |db, _now| asked.execute(db).await).await?;
        Ok(done.rows_affected())
    }

    pub(in crate::store) async fn sizes(&mut self) -> Result<Vec<Size>, StoreError> {
        let asked = sqlx::query_as::<_, (String, Option<i64>, Option<i64>)>(SIZES);
        let rows = self.connection.read(async |db| asked.fetch_all(db).await).await?;
        let size = |(of, rows, bytes): (String, Option<i64>, Option<i64>)| Size {
            of,
            rows: rows.map(unsigned),
            bytes: bytes.map(unsigned),
        };
        Ok(rows.into_iter().map(size).collect())
    }
}

async fn remove_events(
    db: &mut SqliteConnection,
    batch: &[Removable],
) -> Result<Removed, sqlx::Error> {
    let all: Vec<Uuid> = batch.iter().flat_map(|one| one.deliveries.iter().copied()).collect();
    let still: Vec<Hyphenated> =
        sqlx::query_scalar(UNCHANGED).bind(json(&all)?).fetch_all(&mut *db).await?;
    let still: Vec<Uuid> = still.into_iter().map(Uuid::from).collect();
    let (events, deliveries) = unchanged(batch, &still);
    let (of_events, of_deliveries) = (json(&events)?, json(&deliveries)?);
    let mut removed = [0; 4];
    for (removed, (statement, ids)) in removed.iter_mut().zip([
        (REMOVE_ATTEMPTS, &of_deliveries),
        (REMOVE_SNAPSHOTS, &of_events),
        (REMOVE_DELIVERIES, &of_deliveries),
        (REMOVE_EVENTS, &of_events),
    ]) {
        *removed = sqlx::query(statement).bind(ids).execute(&mut *db).await?.rows_affected();
    }
    let [attempts, snapshots, deliveries, events] = removed;
    Ok(Removed { events, deliveries, attempts, snapshots })
}
