//! Looking, in Postgres: see `store::look`.

pub(super) mod statements;

use bytes::Bytes;
use uuid::Uuid;

use self::statements as sql;
use super::Lane;
use crate::store::{
    AttemptRow, DeliveryRow, EventRow, MessageRow, Range, Search, StoreError, count,
    look::{Bound, MOST_OPEN, Table, Way, born_with, born_with_all},
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
        let statement =
            filter.bound(table).into_iter().fold(statement, |statement, value| match value {
                Bound::Text(text) => statement.bind(text),
                Bound::Number(number) => statement.bind(number),
                Bound::Flag(flag) => statement.bind(flag),
            });
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
