//! What became of an event: see `store::deliveries`.

use sqlx::{
    Row,
    sqlite::{SqliteConnection, SqliteRow},
};
use uuid::{Uuid, fmt::Hyphenated};

use super::{Lane, queue::moment};
use crate::store::{StoreError, StoredDelivery, deliveries::born_with, unsigned};

impl Lane {
    pub(in crate::store) async fn deliveries(
        &mut self,
        event: Uuid,
    ) -> Result<Vec<StoredDelivery>, StoreError> {
        self.connection.read(async |db| deliveries(db, event).await).await
    }
}

async fn deliveries(
    db: &mut SqliteConnection,
    event: Uuid,
) -> Result<Vec<StoredDelivery>, sqlx::Error> {
    let (least, greatest) = born_with(event);
    sqlx::query(
        "-- store::sqlite::deliveries
        SELECT id, route, action, state, held, owner IS NOT NULL AS is_leased, reason, tries,
               due_at, ended_at
        FROM deliveries WHERE id BETWEEN ?2 AND ?3 AND event_id = ?1 ORDER BY seq",
    )
    .bind(event.hyphenated())
    .bind(least.hyphenated())
    .bind(greatest.hyphenated())
    .try_map(|row| delivery(&row))
    .fetch_all(db)
    .await
}

fn delivery(row: &SqliteRow) -> Result<StoredDelivery, sqlx::Error> {
    Ok(StoredDelivery {
        id: row.try_get::<Hyphenated, _>("id")?.into(),
        route: row.try_get::<&str, _>("route")?.into(),
        action: row.try_get::<&str, _>("action")?.into(),
        state: row.try_get("state")?,
        held: row.try_get("held")?,
        is_leased: row.try_get("is_leased")?,
        reason: row.try_get("reason")?,
        tries: unsigned(row.try_get("tries")?),
        due_at: moment(row.try_get("due_at")?)?,
        ended_at: row.try_get::<Option<i64>, _>("ended_at")?.map(moment).transpose()?,
    })
}
