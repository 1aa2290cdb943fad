//! What was looked up and is kept: see `store::kept`.

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
    record::micros_since_1970,
};
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
        self.connection.read(async |db| snapshots(db, events).await).await
    }

    pub(in crate::store) async fn keep_snapshots(
        &mut self,
        snapshots: &[Snapshot],
    ) -> Result<Vec<Snapshot>, StoreError> {
        self.connection.write(async |db, _now| keep_snapshots(db, snapshots).await).await
    }

    pub(in crate::store) async fn catalog(
        &mut self,
        workspace: Option<&str>,
        newer_than: Option<OffsetDateTime>,
    ) -> Result<Option<StoredCatalog>, StoreError> {
        self.connection.read(async |db| catalog(db, workspace, newer_than).await).await
    }

    pub(in crate::store) async fn keep_catalog(
        &mut self,
        catalog: &StoredCatalog,
    ) -> Result<bool, StoreError> {
        self.connection.write(async |db, _now| keep_catalog(db, catalog).await).await
    }

    pub(in crate::store) async fn event(
        &mut self,
        id: Uuid,
    ) -> Result<Option<StoredEvent>, StoreError> {
        self.connection.read(async |db| event(db, id).await).await
    }
}

async fn snapshots(
    db: &mut SqliteConnection,
    events: &[Uuid],
) -> Result<Vec<Snapshot>, sqlx::Error> {
    sqlx::query(
        "-- store::sqlite::snapshots
        SELECT event_id, kind, looked_up_at, value FROM snapshots
        WHERE event_id IN (SELECT value FROM jsonb_each(?1)) ORDER BY event_id, kind",
    )
    .bind(json(events)?)
    .try_map(|row| snapshot(&row))
    .fetch_all(db)
    .await
}

async fn keep_snapshots(
    db: &mut SqliteConnection,
    snapshots: &[Snapshot],
) -> Result<Vec<Snapshot>, sqlx::Error> {
    let mut standing = Vec::new();
    for one in snapshots {
        let (event_id, kind) = (one.event_id.hyphenated(), one.kind.as_str());
        sqlx::query(
            "-- store::sqlite::keep_snapshots
            INSERT INTO snapshots (event_id, kind, looked_up_at, value) VALUES (?1, ?2, ?3, ?4)
            ON CONFLICT DO NOTHING",
        )
        .bind(event_id)
        .bind(kind)
        .bind(micros_since_1970(one.looked_up_at))
        .bind(&one.value[..])
        .execute(&mut *db)
        .await?;
        let stands = sqlx::query(
            "-- store::sqlite::standing_snapshots
            SELECT event_id, kind, looked_up_at, value FROM snapshots
            WHERE event_id = ?1 AND kind = ?2",
        )
        .bind(event_id)
        .bind(kind)
        .try_map(|row| snapshot(&row))
        .fetch_one(&mut *db)
        .await?;
        if !standing.contains(&stands) {
            standing.push(stands);
        }
    }
    standing.sort_by(|one, other| {
        (one.event_id, one.kind.as_str()).cmp(&(other.event_id, other.kind.as_str()))
    });
    Ok(standing)
}

fn snapshot(row: &SqliteRow) -> Result<Snapshot, sqlx::Error> {
    Ok(Snapshot {
        event_id: row.try_get::<Hyphenated, _>("event_id")?.into(),
        kind: SnapshotKind::of_row(row.try_get("kind")?).ok_or(sqlx::Error::RowNotFound)?,
        looked_up_at: moment(row.try_get("looked_up_at")?)?,
        value: Bytes::from(row.try_get::<Vec<u8>, _>("value")?),
    })
}

async fn catalog(
    db: &mut SqliteConnection,
    workspace: Option<&str>,
    newer_than: Option<OffsetDateTime>,
) -> Result<Option<StoredCatalog>, sqlx::Error> {
    let row = sqlx::query(
        "-- store::sqlite::catalog
        SELECT workspace, learnt_at, value FROM catalogs
        WHERE (?1 IS NULL OR workspace = ?1) AND (?2 IS NULL OR learnt_at > ?2)
        ORDER BY learnt_at DESC LIMIT 1",
    )
    .bind(workspace)
    .bind(newer_than.map(micros_since_1970))
    .fetch_optional(db)
    .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let (workspace, learnt_at) = (row.try_get("workspace")?, moment(row.try_get("learnt_at")?)?);
    let catalog = read_catalog(row.try_get("value")?);
    Ok(catalog.map(|catalog| StoredCatalog { workspace, learnt_at, catalog }))
}

async fn keep_catalog(
    db: &mut SqliteConnection,
    catalog: &StoredCatalog,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "-- store::sqlite::keep_catalog
        INSERT INTO catalogs AS c (workspace, learnt_at, value) VALUES (?1, ?2, ?3)
        ON CONFLICT (workspace) DO UPDATE
        SET learnt_at = excluded.learnt_at, value = excluded.value
        WHERE excluded.learnt_at > c.learnt_at",
    )
    .bind(&catalog.workspace)
    .bind(micros_since_1970(catalog.learnt_at))
    .bind(write_catalog(&catalog.catalog))
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

async fn event(db: &mut SqliteConnection, id: Uuid) -> Result<Option<StoredEvent>, sqlx::Error> {
    sqlx::query(
        "-- store::sqlite::event
        SELECT e.*, m.source, m.received_at,
               substr(m.body, e.body_start + 1, e.body_length) AS json
        FROM events e CROSS JOIN messages m ON m.id = e.message_id WHERE e.id = ?1",
    )
    .bind(id.hyphenated())
    .try_map(|row| stored_event(&row))
    .fetch_optional(db)
    .await
}

fn stored_event(row: &SqliteRow) -> Result<StoredEvent, sqlx::Error> {
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
        id: row.try_get::<Hyphenated, _>("id")?.into(),
        source: row.try_get::<&str, _>("source")?.into(),
        received_at: moment(row.try_get("received_at")?)?,
        event,
        json,
    })
}
