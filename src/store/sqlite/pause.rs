//! Pauses: see `store::pause`.

use sqlx::{
    Row,
    sqlite::{SqliteConnection, SqliteRow},
};

use super::{Lane, act::note, queue::moment};
use crate::store::{Act, Pause, PauseKind, StandingPause, StoreError, count};

/// Of what waits for its time, and is nobody's.
pub(super) const HOLD: &str = "-- store::sqlite::hold
UPDATE deliveries SET held = 'paused'
WHERE seq IN (
    SELECT * FROM (
        SELECT seq FROM deliveries INDEXED BY deliveries_first
        WHERE ended_at IS NULL AND held IS NULL AND tries = 0 AND owner IS NULL AND route = ?1
        LIMIT ?2)
    UNION ALL
    SELECT * FROM (
        SELECT seq FROM deliveries INDEXED BY deliveries_again
        WHERE ended_at IS NULL AND held IS NULL AND tries > 0 AND owner IS NULL AND route = ?1
        LIMIT ?2)
    LIMIT ?2
) AND EXISTS (SELECT 1 FROM pauses WHERE kind = 'route' AND name = ?1)";

/// The routes that hold something and are not paused. Steps from route to route by the index, so
/// that what stays held costs nothing.
pub(super) const RESUMED: &str = "-- store::sqlite::resumed
WITH RECURSIVE holding (route) AS (
    SELECT * FROM (SELECT route FROM deliveries INDEXED BY deliveries_paused
                   WHERE held = 'paused' ORDER BY route LIMIT 1)
    UNION ALL
    SELECT (SELECT d.route FROM deliveries d INDEXED BY deliveries_paused
            WHERE d.held = 'paused' AND d.route > h.route ORDER BY d.route LIMIT 1)
    FROM holding h WHERE h.route IS NOT NULL
)
SELECT route FROM holding h
WHERE route IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM pauses p WHERE p.kind = 'route' AND p.name = h.route)";

/// They keep their own due time, and with it their order.
pub(super) const LET_GO: &str = "-- store::sqlite::let_go
UPDATE deliveries SET held = NULL
WHERE seq IN (SELECT seq FROM deliveries INDEXED BY deliveries_paused
              WHERE held = 'paused' AND route = ?1 ORDER BY seq LIMIT ?2)
      AND NOT EXISTS (SELECT 1 FROM pauses WHERE kind = 'route' AND name = ?1)
RETURNING action";

impl Lane {
    pub(in crate::store) async fn pause(
        &mut self,
        pause: &Pause,
        act: &Act,
    ) -> Result<bool, StoreError> {
        self.connection.write(async |db, now| start(db, now, pause, act).await).await
    }

    pub(in crate::store) async fn resume(
        &mut self,
        kind: PauseKind,
        name: &str,
        act: &Act,
    ) -> Result<bool, StoreError> {
        self.connection.write(async |db, now| end(db, now, (kind, name), act).await).await
    }

    pub(in crate::store) async fn pauses(&mut self) -> Result<Vec<StandingPause>, StoreError> {
        self.connection.read(standing).await
    }

    pub(in crate::store) async fn hold(
        &mut self,
        route: &str,
        limit: usize,
    ) -> Result<u64, StoreError> {
        let hold = async |db: &mut SqliteConnection, _now| {
            sqlx::query(HOLD).bind(route).bind(count(limit)).execute(db).await
        };
        Ok(self.connection.write(hold).await?.rows_affected())
    }

    /// Looks before it writes: nearly always there is nothing to write.
    pub(in crate::store) async fn let_go(
        &mut self,
        limit: usize,
    ) -> Result<Vec<String>, StoreError> {
        let look = async |db: &mut SqliteConnection| {
            sqlx::query_scalar::<_, String>(RESUMED).fetch_all(db).await
        };
        let mut actions = Vec::new();
        for route in self.connection.read(look).await? {
            let let_go = async |db: &mut SqliteConnection, _now| {
                let go = sqlx::query_scalar::<_, String>(LET_GO).bind(&route).bind(count(limit));
                go.fetch_all(db).await
            };
            actions.extend(self.connection.write(let_go).await?);
        }
        Ok(actions)
    }
}

async fn start(
    db: &mut SqliteConnection,
    now: i64,
    pause: &Pause,
    act: &Act,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "-- store::sqlite::pause
        INSERT INTO pauses (kind, name, since, by, reason) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT DO NOTHING",
    )
    .bind(pause.kind.as_str())
    .bind(&pause.name)
    .bind(now)
    .bind(&pause.by)
    .bind(&pause.reason)
    .execute(&mut *db)
    .await?;
    let is_new = done.rows_affected() == 1;
    if is_new {
        note(db, now, act, 1).await?;
    }
    Ok(is_new)
}

async fn end(
    db: &mut SqliteConnection,
    now: i64,
    (kind, name): (PauseKind, &str),
    act: &Act,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "-- store::sqlite::resume
        DELETE FROM pauses WHERE kind = ?1 AND name = ?2",
    )
    .bind(kind.as_str())
    .bind(name)
    .execute(&mut *db)
    .await?;
    let was_paused = done.rows_affected() == 1;
    if was_paused {
        note(db, now, act, 1).await?;
    }
    Ok(was_paused)
}

pub(super) async fn standing(db: &mut SqliteConnection) -> Result<Vec<StandingPause>, sqlx::Error> {
    sqlx::query(
        "-- store::sqlite::pauses
        SELECT kind, name, since, by, reason FROM pauses ORDER BY kind, name",
    )
    .try_map(|row: SqliteRow| {
        let kind = PauseKind::of(row.try_get("kind")?).ok_or(sqlx::Error::RowNotFound)?;
        let (by, reason) = (row.try_get("by")?, row.try_get("reason")?);
        let pause = Pause { kind, name: row.try_get("name")?, by, reason };
        Ok(StandingPause { pause, since: moment(row.try_get("since")?)? })
    })
    .fetch_all(db)
    .await
}
