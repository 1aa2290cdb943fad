//! Alerts: see `store::alert`.

use sqlx::{
    Row,
    sqlite::{SqliteConnection, SqliteRow},
};
use uuid::Uuid;

use super::{
    Lane, pause,
    queue::{json, moment},
    record::micros_since_1970,
    telling,
};
use crate::store::{AlertRow, DeadOf, Findings, Judgement, Notes, Sight, StoreError, Unsent};

/// How long a sight counts, and an hour, in microseconds.
const EXPIRES: i64 = 30_000_000;
const HOUR: i64 = 3_600_000_000;

impl Lane {
    pub(in crate::store) async fn note_for_alerts(
        &mut self,
        notes: &Notes,
    ) -> Result<(), StoreError> {
        let process = self.process;
        self.connection.write(async |db, now| note(db, now, process, notes).await).await
    }

    pub(in crate::store) async fn findings(
        &mut self,
        actions: &[&str],
    ) -> Result<Findings, StoreError> {
        self.connection.read(async |db| findings(db, actions).await).await
    }

    pub(in crate::store) async fn write_judgement(
        &mut self,
        judgement: &Judgement,
    ) -> Result<bool, StoreError> {
        let process = self.process;
        self.connection
            .write(async |db, now| telling::write(db, now, process, judgement).await)
            .await
    }

    pub(in crate::store) async fn alerts(&mut self) -> Result<Vec<AlertRow>, StoreError> {
        self.connection.read(alerts).await
    }
}

async fn note(
    db: &mut SqliteConnection,
    now: i64,
    process: Uuid,
    notes: &Notes,
) -> Result<(), sqlx::Error> {
    if let Some(sights) = &notes.sights {
        sqlx::query(
            "-- store::sqlite::forget_sights
            DELETE FROM sights WHERE process = ?1 OR expires_at < ?2",
        )
        .bind(process.hyphenated())
        .bind(now - HOUR)
        .execute(&mut *db)
        .await?;
        for sight in sights {
            note_sight(&mut *db, now, process, sight).await?;
        }
    }
    for sight in &notes.happened {
        note_sight(&mut *db, now, Uuid::now_v7(), sight).await?;
    }
    for streak in &notes.streaks {
        sqlx::query(
            "-- store::sqlite::note_streak
            INSERT INTO streaks AS s (action, failures, error) VALUES (?1, ?2, ?3)
            ON CONFLICT (action) DO UPDATE SET
                failures = excluded.failures + iif(?4, 0, s.failures),
                error = iif(?4 OR excluded.error <> '', excluded.error, s.error)",
        )
        .bind(&streak.action)
        .bind(streak.failures)
        .bind(&streak.error)
        .bind(streak.succeeded)
        .execute(&mut *db)
        .await?;
    }
    for (source, at) in &notes.arrivals {
        let at = micros_since_1970(*at);
        sqlx::query(
            "-- store::sqlite::note_arrival
            INSERT INTO arrivals AS a (source, hour, last_at) VALUES (?1, ?2, ?3)
            ON CONFLICT (source, hour) DO UPDATE SET last_at = excluded.last_at
            WHERE a.last_at < excluded.last_at",
        )
        .bind(source)
        .bind(at / HOUR)
        .bind(at)
        .execute(&mut *db)
        .await?;
    }
    Ok(())
}

async fn note_sight(
    db: &mut SqliteConnection,
    now: i64,
    process: Uuid,
    sight: &Sight,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "-- store::sqlite::note_sight
        INSERT INTO sights (process, what, about, count, detail, expires_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )
    .bind(process.hyphenated())
    .bind(&sight.what)
    .bind(&sight.about)
    .bind(sight.count)
    .bind(&sight.detail)
    .bind(now + EXPIRES)
    .execute(db)
    .await
    .map(drop)
}

async fn findings(db: &mut SqliteConnection, actions: &[&str]) -> Result<Findings, sqlx::Error> {
    let now: i64 = sqlx::query_scalar(super::connection::NOW).fetch_one(&mut *db).await?;
    let sights = sqlx::query(
        "-- store::sqlite::sights
        SELECT what, about, sum(count) AS count, max(detail) AS detail
        FROM sights WHERE expires_at > ?1 GROUP BY what, about",
    );
    let sights = sights.bind(now).try_map(|row: SqliteRow| {
        let (what, about) = (row.try_get("what")?, row.try_get("about")?);
        Ok(Sight { what, about, count: row.try_get("count")?, detail: row.try_get("detail")? })
    });
    let streaks = sqlx::query_as(
        "-- store::sqlite::streaks
        SELECT action, failures, error FROM streaks s WHERE failures > 0 AND coalesce(
            (SELECT true FROM deliveries d INDEXED BY deliveries_again
             WHERE d.ended_at IS NULL AND d.held IS NULL AND d.tries > 0 AND d.action = s.action
                   AND d.route <> 'alerts' LIMIT 1),
            (SELECT true FROM deliveries d INDEXED BY deliveries_dead
             WHERE d.state = 'dead' AND d.action = s.action AND d.replayed_by IS NULL
                   AND d.route <> 'alerts' LIMIT 1),
            (SELECT true FROM (SELECT action, tries FROM deliveries INDEXED BY deliveries_paused
                               WHERE held = 'paused' ORDER BY route, seq LIMIT 1000) d
             WHERE d.tries > 0 AND d.action = s.action LIMIT 1),
            false)",
    );
    let arrivals = sqlx::query(
        "-- store::sqlite::arrivals
        SELECT source, max(last_at) AS last_at FROM arrivals GROUP BY source",
    );
    let arrivals = arrivals
        .try_map(|row: SqliteRow| Ok((row.try_get("source")?, moment(row.try_get("last_at")?)?)));
    let hours = sqlx::query_as(
        "-- store::sqlite::arrival_hours
        SELECT source, hour FROM arrivals WHERE source IN (
            SELECT source FROM arrivals GROUP BY source HAVING max(last_at) < ?1)",
    );
    Ok(Findings {
        now: moment(now)?,
        sights: sights.fetch_all(&mut *db).await?,
        streaks: streaks.fetch_all(&mut *db).await?,
        arrivals: arrivals.fetch_all(&mut *db).await?,
        hours: hours.bind(now - HOUR).fetch_all(&mut *db).await?,
        pauses: pause::standing(&mut *db).await?,
        dead: dead(&mut *db).await?,
        due: due(&mut *db, now, actions).await?,
        unsent: unsent(&mut *db).await?,
        alerts: alerts(db).await?,
    })
}

async fn dead(db: &mut SqliteConnection) -> Result<Vec<DeadOf>, sqlx::Error> {
    sqlx::query(
        "-- store::sqlite::dead_of_actions
        SELECT c.action, c.count, (
            SELECT d.reason FROM deliveries d
            WHERE d.state = 'dead' AND d.action = c.action AND d.replayed_by IS NULL
                  AND d.route <> 'alerts'
            ORDER BY d.id DESC LIMIT 1) AS reason
        FROM (SELECT action, count(*) AS count FROM deliveries
              WHERE state = 'dead' AND replayed_by IS NULL AND route <> 'alerts'
              GROUP BY action) c",
    )
    .try_map(|row: SqliteRow| {
        let reason: Option<String> = row.try_get("reason")?;
        let (action, count) = (row.try_get("action")?, row.try_get("count")?);
        Ok(DeadOf { action, count, reason: reason.unwrap_or_default() })
    })
    .fetch_all(db)
    .await
}

/// By the indexes that claims use: the first of each.
async fn due(
    db: &mut SqliteConnection,
    now: i64,
    actions: &[&str],
) -> Result<Vec<(String, f64)>, sqlx::Error> {
    sqlx::query_as(
        "-- store::sqlite::oldest_due_of_actions
        SELECT action, (?2 - oldest) / 1e6 FROM (
            SELECT a.value AS action, min(
                coalesce((SELECT due_at FROM deliveries INDEXED BY deliveries_first
                          WHERE ended_at IS NULL AND held IS NULL AND tries = 0
                                AND action = a.value AND due_at <= ?2 AND route <> 'alerts'
                          ORDER BY due_at LIMIT 1), ?2),
                coalesce((SELECT due_at FROM deliveries INDEXED BY deliveries_again
                          WHERE ended_at IS NULL AND held IS NULL AND tries > 0
                                AND action = a.value AND due_at <= ?2 AND route <> 'alerts'
                          ORDER BY due_at LIMIT 1), ?2)) AS oldest
            FROM jsonb_each(?1) a)
        WHERE oldest < ?2",
    )
    .bind(json(actions)?)
    .bind(now)
    .fetch_all(db)
    .await
}

async fn unsent(db: &mut SqliteConnection) -> Result<Vec<Unsent>, sqlx::Error> {
    sqlx::query(
        "-- store::sqlite::unsent_alerts
        SELECT t.delivery_id, t.action, t.made_at, t.counted, d.state,
               coalesce(d.tries, 0) AS tries, d.reason, d.replayed_by
        FROM tellings t LEFT JOIN deliveries d ON d.id = t.delivery_id",
    )
    .try_map(|row| Unsent::of_row(&row))
    .fetch_all(db)
    .await
}

async fn alerts(db: &mut SqliteConnection) -> Result<Vec<AlertRow>, sqlx::Error> {
    sqlx::query(
        "-- store::sqlite::alerts
        SELECT * FROM alerts ORDER BY ended_at IS NOT NULL, since DESC, what, about",
    )
    .try_map(|row| AlertRow::of_row(&row))
    .fetch_all(db)
    .await
}
