//! What people change: see `store::act`.

use sqlx::{
    Connection as _, Row,
    postgres::{PgConnection, PgRow},
};
use uuid::Uuid;

use super::{Lane, queue, record, tally};
use crate::store::{
    Act, DeliveryState, NewMessage, ReplayMode, Replayed, StoreError, StoredMessage, Whose,
    act::{Ended, Ending, NewReplay, count_keys, freed, replays},
};

/// Takes the ended ones that nobody has replayed; whoever asks beside waits, and finds none.
const ENDED: &str = "-- store::postgres::replay ended
SELECT d.id, d.event_id, d.route, d.action, d.state, d.order_key, d.idempotency_key
FROM deliveries d JOIN events e ON e.id = d.event_id JOIN messages m ON m.id = e.message_id
WHERE d.id = ANY ($1) AND d.ended_at IS NOT NULL AND d.replayed_by IS NULL
ORDER BY d.seq FOR UPDATE OF d";

const QUEUE: &str = "-- store::postgres::replay queue
INSERT INTO order_keys AS k (key, pending)
SELECT * FROM unnest($1::bytea[], $2::int8[]) AS n (key, count) ORDER BY n.key
ON CONFLICT (key) DO UPDATE SET pending = k.pending + EXCLUDED.pending
RETURNING key, pending";

/// In the order of the ended ones, which gives them their `seq`.
const REPLAY: &str = "-- store::postgres::replay
WITH again AS MATERIALIZED (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::bytea[], $6::uuid[],
                         $7::text[], $8::uuid[]) WITH ORDINALITY
                  AS r (id, event_id, route, action, order_key, idempotency_key, held, former, place)
), made AS (
    INSERT INTO deliveries (id, event_id, route, action, order_key, idempotency_key, held, due_at,
                            replay_of)
    SELECT id, event_id, route, action, order_key, idempotency_key, held, now(), former
    FROM again ORDER BY place
)
UPDATE deliveries d SET replayed_by = r.id FROM again r WHERE d.id = r.former";

/// The keys' rows first, then deliveries, as whoever ends one does.
const LOCK_KEYS: &str = "-- store::postgres::discard lock_keys
SELECT FROM order_keys
WHERE key IN (SELECT order_key FROM deliveries WHERE id = ANY ($1) AND ended_at IS NULL)
ORDER BY key FOR UPDATE";

const DISCARD: &str = "-- store::postgres::discard
UPDATE deliveries d
SET state = 'discarded', held = NULL, owner = NULL, ended_at = coalesce(d.ended_at, now()),
    reason = CASE WHEN o.state = 'dead' THEN $2 || ' (was dead: ' || o.reason || ')' ELSE $2 END
FROM (
    SELECT id, held, state, reason FROM deliveries
    WHERE id = ANY ($1) AND (ended_at IS NULL OR (state = 'dead' AND replayed_by IS NULL))
    ORDER BY id FOR UPDATE
) o
WHERE d.id = o.id
RETURNING d.route, d.action, d.order_key, o.state = 'open' AS was_open,
          o.held IS NOT DISTINCT FROM 'order' AS was_behind";

const COUNT_ENDED: &str = "-- store::postgres::discard count_ended
UPDATE order_keys o SET pending = o.pending - e.count
FROM unnest($1::bytea[], $2::int8[]) AS e (key, count) WHERE o.key = e.key";

const MESSAGE: &str = "-- store::postgres::message
SELECT id, dedup, source, key, received_at, reason, body FROM messages
WHERE id = $1 AND body_digest IS NULL";

impl Lane {
    pub(in crate::store) async fn replay(
        &mut self,
        ids: &[Uuid],
        mode: ReplayMode,
        act: &Act,
    ) -> Result<Vec<Replayed>, StoreError> {
        self.connection.run(async |db| replay(db, ids, mode, act).await).await
    }

    pub(in crate::store) async fn discard(
        &mut self,
        ids: &[Uuid],
        reason: &str,
        act: &Act,
    ) -> Result<Vec<Whose>, StoreError> {
        self.connection.run(async |db| discard(db, ids, reason, act).await).await
    }

    pub(in crate::store) async fn message(
        &mut self,
        id: Uuid,
    ) -> Result<Option<StoredMessage>, StoreError> {
        let asked = sqlx::query(MESSAGE).bind(id).try_map(|row| message(&row));
        self.connection.run(async |db| asked.fetch_optional(db).await).await
    }

    pub(in crate::store) async fn release(
        &mut self,
        message: &NewMessage,
        act: &Act,
    ) -> Result<bool, StoreError> {
        self.connection.run(async |db| release(db, self.process, message, act).await).await
    }

    pub(in crate::store) async fn note_act(
        &mut self,
        act: &Act,
        changed: u64,
    ) -> Result<(), StoreError> {
        self.connection.run(async |db| note(db, act, changed).await).await
    }
}

/// Counts on an act; the first time, it is written down.
pub(super) async fn note(
    db: &mut PgConnection,
    act: &Act,
    changed: u64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "-- store::postgres::note_act
        INSERT INTO acts AS a (id, at, who, what, details, changed)
        VALUES ($1, now(), $2, $3, $4, $5)
        ON CONFLICT (id) DO UPDATE SET changed = a.changed + EXCLUDED.changed",
    )
    .bind(act.id)
    .bind(&act.who)
    .bind(act.what.as_str())
    .bind(&act.details)
    .bind(changed.cast_signed())
    .execute(db)
    .await
    .map(drop)
}

async fn replay(
    db: &mut PgConnection,
    ids: &[Uuid],
    mode: ReplayMode,
    act: &Act,
) -> Result<Vec<Replayed>, sqlx::Error> {
    let mut tx = db.begin().await?;
    let ended: Vec<Ended> =
        sqlx::query(ENDED).bind(ids).try_map(|row| of_row(&row)).fetch_all(&mut *tx).await?;
    let counts = count_keys(&ended);
    let pending = sqlx::query_as(QUEUE)
        .bind(counts.keys().collect::<Vec<_>>())
        .bind(counts.values().copied().collect::<Vec<i64>>())
        .fetch_all(&mut *tx)
        .await?;
    let rows = replays(ended, mode, &counts, pending);
    write(&mut tx, &rows).await?;
    if mode.fresh {
        sqlx::query(
            "-- store::postgres::replay fresh\nDELETE FROM snapshots WHERE event_id = ANY ($1)",
        )
        .bind(rows.iter().map(|row| row.of.event_id).collect::<Vec<_>>())
        .execute(&mut *tx)
        .await?;
    }
    note(&mut tx, act, rows.len() as u64).await?;
    tx.commit().await?;
    Ok(rows.iter().map(NewReplay::done).collect())
}

fn of_row(row: &PgRow) -> Result<Ended, sqlx::Error> {
    Ok(Ended {
        id: row.try_get("id")?,
        event_id: row.try_get("event_id")?,
        route: row.try_get("route")?,
        action: row.try_get("action")?,
        state: DeliveryState::of(row.try_get("state")?).ok_or(sqlx::Error::RowNotFound)?,
        order_key: row.try_get("order_key")?,
        idempotency_key: row.try_get("idempotency_key")?,
    })
}

async fn write(tx: &mut PgConnection, rows: &[NewReplay]) -> Result<(), sqlx::Error> {
    fn each<'a, T>(rows: &'a [NewReplay], field: impl Fn(&'a NewReplay) -> T) -> Vec<T> {
        rows.iter().map(field).collect()
    }
    sqlx::query(REPLAY)
        .bind(each(rows, |row| row.id))
        .bind(each(rows, |row| row.of.event_id))
        .bind(each(rows, |row| row.of.route.as_str()))
        .bind(each(rows, |row| row.of.action.as_str()))
        .bind(each(rows, |row| row.of.order_key.as_deref()))
        .bind(each(rows, |row| row.key))
        .bind(each(rows, |row| row.held))
        .bind(each(rows, |row| row.of.id))
        .execute(tx)
        .await
        .map(drop)
}

async fn discard(
    db: &mut PgConnection,
    ids: &[Uuid],
    reason: &str,
    act: &Act,
) -> Result<Vec<Whose>, sqlx::Error> {
    let mut tx = db.begin().await?;
    sqlx::query(LOCK_KEYS).bind(ids).execute(&mut *tx).await?;
    let ended: Vec<(Whose, Ending)> = sqlx::query(DISCARD)
        .bind(ids)
        .bind(reason)
        .try_map(|row: PgRow| {
            let (was_open, was_behind) = (row.try_get("was_open")?, row.try_get("was_behind")?);
            let ending = Ending { order_key: row.try_get("order_key")?, was_open, was_behind };
            Ok(((row.try_get("route")?, row.try_get("action")?), ending))
        })
        .fetch_all(&mut *tx)
        .await?;
    let (of, endings): (Vec<_>, Vec<Ending>) = ended.into_iter().unzip();
    let (counts, heads) = freed(&endings);
    if !counts.is_empty() {
        let keys: Vec<&[u8]> = counts.keys().map(Vec::as_slice).collect();
        sqlx::query(COUNT_ENDED)
            .bind(&keys)
            .bind(counts.values().copied().collect::<Vec<i64>>())
            .execute(&mut *tx)
            .await?;
        sqlx::query(queue::RELEASE_NEXT)
            .bind(&heads)
            .bind(vec![0_i64; heads.len()])
            .execute(&mut *tx)
            .await?;
        queue::forget_idle_keys(&mut tx, &keys).await?;
    }
    tally::discarded(&mut tx, &of).await?;
    note(&mut tx, act, of.len() as u64).await?;
    tx.commit().await?;
    Ok(of)
}

fn message(row: &PgRow) -> Result<StoredMessage, sqlx::Error> {
    let dedup: &[u8] = row.try_get("dedup")?;
    Ok(StoredMessage {
        id: row.try_get("id")?,
        dedup: dedup.try_into().map_err(|_| sqlx::Error::RowNotFound)?,
        source: row.try_get::<&str, _>("source")?.into(),
        key: row.try_get::<Option<Vec<u8>>, _>("key")?.map(Into::into),
        received_at: row.try_get("received_at")?,
        quarantined: row.try_get("reason")?,
        body: row.try_get::<Vec<u8>, _>("body")?.into(),
    })
}

async fn release(
    db: &mut PgConnection,
    process: Uuid,
    message: &NewMessage,
    act: &Act,
) -> Result<bool, sqlx::Error> {
    let mut tx = db.begin().await?;
    let gone = sqlx::query(
        "-- store::postgres::release
        DELETE FROM messages WHERE id = $1 AND status = 'quarantined' AND body_digest IS NULL",
    )
    .bind(message.id)
    .execute(&mut *tx)
    .await?;
    if gone.rows_affected() != 1 {
        return Ok(false);
    }
    // Written with care: what a rejected statement leaves is no transaction any more.
    let written = record::record(&mut tx, process, &[message], &mut 1).await?;
    if written != [message.id] {
        return Ok(false);
    }
    if let Some(event) = message.events.first() {
        sqlx::query(
            "-- store::postgres::released\nUPDATE messages SET released = $2 WHERE id = $1",
        )
        .bind(message.id)
        .bind(event.id)
        .execute(&mut *tx)
        .await?;
    }
    note(&mut tx, act, 1).await?;
    tx.commit().await?;
    Ok(true)
}
