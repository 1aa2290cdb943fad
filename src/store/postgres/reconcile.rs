//! What arrived, and whose turn it is: see `store::reconcile`.

use std::time::Duration;

use bytes::Bytes;
use sqlx::{
    Row,
    postgres::{PgConnection, PgRow},
};
use time::OffsetDateTime;
use uuid::Uuid;

use super::Lane;
use crate::store::{Heard, StoreError, count, micros};

impl Lane {
    pub(in crate::store) async fn heard(
        &mut self,
        after: Uuid,
        types: &[&str],
        limit: usize,
    ) -> Result<Vec<Heard>, StoreError> {
        self.connection.run(async |db| heard(db, after, types, limit).await).await
    }

    pub(in crate::store) async fn oldest_message(
        &mut self,
    ) -> Result<Option<OffsetDateTime>, StoreError> {
        self.connection.run(oldest_message).await
    }

    pub(in crate::store) async fn begin_turn(
        &mut self,
        task: &str,
        lease: Duration,
    ) -> Result<bool, StoreError> {
        self.connection.run(async |db| begin_turn(db, self.process, task, lease).await).await
    }

    pub(in crate::store) async fn move_turn(
        &mut self,
        task: &str,
        due_in: Duration,
        is_kept: bool,
    ) -> Result<bool, StoreError> {
        self.connection
            .run(async |db| move_turn(db, self.process, task, due_in, is_kept).await)
            .await
    }
}

async fn heard(
    db: &mut PgConnection,
    after: Uuid,
    types: &[&str],
    limit: usize,
) -> Result<Vec<Heard>, sqlx::Error> {
    sqlx::query(
        "-- store::postgres::heard
        SELECT e.id, e.type, e.record_id, e.entry_id, e.attribute_id, m.received_at,
               CASE WHEN e.type IN ('note.created', 'task.created')
                    THEN substring(m.body FROM e.body_start + 1 FOR e.body_length) END AS json
        FROM events e JOIN messages m ON m.id = e.message_id
        WHERE e.id > $1 AND e.type = ANY ($2) AND m.origin = 'attio'
        ORDER BY e.id LIMIT $3",
    )
    .bind(after)
    .bind(types)
    .bind(count(limit))
    .try_map(|row| read(&row))
    .fetch_all(db)
    .await
}

fn read(row: &PgRow) -> Result<Heard, sqlx::Error> {
    Ok(Heard {
        id: row.try_get("id")?,
        event_type: row.try_get("type")?,
        record_id: row.try_get("record_id")?,
        entry_id: row.try_get("entry_id")?,
        attribute_id: row.try_get("attribute_id")?,
        received_at: row.try_get("received_at")?,
        json: row.try_get::<Option<Vec<u8>>, _>("json")?.map(Bytes::from),
    })
}

async fn oldest_message(db: &mut PgConnection) -> Result<Option<OffsetDateTime>, sqlx::Error> {
    sqlx::query_scalar(
        "-- store::postgres::oldest_message
        SELECT received_at FROM messages WHERE origin <> 'alert' ORDER BY id LIMIT 1",
    )
    .fetch_optional(db)
    .await
}

async fn begin_turn(
    db: &mut PgConnection,
    process: Uuid,
    task: &str,
    lease: Duration,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "-- store::postgres::begin_turn
        INSERT INTO turns AS t (task, due_at, owner)
        VALUES ($1, now() + $2 * interval '1 microsecond', $3)
        ON CONFLICT (task) DO UPDATE SET due_at = EXCLUDED.due_at, owner = EXCLUDED.owner
        WHERE t.due_at <= now()",
    )
    .bind(task)
    .bind(micros(lease))
    .bind(process)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

async fn move_turn(
    db: &mut PgConnection,
    process: Uuid,
    task: &str,
    due_in: Duration,
    is_kept: bool,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "-- store::postgres::move_turn
        UPDATE turns SET due_at = now() + $2 * interval '1 microsecond',
                         owner = CASE WHEN $4 THEN owner END
        WHERE task = $1 AND owner = $3",
    )
    .bind(task)
    .bind(micros(due_in))
    .bind(process)
    .bind(is_kept)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}
