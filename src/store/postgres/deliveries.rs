//! What became of an event: see `store::deliveries`.

use sqlx::{
    Row,
    postgres::{PgConnection, PgRow},
};
use uuid::Uuid;

use super::Lane;
use crate::store::{StoreError, StoredDelivery, deliveries::born_with, unsigned};

impl Lane {
    pub(in crate::store) async fn deliveries(
        &mut self,
        event: Uuid,
    ) -> Result<Vec<StoredDelivery>, StoreError> {
        self.connection.run(async |db| deliveries(db, event).await).await
    }
}

async fn deliveries(
    db: &mut PgConnection,
    event: Uuid,
) -> Result<Vec<StoredDelivery>, sqlx::Error> {
    let (least, greatest) = born_with(event);
    sqlx::query(
        "-- store::postgres::deliveries
        SELECT id, route, action, state::text, held::text, owner IS NOT NULL AS is_leased, reason,
               tries::bigint, due_at, ended_at
        FROM deliveries WHERE id BETWEEN $2 AND $3 AND event_id = $1 ORDER BY seq",
    )
    .bind(event)
    .bind(least)
    .bind(greatest)
    .try_map(|row| delivery(&row))
    .fetch_all(db)
    .await
}

fn delivery(row: &PgRow) -> Result<StoredDelivery, sqlx::Error> {
    Ok(StoredDelivery {
        id: row.try_get("id")?,
        route: row.try_get::<&str, _>("route")?.into(),
        action: row.try_get::<&str, _>("action")?.into(),
        state: row.try_get("state")?,
        held: row.try_get("held")?,
        is_leased: row.try_get("is_leased")?,
        reason: row.try_get("reason")?,
        tries: unsigned(row.try_get("tries")?),
        due_at: row.try_get("due_at")?,
        ended_at: row.try_get("ended_at")?,
    })
}
