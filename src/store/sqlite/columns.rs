//! The columns of a row: see `store::columns`.

use sqlx::{Row, sqlite::SqliteRow};
use time::OffsetDateTime;
use uuid::{Uuid, fmt::Hyphenated};

use super::queue::moment;
use crate::store::columns::{Columns, Plain};

impl Columns for SqliteRow {
    fn read<'r, T: Plain<'r>>(&'r self, column: &str) -> Result<T, sqlx::Error> {
        self.try_get(column)
    }

    fn id(&self, column: &str) -> Result<Uuid, sqlx::Error> {
        self.try_get::<Hyphenated, _>(column).map(Uuid::from)
    }

    fn maybe_id(&self, column: &str) -> Result<Option<Uuid>, sqlx::Error> {
        Ok(self.try_get::<Option<Hyphenated>, _>(column)?.map(Uuid::from))
    }

    fn at(&self, column: &str) -> Result<OffsetDateTime, sqlx::Error> {
        moment(self.try_get(column)?)
    }

    fn maybe_at(&self, column: &str) -> Result<Option<OffsetDateTime>, sqlx::Error> {
        self.try_get::<Option<i64>, _>(column)?.map(moment).transpose()
    }
}
