//! Writes what was judged, with the messages that tell of it, all or nothing: see `store::alert`.

use sqlx::sqlite::SqliteConnection;
use uuid::Uuid;

use super::record::micros_since_1970;
use crate::store::{AlertRow, Judgement, Telling, count};

/// A day in microseconds.
const DAY: i64 = 24 * 3_600_000_000;

/// Only while this process has the turn.
pub(super) async fn write(
    tx: &mut SqliteConnection,
    now: i64,
    process: Uuid,
    judgement: &Judgement,
) -> Result<bool, sqlx::Error> {
    let turn = sqlx::query(
        "-- store::sqlite::still_judges
        SELECT 1 FROM turns WHERE task = 'alerts' AND owner = ?1",
    );
    if turn.bind(process.hyphenated()).fetch_optional(&mut *tx).await?.is_none() {
        return Ok(false);
    }
    for row in &judgement.alerts {
        write_alert(tx, row).await?;
    }
    for telling in &judgement.tellings {
        tell(tx, now, telling).await?;
    }
    settle(tx, now, judgement).await?;
    Ok(true)
}

async fn write_alert(tx: &mut SqliteConnection, row: &AlertRow) -> Result<(), sqlx::Error> {
    sqlx::query(
        "-- store::sqlite::write_alert
        INSERT INTO alerts (what, about, since, seen_at, count, detail, told_at, ended_at,
                            end_told_at, again)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
        ON CONFLICT (what, about) DO UPDATE SET
            since = excluded.since, seen_at = excluded.seen_at, count = excluded.count,
            detail = excluded.detail, told_at = excluded.told_at, ended_at = excluded.ended_at,
            end_told_at = excluded.end_told_at, again = excluded.again",
    )
    .bind(&row.what)
    .bind(&row.about)
    .bind(micros_since_1970(row.since))
    .bind(micros_since_1970(row.seen_at))
    .bind(row.count)
    .bind(&row.detail)
    .bind(row.told_at.map(micros_since_1970))
    .bind(row.ended_at.map(micros_since_1970))
    .bind(row.end_told_at.map(micros_since_1970))
    .bind(row.again)
    .execute(tx)
    .await
    .map(drop)
}

/// The message, its event and its deliveries, due now.
async fn tell(tx: &mut SqliteConnection, now: i64, telling: &Telling) -> Result<(), sqlx::Error> {
    sqlx::query(
        "-- store::sqlite::tell_message
        INSERT INTO messages (id, dedup, source, received_at, status, body, origin)
        VALUES (?1, ?2, 'alerts', ?3, 'accepted', ?4, 'alert')",
    )
    .bind(telling.message.hyphenated())
    .bind(&telling.dedup[..])
    .bind(now)
    .bind(&telling.json[..])
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "-- store::sqlite::tell_event
        INSERT INTO events (id, message_id, type, body_start, body_length)
        VALUES (?1, ?2, 'relay.alert', 0, ?3)",
    )
    .bind(telling.event.hyphenated())
    .bind(telling.message.hyphenated())
    .bind(count(telling.json.len()))
    .execute(&mut *tx)
    .await?;
    for (id, action) in &telling.deliveries {
        sqlx::query(
            "-- store::sqlite::tell_delivery
            INSERT INTO deliveries (id, event_id, route, action, due_at, idempotency_key)
            VALUES (?1, ?2, 'alerts', ?3, ?4, ?1)",
        )
        .bind(id.hyphenated())
        .bind(telling.event.hyphenated())
        .bind(action)
        .bind(now)
        .execute(&mut *tx)
        .await?;
        sqlx::query(
            "-- store::sqlite::note_telling
            INSERT INTO tellings (delivery_id, action, made_at) VALUES (?1, ?2, ?3)",
        )
        .bind(id.hyphenated())
        .bind(action)
        .bind(now)
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// Forgets what is done with and what is old, and follows replays. Of each source the last hour is
/// never old: without it nobody knew that it is silent.
async fn settle(
    tx: &mut SqliteConnection,
    now: i64,
    judgement: &Judgement,
) -> Result<(), sqlx::Error> {
    for id in &judgement.settled {
        let settle = "-- store::sqlite::settle_telling
            DELETE FROM tellings WHERE delivery_id = ?1";
        sqlx::query(settle).bind(id.hyphenated()).execute(&mut *tx).await?;
    }
    for (old, new) in &judgement.replayed {
        sqlx::query(
            "-- store::sqlite::follow_replay
            UPDATE tellings SET delivery_id = ?2, made_at = ?3, counted = 0
            WHERE delivery_id = ?1",
        )
        .bind(old.hyphenated())
        .bind(new.hyphenated())
        .bind(now)
        .execute(&mut *tx)
        .await?;
    }
    for id in &judgement.counted {
        let counted = "-- store::sqlite::count_telling
            UPDATE tellings SET counted = 1 WHERE delivery_id = ?1";
        sqlx::query(counted).bind(id.hyphenated()).execute(&mut *tx).await?;
    }
    for source in &judgement.awaited {
        let awaited = "-- store::sqlite::await_source
            INSERT INTO arrivals (source, hour, last_at) SELECT ?1, 0, ?2
            WHERE NOT EXISTS (SELECT 1 FROM arrivals WHERE source = ?1)";
        sqlx::query(awaited).bind(source).bind(now).execute(&mut *tx).await?;
    }
    let forget = "-- store::sqlite::forget_arrivals
        DELETE FROM arrivals AS a WHERE last_at < ?1 AND EXISTS (
            SELECT 1 FROM arrivals n WHERE n.source = a.source AND n.hour > a.hour)";
    sqlx::query(forget).bind(now - 16 * DAY).execute(&mut *tx).await?;
    let forget = "-- store::sqlite::forget_alerts
        DELETE FROM alerts WHERE end_told_at < ?1";
    sqlx::query(forget).bind(now - 7 * DAY).execute(tx).await.map(drop)
}
