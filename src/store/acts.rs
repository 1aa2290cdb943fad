//! Who did what, for those who look.

use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Lane, Page, StoreError, columns::Columns, time, unsigned};

/// One act of a person, or of the relay itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ActRow {
    /// Its id.
    pub id: Uuid,
    /// When its first change was written.
    #[serde(serialize_with = "time")]
    pub at: OffsetDateTime,
    /// Who did it: `user@host` of a command, `token@ADDRESS` or `login@ADDRESS` of who came over
    /// HTTP, or what the relay met.
    pub who: String,
    /// What was done: the word of a [`super::Deed`].
    pub what: String,
    /// What was asked for.
    pub details: Value,
    /// How many it has changed.
    pub changed: u64,
}

impl ActRow {
    pub(super) fn of_row(row: &impl Columns) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.id("id")?,
            at: row.at("at")?,
            who: row.read("who")?,
            what: row.read("what")?,
            details: details_of(row.read("details")?),
            changed: unsigned(row.read("changed")?),
        })
    }
}

/// `acts.details`; what is no JSON is shown as it stands.
fn details_of(text: String) -> Value {
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

impl Lane {
    /// One page of what was done, newest first.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn acts(&mut self, page: &Page) -> Result<Vec<ActRow>, StoreError> {
        match self {
            Self::Postgres(lane) => lane.acts(page).await,
            Self::Sqlite(lane) => lane.acts(page).await,
        }
    }
}
