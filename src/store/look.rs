//! Looking at what is kept: lists, newest first, and rows by their ids. Nothing here writes.
//!
//! No filter has an index of its own: each would cost every message on its way in 2 to 4 µs. Ids
//! are `UUIDv7`, so the primary key is the order of time. A list walks it backwards from where the
//! last page ended, looks at no more than a bounded number of rows, and says how far it came: what
//! is rare is found by going on. Dead and open deliveries are found at once, however rare: they
//! are in indexes that others are not in, and which cost the way in nothing.
//!
//! A row that is committed late may be older than what a page showed already: pages never repeat
//! or lose what was there when the first was asked for; who follows live looks back a little.

mod bound;
mod filter;
mod rows;

pub(crate) use self::rows::{some_time, time};
pub(super) use self::{
    bound::Bound,
    filter::{born_with, born_with_all, starts_with},
};
pub use self::{
    filter::{MessageStatus, Page, Range, Search, State, first_id_at, moment_of},
    rows::{AttemptRow, DeliveryRow, EventRow, MessageRow, Subject, text_of},
};

use bytes::Bytes;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Lane, StoreError};

/// What is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// Messages.
    Messages,
    /// Events.
    Events,
    /// Deliveries.
    Deliveries,
}

/// Which rows a search looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// All, along the primary key.
    All,
    /// Dead deliveries only.
    Dead,
    /// Open deliveries only.
    Open,
}

/// Open deliveries that one index may hold for all of them to be looked at; where it holds more,
/// some are among the newest rows.
pub(super) const MOST_OPEN: i64 = 2_000;

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What was found, newest first.
    pub ids: Vec<Uuid>,
    /// Where the next page begins: [`Page::before`]; `None` at the end.
    pub next: Option<Uuid>,
    /// Where the search broke off, because it had looked at enough rows before the page was full.
    pub searched_back_to: Option<OffsetDateTime>,
}

impl Lane {
    /// One page of what fits the filter.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn find(
        &mut self,
        table: Table,
        filter: &Search,
        page: &Page,
    ) -> Result<Found, StoreError> {
        self.find_within(table, filter, filter.range(page), page.limit).await
    }

    /// The newest of what fits the filter within a range of ids.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn find_within(
        &mut self,
        table: Table,
        filter: &Search,
        range: Range,
        limit: usize,
    ) -> Result<Found, StoreError> {
        let way = self.way(table, filter).await?;
        let floor = match filter.reach(table) {
            Some(reach) if way != Way::Open => self.floor(table, way, range, reach).await?,
            Some(_) | None => None,
        };
        let within = Range { least: floor.unwrap_or(range.least), ..range };
        // One more tells whether there is another page.
        let mut ids = self.search(table, way, filter, within, limit + 1).await?;
        if ids.len() > limit {
            ids.truncate(limit);
            return Ok(Found { next: ids.last().copied(), ids, searched_back_to: None });
        }
        let searched_back_to = floor.and_then(moment_of);
        Ok(Found { ids, next: floor, searched_back_to })
    }

    async fn way(&mut self, table: Table, filter: &Search) -> Result<Way, StoreError> {
        Ok(match filter.state {
            Some(State::Dead) if table == Table::Deliveries => Way::Dead,
            Some(state) if table == Table::Deliveries && state.is_open() => {
                if self.most_open().await? < MOST_OPEN { Way::Open } else { Way::All }
            }
            Some(_) | None => Way::All,
        })
    }

    /// How many open deliveries are in that index which holds most, counted up to [`MOST_OPEN`].
    async fn most_open(&mut self) -> Result<i64, StoreError> {
        match self {
            Self::Postgres(lane) => lane.most_open().await,
            Self::Sqlite(lane) => lane.most_open().await,
        }
    }

    /// The id of the last of so many rows below the end of the range; `None` where there are fewer.
    async fn floor(
        &mut self,
        table: Table,
        way: Way,
        range: Range,
        reach: i64,
    ) -> Result<Option<Uuid>, StoreError> {
        match self {
            Self::Postgres(lane) => lane.floor(table, way, range, reach).await,
            Self::Sqlite(lane) => lane.floor(table, way, range, reach).await,
        }
    }

    async fn search(
        &mut self,
        table: Table,
        way: Way,
        filter: &Search,
        range: Range,
        limit: usize,
    ) -> Result<Vec<Uuid>, StoreError> {
        match self {
            Self::Postgres(lane) => lane.search(table, way, filter, range, limit).await,
            Self::Sqlite(lane) => lane.search(table, way, filter, range, limit).await,
        }
    }

    /// The messages of these ids, newest first.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn message_rows(&mut self, ids: &[Uuid]) -> Result<Vec<MessageRow>, StoreError> {
        match self {
            Self::Postgres(lane) => lane.message_rows(ids).await,
            Self::Sqlite(lane) => lane.message_rows(ids).await,
        }
    }

    /// The events of these ids, newest first.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn event_rows(&mut self, ids: &[Uuid]) -> Result<Vec<EventRow>, StoreError> {
        match self {
            Self::Postgres(lane) => lane.event_rows(ids).await,
            Self::Sqlite(lane) => lane.event_rows(ids).await,
        }
    }

    /// The deliveries of these ids, newest first.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn delivery_rows(&mut self, ids: &[Uuid]) -> Result<Vec<DeliveryRow>, StoreError> {
        match self {
            Self::Postgres(lane) => lane.delivery_rows(ids).await,
            Self::Sqlite(lane) => lane.delivery_rows(ids).await,
        }
    }

    /// What was recorded of the tries of these deliveries, oldest first.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn attempt_rows(&mut self, of: &[Uuid]) -> Result<Vec<AttemptRow>, StoreError> {
        match self {
            Self::Postgres(lane) => lane.attempt_rows(of).await,
            Self::Sqlite(lane) => lane.attempt_rows(of).await,
        }
    }

    /// The ids of a message's events, in its order.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn events_of(&mut self, message: Uuid) -> Result<Vec<Uuid>, StoreError> {
        match self {
            Self::Postgres(lane) => lane.events_of(message).await,
            Self::Sqlite(lane) => lane.events_of(message).await,
        }
    }

    /// The ids of the deliveries that events caused when they arrived, in that order. All that lies
    /// between the first event and the last is walked over: they should lie close together.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn deliveries_of(&mut self, events: &[Uuid]) -> Result<Vec<Uuid>, StoreError> {
        match self {
            Self::Postgres(lane) => lane.deliveries_of(events).await,
            Self::Sqlite(lane) => lane.deliveries_of(events).await,
        }
    }

    /// The bytes that were signed.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn message_body(&mut self, id: Uuid) -> Result<Option<Bytes>, StoreError> {
        match self {
            Self::Postgres(lane) => lane.message_body(id).await,
            Self::Sqlite(lane) => lane.message_body(id).await,
        }
    }
}
