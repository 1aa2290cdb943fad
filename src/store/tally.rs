//! What became of deliveries, counted by quarters of an hour, and how each route fared last.
//!
//! Counted in memory and added now and then, so that the way out pays nothing for it. The price:
//! what a killed process had counted and not yet added is missing, and so is what was added by a
//! call of which nobody knows whether it was committed. Nothing is ever counted twice.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{Lane, StoreError, columns::Columns, unsigned, words::words};

/// A quarter of an hour, in seconds.
pub const QUARTER: i64 = 900;

/// Open deliveries that one index may hold for all of them to be counted by route.
pub const MOST_COUNTED: usize = 20_000;

words! {
    /// What is counted.
    Counted "tallies.result" {
        /// Deliveries that ended well.
        Succeeded "succeeded",
        /// Attempts that failed and are made again.
        Failed "failed",
        /// Deliveries that their route did not want after all.
        Skipped "skipped",
        /// Deliveries that ended without success.
        Dead "dead",
        /// Deliveries that a person ended.
        Discarded "discarded",
    }
}

/// How many of one kind there were in a quarter of an hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// When the quarter of an hour began.
    pub bucket: OffsetDateTime,
    /// The route's name.
    pub route: String,
    /// The action's name.
    pub action: String,
    /// What is counted.
    pub result: Counted,
    /// How many.
    pub count: u64,
}

impl Tally {
    pub(super) fn of_row(row: &impl Columns) -> Result<Self, sqlx::Error> {
        Ok(Self {
            bucket: row.at("bucket")?,
            route: row.read("route")?,
            action: row.read("action")?,
            result: Counted::of(row.read("result")?).ok_or(sqlx::Error::RowNotFound)?,
            count: unsigned(row.read("count")?),
        })
    }
}

/// How many of one kind there were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Summed {
    pub(super) route: String,
    pub(super) action: String,
    pub(super) result: Counted,
    pub(super) count: u64,
}

impl Summed {
    pub(super) fn of_row(row: &impl Columns) -> Result<Self, sqlx::Error> {
        Ok(Self {
            route: row.read("route")?,
            action: row.read("action")?,
            result: Counted::of(row.read("result")?).ok_or(sqlx::Error::RowNotFound)?,
            count: unsigned(row.read("count")?),
        })
    }
}

/// How the deliveries of a route to an action fared last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fared {
    /// The route's name.
    pub route: String,
    /// The action's name.
    pub action: String,
    /// When one succeeded last.
    pub last_success: Option<OffsetDateTime>,
    /// When an attempt failed, or a delivery died, last.
    pub last_failure: Option<OffsetDateTime>,
    /// What went wrong then.
    pub last_error: Option<String>,
    /// The first failure after the last success.
    pub failing_since: Option<OffsetDateTime>,
}

impl Fared {
    pub(super) fn of_row(row: &impl Columns) -> Result<Self, sqlx::Error> {
        Ok(Self {
            route: row.read("route")?,
            action: row.read("action")?,
            last_success: row.maybe_at("last_success")?,
            last_failure: row.maybe_at("last_failure")?,
            last_error: row.read("last_error")?,
            failing_since: row.maybe_at("failing_since")?,
        })
    }
}

/// The open deliveries of a route to an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenTally {
    /// The route's name; may be configured no longer.
    pub route: String,
    /// The action's name; may be configured no longer.
    pub action: String,
    /// How many.
    pub count: u64,
    /// Of those, how many failed at least once.
    pub failing: u64,
    /// Since when the oldest one is due; none when none is.
    pub due_since: Option<OffsetDateTime>,
}

impl OpenTally {
    pub(super) fn of_row(row: &impl Columns) -> Result<Self, sqlx::Error> {
        Ok(Self {
            route: row.read("route")?,
            action: row.read("action")?,
            count: unsigned(row.read("count")?),
            failing: unsigned(row.read("failing")?),
            due_since: row.maybe_at("due_since")?,
        })
    }
}

/// Dead letters of a route to an action with one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadTally {
    /// The action's name.
    pub action: String,
    /// The route's name.
    pub route: String,
    /// Why they died, word for word.
    pub reason: String,
    /// How many.
    pub count: u64,
    /// When the last one died.
    pub newest: OffsetDateTime,
    /// When the first one died.
    pub oldest: OffsetDateTime,
    /// The one with the greatest id.
    pub example: Uuid,
    /// The one with the least id.
    pub first: Uuid,
}

impl DeadTally {
    pub(super) fn of_row(row: &impl Columns) -> Result<Self, sqlx::Error> {
        Ok(Self {
            action: row.read("action")?,
            route: row.read("route")?,
            reason: row.read("reason")?,
            count: unsigned(row.read("count")?),
            newest: row.at("newest")?,
            oldest: row.at("oldest")?,
            example: row.id("example")?,
            first: row.id("first")?,
        })
    }
}

/// When the quarter of an hour began that a moment is in.
#[must_use]
pub fn quarter_of(moment: OffsetDateTime) -> OffsetDateTime {
    let seconds = moment.unix_timestamp();
    OffsetDateTime::from_unix_timestamp(seconds - seconds.rem_euclid(QUARTER)).unwrap_or(moment)
}

impl Lane {
    /// Removes the oldest tallies before a moment, up to `limit`. Returns how many rows.
    ///
    /// # Errors
    /// Any [`StoreError`]; the same may be asked again.
    pub async fn remove_tallies(
        &mut self,
        before: OffsetDateTime,
        limit: usize,
    ) -> Result<u64, StoreError> {
        match self {
            Self::Postgres(lane) => lane.remove_tallies(before, limit).await,
            Self::Sqlite(lane) => lane.remove_tallies(before, limit).await,
        }
    }

    /// Adds what was counted, and how it fared last.
    ///
    /// # Errors
    /// Any [`StoreError`]; after [`StoreError::Doubtful`] the same must not be added again.
    pub async fn add_tallies(
        &mut self,
        tallies: &[Tally],
        fared: &[Fared],
    ) -> Result<(), StoreError> {
        match self {
            Self::Postgres(lane) => lane.add_tallies(tallies, fared).await,
            Self::Sqlite(lane) => lane.add_tallies(tallies, fared).await,
        }
    }

    /// What was counted since the beginning of a quarter of an hour.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn tallies(&mut self, since: OffsetDateTime) -> Result<Vec<Tally>, StoreError> {
        match self {
            Self::Postgres(lane) => lane.tallies(since).await,
            Self::Sqlite(lane) => lane.tallies(since).await,
        }
    }

    /// The same, summed up.
    pub(super) async fn summed(
        &mut self,
        since: OffsetDateTime,
    ) -> Result<Vec<Summed>, StoreError> {
        match self {
            Self::Postgres(lane) => lane.summed(since).await,
            Self::Sqlite(lane) => lane.summed(since).await,
        }
    }

    /// How each route fared last with each action.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn fared(&mut self) -> Result<Vec<Fared>, StoreError> {
        match self {
            Self::Postgres(lane) => lane.fared().await,
            Self::Sqlite(lane) => lane.fared().await,
        }
    }

    /// The open deliveries by route and action. Of each kind (first attempts, others, held) at most
    /// `most` are counted.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn open_tallies(&mut self, most: usize) -> Result<Vec<OpenTally>, StoreError> {
        match self {
            Self::Postgres(lane) => lane.open_tallies(most).await,
            Self::Sqlite(lane) => lane.open_tallies(most).await,
        }
    }

    /// The newest dead letters that nobody has replayed, at most `most` of them, by action, route
    /// and reason.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn dead_tallies(&mut self, most: usize) -> Result<Vec<DeadTally>, StoreError> {
        match self {
            Self::Postgres(lane) => lane.dead_tallies(most).await,
            Self::Sqlite(lane) => lane.dead_tallies(most).await,
        }
    }

    /// How many dead letters there are that nobody has replayed.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn dead_count(&mut self) -> Result<u64, StoreError> {
        match self {
            Self::Postgres(lane) => lane.dead_count().await,
            Self::Sqlite(lane) => lane.dead_count().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quarters_begin_every_fifteen_minutes() {
        let at = |seconds| OffsetDateTime::from_unix_timestamp(seconds).unwrap();
        assert_eq!(quarter_of(at(1_800_000_000)), at(1_800_000_000));
        assert_eq!(quarter_of(at(1_800_000_899)), at(1_800_000_000));
        assert_eq!(quarter_of(at(1_800_000_900)), at(1_800_000_900));
        assert_eq!(quarter_of(at(-1)), at(-900));
    }
}
