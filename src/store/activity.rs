//! What became of messages and deliveries of late, for whoever looks after them.
//!
//! Deliveries are counted as they end (see `store::tally`). Messages are not: their ids start with
//! the moment they were made at, so a time is a range of the primary key and needs no index of its
//! own, which the way in would have to pay for. The price: every message of the time is read, less
//! than a second for a million, by a connection that blocks nobody.

use std::{cmp::max, collections::BTreeMap};

use time::OffsetDateTime;

use super::{
    Counted, Fared, Lane, OpenTally, StoreError, columns::Columns, quarter_of, tally::Summed,
    unsigned,
};

/// From when on what is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Messages that arrived before are not looked at.
    pub oldest: OffsetDateTime,
    /// What arrived or ended before is not counted, but may be the last. Not before `oldest`.
    pub counted_since: OffsetDateTime,
}

/// What became of messages and deliveries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Activity {
    /// For each source that got any.
    pub sources: Vec<SourceActivity>,
    /// For each route and action that have any, configured or not; by name.
    pub deliveries: Vec<RouteActivity>,
}

/// The messages of one source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceActivity {
    /// Its name as it stands in the rows.
    pub source: String,
    /// Messages that were accepted.
    pub accepted: u64,
    /// Messages that were kept aside.
    pub quarantined: u64,
    /// When the last one was accepted.
    pub last_accepted: Option<OffsetDateTime>,
    /// When the last one was kept aside.
    pub last_quarantined: Option<OffsetDateTime>,
}

impl SourceActivity {
    pub(super) fn of_row(row: &impl Columns) -> Result<Self, sqlx::Error> {
        Ok(Self {
            source: row.read("source")?,
            accepted: unsigned(row.read("accepted")?),
            quarantined: unsigned(row.read("quarantined")?),
            last_accepted: row.maybe_at("last_accepted")?,
            last_quarantined: row.maybe_at("last_quarantined")?,
        })
    }
}

/// The deliveries of one route to one action.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RouteActivity {
    /// The route's name as it stands in the rows.
    pub route: String,
    /// The action's name as it stands in the rows.
    pub action: String,
    /// Ended well.
    pub succeeded: u64,
    /// Ended because the route did not want them after all.
    pub skipped: u64,
    /// Ended without success.
    pub dead: u64,
    /// Ended by a person.
    pub discarded: u64,
    /// Not ended, however old.
    pub open: u64,
    /// When one succeeded last.
    pub last_success: Option<OffsetDateTime>,
    /// When an attempt failed or a delivery ended dead last.
    pub last_failure: Option<OffsetDateTime>,
}

impl RouteActivity {
    /// Counts the other's too, and keeps the last of both.
    pub fn add(&mut self, other: &Self) {
        self.succeeded += other.succeeded;
        self.skipped += other.skipped;
        self.dead += other.dead;
        self.discarded += other.discarded;
        self.open += other.open;
        self.last_success = max(self.last_success, other.last_success);
        self.last_failure = max(self.last_failure, other.last_failure);
    }
}

impl Lane {
    /// What became of messages and deliveries. Several questions, each answered for a moment of its
    /// own: what happens between them may be in one figure and not in another.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn activity(&mut self, span: Span) -> Result<Activity, StoreError> {
        let summed = self.summed(quarter_of(span.counted_since)).await?;
        let ended = summed.into_iter().map(RouteActivity::from);
        let fared = self.fared().await?.into_iter().map(RouteActivity::from);
        let open = self.open_tallies(usize::MAX).await?.into_iter().map(RouteActivity::from);
        let deliveries = joined(ended.chain(fared).chain(open));
        Ok(Activity { sources: self.received(span).await?, deliveries })
    }

    async fn received(&mut self, span: Span) -> Result<Vec<SourceActivity>, StoreError> {
        match self {
            Self::Postgres(lane) => lane.received(span).await,
            Self::Sqlite(lane) => lane.received(span).await,
        }
    }
}

impl From<Summed> for RouteActivity {
    fn from(of: Summed) -> Self {
        let mut one = Self { route: of.route, action: of.action, ..Self::default() };
        match of.result {
            Counted::Succeeded => one.succeeded = of.count,
            Counted::Skipped => one.skipped = of.count,
            Counted::Dead => one.dead = of.count,
            Counted::Discarded => one.discarded = of.count,
            Counted::Failed => {}
        }
        one
    }
}

impl From<Fared> for RouteActivity {
    fn from(of: Fared) -> Self {
        Self {
            route: of.route,
            action: of.action,
            last_success: of.last_success,
            last_failure: of.last_failure,
            ..Self::default()
        }
    }
}

impl From<OpenTally> for RouteActivity {
    fn from(of: OpenTally) -> Self {
        Self { route: of.route, action: of.action, open: of.count, ..Self::default() }
    }
}

/// The answers that are asked for apart, as one row for each route and action.
fn joined(answers: impl IntoIterator<Item = RouteActivity>) -> Vec<RouteActivity> {
    let mut joined = BTreeMap::<(String, String), RouteActivity>::new();
    for one in answers {
        let key = (one.route.clone(), one.action.clone());
        joined.entry(key).and_modify(|all| all.add(&one)).or_insert(one);
    }
    joined.into_values().collect()
}
