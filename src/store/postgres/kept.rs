//! What was looked up and is kept: see `store::kept`.

use bytes::Bytes;
use sqlx::{
    Row,
    postgres::{PgConnection, PgRow},
};
use time::OffsetDateTime;
use uuid::Uuid;

use super::Lane;
use crate::{
    attio::event::{Event, Subject},
    store::{
        Snapshot, SnapshotKind, StoreError, StoredCatalog, StoredEvent,
        kept::{read_catalog, write_catalog},
    },
};

impl Lane {
    pub(in crate::store) async fn snapshots(
        &mut self,
        events: &[Uuid],
    ) -> Result<Vec<Snapshot>, StoreError> {
        self.connection.run(async |db| snapshots(db, events).await).await
    }

    pub(in crate::store) async fn keep_snapshots(
        &mut self,
        snapshots: &[Snapshot],
    ) -> Result<Vec<Snapshot>, StoreError> {
        self.connection.run(async |db| keep_snapshots(db, snapshots).await).await
    }

    pub(in crate::store) async fn catalog(
        &mut self,
        workspace: Option<&str>,
        newer_than: Option<OffsetDateTime>,
    ) -> Result<Option<StoredCatalog>, StoreError> {
        self.connection.run(async |db| catalog(db, workspace, newer_than).await).await
    }

    pub(in crate::store) async fn keep_catalog(
        &mut self,
        catalog: &StoredCatalog,
    ) -> Result<bool, StoreError> {
        self.connection.run(async |db| keep_catalog(db, catalog).await).await
    }

    pub(in crate::store) async fn event(
        &mut self,
        id: Uuid,
    ) -> Result<Option<StoredEvent>, StoreError> {
        self.connection.run(async |db| event(db, id).await).await
    }
}

async fn snapshots(db: &mut PgConnection, events: &[Uuid]) -> Result<Vec<Snapshot>, sqlx::Error> {
    sqlx::query(
        "-- store::postgres::snapshots
        SELECT event_id, kind, looked_up_at, value FROM snapshots WHERE event_id = ANY ($1)
        ORDER BY event_id, kind",
    )
    .bind(events)
    .try_map(|row| snapshot(&row))
    .fetch_all(db)
    .await
}

/// In the order of their keys: two processes that keep the same ones take turns.
async fn keep_snapshots(
    db: &mut PgConnection,
    snapshots: &[Snapshot],
) -> Result<Vec<Snapshot>, sqlx::Error> {
    let events: Vec<Uuid> = snapshots.iter().map(|one| one.event_id).collect();
    let kinds: Vec<&str> = snapshots.iter().map(|one| one.kind.as_str()).collect();
    sqlx::query(
        "-- store::postgres::keep_snapshots
        INSERT INTO snapshots (event_id, kind, looked_up_at, value)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::bytea[])
                      AS s (event_id, kind, looked_up_at, value)
        ORDER BY s.event_id, s.kind
        ON CONFLICT DO NOTHING",
    )
    .bind(&events)
    .bind(&kinds)
    .bind(snapshots.iter().map(|one| one.looked_up_at).collect::<Vec<_>>())
    .bind(snapshots.iter().map(|one| &one.value[..]).collect::<Vec<_>>())
    .execute(&mut *db)
    .await?;
    sqlx::query(
        "-- store::postgres::standing_snapshots
        SELECT s.event_id, s.kind, s.looked_up_at, s.value
        FROM (SELECT DISTINCT * FROM unnest($1::uuid[], $2::text[]) AS w (event_id, kind)) w
             JOIN snapshots s ON s.event_id = w.event_id AND s.kind = w.kind
        ORDER BY s.event_id, s.kind",
    )
    .bind(&events)
    .bind(&kinds)
    .try_map(|row| snapshot(&row))
    .fetch_all(db)
    .await
}

fn snapshot(row: &PgRow) -> Result<Snapshot, sqlx::Error> {
    Ok(Snapshot {
        event_id: row.try_get("event_id")?,
        kind: SnapshotKind::of_row(row.try_get("kind")?).ok_or(sqlx::Error::RowNotFound)?,
        looked_up_at: row.try_get("looked_up_at")?,
        value: Bytes::from(row.try_get::<Vec<u8>, _>("value")?),
    })
}

async fn catalog(
    db: &mut PgConnection,
    workspace: Option<&str>,
    newer_than: Option<OffsetDateTime>,
) -> Result<Option<StoredCatalog>, sqlx::Error> {
    let row = sqlx::query(
        "-- store::postgres::catalog
        SELECT workspace, learnt_at, value FROM catalogs
        WHERE ($1::text IS NULL OR workspace = $1)
          AND ($2::timestamptz IS NULL OR learnt_at > $2) ORDER BY learnt_at DESC LIMIT 1",
    )
    .bind(workspace)
    .bind(newer_than)
    .fetch_optional(db)
    .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let (workspace, learnt_at) = (row.try_get("workspace")?, row.try_get("learnt_at")?);
    let catalog = read_catalog(row.try_get("value")?);
    Ok(catalog.map(|catalog| StoredCatalog { workspace, learnt_at, catalog }))
}

async fn keep_catalog(db: &mut PgConnection, catalog: &StoredCatalog) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "-- store::postgres::keep_catalog
        INSERT INTO catalogs AS c (workspace, learnt_at, value) VALUES ($1, $2, $3)
        ON CONFLICT (workspace) DO UPDATE
        SET learnt_at = EXCLUDED.learnt_at, value = EXCLUDED.value
        WHERE EXCLUDED.learnt_at > c.learnt_at",
    )
    .bind(&catalog.workspace)
    .bind(catalog.learnt_at)
    .bind(write_catalog(&catalog.catalog))
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

async fn event(db: &mut PgConnection, id: Uuid) -> Result<Option<StoredEvent>, sqlx::Error> {
    sqlx::query(
        "-- store::postgres::event
        SELECT e.*, m.source, m.received_at,
               substring(m.body FROM e.body_start + 1 FOR e.body_length) AS json
        FROM events e JOIN messages m ON m.id = e.message_id WHERE e.id = $1",
    )
    .bind(id)
    .try_map(|row| stored_event(&row))
    .fetch_optional(db)
    .await
}

fn stored_event(row: &PgRow) -> Result<StoredEvent, sqlx::Error> {
    let json = Bytes::from(row.try_get::<Vec<u8>, _>("json")?);
    let event = Event {
        event_type: row.try_get("type")?,
        actor_type: row.try_get("actor_type")?,
        actor_id: row.try_get("actor_id")?,
        workspace_id: row.try_get("workspace_id")?,
        attribute_id: row.try_get("attribute_id")?,
        subject: Subject {
            object_id: row.try_get("object_id")?,
            record_id: row.try_get("record_id")?,
            list_id: row.try_get("list_id")?,
            entry_id: row.try_get("entry_id")?,
        },
        span: 0..json.len(),
    };
    Ok(StoredEvent {
        id: row.try_get("id")?,
        source: row.try_get::<&str, _>("source")?.into(),
        received_at: row.try_get("received_at")?,
        event,
        json,
    })
}
