//! Alerts: see `store::alert`.

use sqlx::{
    Connection as _, Row,
    postgres::{PgConnection, PgRow},
};
use uuid::Uuid;

use super::{Lane, pause, telling};
use crate::store::{AlertRow, DeadOf, Findings, Judgement, Notes, Sight, StoreError, Unsent};

impl Lane {
    pub(in crate::store) async fn note_for_alerts(
        &mut self,
        notes: &Notes,
    ) -> Result<(), StoreError> {
        self.connection.run(async |db| note(db, self.process, notes).await).await
    }

    pub(in crate::store) async fn findings(
        &mut self,
        actions: &[&str],
    ) -> Result<Findings, StoreError> {
        self.connection.run(async |db| findings(db, actions).await).await
    }

    pub(in crate::store) async fn write_judgement(
        &mut self,
        judgement: &Judgement,
    ) -> Result<bool, StoreError> {
        self.connection.run(async |db| telling::write(db, self.process, judgement).await).await
    }

    pub(in crate::store) async fn alerts(&mut self) -> Result<Vec<AlertRow>, StoreError> {
        self.connection.run(alerts).await
    }
}

async fn note(db: &mut PgConnection, process: Uuid, notes: &Notes) -> Result<(), sqlx::Error> {
    let mut tx = db.begin().await?;
    if let Some(sights) = &notes.sights {
        sqlx::query(
            "-- store::postgres::forget_sights
            DELETE FROM sights WHERE process = $1 OR expires_at < now() - interval '1 hour'",
        )
        .bind(process)
        .execute(&mut *tx)
        .await?;
        for sight in sights {
            note_sight(&mut tx, process, sight).await?;
        }
    }
    for sight in &notes.happened {
        note_sight(&mut tx, Uuid::now_v7(), sight).await?;
    }
    for streak in &notes.streaks {
        sqlx::query(
            "-- store::postgres::note_streak
            INSERT INTO streaks AS s (action, failures, error) VALUES ($1, $2, $3)
            ON CONFLICT (action) DO UPDATE SET
                failures = EXCLUDED.failures + CASE WHEN $4 THEN 0 ELSE s.failures END,
                error = CASE WHEN $4 OR EXCLUDED.error <> '' THEN EXCLUDED.error ELSE s.error END",
        )
        .bind(&streak.action)
        .bind(streak.failures)
        .bind(&streak.error)
        .bind(streak.succeeded)
        .execute(&mut *tx)
        .await?;
    }
    for (source, at) in &notes.arrivals {
        sqlx::query(
            "-- store::postgres::note_arrival
            INSERT INTO arrivals AS a (source, hour, last_at)
            VALUES ($1, floor(extract(epoch FROM $2::timestamptz) / 3600)::int8, $2)
            ON CONFLICT (source, hour) DO UPDATE SET last_at = EXCLUDED.last_at
            WHERE a.last_at < EXCLUDED.last_at",
        )
        .bind(source)
        .bind(at)
        .execute(&mut *tx)
        .await?;
    }
    tx.commit().await
}

async fn note_sight(
    db: &mut PgConnection,
    process: Uuid,
    sight: &Sight,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "-- store::postgres::note_sight
        INSERT INTO sights (process, what, about, count, detail, expires_at)
        VALUES ($1, $2, $3, $4, $5, now() + interval '30 seconds')",
    )
    .bind(process)
    .bind(&sight.what)
    .bind(&sight.about)
    .bind(sight.count)
    .bind(&sight.detail)
    .execute(db)
    .await
    .map(drop)
}

async fn findings(db: &mut PgConnection, actions: &[&str]) -> Result<Findings, sqlx::Error> {
    let now = sqlx::query_scalar("SELECT now()").fetch_one(&mut *db).await?;
    let sights = sqlx::query(
        "-- store::postgres::sights
        SELECT what, about, sum(count)::int8 AS count, max(detail) AS detail
        FROM sights WHERE expires_at > now() GROUP BY what, about",
    );
    let sights = sights.try_map(|row: PgRow| {
        let (what, about) = (row.try_get("what")?, row.try_get("about")?);
        Ok(Sight { what, about, count: row.try_get("count")?, detail: row.try_get("detail")? })
    });
    let streaks = sqlx::query_as(
        "-- store::postgres::streaks
        SELECT action, failures, error FROM streaks s WHERE failures > 0 AND coalesce(
            (SELECT true FROM deliveries d
             WHERE d.ended_at IS NULL AND d.held IS NULL AND d.tries > 0 AND d.action = s.action
                   AND d.route <> 'alerts'
             ORDER BY d.due_at LIMIT 1),
            (SELECT true FROM deliveries d
             WHERE d.state = 'dead' AND d.action = s.action AND d.replayed_by IS NULL
                   AND d.route <> 'alerts'
             ORDER BY d.id DESC LIMIT 1),
            (SELECT true FROM (SELECT action, tries FROM deliveries
                               WHERE held = 'paused' ORDER BY route, seq LIMIT 1000) d
             WHERE d.tries > 0 AND d.action = s.action LIMIT 1),
            false)",
    );
    let arrivals = sqlx::query_as(
        "-- store::postgres::arrivals
        SELECT source, max(last_at) FROM arrivals GROUP BY source",
    );
    let hours = sqlx::query_as(
        "-- store::postgres::arrival_hours
        SELECT source, hour FROM arrivals WHERE source IN (
            SELECT source FROM arrivals GROUP BY source
            HAVING max(last_at) < now() - interval '1 hour')",
    );
    Ok(Findings {
        now,
        sights: sights.fetch_all(&mut *db).await?,
        streaks: streaks.fetch_all(&mut *db).await?,
        arrivals: arrivals.fetch_all(&mut *db).await?,
        hours: hours.fetch_all(&mut *db).await?,
        pauses: pause::standing(&mut *db).await?,
        dead: dead(&mut *db).await?,
        due: due(&mut *db, actions).await?,
        unsent: unsent(&mut *db).await?,
        alerts: alerts(db).await?,
    })
}

async fn dead(db: &mut PgConnection) -> Result<Vec<DeadOf>, sqlx::Error> {
    sqlx::query(
        "-- store::postgres::dead_of_actions
        SELECT c.action, c.count, (
            SELECT d.reason FROM deliveries d
            WHERE d.state = 'dead' AND d.action = c.action AND d.replayed_by IS NULL
                  AND d.route <> 'alerts'
            ORDER BY d.id DESC LIMIT 1) AS reason
        FROM (SELECT action, count(*) AS count FROM deliveries
              WHERE state = 'dead' AND replayed_by IS NULL AND route <> 'alerts'
              GROUP BY action) c",
    )
    .try_map(|row: PgRow| {
        let reason: Option<String> = row.try_get("reason")?;
        let (action, count) = (row.try_get("action")?, row.try_get("count")?);
        Ok(DeadOf { action, count, reason: reason.unwrap_or_default() })
    })
    .fetch_all(db)
    .await
}

/// By the indexes that claims use: the first of each.
async fn due(db: &mut PgConnection, actions: &[&str]) -> Result<Vec<(String, f64)>, sqlx::Error> {
    sqlx::query_as(
        "-- store::postgres::oldest_due_of_actions
        SELECT a.action, extract(epoch FROM now() - min(d.due_at))::float8
        FROM unnest($1::text[]) a (action) CROSS JOIN LATERAL (
            (SELECT due_at FROM deliveries
             WHERE ended_at IS NULL AND held IS NULL AND tries = 0 AND action = a.action
                   AND due_at <= now() AND route <> 'alerts'
             ORDER BY due_at LIMIT 1)
            UNION ALL
            (SELECT due_at FROM deliveries
             WHERE ended_at IS NULL AND held IS NULL AND tries > 0 AND action = a.action
                   AND due_at <= now() AND route <> 'alerts'
             ORDER BY due_at LIMIT 1)) d
        GROUP BY a.action",
    )
    .bind(actions)
    .fetch_all(db)
    .await
}

async fn unsent(db: &mut PgConnection) -> Result<Vec<Unsent>, sqlx::Error> {
    sqlx::query(
        "-- store::postgres::unsent_alerts
        SELECT t.delivery_id, t.action, t.made_at, t.counted, d.state::text AS state,
               coalesce(d.tries, 0)::int8 AS tries, d.reason, d.replayed_by
        FROM tellings t LEFT JOIN deliveries d ON d.id = t.delivery_id",
    )
    .try_map(|row| Unsent::of_row(&row))
    .fetch_all(db)
    .await
}

async fn alerts(db: &mut PgConnection) -> Result<Vec<AlertRow>, sqlx::Error> {
    sqlx::query(
        "-- store::postgres::alerts
        SELECT what, about, since, seen_at, count, detail, told_at, ended_at, end_told_at,
               again::int8 AS again
        FROM alerts ORDER BY ended_at IS NOT NULL, since DESC, what, about",
    )
    .try_map(|row| AlertRow::of_row(&row))
    .fetch_all(db)
    .await
}
