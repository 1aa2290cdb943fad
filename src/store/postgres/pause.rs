//! Pauses: see `store::pause`.

use sqlx::{
    Connection as _, Row,
    postgres::{PgConnection, PgRow},
};

use super::{Lane, act::note};
use crate::store::{Act, Pause, PauseKind, StandingPause, StoreError, count};

/// Of what waits for its time, and is nobody's. Rows that a claim has locked are its own.
pub(super) const HOLD: &str = "-- store::postgres::hold
UPDATE deliveries d SET held = 'paused'
FROM (
    SELECT * FROM (
        SELECT id FROM deliveries
        WHERE ended_at IS NULL AND held IS NULL AND tries = 0 AND owner IS NULL AND route = $1
        LIMIT $2 FOR UPDATE SKIP LOCKED) first
    UNION ALL
    SELECT * FROM (
        SELECT id FROM deliveries
        WHERE ended_at IS NULL AND held IS NULL AND tries > 0 AND owner IS NULL AND route = $1
        LIMIT $2 FOR UPDATE SKIP LOCKED) again
    LIMIT $2
) waiting
WHERE d.id = waiting.id AND EXISTS (SELECT FROM pauses WHERE kind = 'route' AND name = $1)";

/// Steps from route to route by the index, so that what stays held costs nothing. They keep their
/// own due time, and with it their order.
pub(super) const LET_GO: &str = "-- store::postgres::let_go
WITH RECURSIVE holding AS (
    (SELECT route FROM deliveries WHERE held = 'paused' ORDER BY route LIMIT 1)
    UNION ALL
    SELECT (SELECT d.route FROM deliveries d WHERE d.held = 'paused' AND d.route > h.route
            ORDER BY d.route LIMIT 1)
    FROM holding h WHERE h.route IS NOT NULL
), picked AS MATERIALIZED (
    SELECT due.id FROM holding h CROSS JOIN LATERAL (
        SELECT id FROM deliveries d WHERE d.held = 'paused' AND d.route = h.route
        ORDER BY seq LIMIT $1 FOR UPDATE SKIP LOCKED
    ) due
    WHERE NOT EXISTS (SELECT FROM pauses p WHERE p.kind = 'route' AND p.name = h.route)
)
UPDATE deliveries d SET held = NULL FROM picked p WHERE d.id = p.id RETURNING d.action";

impl Lane {
    pub(in crate::store) async fn pause(
        &mut self,
        pause: &Pause,
        act: &Act,
    ) -> Result<bool, StoreError> {
        self.connection.run(async |db| start(db, pause, act).await).await
    }

    pub(in crate::store) async fn resume(
        &mut self,
        kind: PauseKind,
        name: &str,
        act: &Act,
    ) -> Result<bool, StoreError> {
        self.connection.run(async |db| end(db, kind, name, act).await).await
    }

    pub(in crate::store) async fn pauses(&mut self) -> Result<Vec<StandingPause>, StoreError> {
        self.connection.run(async |db| standing(db).await).await
    }

    pub(in crate::store) async fn hold(
        &mut self,
        route: &str,
        limit: usize,
    ) -> Result<u64, StoreError> {
        let asked = sqlx::query(HOLD).bind(route).bind(count(limit));
        let done = self.connection.run(async |db| asked.execute(db).await).await?;
        Ok(done.rows_affected())
    }

    pub(in crate::store) async fn let_go(
        &mut self,
        limit: usize,
    ) -> Result<Vec<String>, StoreError> {
        let asked = sqlx::query_scalar(LET_GO).bind(count(limit));
        self.connection.run(async |db| asked.fetch_all(db).await).await
    }
}

async fn start(db: &mut PgConnection, pause: &Pause, act: &Act) -> Result<bool, sqlx::Error> {
    let mut tx = db.begin().await?;
    let done = sqlx::query(
        "-- store::postgres::pause
        INSERT INTO pauses (kind, name, since, by, reason) VALUES ($1, $2, now(), $3, $4)
        ON CONFLICT DO NOTHING",
    )
    .bind(pause.kind.as_str())
    .bind(&pause.name)
    .bind(&pause.by)
    .bind(&pause.reason)
    .execute(&mut *tx)
    .await?;
    let is_new = done.rows_affected() == 1;
    if is_new {
        note(&mut tx, act, 1).await?;
    }
    tx.commit().await?;
    Ok(is_new)
}

async fn end(
    db: &mut PgConnection,
    kind: PauseKind,
    name: &str,
    act: &Act,
) -> Result<bool, sqlx::Error> {
    let mut tx = db.begin().await?;
    let done = sqlx::query(
        "-- store::postgres::resume
        DELETE FROM pauses WHERE kind = $1 AND name = $2",
    )
    .bind(kind.as_str())
    .bind(name)
    .execute(&mut *tx)
    .await?;
    let was_paused = done.rows_affected() == 1;
    if was_paused {
        note(&mut tx, act, 1).await?;
    }
    tx.commit().await?;
    Ok(was_paused)
}

pub(super) async fn standing(db: &mut PgConnection) -> Result<Vec<StandingPause>, sqlx::Error> {
    sqlx::query(
        "-- store::postgres::pauses
        SELECT kind, name, since, by, reason FROM pauses ORDER BY kind, name",
    )
    .try_map(|row: PgRow| {
        let kind = PauseKind::of(row.try_get("kind")?).ok_or(sqlx::Error::RowNotFound)?;
        let (by, reason) = (row.try_get("by")?, row.try_get("reason")?);
        let pause = Pause { kind, name: row.try_get("name")?, by, reason };
        Ok(StandingPause { pause, since: row.try_get("since")? })
    })
    .fetch_all(db)
    .await
}
