//! What became of messages and deliveries of late: see `store::activity`.

use sqlx::{
    Row,
    postgres::{PgConnection, PgRow},
};
use uuid::Uuid;

use super::Lane;
use crate::store::{
    Activity, RouteActivity, SourceActivity, Span, StoreError,
    activity::{first_id, joined},
    unsigned,
};

const ENDED: &str = "-- store::postgres::activity ended
SELECT route, action,
       count(*) FILTER (WHERE state = 'succeeded' AND id >= $2) AS succeeded,
       count(*) FILTER (WHERE state = 'skipped' AND id >= $2) AS skipped,
       count(*) FILTER (WHERE state = 'dead' AND id >= $2) AS dead,
       count(*) FILTER (WHERE state = 'discarded' AND id >= $2) AS discarded,
       max(ended_at) FILTER (WHERE state = 'succeeded') AS last_success,
       max(ended_at) FILTER (WHERE state = 'dead') AS last_failure
FROM deliveries WHERE id >= $1 AND ended_at IS NOT NULL GROUP BY route, action";

/// By the indexes of what is open: however old it is, it is few.
const OPEN: &str = "-- store::postgres::activity open
SELECT route, action, count(*) AS open
FROM (
    SELECT route, action FROM deliveries WHERE ended_at IS NULL AND held IS NULL AND tries = 0
    UNION ALL
    SELECT route, action FROM deliveries WHERE ended_at IS NULL AND held IS NULL AND tries > 0
    UNION ALL
    SELECT route, action FROM deliveries WHERE held IS NOT NULL
) counted
GROUP BY route, action";

const FAILED: &str = "-- store::postgres::activity failed
SELECT d.route, d.action,
       max(a.started_at + a.duration_us * interval '1 microsecond') AS last_failure
FROM attempts a JOIN deliveries d ON d.id = a.delivery_id
WHERE a.delivery_id >= $1 AND a.result IN ('failed', 'timeout', 'refused')
GROUP BY d.route, d.action";

const RECEIVED: &str = "-- store::postgres::activity received
SELECT source,
       count(*) FILTER (WHERE status = 'accepted' AND id >= $2) AS accepted,
       count(*) FILTER (WHERE status = 'quarantined' AND id >= $2) AS quarantined,
       max(received_at) FILTER (WHERE status = 'accepted') AS last_accepted,
       max(received_at) FILTER (WHERE status = 'quarantined') AS last_quarantined
FROM messages WHERE id >= $1 GROUP BY source ORDER BY source";

/// All of them, each with its number of arguments.
pub(super) const STATEMENTS: [(&str, usize); 4] =
    [(ENDED, 2), (OPEN, 0), (FAILED, 1), (RECEIVED, 2)];

impl Lane {
    pub(in crate::store) async fn activity(&mut self, span: Span) -> Result<Activity, StoreError> {
        let mut open = self.connection.open().await?;
        let result = open.bounded(async |db| activity(db, span).await).await;
        self.connection.settle(open, result)
    }
}

async fn activity(db: &mut PgConnection, span: Span) -> Result<Activity, sqlx::Error> {
    let (oldest, since) = (first_id(span.oldest), first_id(span.counted_since));
    let ended = sqlx::query(ENDED).bind(oldest).bind(since);
    let mut answers = ended.try_map(|row| self::ended(&row)).fetch_all(&mut *db).await?;
    answers.extend(sqlx::query(OPEN).try_map(|row| still_open(&row)).fetch_all(&mut *db).await?);
    let failed = sqlx::query(FAILED).bind(oldest);
    answers.extend(failed.try_map(|row| self::failed(&row)).fetch_all(&mut *db).await?);
    Ok(Activity { sources: sources(db, oldest, since).await?, deliveries: joined(answers) })
}

fn named(row: &PgRow) -> Result<RouteActivity, sqlx::Error> {
    let (route, action) = (row.try_get("route")?, row.try_get("action")?);
    Ok(RouteActivity { route, action, ..RouteActivity::default() })
}

fn ended(row: &PgRow) -> Result<RouteActivity, sqlx::Error> {
    Ok(RouteActivity {
        succeeded: unsigned(row.try_get("succeeded")?),
        skipped: unsigned(row.try_get("skipped")?),
        dead: unsigned(row.try_get("dead")?),
        discarded: unsigned(row.try_get("discarded")?),
        last_success: row.try_get("last_success")?,
        last_failure: row.try_get("last_failure")?,
        ..named(row)?
    })
}

fn still_open(row: &PgRow) -> Result<RouteActivity, sqlx::Error> {
    Ok(RouteActivity { open: unsigned(row.try_get("open")?), ..named(row)? })
}

fn failed(row: &PgRow) -> Result<RouteActivity, sqlx::Error> {
    Ok(RouteActivity { last_failure: row.try_get("last_failure")?, ..named(row)? })
}

async fn sources(
    db: &mut PgConnection,
    oldest: Uuid,
    since: Uuid,
) -> Result<Vec<SourceActivity>, sqlx::Error> {
    sqlx::query(RECEIVED)
        .bind(oldest)
        .bind(since)
        .try_map(|row: PgRow| {
            Ok(SourceActivity {
                source: row.try_get("source")?,
                accepted: unsigned(row.try_get("accepted")?),
                quarantined: unsigned(row.try_get("quarantined")?),
                last_accepted: row.try_get("last_accepted")?,
                last_quarantined: row.try_get("last_quarantined")?,
            })
        })
        .fetch_all(db)
        .await
}
