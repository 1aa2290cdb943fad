//! Looking, in Postgres: see `store::look`.

pub(super) mod statements;

use bytes::Bytes;
use uuid::Uuid;

use self::statements as sql;
use super::Lane;
use crate::store::{
    AttemptRow, DeliveryRow, EventRow, MessageRow, MessageStatus, Origin, Range, Search, State,
    StoreError, count,
    look::{MOST_OPEN, Table, Way, born_with, born_with_all, starts_with},
};

impl Lane {
    pub(in crate::store) async fn most_open(&mut self) -> Result<i64, StoreError> {
        let statement = sqlx::query_scalar(sql::MOST_OPEN).bind(MOST_OPEN);
        self.connection.run(async |db| statement.fetch_one(db).await).await
    }

    pub(in crate::store) async fn floor(
        &mut self,
        table: Table,
        way: Way,
        range: Range,
        reach: i64,
    ) -> Result<Option<Uuid>, StoreError> {
        let statement = sqlx::query_scalar(sql::floor(table, way));
        let statement = statement.bind(range.least).bind(range.before).bind(reach);
        self.connection.run(async |db| statement.fetch_optional(db).await).await
    }

    pub(in crate::store) async fn search(
        &mut self,
        table: Table,
        way: Way,
        filter: &Search,
        range: Range,
        limit: usize,
    ) -> Result<Vec<Uuid>, StoreError> {
        let statement = sqlx::query_scalar(sql::find(table, way));
        let statement = statement.bind(range.least).bind(range.before).bind(count(limit));
        let statement = statement.bind(filter.source.as_deref());
        let (exact, start) = starts_with(filter.event_type.as_deref());
        let statement = match table {
            Table::Messages => statement
                .bind(filter.status.map(MessageStatus::as_str))
                .bind(filter.error.as_deref()),
            Table::Events | Table::Deliveries => statement
                .bind(exact)
                .bind(start)
                .bind(filter.object.as_deref())
                .bind(filter.record.as_deref())
                .bind(filter.list.as_deref())
                .bind(filter.entry.as_deref()),
        };
        let statement = match table {
            Table::Messages | Table::Events => statement,
            Table::Deliveries => statement
                .bind(filter.route.as_deref())
                .bind(filter.action.as_deref())
                .bind(filter.state.map(|state| state.column().as_str()))
                .bind((filter.state == Some(State::Orphaned)).then_some("orphaned"))
                .bind(i32::from(filter.state == Some(State::Failing)))
                .bind(filter.error.as_deref())
                .bind(filter.is_about_events()),
        };
        let statement = statement.bind(filter.origin.map(Origin::as_str));
        self.connection.run(async |db| statement.fetch_all(db).await).await
    }

    pub(in crate::store) async fn message_rows(
        &mut self,
        ids: &[Uuid],
    ) -> Result<Vec<MessageRow>, StoreError> {
        let statement =
            sqlx::query(sql::MESSAGES).bind(ids).try_map(|row| MessageRow::of_row(&row));
        self.connection.run(async |db| statement.fetch_all(db).await).await
    }

    pub(in crate::store) async fn event_rows(
        &mut self,
        ids: &[Uuid],
    ) -> Result<Vec<EventRow>, StoreError> {
        let statement = sqlx::query(sql::EVENTS).bind(ids).try_map(|row| EventRow::of_row(&row));
        self.connection.run(async |db| statement.fetch_all(db).await).await
    }

    pub(in crate::store) async fn delivery_rows(
        &mut self,
        ids: &[Uuid],
    ) -> Result<Vec<DeliveryRow>, StoreError> {
        let statement =
            sqlx::query(sql::DELIVERIES).bind(ids).try_map(|row| DeliveryRow::of_row(&row));
        self.connection.run(async |db| statement.fetch_all(db).await).await
    }

    pub(in crate::store) async fn attempt_rows(
        &mut self,
        of: &[Uuid],
    ) -> Result<Vec<AttemptRow>, StoreError> {
        let statement = sqlx::query(sql::ATTEMPTS).bind(of).try_map(|row| AttemptRow::of_row(&row));
        self.connection.run(async |db| statement.fetch_all(db).await).await
    }

    pub(in crate::store) async fn events_of(
        &mut self,
        message: Uuid,
    ) -> Result<Vec<Uuid>, StoreError> {
        let range = born_with(message);
        let statement = sqlx::query_scalar(sql::EVENTS_OF).bind(message);
        let statement = statement.bind(range.least).bind(range.before);
        self.connection.run(async |db| statement.fetch_all(db).await).await
    }

    pub(in crate::store) async fn deliveries_of(
        &mut self,
        events: &[Uuid],
    ) -> Result<Vec<Uuid>, StoreError> {
        let range = born_with_all(events);
        let statement = sqlx::query_scalar(sql::DELIVERIES_OF).bind(events);
        let statement = statement.bind(range.least).bind(range.before);
        self.connection.run(async |db| statement.fetch_all(db).await).await
    }

    pub(in crate::store) async fn message_body(
        &mut self,
        id: Uuid,
    ) -> Result<Option<Bytes>, StoreError> {
        let statement = sqlx::query_scalar::<_, Vec<u8>>(sql::BODY).bind(id);
        let body = self.connection.run(async |db| statement.fetch_optional(db).await).await?;
        Ok(body.map(Bytes::from))
    }
}
