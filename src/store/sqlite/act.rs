//! What people change: see `store::act`. The one writer makes all of them take turns.

use sqlx::{
    Row,
    sqlite::{SqliteConnection, SqliteRow},
};
use uuid::{Uuid, fmt::Hyphenated};

use super::{
    Lane, outcome,
    queue::{json, moment},
    record, tally,
};
use crate::store::{
    Act, DeliveryState, NewMessage, ReplayMode, Replayed, StoreError, StoredMessage, Whose,
    act::{Ended, Ending, NewReplay, count_keys, freed, replays},
};

const ENDED: &str = "-- store::sqlite::replay ended
SELECT d.id, d.event_id, d.route, d.action, d.state, d.order_key, d.idempotency_key
FROM jsonb_each(?1) j CROSS JOIN deliveries d ON d.id = j.value
     CROSS JOIN events e ON e.id = d.event_id CROSS JOIN messages m ON m.id = e.message_id
WHERE d.ended_at IS NOT NULL AND d.replayed_by IS NULL
ORDER BY d.seq";

const REPLAY: &str = "-- store::sqlite::replay
INSERT INTO deliveries (id, event_id, route, action, order_key, idempotency_key, held, due_at,
                        replay_of)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

const QUEUE: &str = "-- store::sqlite::replay queue
INSERT INTO order_keys AS k (key, pending) VALUES (?1, ?2)
ON CONFLICT (key) DO UPDATE SET pending = k.pending + excluded.pending
RETURNING pending";

const TO_DISCARD: &str = "-- store::sqlite::discard which
SELECT seq, route, action, order_key, state = 'open' AS was_open, held IS 'order' AS was_behind
FROM deliveries
WHERE id IN (SELECT value FROM jsonb_each(?1))
      AND (ended_at IS NULL OR (state = 'dead' AND replayed_by IS NULL))";

const DISCARD: &str = "-- store::sqlite::discard
UPDATE deliveries
SET held = NULL, owner = NULL, ended_at = coalesce(ended_at, ?3), state = 'discarded',
    reason = CASE WHEN state = 'dead' THEN ?2 || ' (was dead: ' || reason || ')' ELSE ?2 END
WHERE seq IN (SELECT value FROM jsonb_each(?1))";

const MESSAGE: &str = "-- store::sqlite::message
SELECT id, dedup, source, key, received_at, reason, body FROM messages
WHERE id = ?1 AND body_digest IS NULL";

impl Lane {
    pub(in crate::store) async fn replay(
        &mut self,
        ids: &[Uuid],
        mode: ReplayMode,
        act: &Act,
    ) -> Result<Vec<Replayed>, StoreError> {
        self.connection.write(async |db, now| replay(db, now, ids, mode, act).await).await
    }

    pub(in crate::store) async fn discard(
        &mut self,
        ids: &[Uuid],
        reason: &str,
        act: &Act,
    ) -> Result<Vec<Whose>, StoreError> {
        self.connection.write(async |db, now| discard(db, now, ids, reason, act).await).await
    }

    pub(in crate::store) async fn message(
        &mut self,
        id: Uuid,
    ) -> Result<Option<StoredMessage>, StoreError> {
        self.connection
            .read(async |db| {
                let asked = sqlx::query(MESSAGE).bind(id.hyphenated());
                asked.try_map(|row| message(&row)).fetch_optional(db).await
            })
            .await
    }

    pub(in crate::store) async fn release(
        &mut self,
        message: &NewMessage,
        act: &Act,
    ) -> Result<bool, StoreError> {
        let process = self.process;
        self.connection.write(async |db, now| release(db, now, process, message, act).await).await
    }

    pub(in crate::store) async fn note_act(
        &mut self,
        act: &Act,
        changed: u64,
    ) -> Result<(), StoreError> {
        self.connection.write(async |db, now| note(db, now, act, changed).await).await
    }
}

/// Counts on an act; the first time, it is written down.
pub(super) async fn note(
    db: &mut SqliteConnection,
    now: i64,
    act: &Act,
    changed: u64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "-- store::sqlite::note_act
        INSERT INTO acts AS a (id, at, who, what, details, changed) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
        ON CONFLICT (id) DO UPDATE SET changed = a.changed + excluded.changed",
    )
    .bind(act.id.hyphenated())
    .bind(now)
    .bind(&act.who)
    .bind(act.what.as_str())
    .bind(&act.details)
    .bind(changed.cast_signed())
    .execute(db)
    .await
    .map(drop)
}

async fn replay(
    db: &mut SqliteConnection,
    now: i64,
    ids: &[Uuid],
    mode: ReplayMode,
    act: &Act,
) -> Result<Vec<Replayed>, sqlx::Error> {
    let ended: Vec<Ended> =
        sqlx::query(ENDED).bind(json(ids)?).try_map(|row| of_row(&row)).fetch_all(&mut *db).await?;
    let counts = count_keys(&ended);
    let mut pending = Vec::new();
    for (key, count) in &counts {
        let queued = sqlx::query_scalar(QUEUE).bind(key).bind(count).fetch_one(&mut *db).await?;
        pending.push((key.clone(), queued));
    }
    let rows = replays(ended, mode, &counts, pending);
    for row in &rows {
        write(db, now, row).await?;
    }
    if mode.fresh {
        let events: Vec<Uuid> = rows.iter().map(|row| row.of.event_id).collect();
        sqlx::query(
            "-- store::sqlite::replay fresh
            DELETE FROM snapshots WHERE event_id IN (SELECT value FROM jsonb_each(?1))",
        )
        .bind(json(&events)?)
        .execute(&mut *db)
        .await?;
    }
    note(db, now, act, rows.len() as u64).await?;
    Ok(rows.iter().map(NewReplay::done).collect())
}

fn of_row(row: &SqliteRow) -> Result<Ended, sqlx::Error> {
    let id = |column| row.try_get::<Hyphenated, _>(column).map(Uuid::from);
    Ok(Ended {
        id: id("id")?,
        event_id: id("event_id")?,
        route: row.try_get("route")?,
        action: row.try_get("action")?,
        state: DeliveryState::of(row.try_get("state")?).ok_or(sqlx::Error::RowNotFound)?,
        order_key: row.try_get("order_key")?,
        idempotency_key: id("idempotency_key")?,
    })
}

async fn write(db: &mut SqliteConnection, now: i64, row: &NewReplay) -> Result<(), sqlx::Error> {
    sqlx::query(REPLAY)
        .bind(row.id.hyphenated())
        .bind(row.of.event_id.hyphenated())
        .bind(&row.of.route)
        .bind(&row.of.action)
        .bind(row.of.order_key.as_deref())
        .bind(row.key.hyphenated())
        .bind(row.held)
        .bind(now)
        .bind(row.of.id.hyphenated())
        .execute(&mut *db)
        .await?;
    sqlx::query(
        "-- store::sqlite::replay link\nUPDATE deliveries SET replayed_by = ?2 WHERE id = ?1",
    )
    .bind(row.of.id.hyphenated())
    .bind(row.id.hyphenated())
    .execute(db)
    .await
    .map(drop)
}

async fn discard(
    db: &mut SqliteConnection,
    now: i64,
    ids: &[Uuid],
    reason: &str,
    act: &Act,
) -> Result<Vec<Whose>, sqlx::Error> {
    let which: Vec<(i64, Whose, Ending)> = sqlx::query(TO_DISCARD)
        .bind(json(ids)?)
        .try_map(|row: SqliteRow| {
            let (was_open, was_behind) = (row.try_get("was_open")?, row.try_get("was_behind")?);
            let ending = Ending { order_key: row.try_get("order_key")?, was_open, was_behind };
            let whose = (row.try_get("route")?, row.try_get("action")?);
            Ok((row.try_get("seq")?, whose, ending))
        })
        .fetch_all(&mut *db)
        .await?;
    let (mut rows, mut of, mut endings) = (Vec::new(), Vec::new(), Vec::new());
    for (row, whose, ending) in which {
        rows.push(row);
        of.push(whose);
        endings.push(ending);
    }
    sqlx::query(DISCARD).bind(json(&rows)?).bind(reason).bind(now).execute(&mut *db).await?;
    let (counts, heads) = freed(&endings);
    outcome::free_keys(db, now, &counts, &heads).await?;
    tally::discarded(db, now, &of).await?;
    note(db, now, act, of.len() as u64).await?;
    Ok(of)
}

fn message(row: &SqliteRow) -> Result<StoredMessage, sqlx::Error> {
    let dedup: &[u8] = row.try_get("dedup")?;
    Ok(StoredMessage {
        id: row.try_get::<Hyphenated, _>("id")?.into(),
        dedup: dedup.try_into().map_err(|_| sqlx::Error::RowNotFound)?,
        source: row.try_get::<&str, _>("source")?.into(),
        key: row.try_get::<Option<Vec<u8>>, _>("key")?.map(Into::into),
        received_at: moment(row.try_get("received_at")?)?,
        quarantined: row.try_get("reason")?,
        body: row.try_get::<Vec<u8>, _>("body")?.into(),
    })
}

async fn release(
    db: &mut SqliteConnection,
    now: i64,
    process: Uuid,
    message: &NewMessage,
    act: &Act,
) -> Result<bool, sqlx::Error> {
    let gone = sqlx::query(
        "-- store::sqlite::release
        DELETE FROM messages WHERE id = ?1 AND status = 'quarantined' AND body_digest IS NULL",
    )
    .bind(message.id.hyphenated())
    .execute(&mut *db)
    .await?;
    if gone.rows_affected() != 1 {
        return Ok(false);
    }
    record::record(db, now, process, &[message]).await?;
    if let Some(event) = message.events.first() {
        sqlx::query("-- store::sqlite::released\nUPDATE messages SET released = ?2 WHERE id = ?1")
            .bind(message.id.hyphenated())
            .bind(event.id.hyphenated())
            .execute(&mut *db)
            .await?;
    }
    note(db, now, act, 1).await?;
    Ok(true)
}
