//! What arrived, and whose turn it is: see `store::reconcile`.

use std::time::Duration;

use bytes::Bytes;
use sqlx::{
    Row,
    sqlite::{SqliteConnection, SqliteRow},
};
use time::OffsetDateTime;
use uuid::{Uuid, fmt::Hyphenated};

use super::{
    Lane,
    queue::{json, moment},
};
use crate::store::{Heard, StoreError, count, micros};

impl Lane {
    pub(in crate::store) async fn heard(
        &mut self,
        after: Uuid,
        types: &[&str],
        limit: usize,
    ) -> Result<Vec<Heard>, StoreError> {
        self.connection.read(async |db| heard(db, after, types, limit).await).await
    }

    pub(in crate::store) async fn oldest_message(
        &mut self,
    ) -> Result<Option<OffsetDateTime>, StoreError> {
        self.connection.read(oldest_message).await
    }

    pub(in crate::store) async fn begin_turn(
        &mut self,
        task: &str,
        lease: Duration,
    ) -> Result<bool, StoreError> {
        let process = self.process;
        self.connection.write(async |db, now| begin_turn(db, now, process, task, lease).await).await
    }

    pub(in crate::store) async fn move_turn(
        &mut self,
        task: &str,
        due_in: Duration,
        is_kept: bool,
    ) -> Result<bool, StoreError> {
        let process = self.process;
        self.connection
            .write(async |db, now| {
                let due_at = now.saturating_add(micros(due_in));
                move_turn(db, process, task, due_at, is_kept).await
            })
            .await
    }
}

async fn heard(
    db: &mut SqliteConnection,
    after: Uuid,
    types: &[&str],
    limit: usize,
) -> Result<Vec<Heard>, sqlx::Error> {
    sqlx::query(
        "-- store::sqlite::heard
        SELECT e.id, e.type, e.record_id, e.entry_id, e.attribute_id, m.received_at,
               CASE WHEN e.type IN ('note.created', 'task.created')
                    THEN substr(m.body, e.body_start + 1, e.body_length) END AS json
        FROM events e CROSS JOIN messages m ON m.id = e.message_id
        WHERE e.id > ?1 AND e.type IN (SELECT value FROM jsonb_each(?2)) AND m.origin = 'attio'
        ORDER BY e.id LIMIT ?3",
    )
    .bind(after.hyphenated())
    .bind(json(types)?)
    .bind(count(limit))
    .try_map(|row| read(&row))
    .fetch_all(db)
    .await
}

fn read(row: &SqliteRow) -> Result<Heard, sqlx::Error> {
    Ok(Heard {
        id: row.try_get::<Hyphenated, _>("id")?.into(),
        event_type: row.try_get("type")?,
        record_id: row.try_get("record_id")?,
        entry_id: row.try_get("entry_id")?,
        attribute_id: row.try_get("attribute_id")?,
        received_at: moment(row.try_get("received_at")?)?,
        json: row.try_get::<Option<Vec<u8>>, _>("json")?.map(Bytes::from),
    })
}

async fn oldest_message(db: &mut SqliteConnection) -> Result<Option<OffsetDateTime>, sqlx::Error> {
    let at: Option<i64> = sqlx::query_scalar(
        "-- store::sqlite::oldest_message
        SELECT received_at FROM messages WHERE origin <> 'alert' ORDER BY id LIMIT 1",
    )
    .fetch_optional(db)
    .await?;
    at.map(moment).transpose()
}

async fn begin_turn(
    db: &mut SqliteConnection,
    now: i64,
    process: Uuid,
    task: &str,
    lease: Duration,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "-- store::sqlite::begin_turn
        INSERT INTO turns AS t (task, due_at, owner) VALUES (?1, ?2, ?3)
        ON CONFLICT (task) DO UPDATE SET due_at = excluded.due_at, owner = excluded.owner
        WHERE t.due_at <= ?4",
    )
    .bind(task)
    .bind(now.saturating_add(micros(lease)))
    .bind(process.hyphenated())
    .bind(now)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

async fn move_turn(
    db: &mut SqliteConnection,
    process: Uuid,
    task: &str,
    due_at: i64,
    is_kept: bool,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "-- store::sqlite::move_turn
        UPDATE turns SET due_at = ?2, owner = CASE WHEN ?4 THEN owner END
        WHERE task = ?1 AND owner = ?3",
    )
    .bind(task)
    .bind(due_at)
    .bind(process.hyphenated())
    .bind(is_kept)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}
