//! Removing what is old: see `store::remove`.

use bytes::Bytes;
use sqlx::{
    Connection as _, Row,
    postgres::{PgConnection, PgRow},
};
use uuid::Uuid;

use super::Lane;
use crate::store::{
    OldDelivery, OldMessage, Range, Removable, Removed, Size, Slimmed, StoreError, count,
    remove::{SIZED, unchanged},
    unsigned,
};

/// For tests that look at plans.
pub(super) const STATEMENTS: [&str; 14] = [
    OLD_EVENTS,
    OLD_DELIVERIES,
    LINKED_DELIVERIES,
    OLD_MESSAGES,
    TOLD_BY,
    BODIES,
    LOCK,
    REMOVE_ATTEMPTS,
    REMOVE_SNAPSHOTS,
    REMOVE_DELIVERIES,
    REMOVE_EVENTS,
    REMOVE_MESSAGES,
    SLIM,
    REMOVE_ACTS,
];

const OLD_EVENTS: &str = "-- store::postgres::old_events
SELECT id FROM events WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3";

/// `IS TRUE` has the planner make a hash of what is listed: as a join, which this would be without,
/// the list would be read anew for each row of the range.
const OLD_DELIVERIES: &str = "-- store::postgres::old_deliveries
SELECT id, event_id, ended_at, replayed_by, merged_into FROM deliveries
WHERE id >= $1 AND id < $2 AND (event_id IN (SELECT unnest($3::uuid[]))) IS TRUE";

const LINKED_DELIVERIES: &str = "-- store::postgres::linked_deliveries
SELECT id, event_id, ended_at, replayed_by, merged_into FROM deliveries WHERE id = ANY ($1)";

const OLD_MESSAGES: &str = "-- store::postgres::old_messages
SELECT id, octet_length(body)::bigint AS size, body_digest IS NOT NULL AS is_slim, released
FROM messages WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3";

/// As [`OLD_DELIVERIES`].
const TOLD_BY: &str = "-- store::postgres::told_by
SELECT DISTINCT message_id FROM events
WHERE id >= $1 AND id < $2 AND (message_id IN (SELECT unnest($3::uuid[]))) IS TRUE";

const BODIES: &str = "-- store::postgres::bodies
SELECT id, body FROM messages WHERE id = ANY ($1)";

/// Whoever replays one of them locks it first: it is replayed before this or gone after it. Those
/// that somebody is at are left for the next time.
const LOCK: &str = "-- store::postgres::remove lock
SELECT id FROM deliveries
WHERE id = ANY ($1) AND ended_at IS NOT NULL
      AND (replayed_by IS NULL OR replayed_by = ANY ($2))
FOR UPDATE SKIP LOCKED";

const REMOVE_ATTEMPTS: &str = "-- store::postgres::remove attempts
DELETE FROM attempts WHERE delivery_id = ANY ($1)";

const REMOVE_SNAPSHOTS: &str = "-- store::postgres::remove snapshots
DELETE FROM snapshots WHERE event_id = ANY ($1)";

const REMOVE_DELIVERIES: &str = "-- store::postgres::remove deliveries
DELETE FROM deliveries WHERE id = ANY ($1)";

const REMOVE_EVENTS: &str = "-- store::postgres::remove events
DELETE FROM events WHERE id = ANY ($1)";

const REMOVE_MESSAGES: &str = "-- store::postgres::remove messages
DELETE FROM messages WHERE id = ANY ($1) AND (released IS NULL OR released = ANY ($2))";

const SLIM: &str = "-- store::postgres::slim
UPDATE messages m SET body = '', body_digest = s.digest
FROM unnest($1::uuid[], $2::bytea[]) s (id, digest)
WHERE m.id = s.id AND m.body_digest IS NULL AND (m.released IS NULL OR m.released = ANY ($3))";

const REMOVE_ACTS: &str = "-- store::postgres::remove acts
DELETE FROM acts WHERE id = ANY (ARRAY(SELECT id FROM acts WHERE id < $1 ORDER BY id LIMIT $2))";

const SIZES: &str = "-- store::postgres::sizes
SELECT relname::text AS relation, n_live_tup AS rows, pg_total_relation_size(relid) AS bytes
FROM pg_stat_user_tables WHERE schemaname = current_schema() AND relname = ANY ($1)";

impl Lane {
    pub(in crate::store) async fn old_events(
        &mut self,
        after: Uuid,
        before: Uuid,
        limit: usize,
    ) -> Result<Vec<Uuid>, StoreError> {
        let asked = sqlx::query_scalar(OLD_EVENTS).bind(after).bind(before).bind(count(limit));
        self.connection.run(async |db| asked.fetch_all(db).await).await
    }

    pub(in crate::store) async fn old_deliveries(
        &mut self,
        range: Range,
        events: &[Uuid],
    ) -> Result<Vec<OldDelivery>, StoreError> {
        let asked = sqlx::query(OLD_DELIVERIES)
            .bind(range.least)
            .bind(range.before)
            .bind(events)
            .try_map(|row| OldDelivery::of_row(&row));
        self.connection.run(async |db| asked.fetch_all(db).await).await
    }

    pub(in crate::store) async fn linked_deliveries(
        &mut self,
        ids: &[Uuid],
    ) -> Result<Vec<OldDelivery>, StoreError> {
        let asked =
            sqlx::query(LINKED_DELIVERIES).bind(ids).try_map(|row| OldDelivery::of_row(&row));
        self.connection.run(async |db| asked.fetch_all(db).await).await
    }

    pub(in crate::store) async fn old_messages(
        &mut self,
        after: Uuid,
        before: Uuid,
        limit: usize,
    ) -> Result<Vec<OldMessage>, StoreError> {
        let asked = sqlx::query(OLD_MESSAGES)
            .bind(after)
            .bind(before)
            .bind(count(limit))
            .try_map(|row| OldMessage::of_row(&row));
        self.connection.run(async |db| asked.fetch_all(db).await).await
    }

    pub(in crate::store) async fn told_by(
        &mut self,
        events: Range,
        messages: &[Uuid],
    ) -> Result<Vec<Uuid>, StoreError> {
        let asked =
            sqlx::query_scalar(TOLD_BY).bind(events.least).bind(events.before).bind(messages);
        self.connection.run(async |db| asked.fetch_all(db).await).await
    }

    pub(in crate::store) async fn bodies(
        &mut self,
        messages: &[Uuid],
    ) -> Result<Vec<(Uuid, Bytes)>, StoreError> {
        let asked = sqlx::query_as::<_, (Uuid, Vec<u8>)>(BODIES).bind(messages);
        let rows = self.connection.run(async |db| asked.fetch_all(db).await).await?;
        Ok(rows.into_iter().map(|(id, body)| (id, body.into())).collect())
    }

    pub(in crate::store) async fn remove_events(
        &mut self,
        batch: &[Removable],
    ) -> Result<Removed, StoreError> {
        self.connection.run(async |db| remove_events(db, batch).await).await
    }

    pub(in crate::store) async fn remove_messages(
        &mut self,
        ids: &[Uuid],
        released: &[Uuid],
    ) -> Result<u64, StoreError> {
        let asked = sqlx::query(REMOVE_MESSAGES).bind(ids).bind(released);
        let done = self.connection.run(async |db| asked.execute(db).await).await?;
        Ok(done.rows_affected())
    }

    pub(in crate::store) async fn slim_messages(
        &mut self,
        batch: &[Slimmed],
        released: &[Uuid],
    ) -> Result<u64, StoreError> {
        let ids: Vec<Uuid> = batch.iter().map(|one| one.id).collect();
        let digests: Vec<&[u8]> = batch.iter().map(|one| &one.digest[..]).collect();
        let asked = sqlx::query(SLIM).bind(ids).bind(digests).bind(released);
        let done = self.connection.run(async |db| asked.execute(db).await).await?;
        Ok(done.rows_affected())
    }

    pub(in crate::store) async fn remove_acts(
        &mut self,
        before: Uuid,
        limit: usize,
    ) -> Result<u64, StoreError> {
        let asked = sqlx::query(REMOVE_ACTS).bind(before).bind(count(limit));
        let done = self.connection.run(async |db| asked.execute(db).await).await?;
        Ok(done.rows_affected())
    }

    pub(in crate::store) async fn sizes(&mut self) -> Result<Vec<Size>, StoreError> {
        let asked = sqlx::query(SIZES).bind(&SIZED[..]).try_map(|row| size(&row));
        self.connection.run(async |db| asked.fetch_all(db).await).await
    }
}

fn size(row: &PgRow) -> Result<Size, sqlx::Error> {
    Ok(Size {
        of: row.try_get("relation")?,
        rows: Some(unsigned(row.try_get("rows")?)),
        bytes: Some(unsigned(row.try_get("bytes")?)),
    })
}

async fn remove_events(db: &mut PgConnection, batch: &[Removable]) -> Result<Removed, sqlx::Error> {
    let all: Vec<Uuid> = batch.iter().flat_map(|one| one.deliveries.iter().copied()).collect();
    let mut tx = db.begin().await?;
    let locked: Vec<Uuid> =
        sqlx::query_scalar(LOCK).bind(&all).bind(&all).fetch_all(&mut *tx).await?;
    let (events, deliveries) = unchanged(batch, &locked);
    let mut removed = [0; 4];
    for (removed, (statement, ids)) in removed.iter_mut().zip([
        (REMOVE_ATTEMPTS, &deliveries),
        (REMOVE_SNAPSHOTS, &events),
        (REMOVE_DELIVERIES, &deliveries),
        (REMOVE_EVENTS, &events),
    ]) {
        *removed = sqlx::query(statement).bind(ids).execute(&mut *tx).await?.rows_affected();
    }
    tx.commit().await?;
    let [attempts, snapshots, deliveries, events] = removed;
    Ok(Removed { events, deliveries, attempts, snapshots })
}
