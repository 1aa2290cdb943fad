//! What became of deliveries, counted: see `store::tally`.

use sqlx::postgres::PgConnection;
use time::OffsetDateTime;

use super::Lane;
use crate::store::{
    DeadTally, Fared, OpenTally, StoreError, Tally, Whose, count, tally::Summed, unsigned,
};

/// In the order of their keys: two processes that add to the same rows take turns.
pub(super) const ADD: &str = "-- store::postgres::add_tallies
WITH counted AS (
    INSERT INTO tallies AS t (bucket, route, action, result, count)
    SELECT * FROM unnest($1::timestamptz[], $2::text[], $3::text[], $4::text[], $5::int8[])
                  AS n (bucket, route, action, result, count)
    ORDER BY n.bucket, n.route, n.action, n.result
    ON CONFLICT (bucket, route, action, result) DO UPDATE SET count = t.count + EXCLUDED.count
)
INSERT INTO standings AS s (route, action, last_success, last_failure, last_error, failing_since)
SELECT * FROM unnest($6::text[], $7::text[], $8::timestamptz[], $9::timestamptz[], $10::text[],
                     $11::timestamptz[])
              AS n (route, action, last_success, last_failure, last_error, failing_since)
ORDER BY n.route, n.action
ON CONFLICT (route, action) DO UPDATE
SET last_success = greatest(s.last_success, EXCLUDED.last_success),
    last_failure = greatest(s.last_failure, EXCLUDED.last_failure),
    last_error = CASE WHEN EXCLUDED.last_failure IS NULL OR EXCLUDED.last_failure < s.last_failure
                      THEN s.last_error ELSE EXCLUDED.last_error END,
    failing_since = CASE
        WHEN greatest(s.last_failure, EXCLUDED.last_failure)
             > coalesce(greatest(s.last_success, EXCLUDED.last_success), '-infinity')
        THEN coalesce(least(
                 CASE WHEN EXCLUDED.last_success IS NULL OR s.failing_since > EXCLUDED.last_success
                      THEN s.failing_since END,
                 CASE WHEN s.last_success IS NULL OR EXCLUDED.failing_since > s.last_success
                      THEN EXCLUDED.failing_since END),
             greatest(s.last_failure, EXCLUDED.last_failure))
        END";

pub(super) const TALLIES: &str = "-- store::postgres::tallies
SELECT bucket, route, action, result::text AS result, count FROM tallies WHERE bucket >= $1
ORDER BY bucket, route, action, result";

pub(super) const SUMMED: &str = "-- store::postgres::summed
SELECT route, action, result::text AS result, sum(count)::int8 AS count FROM tallies WHERE bucket >= $1
GROUP BY route, action, result";

pub(super) const FARED: &str = "-- store::postgres::fared
SELECT route, action, last_success, last_failure, last_error, failing_since FROM standings
ORDER BY route, action";

/// By the indexes of what is open, and of each no more than so many rows.
pub(super) const OPEN: &str = "-- store::postgres::open_tallies
SELECT route, action, count(*) AS count, count(*) FILTER (WHERE tries > 0) AS failing,
       min(due_at) FILTER (WHERE held IS NULL AND due_at <= now()) AS due_since
FROM (
    SELECT * FROM (SELECT route, action, held, due_at, tries FROM deliveries
        WHERE ended_at IS NULL AND held IS NULL AND tries = 0 LIMIT $1) first
    UNION ALL
    SELECT * FROM (SELECT route, action, held, due_at, tries FROM deliveries
        WHERE ended_at IS NULL AND held IS NULL AND tries > 0 LIMIT $1) again
    UNION ALL
    SELECT * FROM (SELECT route, action, held, due_at, tries FROM deliveries
        WHERE held IS NOT NULL LIMIT $1) held
) counted
GROUP BY route, action ORDER BY route, action";

pub(super) const DEAD: &str = "-- store::postgres::dead_tallies
SELECT action, route, reason, count(*) AS count, max(ended_at) AS newest,
       min(ended_at) AS oldest, (array_agg(id ORDER BY id DESC))[1] AS example,
       (array_agg(id ORDER BY id))[1] AS first
FROM (
    SELECT id, action, route, reason, ended_at FROM deliveries
    WHERE state = 'dead' AND replayed_by IS NULL ORDER BY id DESC LIMIT $1
) newest
GROUP BY action, route, reason";

pub(super) const DEAD_COUNT: &str = "-- store::postgres::dead_count
SELECT count(*) FROM deliveries WHERE state = 'dead' AND replayed_by IS NULL";

/// Of what a person ends, in the transaction that ends it.
const DISCARDED: &str = "-- store::postgres::discard tally
INSERT INTO tallies AS t (bucket, route, action, result, count)
SELECT date_bin('15 minutes', now(), 'epoch'), n.route, n.action, 'discarded', count(*)
FROM unnest($1::text[], $2::text[]) AS n (route, action)
GROUP BY n.route, n.action ORDER BY n.route, n.action
ON CONFLICT (bucket, route, action, result) DO UPDATE SET count = t.count + EXCLUDED.count";

/// Those that read.
pub(super) const STATEMENTS: [&str; 6] = [TALLIES, SUMMED, FARED, OPEN, DEAD, DEAD_COUNT];

const REMOVE: &str = "-- store::postgres::remove tallies
DELETE FROM tallies WHERE (bucket, route, action, result) IN (
    SELECT bucket, route, action, result FROM tallies WHERE bucket < $1 ORDER BY bucket LIMIT $2)";

impl Lane {
    pub(in crate::store) async fn add_tallies(
        &mut self,
        tallies: &[Tally],
        fared: &[Fared],
    ) -> Result<(), StoreError> {
        self.connection.run(async |db| add(db, tallies, fared).await).await
    }

    pub(in crate::store) async fn remove_tallies(
        &mut self,
        before: OffsetDateTime,
        limit: usize,
    ) -> Result<u64, StoreError> {
        let asked = sqlx::query(REMOVE).bind(before).bind(count(limit));
        let done = self.connection.run(async |db| asked.execute(db).await).await?;
        Ok(done.rows_affected())
    }

    pub(in crate::store) async fn tallies(
        &mut self,
        since: OffsetDateTime,
    ) -> Result<Vec<Tally>, StoreError> {
        let statement = sqlx::query(TALLIES).bind(since).try_map(|row| Tally::of_row(&row));
        self.connection.run(async |db| statement.fetch_all(db).await).await
    }

    pub(in crate::store) async fn summed(
        &mut self,
        since: OffsetDateTime,
    ) -> Result<Vec<Summed>, StoreError> {
        let statement = sqlx::query(SUMMED).bind(since).try_map(|row| Summed::of_row(&row));
        self.connection.run(async |db| statement.fetch_all(db).await).await
    }

    pub(in crate::store) async fn fared(&mut self) -> Result<Vec<Fared>, StoreError> {
        let statement = sqlx::query(FARED).try_map(|row| Fared::of_row(&row));
        self.connection.run(async |db| statement.fetch_all(db).await).await
    }

    pub(in crate::store) async fn open_tallies(
        &mut self,
        most: usize,
    ) -> Result<Vec<OpenTally>, StoreError> {
        let statement = sqlx::query(OPEN).bind(count(most)).try_map(|row| OpenTally::of_row(&row));
        self.connection.run(async |db| statement.fetch_all(db).await).await
    }

    pub(in crate::store) async fn dead_tallies(
        &mut self,
        most: usize,
    ) -> Result<Vec<DeadTally>, StoreError> {
        let statement = sqlx::query(DEAD).bind(count(most)).try_map(|row| DeadTally::of_row(&row));
        self.connection.run(async |db| statement.fetch_all(db).await).await
    }

    pub(in crate::store) async fn dead_count(&mut self) -> Result<u64, StoreError> {
        let counted = sqlx::query_scalar(DEAD_COUNT);
        let counted: i64 = self.connection.run(async |db| counted.fetch_one(db).await).await?;
        Ok(unsigned(counted))
    }
}

async fn add(db: &mut PgConnection, tallies: &[Tally], fared: &[Fared]) -> Result<(), sqlx::Error> {
    fn each<'a, R, T>(rows: &'a [R], field: impl Fn(&'a R) -> T) -> Vec<T> {
        rows.iter().map(field).collect()
    }
    sqlx::query(ADD)
        .bind(each(tallies, |one| one.bucket))
        .bind(each(tallies, |one| one.route.as_str()))
        .bind(each(tallies, |one| one.action.as_str()))
        .bind(each(tallies, |one| one.result.as_str()))
        .bind(each(tallies, |one| one.count.cast_signed()))
        .bind(each(fared, |one| one.route.as_str()))
        .bind(each(fared, |one| one.action.as_str()))
        .bind(each(fared, |one| one.last_success))
        .bind(each(fared, |one| one.last_failure))
        .bind(each(fared, |one| one.last_error.as_deref()))
        .bind(each(fared, |one| one.failing_since))
        .execute(db)
        .await
        .map(drop)
}

/// Counts deliveries that were discarded; of each its route and its action.
pub(super) async fn discarded(db: &mut PgConnection, of: &[Whose]) -> Result<(), sqlx::Error> {
    let (routes, actions): (Vec<&str>, Vec<&str>) =
        of.iter().map(|(route, action)| (route.as_str(), action.as_str())).unzip();
    sqlx::query(DISCARDED).bind(routes).bind(actions).execute(db).await.map(drop)
}
