//! Events that never arrived: finds what changed in Attio and was not heard of, and makes up for it.
//!
//! Attio keeps no list of what it sent, so this compares what is there now, and since when, with
//! what arrived. What leaves no trace cannot be found: deletions above all. A change that an event
//! is made for may yet arrive, if Attio still retries it; then it is delivered twice.

mod arrivals;
mod change;
mod compare;
mod find;
mod make;
mod moments;
mod schedule;
mod shown;
mod survey;

use std::time::Duration;

use time::OffsetDateTime;

pub use change::Change;
pub use schedule::Schedule;

use crate::{
    attio::{
        catalog::Catalog,
        client::{ApiError, Client, Instant},
        learn::learn,
    },
    config::{Config, Route},
    name::SourceName,
    routing::RouteTable,
    store::{Lane, StoreError},
};
use arrivals::Arrivals;
use find::Finder;
use survey::Plan;

/// A younger change is left for the next time: its event may still be on its way.
pub const GRACE: Duration = Duration::from_mins(15);

/// So many events are made at the most, unless told otherwise.
pub const LIMIT: usize = 1000;

/// One call to Attio takes so long at the most.
const CALL: Duration = Duration::from_secs(30);

/// Why it could not go on. What was made stays, and the next run makes the rest.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// Attio did not say what there is.
    #[error("Attio could not be asked")]
    Attio(#[from] ApiError),
    /// The store did not say what arrived, or did not take what was made.
    #[error("the store could not be used")]
    Store(#[from] StoreError),
}

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Search {
    /// Changes from then on.
    pub since: OffsetDateTime,
    /// Changes before then.
    pub until: OffsetDateTime,
    /// So many events are made at the most, the oldest first.
    pub limit: usize,
    /// Ask for the history of every record, also of those that show no change: finds values that
    /// were taken away. One call for each record and attribute.
    pub is_thorough: bool,
}

/// How far it is; told while it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// So many events have arrived that may tell of a change.
    Arrived(usize),
    /// At these things of Attio: so many were looked at, so many changes are missing in all.
    Looked {
        /// Such as `deals`.
        at: &'a str,
        /// How many of them.
        things: usize,
        /// Changes that nothing was heard of.
        missing: usize,
    },
    /// So many events are made.
    Made {
        /// How many are recorded.
        done: usize,
        /// How many there are to be.
        of: usize,
    },
}

/// Who is told how far it is.
pub type Watcher<'w> = &'w mut (dyn FnMut(Step<'_>) + Send + Sync);

/// What is missing.
#[derive(Debug)]
pub struct Found {
    /// The changes that nothing was heard of, the oldest first; no more than the limit.
    pub missing: Vec<Change>,
    /// How many there are in all.
    pub total: usize,
    /// How many records, entries, notes and tasks were looked at.
    pub things: usize,
    /// What routes ask for and cannot be found, in sentences without a full stop.
    pub out_of_reach: Vec<String>,
    catalog: Catalog,
}

/// What was made up for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Made {
    /// Events that are recorded.
    pub events: usize,
    /// Changes that somebody else made up for in the meantime.
    pub known: usize,
}

/// Finds and makes up for events that never arrived, for the routes that want it.
#[derive(Debug, Clone)]
pub struct Reconcile {
    client: Client,
    routes: Vec<Route>,
    table: RouteTable,
    source: SourceName,
}

impl Reconcile {
    /// None where no route says `reconcile = true`, or there is no source that events can be of.
    #[must_use]
    pub fn new(config: &Config, client: Client) -> Option<Self> {
        let wants = |route: &&Route| route.reconcile;
        let routes: Vec<Route> = config.routes.iter().filter(wants).cloned().collect();
        let source = config.sources.first()?.name.clone();
        let table = RouteTable::new(&routes);
        (!routes.is_empty()).then_some(Self { client, routes, table, source })
    }

    /// Looks for changes that nothing was heard of. Writes nothing.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub async fn find(
        &self,
        lane: &mut Lane,
        search: Search,
        watcher: Watcher<'_>,
    ) -> Result<Found, Trouble> {
        let (objects, lists) = survey::names(&self.routes);
        let catalog = patiently(|until| learn(&self.client, &objects, &lists, until)).await?;
        let mut plan = Plan::new(&self.routes, &catalog);
        let arrivals = Arrivals::load(lane, search.since, &plan.types(), watcher).await?;
        let out_of_reach = std::mem::take(&mut plan.out_of_reach);
        let finder = Finder::new(self, &catalog, &arrivals, lane, search, watcher);
        let (missing, total, things) = finder.find(&plan).await?;
        Ok(Found { missing, total, things, out_of_reach, catalog })
    }
}

/// Calls Attio again and again while it says that it may answer later: for minutes, not for hours.
async fn patiently<T, F: Future<Output = Result<T, ApiError>>>(
    call: impl Fn(Instant) -> F,
) -> Result<T, ApiError> {
    let mut pause = Duration::from_secs(1);
    for _ in 0..TRIES {
        match call(Instant::now() + CALL).await {
            Err(ApiError::Later { after, .. }) => {
                tokio::time::sleep(after.unwrap_or(pause).min(LONGEST_PAUSE)).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            answer => return answer,
        }
    }
    call(Instant::now() + CALL).await
}

/// Further tries of a call that may succeed later.
const TRIES: usize = 4;

/// The longest pause between two of them.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
