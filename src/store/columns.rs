//! A row of either engine, by the names of its columns: what both keep is read in one place.

use sqlx::{Decode, Postgres, Sqlite, Type};
use time::OffsetDateTime;
use uuid::Uuid;

/// What both engines keep alike. Ids and times are not: see [`Columns::id`] and [`Columns::at`].
pub(super) trait Plain<'r>:
    Decode<'r, Postgres> + Type<Postgres> + Decode<'r, Sqlite> + Type<Sqlite>
{
}

impl Plain<'_> for String {}
impl<'r> Plain<'r> for &'r str {}
impl Plain<'_> for Vec<u8> {}
impl Plain<'_> for i64 {}
impl Plain<'_> for bool {}
impl<'r, T: Plain<'r>> Plain<'r> for Option<T> {}

/// A row, by the names of its columns.
pub(super) trait Columns {
    fn read<'r, T: Plain<'r>>(&'r self, column: &str) -> Result<T, sqlx::Error>;

    fn id(&self, column: &str) -> Result<Uuid, sqlx::Error>;

    fn maybe_id(&self, column: &str) -> Result<Option<Uuid>, sqlx::Error>;

    fn at(&self, column: &str) -> Result<OffsetDateTime, sqlx::Error>;

    fn maybe_at(&self, column: &str) -> Result<Option<OffsetDateTime>, sqlx::Error>;
}
