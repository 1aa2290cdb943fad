//! What became of deliveries, counted: see `store::tally`.

use sqlx::sqlite::SqliteConnection;
use time::OffsetDateTime;

use super::{Lane, record::micros_since_1970};
use crate::store::{
    Counted, DeadTally, Fared, OpenTally, StoreError, Tally, Whose, count,
    tally::{QUARTER, Summed},
    unsigned,
};

const ADD: &str = "-- store::sqlite::add_tallies
INSERT INTO tallies AS t (bucket, route, action, result, count) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (bucket, route, action, result) DO UPDATE SET count = t.count + excluded.count";

/// `max` and `min` of nothing and something are nothing here, so each is written out.
const STAND: &str = "-- store::sqlite::add_tallies standings
INSERT INTO standings AS s (route, action, last_success, last_failure, last_error, failing_since)
VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (route, action) DO UPDATE
SET last_success = max(coalesce(s.last_success, ?3), coalesce(?3, s.last_success)),
    last_failure = max(coalesce(s.last_failure, ?4), coalesce(?4, s.last_failure)),
    last_error = CASE WHEN ?4 IS NULL OR ?4 < s.last_failure THEN s.last_error ELSE ?5 END,
    failing_since = CASE
        WHEN max(coalesce(s.last_failure, ?4), coalesce(?4, s.last_failure))
             > coalesce(max(coalesce(s.last_success, ?3), coalesce(?3, s.last_success)), -1)
        THEN (SELECT coalesce(min(since), max(coalesce(s.last_failure, ?4), coalesce(?4, s.last_failure)))
              FROM (SELECT CASE WHEN ?3 IS NULL OR s.failing_since > ?3
                                THEN s.failing_since END AS since
                    UNION ALL
                    SELECT CASE WHEN s.last_success IS NULL OR ?6 > s.last_success THEN ?6 END))
        END";

pub(super) const TALLIES: &str = "-- store::sqlite::tallies
SELECT bucket, route, action, result, count FROM tallies WHERE bucket >= ?1
ORDER BY bucket, route, action, result";

pub(super) const SUMMED: &str = "-- store::sqlite::summed
SELECT route, action, result AS result, sum(count) AS count FROM tallies WHERE bucket >= ?1
GROUP BY route, action, result";

pub(super) const FARED: &str = "-- store::sqlite::fared
SELECT route, action, last_success, last_failure, last_error, failing_since FROM standings
ORDER BY route, action";

/// By the indexes of what is open, and of each no more than so many rows.
pub(super) const OPEN: &str = "-- store::sqlite::open_tallies
SELECT route, action, count(*) AS count, count(*) FILTER (WHERE tries > 0) AS failing,
       min(due_at) FILTER (WHERE held IS NULL AND due_at <= ?2) AS due_since
FROM (
    SELECT * FROM (SELECT route, action, held, due_at, tries FROM deliveries INDEXED BY deliveries_first
        WHERE ended_at IS NULL AND held IS NULL AND tries = 0 LIMIT ?1)
    UNION ALL
    SELECT * FROM (SELECT route, action, held, due_at, tries FROM deliveries INDEXED BY deliveries_again
        WHERE ended_at IS NULL AND held IS NULL AND tries > 0 LIMIT ?1)
    UNION ALL
    SELECT * FROM (SELECT route, action, held, due_at, tries FROM deliveries INDEXED BY deliveries_held
        WHERE held = 'order' LIMIT ?1)
    UNION ALL
    SELECT * FROM (SELECT route, action, held, due_at, tries FROM deliveries
        INDEXED BY deliveries_orphaned WHERE held = 'orphaned' LIMIT ?1)
    UNION ALL
    SELECT * FROM (SELECT route, action, held, due_at, tries FROM deliveries INDEXED BY deliveries_paused
        WHERE held = 'paused' LIMIT ?1)
) counted
GROUP BY route, action ORDER BY route, action";

pub(super) const DEAD: &str = "-- store::sqlite::dead_tallies
SELECT action, route, reason, count(*) AS count, max(ended_at) AS newest,
       min(ended_at) AS oldest, max(id) AS example, min(id) AS first
FROM (
    SELECT id, action, route, reason, ended_at FROM deliveries INDEXED BY deliveries_dead
    WHERE state = 'dead' AND replayed_by IS NULL ORDER BY id DESC LIMIT ?1
) newest
GROUP BY action, route, reason";

pub(super) const DEAD_COUNT: &str = "-- store::sqlite::dead_count
SELECT count(*) FROM deliveries INDEXED BY deliveries_dead WHERE state = 'dead' AND replayed_by IS NULL";

/// Those that read.
pub(super) const STATEMENTS: [&str; 6] = [TALLIES, SUMMED, FARED, OPEN, DEAD, DEAD_COUNT];

const REMOVE: &str = "-- store::sqlite::remove tallies
DELETE FROM tallies WHERE (bucket, route, action, result) IN (
    SELECT bucket, route, action, result FROM tallies WHERE bucket < ?1 ORDER BY bucket LIMIT ?2)";

impl Lane {
    pub(in crate::store) async fn add_tallies(
        &mut self,
        tallies: &[Tally],
        fared: &[Fared],
    ) -> Result<(), StoreError> {
        let add = async |db: &mut SqliteConnection, _now| {
            for tally in tallies {
                let bucket = micros_since_1970(tally.bucket);
                let of = (tally.route.as_str(), tally.action.as_str(), tally.result);
                count_in(db, bucket, of, tally.count).await?;
            }
            for fared in fared {
                stand(db, fared).await?;
            }
            Ok(())
        };
        self.connection.write(add).await
    }

    pub(in crate::store) async fn remove_tallies(
        &mut self,
        before: OffsetDateTime,
        limit: usize,
    ) -> Result<u64, StoreError> {
        let asked = sqlx::query(REMOVE).bind(micros_since_1970(before)).bind(count(limit));
        let done = self.connection.write(async |db, _now| asked.execute(db).await).await?;
        Ok(done.rows_affected())
    }

    pub(in crate::store) async fn tallies(
        &mut self,
        since: OffsetDateTime,
    ) -> Result<Vec<Tally>, StoreError> {
        let since = micros_since_1970(since);
        let statement = sqlx::query(TALLIES).bind(since).try_map(|row| Tally::of_row(&row));
        self.connection.read(async |db| statement.fetch_all(db).await).await
    }

    pub(in crate::store) async fn summed(
        &mut self,
        since: OffsetDateTime,
    ) -> Result<Vec<Summed>, StoreError> {
        let statement =
            sqlx::query(SUMMED).bind(micros_since_1970(since)).try_map(|row| Summed::of_row(&row));
        self.connection.read(async |db| statement.fetch_all(db).await).await
    }

    pub(in crate::store) async fn fared(&mut self) -> Result<Vec<Fared>, StoreError> {
        let statement = sqlx::query(FARED).try_map(|row| Fared::of_row(&row));
        self.connection.read(async |db| statement.fetch_all(db).await).await
    }

    pub(in crate::store) async fn open_tallies(
        &mut self,
        most: usize,
    ) -> Result<Vec<OpenTally>, StoreError> {
        let now = micros_since_1970(OffsetDateTime::now_utc());
        let statement = sqlx::query(OPEN).bind(count(most)).bind(now);
        let statement = statement.try_map(|row| OpenTally::of_row(&row));
        self.connection.read(async |db| statement.fetch_all(db).await).await
    }

    pub(in crate::store) async fn dead_tallies(
        &mut self,
        most: usize,
    ) -> Result<Vec<DeadTally>, StoreError> {
        let statement = sqlx::query(DEAD).bind(count(most)).try_map(|row| DeadTally::of_row(&row));
        self.connection.read(async |db| statement.fetch_all(db).await).await
    }

    pub(in crate::store) async fn dead_count(&mut self) -> Result<u64, StoreError> {
        let counted = sqlx::query_scalar(DEAD_COUNT);
        let counted: i64 = self.connection.read(async |db| counted.fetch_one(db).await).await?;
        Ok(unsigned(counted))
    }
}

async fn count_in(
    db: &mut SqliteConnection,
    bucket: i64,
    (route, action, result): (&str, &str, Counted),
    count: u64,
) -> Result<(), sqlx::Error> {
    let add = sqlx::query(ADD).bind(bucket).bind(route).bind(action).bind(result.as_str());
    add.bind(count.cast_signed()).execute(db).await.map(drop)
}

async fn stand(db: &mut SqliteConnection, fared: &Fared) -> Result<(), sqlx::Error> {
    sqlx::query(STAND)
        .bind(&fared.route)
        .bind(&fared.action)
        .bind(fared.last_success.map(micros_since_1970))
        .bind(fared.last_failure.map(micros_since_1970))
        .bind(&fared.last_error)
        .bind(fared.failing_since.map(micros_since_1970))
        .execute(db)
        .await
        .map(drop)
}

/// Counts deliveries that were discarded; of each its route and its action.
pub(super) async fn discarded(
    db: &mut SqliteConnection,
    now: i64,
    of: &[Whose],
) -> Result<(), sqlx::Error> {
    let bucket = now - now.rem_euclid(QUARTER * 1_000_000);
    for (route, action) in of {
        count_in(db, bucket, (route, action, Counted::Discarded), 1).await?;
    }
    Ok(())
}
