//! The columns of a row: see `store::columns`.

use sqlx::{Row, postgres::PgRow};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::store::columns::{Columns, Plain};

impl Columns for PgRow {
    fn read<'r, T: Plain<'r>>(&'r self, column: &str) -> Result<T, sqlx::Error> {
        self.try_get(column)
    }

    fn id(&self, column: &str) -> Result<Uuid, sqlx::Error> {
        self.try_get(column)
    }

    fn maybe_id(&self, column: &str) -> Result<Option<Uuid>, sqlx::Error> {
        self.try_get(column)
    }

    fn at(&self, column: &str) -> Result<OffsetDateTime, sqlx::Error> {
        self.try_get(column)
    }

    fn maybe_at(&self, column: &str) -> Result<Option<OffsetDateTime>, sqlx::Error> {
        self.try_get(column)
    }
}
