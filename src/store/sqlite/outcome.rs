//! What became of deliveries: written only under the lease they were performed in.

use std::{borrow::Cow, collections::BTreeMap};

use serde::Serialize;
use sqlx::sqlite::SqliteConnection;
use uuid::{Uuid, fmt::Hyphenated};

use super::queue::json;
use crate::store::{Attempt, Outcome, micros, queue::ended_by_key};

/// Writes what became of deliveries, each only under the lease it was performed in. Returns the ids
/// that were still ours.
pub(super) const FINISH: &str = "-- store::sqlite::finish
UPDATE deliveries
SET state = t.state, held = t.held, owner = NULL, reason = t.reason, lost = 0,
    tries = deliveries.tries + t.tried,
    ended_at = CASE WHEN t.state <> 'open' THEN ?2 END,
    due_at = CASE WHEN t.state = 'open' THEN ?2 + t.wait ELSE deliveries.due_at END
FROM (SELECT value ->> 'id' AS id, value ->> 'lease_no' AS lease_no, value ->> 'state' AS state,
             value ->> 'held' AS held, value ->> 'wait' AS wait, value ->> 'reason' AS reason,
             value ->> 'tried' AS tried
      FROM jsonb_each(?1)) t
WHERE deliveries.id = t.id AND deliveries.lease_no = t.lease_no
      AND deliveries.ended_at IS NULL AND deliveries.owner IS NOT NULL
RETURNING id";

const ATTEMPTS: &str = "-- store::sqlite::finish attempts
INSERT INTO attempts (delivery_id, lease_no, number, started_at, duration_us, result, status,
                      error, answer)
SELECT value ->> 'id', value ->> 'lease_no', value ->> 'number', ?2 - (value ->> 'ago'),
       value ->> 'duration', value ->> 'result', value ->> 'status', value ->> 'error',
       unhex(value ->> 'answer')
FROM jsonb_each(?1)";

const COUNT_ENDED: &str = "-- store::sqlite::count_ended
UPDATE order_keys SET pending = pending - ended.count
FROM (SELECT unhex(value ->> 'key') AS key, value ->> 'count' AS count FROM jsonb_each(?1)) ended
WHERE order_keys.key = ended.key";

/// Lets the next delivery of each key go. A debounced one still waits for its own time.
pub(super) const RELEASE_NEXT: &str = "-- store::sqlite::release_next
UPDATE deliveries SET held = NULL, due_at = max(due_at, ?2)
WHERE seq IN (
    SELECT (SELECT seq FROM deliveries INDEXED BY deliveries_held
            WHERE order_key = unhex(value ->> 'key') AND held = 'order' ORDER BY seq LIMIT 1)
    FROM jsonb_each(?1))";

const FORGET_IDLE_KEYS: &str = "-- store::sqlite::forget_idle_keys
DELETE FROM order_keys
WHERE key IN (SELECT unhex(value ->> 'key') FROM jsonb_each(?1)) AND pending = 0";

#[derive(Serialize)]
struct OutcomeRow<'a> {
    id: Uuid,
    lease_no: i32,
    state: &'static str,
    held: Option<&'static str>,
    wait: i64,
    reason: Option<Cow<'a, str>>,
    tried: i32,
}

#[derive(Serialize)]
struct AttemptRow<'a> {
    id: Uuid,
    lease_no: i32,
    number: u32,
    ago: i64,
    duration: i64,
    result: &'static str,
    status: Option<u16>,
    error: Option<&'a str>,
    answer: Option<String>,
}

#[derive(Serialize)]
struct EndedRow {
    key: String,
    count: i64,
}

impl<'a> OutcomeRow<'a> {
    fn of(outcome: &'a Outcome) -> Self {
        Self {
            id: outcome.id,
            lease_no: outcome.lease_no,
            state: outcome.verdict.state(),
            held: outcome.verdict.held(),
            wait: micros(outcome.verdict.wait()),
            reason: outcome.verdict.reason(),
            tried: i32::from(outcome.counts_a_try()),
        }
    }
}

impl<'a> AttemptRow<'a> {
    fn of(outcome: &Outcome, attempt: &'a Attempt) -> Self {
        Self {
            id: outcome.id,
            lease_no: outcome.lease_no,
            number: attempt.number,
            ago: micros(attempt.started_ago),
            duration: micros(attempt.duration),
            result: attempt.result,
            status: attempt.status,
            error: attempt.error.as_deref(),
            answer: attempt.answer.as_ref().map(hex::encode),
        }
    }
}

pub(super) async fn finish(
    db: &mut SqliteConnection,
    now: i64,
    outcomes: &[Outcome],
) -> Result<Vec<Uuid>, sqlx::Error> {
    let rows: Vec<OutcomeRow> = outcomes.iter().map(OutcomeRow::of).collect();
    let written: Vec<Hyphenated> =
        sqlx::query_scalar(FINISH).bind(json(&rows)?).bind(now).fetch_all(&mut *db).await?;
    let written: Vec<Uuid> = written.into_iter().map(Uuid::from).collect();
    let attempts: Vec<AttemptRow> = outcomes
        .iter()
        .filter(|outcome| written.contains(&outcome.id))
        .filter_map(|outcome| Some(AttemptRow::of(outcome, outcome.attempt.as_ref()?)))
        .collect();
    if !attempts.is_empty() {
        sqlx::query(ATTEMPTS).bind(json(&attempts)?).bind(now).execute(&mut *db).await?;
    }
    release_next(db, now, outcomes, &written).await?;
    Ok(written)
}

async fn release_next(
    db: &mut SqliteConnection,
    now: i64,
    outcomes: &[Outcome],
    written: &[Uuid],
) -> Result<(), sqlx::Error> {
    let ended: BTreeMap<Vec<u8>, i64> = ended_by_key(outcomes, written)
        .into_iter()
        .map(|(key, count)| (key.to_vec(), count))
        .collect();
    let heads: Vec<Vec<u8>> = ended.keys().cloned().collect();
    free_keys(db, now, &ended, &heads).await
}

/// Counts how many of each key have ended, and lets the next one of those keys go whose first one
/// did.
pub(super) async fn free_keys(
    db: &mut SqliteConnection,
    now: i64,
    ended: &BTreeMap<Vec<u8>, i64>,
    heads: &[Vec<u8>],
) -> Result<(), sqlx::Error> {
    if ended.is_empty() {
        return Ok(());
    }
    let row = |key: &Vec<u8>| EndedRow { key: hex::encode(key), count: ended[key] };
    let all = json(&ended.keys().map(row).collect::<Vec<_>>())?;
    let heads = json(&heads.iter().map(row).collect::<Vec<_>>())?;
    sqlx::query(COUNT_ENDED).bind(&all).execute(&mut *db).await?;
    sqlx::query(RELEASE_NEXT).bind(&heads).bind(now).execute(&mut *db).await?;
    sqlx::query(FORGET_IDLE_KEYS).bind(&all).execute(db).await?;
    Ok(())
}
