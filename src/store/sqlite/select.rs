//! Which deliveries a filter means: see `store::act`.

use sqlx::{
    QueryBuilder, Row, Sqlite,
    sqlite::{SqliteConnection, SqliteRow},
};
use uuid::{Uuid, fmt::Hyphenated};

use super::{Lane, queue::json, record::micros_since_1970};
use crate::store::{
    DeliveryState, Filter, Selected, StoreError, count, first_id_at, look::starts_with,
};

impl Lane {
    pub(in crate::store) async fn select(
        &mut self,
        filter: &Filter,
    ) -> Result<Vec<Selected>, StoreError> {
        self.connection.read(async |db| select(db, filter).await).await
    }
}

async fn select(db: &mut SqliteConnection, filter: &Filter) -> Result<Vec<Selected>, sqlx::Error> {
    let mut sql = QueryBuilder::new(
        "-- store::sqlite::select
        SELECT d.id, d.event_id, d.state, d.idempotency_key, d.replayed_by, d.route,
               d.reason
        FROM deliveries d CROSS JOIN events e ON e.id = d.event_id
             CROSS JOIN messages m ON m.id = e.message_id
        WHERE true",
    );
    of_deliveries(&mut sql, filter)?;
    of_events(&mut sql, filter);
    sql.push(" ORDER BY d.seq");
    if let Some(most) = filter.limit() {
        sql.push(" LIMIT ").push_bind(count(most));
    }
    let fits =
        |row: SqliteRow| filter.fits(row.try_get("reason")?).then(|| selected(&row)).transpose();
    filter.first_of(sql.build().persistent(false).try_map(fits).fetch(db)).await
}

fn of_deliveries(sql: &mut QueryBuilder<Sqlite>, filter: &Filter) -> Result<(), sqlx::Error> {
    if !filter.ids.is_empty() {
        sql.push(" AND d.id IN (SELECT value FROM jsonb_each(").push_bind(json(&filter.ids)?);
        sql.push("))");
    }
    if let Some(since) = filter.since {
        sql.push(" AND d.id >= ").push_bind(first_id_at(since).hyphenated());
    }
    if let Some(until) = filter.until {
        sql.push(" AND d.id < ").push_bind(first_id_at(until).hyphenated());
    }
    if let Some(states) = filter.states() {
        sql.push(states);
    }
    if filter.unreplayed {
        sql.push(" AND d.replayed_by IS NULL");
    }
    if let Some(route) = &filter.route {
        sql.push(" AND d.route = ").push_bind(route.clone());
    }
    if let Some(action) = &filter.action {
        sql.push(" AND d.action = ").push_bind(action.clone());
    }
    if let Some(until) = filter.ended_until {
        sql.push(" AND d.ended_at < ").push_bind(micros_since_1970(until));
    }
    if let Some(error) = &filter.error {
        sql.push(" AND (instr(lower(d.reason), lower(").push_bind(error.clone());
        sql.push(")) > 0 OR EXISTS (SELECT 1 FROM attempts a WHERE a.delivery_id = d.id AND instr(lower(a.error), lower(");
        sql.push_bind(error.clone()).push(")) > 0))");
    }
    Ok(())
}

fn of_events(sql: &mut QueryBuilder<Sqlite>, filter: &Filter) {
    let columns = [
        (" AND m.source = ", &filter.source),
        (" AND e.object_id = ", &filter.object),
        (" AND e.record_id = ", &filter.record),
    ];
    for (column, value) in columns {
        if let Some(value) = value {
            sql.push(column).push_bind(value.clone());
        }
    }
    let (exact, start) = starts_with(filter.event_type.as_deref());
    if let Some(exact) = exact {
        sql.push(" AND e.type = ").push_bind(exact.to_owned());
    }
    if let Some(start) = start {
        sql.push(" AND substr(e.type, 1, length(").push_bind(start.to_owned()).push(")) = ");
        sql.push_bind(start.to_owned());
    }
}

fn selected(row: &SqliteRow) -> Result<Selected, sqlx::Error> {
    let id = |column| row.try_get::<Hyphenated, _>(column).map(Uuid::from);
    Ok(Selected {
        id: id("id")?,
        event_id: id("event_id")?,
        state: DeliveryState::of(row.try_get("state")?).ok_or(sqlx::Error::RowNotFound)?,
        idempotency_key: id("idempotency_key")?,
        replayed_by: row.try_get::<Option<Hyphenated>, _>("replayed_by")?.map(Uuid::from),
        route: row.try_get("route")?,
    })
}
