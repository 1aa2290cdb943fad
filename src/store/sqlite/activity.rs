//! What became of messages and deliveries of late: see `store::activity`.

use sqlx::{
    Row,
    sqlite::{SqliteConnection, SqliteRow},
};
use time::OffsetDateTime;
use uuid::fmt::Hyphenated;

use super::{Lane, queue::moment};
use crate::store::{
    Activity, RouteActivity, SourceActivity, Span, StoreError,
    activity::{first_id, joined},
    unsigned,
};

const ENDED: &str = "-- store::sqlite::activity ended
SELECT route, action,
       count(*) FILTER (WHERE state = 'succeeded' AND id >= ?2) AS succeeded,
       count(*) FILTER (WHERE state = 'skipped' AND id >= ?2) AS skipped,
       count(*) FILTER (WHERE state = 'dead' AND id >= ?2) AS dead,
       count(*) FILTER (WHERE state = 'discarded' AND id >= ?2) AS discarded,
       max(ended_at) FILTER (WHERE state = 'succeeded') AS last_success,
       max(ended_at) FILTER (WHERE state = 'dead') AS last_failure
FROM deliveries WHERE id >= ?1 AND ended_at IS NOT NULL GROUP BY route, action";

/// By the indexes of what is open: however old it is, it is few.
const OPEN: &str = "-- store::sqlite::activity open
SELECT route, action, count(*) AS open
FROM (
    SELECT route, action FROM deliveries INDEXED BY deliveries_first
    WHERE ended_at IS NULL AND held IS NULL AND tries = 0
    UNION ALL
    SELECT route, action FROM deliveries INDEXED BY deliveries_again
    WHERE ended_at IS NULL AND held IS NULL AND tries > 0
    UNION ALL
    SELECT route, action FROM deliveries INDEXED BY deliveries_held WHERE held = 'order'
    UNION ALL
    SELECT route, action FROM deliveries INDEXED BY deliveries_orphaned WHERE held = 'orphaned'
) counted
GROUP BY route, action";

const FAILED: &str = "-- store::sqlite::activity failed
SELECT d.route, d.action, max(a.started_at + a.duration_us) AS last_failure
FROM attempts a CROSS JOIN deliveries d ON d.id = a.delivery_id
WHERE a.delivery_id >= ?1 AND a.result IN ('failed', 'timeout', 'refused')
GROUP BY d.route, d.action";

const RECEIVED: &str = "-- store::sqlite::activity received
SELECT source,
       count(*) FILTER (WHERE status = 'accepted' AND id >= ?2) AS accepted,
       count(*) FILTER (WHERE status = 'quarantined' AND id >= ?2) AS quarantined,
       max(received_at) FILTER (WHERE status = 'accepted') AS last_accepted,
       max(received_at) FILTER (WHERE status = 'quarantined') AS last_quarantined
FROM messages WHERE id >= ?1 GROUP BY source ORDER BY source";

/// All of them.
pub(super) const STATEMENTS: [&str; 4] = [ENDED, OPEN, FAILED, RECEIVED];

impl Lane {
    pub(in crate::store) async fn activity(&mut self, span: Span) -> Result<Activity, StoreError> {
        self.connection.read(async |db| activity(db, span).await).await
    }
}

async fn activity(db: &mut SqliteConnection, span: Span) -> Result<Activity, sqlx::Error> {
    let oldest = first_id(span.oldest).hyphenated();
    let since = first_id(span.counted_since).hyphenated();
    let ended = sqlx::query(ENDED).bind(oldest).bind(since);
    let mut answers = ended.try_map(|row| self::ended(&row)).fetch_all(&mut *db).await?;
    answers.extend(sqlx::query(OPEN).try_map(|row| still_open(&row)).fetch_all(&mut *db).await?);
    let failed = sqlx::query(FAILED).bind(oldest);
    answers.extend(failed.try_map(|row| self::failed(&row)).fetch_all(&mut *db).await?);
    Ok(Activity { sources: sources(db, oldest, since).await?, deliveries: joined(answers) })
}

fn named(row: &SqliteRow) -> Result<RouteActivity, sqlx::Error> {
    let (route, action) = (row.try_get("route")?, row.try_get("action")?);
    Ok(RouteActivity { route, action, ..RouteActivity::default() })
}

fn ended(row: &SqliteRow) -> Result<RouteActivity, sqlx::Error> {
    Ok(RouteActivity {
        succeeded: unsigned(row.try_get("succeeded")?),
        skipped: unsigned(row.try_get("skipped")?),
        dead: unsigned(row.try_get("dead")?),
        discarded: unsigned(row.try_get("discarded")?),
        last_success: time(row, "last_success")?,
        last_failure: time(row, "last_failure")?,
        ..named(row)?
    })
}

fn still_open(row: &SqliteRow) -> Result<RouteActivity, sqlx::Error> {
    Ok(RouteActivity { open: unsigned(row.try_get("open")?), ..named(row)? })
}

fn failed(row: &SqliteRow) -> Result<RouteActivity, sqlx::Error> {
    Ok(RouteActivity { last_failure: time(row, "last_failure")?, ..named(row)? })
}

fn time(row: &SqliteRow, column: &str) -> Result<Option<OffsetDateTime>, sqlx::Error> {
    row.try_get::<Option<i64>, _>(column)?.map(moment).transpose()
}

async fn sources(
    db: &mut SqliteConnection,
    oldest: Hyphenated,
    since: Hyphenated,
) -> Result<Vec<SourceActivity>, sqlx::Error> {
    sqlx::query(RECEIVED)
        .bind(oldest)
        .bind(since)
        .try_map(|row: SqliteRow| {
            Ok(SourceActivity {
                source: row.try_get("source")?,
                accepted: unsigned(row.try_get("accepted")?),
                quarantined: unsigned(row.try_get("quarantined")?),
                last_accepted: time(&row, "last_accepted")?,
                last_quarantined: time(&row, "last_quarantined")?,
            })
        })
        .fetch_all(db)
        .await
}
