//! Writes what was judged, with the messages that tell of it, all or nothing: see `store::alert`.

use sqlx::{Connection as _, postgres::PgConnection};
use uuid::Uuid;

use crate::store::{AlertRow, Judgement, Telling, count};

/// Only while this process has the turn.
pub(super) async fn write(
    db: &mut PgConnection,
    process: Uuid,
    judgement: &Judgement,
) -> Result<bool, sqlx::Error> {
    let mut tx = db.begin().await?;
    let turn = sqlx::query(
        "-- store::postgres::still_judges
        SELECT 1 FROM turns WHERE task = 'alerts' AND owner = $1 FOR UPDATE",
    );
    if turn.bind(process).fetch_optional(&mut *tx).await?.is_none() {
        return Ok(false);
    }
    for row in &judgement.alerts {
        write_alert(&mut tx, row).await?;
    }
    for telling in &judgement.tellings {
        tell(&mut tx, telling).await?;
    }
    settle(&mut tx, judgement).await?;
    tx.commit().await?;
    Ok(true)
}

async fn write_alert(tx: &mut PgConnection, row: &AlertRow) -> Result<(), sqlx::Error> {
    sqlx::query(
        "-- store::postgres::write_alert
        INSERT INTO alerts (what, about, since, seen_at, count, detail, told_at, ended_at,
                            end_told_at, again)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        ON CONFLICT (what, about) DO UPDATE SET
            since = EXCLUDED.since, seen_at = EXCLUDED.seen_at, count = EXCLUDED.count,
            detail = EXCLUDED.detail, told_at = EXCLUDED.told_at, ended_at = EXCLUDED.ended_at,
            end_told_at = EXCLUDED.end_told_at, again = EXCLUDED.again",
    )
    .bind(&row.what)
    .bind(&row.about)
    .bind(row.since)
    .bind(row.seen_at)
    .bind(row.count)
    .bind(&row.detail)
    .bind(row.told_at)
    .bind(row.ended_at)
    .bind(row.end_told_at)
    .bind(i32::try_from(row.again).unwrap_or(i32::MAX))
    .execute(tx)
    .await
    .map(drop)
}

/// The message, its event and its deliveries, due now: whichever process claims them next.
async fn tell(tx: &mut PgConnection, telling: &Telling) -> Result<(), sqlx::Error> {
    sqlx::query(
        "-- store::postgres::tell
        WITH message AS (
            INSERT INTO messages (id, dedup, source, received_at, status, body, origin)
            VALUES ($1, $2, 'alerts', now(), 'accepted', $4, 'alert')
        ), event AS (
            INSERT INTO events (id, message_id, type, body_start, body_length)
            VALUES ($3, $1, 'relay.alert', 0, $5)
        ), made AS (
            INSERT INTO deliveries (id, event_id, route, action, due_at, idempotency_key)
            SELECT id, $3, 'alerts', action, now(), id
            FROM unnest($6::uuid[], $7::text[]) AS d (id, action)
        )
        INSERT INTO tellings (delivery_id, action, made_at)
        SELECT id, action, now() FROM unnest($6::uuid[], $7::text[]) AS d (id, action)",
    )
    .bind(telling.message)
    .bind(&telling.dedup[..])
    .bind(telling.event)
    .bind(&telling.json[..])
    .bind(i32::try_from(count(telling.json.len())).unwrap_or(i32::MAX))
    .bind(telling.deliveries.iter().map(|(id, _)| *id).collect::<Vec<_>>())
    .bind(telling.deliveries.iter().map(|(_, action)| action.as_str()).collect::<Vec<_>>())
    .execute(tx)
    .await
    .map(drop)
}

/// Forgets what is done with and what is old, and follows replays. Of each source the last hour is
/// never old: without it nobody knew that it is silent.
async fn settle(tx: &mut PgConnection, judgement: &Judgement) -> Result<(), sqlx::Error> {
    sqlx::query(
        "-- store::postgres::settle_tellings
        DELETE FROM tellings WHERE delivery_id = ANY ($1)",
    )
    .bind(&judgement.settled)
    .execute(&mut *tx)
    .await?;
    for (old, new) in &judgement.replayed {
        sqlx::query(
            "-- store::postgres::follow_replay
            UPDATE tellings SET delivery_id = $2, made_at = now(), counted = false
            WHERE delivery_id = $1",
        )
        .bind(old)
        .bind(new)
        .execute(&mut *tx)
        .await?;
    }
    sqlx::query(
        "-- store::postgres::count_tellings
        UPDATE tellings SET counted = true WHERE delivery_id = ANY ($1)",
    )
    .bind(&judgement.counted)
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "-- store::postgres::await_sources
        INSERT INTO arrivals (source, hour, last_at)
        SELECT name, 0, now() FROM unnest($1::text[]) AS s (name)
        WHERE NOT EXISTS (SELECT 1 FROM arrivals WHERE source = name)
        ON CONFLICT DO NOTHING",
    )
    .bind(&judgement.awaited)
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "-- store::postgres::forget_alerts
        WITH old AS (
            DELETE FROM arrivals a WHERE last_at < now() - interval '16 days' AND EXISTS (
                SELECT 1 FROM arrivals n WHERE n.source = a.source AND n.hour > a.hour)
        )
        DELETE FROM alerts WHERE end_told_at < now() - interval '7 days'",
    )
    .execute(tx)
    .await
    .map(drop)
}
