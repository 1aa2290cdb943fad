//! What is kept, and the one narrow way to it.
//!
//! Both engines mean the same: `tests/relay/store` runs one conformance suite over both. Every call
//! takes a whole batch, and what one writes is one transaction. A [`Lane`] owns its connection, is used by one task
//! that nobody cancels, and after any doubt starts over with a new connection.

mod act;
mod activity;
mod acts;
mod alert;
mod alike;
mod columns;
mod desk;
mod filter;
mod kept;
mod lane;
mod look;
mod merge;
mod migrations;
mod pause;
mod postgres;
mod queue;
mod readers;
mod reconcile;
mod record;
mod remove;
mod sqlite;
mod tally;
mod words;

#[doc(hidden)]
pub use {postgres::statements as postgres_statements, sqlite::statements as sqlite_statements};

pub(crate) use self::look::{some_time, time};
pub use self::{
    act::{Act, Deed, ReplayMode, Replayed, StoredMessage, Whose},
    activity::{Activity, RouteActivity, SourceActivity, Span},
    acts::ActRow,
    alert::{
        ALERT_TYPE, ALERTS, ALERTS_TASK, AlertRow, DeadOf, Findings, Judgement, Notes, Sight,
        StreakChange, Telling, Unsent,
    },
    alike::{OWN, without_own},
    desk::Desk,
    filter::{DeliveryState, Filter, Selected},
    kept::{Snapshot, SnapshotKind, StoredCatalog, StoredEvent},
    lane::{Lane, LaneKind},
    look::{
        AttemptRow, DeliveryRow, EventRow, Found, MessageRow, MessageStatus, Page, Range, Search,
        State, Subject, Table, first_id_at, moment_of, text_of,
    },
    merge::{Change, Merged},
    migrations::{Migrating, MigrationWatcher},
    pause::{Pause, PauseKind, StandingPause},
    queue::{Attempt, Backlog, Claimed, ClaimedEvent, MOST_LOST_LEASES, Outcome, Verdict, Want},
    readers::Readers,
    reconcile::{Heard, Origin},
    record::{Existing, NewDelivery, NewEvent, NewMessage},
    remove::{OldDelivery, OldMessage, Removable, Removed, Size, Slimmed, moment_between},
    tally::{Counted, DeadTally, Fared, MOST_COUNTED, OpenTally, QUARTER, Tally, quarter_of},
};

use std::time::Duration;

use uuid::Uuid;

use crate::config;

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Nothing of the batch can have been committed.
    #[error("the store is away")]
    Away(#[source] BoxError),
    /// The batch may or may not have been committed.
    #[error("the store did not confirm the commit")]
    Doubtful(#[source] BoxError),
    /// Nothing was committed, because others were in the way; the same may well succeed now.
    #[error("the store is contended")]
    Contended(#[source] BoxError),
    /// The store refused the batch, and would again.
    #[error("the store refused the batch")]
    Refused(#[source] BoxError),
    /// This store can never be used with this program or configuration.
    #[error("{0}")]
    Unusable(String),
}

/// Any error, boxed.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Which migrations are applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaStatus {
    /// Every step that this program knows, and whether it is applied.
    pub steps: Vec<(String, bool)>,
    /// The newest version in the database.
    pub newest_applied: i64,
    /// The newest version that this program knows.
    pub newest_known: i64,
}

/// A duration in whole microseconds, as the statements take it.
fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// A limit, as the statements take it.
fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number that the schema keeps from being negative.
fn unsigned<T: TryFrom<i64> + Default>(number: i64) -> T {
    T::try_from(number).unwrap_or_default()
}

/// The store, on either engine.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "there is one of it")]
pub enum Store {
    /// Postgres, for any number of processes.
    Postgres(postgres::Postgres),
    /// SQLite, for one process and nothing to install.
    Sqlite(sqlite::Sqlite),
}

/// The right to serve from a SQLite file; ends with the value or the process.
#[derive(Debug)]
pub struct ServeLock {
    _lock: std::fs::File,
}

impl ServeLock {
    fn new(lock: std::fs::File) -> Self {
        Self { _lock: lock }
    }
}

impl Store {
    /// Reads the address; connects to nothing yet. `process` is who leases belong to.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when the address cannot be read.
    pub fn new(config: &config::Store, process: Uuid) -> Result<Self, StoreError> {
        let url = secrecy::ExposeSecret::expose_secret(&config.url);
        match url.strip_prefix("sqlite:") {
            Some(path) => sqlite::Sqlite::new(path, process).map(Self::Sqlite),
            None => postgres::Postgres::new(config, url, process).map(Self::Postgres),
        }
    }

    /// Makes sure that the store keeps its word and that its schema fits, migrating where told.
    ///
    /// # Errors
    /// [`StoreError::Away`] now, [`StoreError::Unusable`] for good.
    pub async fn prepare(&self, migrate: bool) -> Result<(), StoreError> {
        let quiet: MigrationWatcher<'_> = &mut |_| {};
        self.prepare_watched(migrate.then_some(quiet)).await
    }

    /// [`Self::prepare`] with migrating, and tells how far it is. Who is cut off leaves the schema
    /// at a whole version, and the next one goes on from there.
    ///
    /// # Errors
    /// As [`Self::prepare`], and [`StoreError::Contended`] when somebody held for seconds what a
    /// migration needs: who, in its cause.
    pub async fn migrate(&self, watcher: MigrationWatcher<'_>) -> Result<(), StoreError> {
        self.prepare_watched(Some(watcher)).await
    }

    async fn prepare_watched(
        &self,
        migrate: Option<MigrationWatcher<'_>>,
    ) -> Result<(), StoreError> {
        match self {
            Self::Postgres(store) => store.prepare(migrate).await,
            Self::Sqlite(store) => store.prepare(migrate).await,
        }
    }

    /// What [`Self::prepare`] makes sure of, without a change: which migrations are applied, and
    /// remarks that somebody should read.
    ///
    /// # Errors
    /// [`StoreError::Away`] now, [`StoreError::Unusable`] for good.
    pub async fn check(&self) -> Result<(SchemaStatus, Vec<&'static str>), StoreError> {
        match self {
            Self::Postgres(store) => store.check().await,
            Self::Sqlite(store) => store.check().await.map(|status| (status, Vec::new())),
        }
    }

    /// Which migrations are applied.
    ///
    /// # Errors
    /// [`StoreError::Away`] when the store cannot be asked.
    pub async fn schema_status(&self) -> Result<SchemaStatus, StoreError> {
        match self {
            Self::Postgres(store) => store.schema_status().await,
            Self::Sqlite(store) => store.schema_status().await,
        }
    }

    /// Takes the right to serve, where only one process at a time may have it. Commands need none:
    /// they open the store beside the process that serves.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when another process has it.
    pub fn serve_lock(&self) -> Result<Option<ServeLock>, StoreError> {
        match self {
            Self::Postgres(_) => Ok(None),
            Self::Sqlite(store) => store.serve_lock().map(Some),
        }
    }

    /// A lane whose calls each take `deadline` at the longest.
    #[must_use]
    pub fn lane(&self, kind: LaneKind, deadline: Duration) -> Lane {
        match self {
            Self::Postgres(store) => Lane::Postgres(store.lane(kind, deadline)),
            Self::Sqlite(store) => Lane::Sqlite(store.lane(kind)),
        }
    }
}
