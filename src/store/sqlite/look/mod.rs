//! Looking, in SQLite: see `store::look`.

pub(super) mod statements;

use bytes::Bytes;
use uuid::{Uuid, fmt::Hyphenated};

use self::statements as sql;
use super::{Lane, queue::json};
use crate::store::{
    AttemptRow, DeliveryRow, EventRow, MessageRow, Range, Search, StoreError, count,
    look::{Bound, MOST_OPEN, Table, Way, born_with, born_with_all},
};

fn list(ids: &[Uuid]) -> Result<String, StoreError> {
    json(ids).map_err(|error| StoreError::Refused(error.into()))
}

impl Lane {
    pub(in crate::store) async fn most_open(&mut self) -> Result<i64, StoreError> {
        let statement = sqlx::query_scalar(sql::MOST_OPEN).bind(MOST_OPEN);
        self.connection.read(async |db| statement.fetch_one(db).await).await
    }

    pub(in crate::store) async fn floor(
        &mut self,
        table: Table,
        way: Way,
        range: Range,
        reach: i64,
    ) -> Result<Option<Uuid>, StoreError> {
        let statement = sqlx::query_scalar::<_, Hyphenated>(sql::floor(table, way));
        let statement =
            statement.bind(range.least.hyphenated()).bind(range.before.hyphenated()).bind(reach);
        let floor = self.connection.read(async |db| statement.fetch_optional(db).await).await?;
        Ok(floor.map(Uuid::from))
    }

    pub(in crate::store) async fn search(
        &mut self,
        table: Table,
        way: Way,
        filter: &Search,
        range: Range,
        limit: usize,
    ) -> Result<Vec<Uuid>, StoreError> {
        let statement = sqlx::query_scalar::<_, Hyphenated>(sql::find(table, way));
        let statement = statement
            .bind(range.least.hyphenated())
            .bind(range.before.hyphenated())
            .bind(count(limit));
        let statement =
            filter.bound(table).into_iter().fold(statement, |statement, value| match value {
                Bound::Text(text) => statement.bind(text),
                Bound::Number(number) => statement.bind(number),
                Bound::Flag(flag) => statement.bind(flag),
            });
        let found = self.connection.read(async |db| statement.fetch_all(db).await).await?;
        Ok(found.into_iter().map(Uuid::from).collect())
    }

    pub(in crate::store) async fn message_rows(
        &mut self,
        ids: &[Uuid],
    ) -> Result<Vec<MessageRow>, StoreError> {
        let statement =
            sqlx::query(sql::MESSAGES).bind(list(ids)?).try_map(|row| MessageRow::of_row(&row));
        self.connection.read(async |db| statement.fetch_all(db).await).await
    }

    pub(in crate::store) async fn event_rows(
        &mut self,
        ids: &[Uuid],
    ) -> Result<Vec<EventRow>, StoreError> {
        let statement =
            sqlx::query(sql::EVENTS).bind(list(ids)?).try_map(|row| EventRow::of_row(&row));
        self.connection.read(async |db| statement.fetch_all(db).await).await
    }

    pub(in crate::store) async fn delivery_rows(
        &mut self,
        ids: &[Uuid],
    ) -> Result<Vec<DeliveryRow>, StoreError> {
        let statement =
            sqlx::query(sql::DELIVERIES).bind(list(ids)?).try_map(|row| DeliveryRow::of_row(&row));
        self.connection.read(async |db| statement.fetch_all(db).await).await
    }

    pub(in crate::store) async fn attempt_rows(
        &mut self,
        of: &[Uuid],
    ) -> Result<Vec<AttemptRow>, StoreError> {
        let statement =
            sqlx::query(sql::ATTEMPTS).bind(list(of)?).try_map(|row| AttemptRow::of_row(&row));
        self.connection.read(async |db| statement.fetch_all(db).await).await
    }

    pub(in crate::store) async fn events_of(
        &mut self,
        message: Uuid,
    ) -> Result<Vec<Uuid>, StoreError> {
        let range = born_with(message);
        let statement = sqlx::query_scalar::<_, Hyphenated>(sql::EVENTS_OF);
        let statement = statement.bind(message.hyphenated());
        let statement = statement.bind(range.least.hyphenated()).bind(range.before.hyphenated());
        let found = self.connection.read(async |db| statement.fetch_all(db).await).await?;
        Ok(found.into_iter().map(Uuid::from).collect())
    }

    pub(in crate::store) async fn deliveries_of(
        &mut self,
        events: &[Uuid],
    ) -> Result<Vec<Uuid>, StoreError> {
        let range = born_with_all(events);
        let statement = sqlx::query_scalar::<_, Hyphenated>(sql::DELIVERIES_OF);
        let statement = statement.bind(list(events)?);
        let statement = statement.bind(range.least.hyphenated()).bind(range.before.hyphenated());
        let found = self.connection.read(async |db| statement.fetch_all(db).await).await?;
        Ok(found.into_iter().map(Uuid::from).collect())
    }

    pub(in crate::store) async fn message_body(
        &mut self,
        id: Uuid,
    ) -> Result<Option<Bytes>, StoreError> {
        let statement = sqlx::query_scalar::<_, Vec<u8>>(sql::BODY).bind(id.hyphenated());
        let body = self.connection.read(async |db| statement.fetch_optional(db).await).await?;
        Ok(body.map(Bytes::from))
    }
}
