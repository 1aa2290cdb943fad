//! What is kept, and the one narrow way to it.
//!
//! Both engines mean the same: `tests/relay/store` runs one conformance suite over both. Every call
//! takes a whole batch and is one transaction. A [`Lane`] owns its connection, is used by one task
//! that nobody cancels, and after any doubt starts over with a new connection.

mod act;
mod activity;
mod acts;
mod alert;
mod deliveries;
mod desk;
mod filter;
mod kept;
mod look;
mod merge;
mod migrations;
mod pause;
mod postgres;
mod readers;
mod reconcile;
mod remove;
mod sqlite;
mod tally;
mod words;

#[doc(hidden)]
pub use {postgres::statements as postgres_statements, sqlite::statements as sqlite_statements};

pub(crate) use self::look::{some_time, time};
pub use self::{
    act::{Act, Deed, ReplayMode, Replayed, StoredMessage},
    activity::{Activity, RouteActivity, SourceActivity, Span},
    acts::ActRow,
    alert::{
        ALERT_TYPE, ALERTS, ALERTS_TASK, AlertRow, DeadOf, Findings, Judgement, Notes, Sight,
        StreakChange, Telling, Unsent,
    },
    deliveries::StoredDelivery,
    desk::Desk,
    filter::{DeliveryState, Filter, Selected},
    kept::{Snapshot, SnapshotKind, StoredCatalog, StoredEvent},
    look::{
        AttemptRow, DeliveryRow, EventRow, Found, MessageRow, MessageStatus, Page, Range, Search,
        State, Subject, Table, text_of,
    },
    merge::{Change, Merged},
    migrations::{Migrating, MigrationWatcher},
    pause::{Pause, PauseKind, StandingPause},
    readers::Readers,
    reconcile::{Heard, Origin},
    remove::{
        OldDelivery, OldMessage, Removable, Removed, Size, Slimmed, first_id_at, made_at,
        moment_between,
    },
    tally::{Counted, DeadTally, Fared, MOST_COUNTED, OpenTally, QUARTER, Tally, quarter_of},
};

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use bytes::Bytes;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    config,
    name::{ActionName, RouteName, SourceName},
};

/// Leases that may be lost in a row before a delivery is held to kill whoever touches it.
pub const MOST_LOST_LEASES: u32 = 5;

/// A signed message on its way into the store, with all that it causes.
#[derive(Debug, Clone)]
pub struct NewMessage {
    /// Made before the first try, so that a row found with it is our own earlier commit.
    pub id: Uuid,
    /// What the unique index decides by; see `intake::plan`.
    pub dedup: [u8; 32],
    /// The source it came to.
    pub source: SourceName,
    /// The `webhook_id` of its envelope.
    pub webhook_id: Option<String>,
    /// The key it was sent with: the header's bytes, or the body's `event_id`.
    pub key: Option<Bytes>,
    /// When it arrived, by this process's clock.
    pub received_at: OffsetDateTime,
    /// Whose word it is.
    pub origin: Origin,
    /// Why it is kept aside, where it is.
    pub quarantined: Option<&'static str>,
    /// The bytes that were signed.
    pub body: Bytes,
    /// What it says happened; none when quarantined.
    pub events: Vec<NewEvent>,
}

/// One event of a [`NewMessage`].
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// Its id.
    pub id: Uuid,
    /// What is known of it.
    pub event: crate::attio::event::Event,
    /// The deliveries that it causes.
    pub deliveries: Vec<NewDelivery>,
}

/// One delivery that an event causes.
#[derive(Debug, Clone)]
pub struct NewDelivery {
    /// Its id, and its idempotency key.
    pub id: Uuid,
    /// The route that wants it.
    pub route: RouteName,
    /// The action that performs it.
    pub action: ActionName,
    /// What it is kept in order by; `None` when order does not matter.
    pub order_key: Option<[u8; 32]>,
    /// Born leased to this process for so long; otherwise due for anyone.
    pub lease: Option<Duration>,
    /// Due for anyone after so long; never together with `lease`.
    pub delay: Option<Duration>,
    /// By what those are known that it may be merged with; see [`Lane::merge`].
    pub debounce_key: Option<[u8; 32]>,
}

/// A row that has the same `dedup` as a message that was not new.
#[derive(Debug, Clone)]
pub struct Existing {
    /// The `dedup` that was asked for.
    pub dedup: [u8; 32],
    /// The id of the row.
    pub id: Uuid,
    /// Its body; empty once it was removed.
    pub body: Bytes,
    /// Stands for the body that was removed; see `intake::digest`.
    pub body_digest: Option<[u8; 32]>,
}

/// How many deliveries of one action this process has room for.
#[derive(Debug, Clone)]
pub struct Want {
    /// The action.
    pub action: ActionName,
    /// Deliveries in all.
    pub slots: usize,
    /// Of these, how many may have been tried before.
    pub retries: usize,
    /// How long the claimed ones are ours.
    pub lease: Duration,
}

/// A delivery that was claimed: leased to this process, with what is needed to perform it.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// The delivery's id.
    pub id: Uuid,
    /// The fence: an outcome counts only while this is the row's own.
    pub lease_no: i32,
    /// Tries that were made and recorded before.
    pub tries: u32,
    /// Leases lost in a row before this one.
    pub lost: u32,
    /// Its route.
    pub route: RouteName,
    /// Its action.
    pub action: ActionName,
    /// What it is kept in order by.
    pub order_key: Option<[u8; 32]>,
    /// By what those are known that it may be merged with: [`Lane::merge`] comes before an attempt.
    pub debounce_key: Option<[u8; 32]>,
    /// The same for all attempts.
    pub idempotency_key: Uuid,
    /// The event.
    pub event: ClaimedEvent,
}

/// The event of a delivery, as its action needs it.
#[derive(Debug, Clone)]
pub struct ClaimedEvent {
    /// Its id.
    pub id: Uuid,
    /// Its type.
    pub event_type: String,
    /// The source of its message.
    pub source: SourceName,
    /// When its message arrived.
    pub received_at: OffsetDateTime,
    /// Its JSON, as Attio sent it.
    pub json: Bytes,
}

/// What became of one claimed delivery.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The delivery.
    pub id: Uuid,
    /// The lease that it was performed under.
    pub lease_no: i32,
    /// What to do with the row.
    pub verdict: Verdict,
    /// What its key is, so that the next one in order goes.
    pub order_key: Option<[u8; 32]>,
    /// The try that was made, if one was.
    pub attempt: Option<Attempt>,
}

/// What to do with a delivery's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Ended well.
    Succeeded,
    /// Ended because the route does not want it after all; says why.
    Skipped(String),
    /// Ended because that delivery carries what it tells of; see [`Lane::merge`].
    Merged(Uuid),
    /// Ended without success; says why.
    Dead(String),
    /// The try failed; due again after so long.
    Retry(Duration),
    /// No try was made, none is counted; due again after so long.
    Postponed(Duration),
    /// Its route is no longer configured: kept until the route comes back.
    Orphaned,
    /// Its route asks for what Attio does not have: kept until routes or names change; says what.
    Unplaced(String),
    /// Its route is paused: kept until somebody lets it go on.
    Paused,
}

/// One recorded try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// 1 for the first.
    pub number: u32,
    /// How long ago it started.
    pub started_ago: Duration,
    /// How long it took.
    pub duration: Duration,
    /// `succeeded`, `failed`, `refused`, `timeout`, …: from a closed set.
    pub result: &'static str,
    /// The HTTP status of the answer, where there was one.
    pub status: Option<u16>,
    /// What went wrong.
    pub error: Option<String>,
    /// The first 4 KiB of a failed answer.
    pub answer: Option<Bytes>,
}

/// What the gauges show: open deliveries of one action.
#[derive(Debug, Clone, PartialEq)]
pub struct Backlog {
    /// The action's name as it stands in the rows; may be configured no longer.
    pub action: String,
    /// Due, waiting for their time, or waiting for an earlier one of their key.
    pub due: u64,
    /// Leased to some process.
    pub leased: u64,
    /// Their route is configured no longer.
    pub orphaned: u64,
    /// Held because their route is paused.
    pub paused: u64,
    /// Dead and neither replayed nor discarded.
    pub dead: u64,
    /// How long the oldest due one has waited; zero when none is due.
    pub oldest_due: Duration,
}

impl Backlog {
    /// All that have not ended.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.due + self.leased + self.orphaned + self.paused
    }
}

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

/// What a lane is for; each task has its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaneKind {
    /// Recording messages.
    Intake,
    /// Claiming deliveries.
    Claim,
    /// Writing outcomes.
    Outcome,
    /// Sampling gauges.
    Sample,
    /// What is needed to decide about a delivery: merging, what was looked up, names.
    Look,
    /// Finding and making up for events that never arrived.
    Reconcile,
    /// What people ask for and change.
    Act,
    /// Removing what is old.
    Remove,
    /// Answering people and programs that look at what is kept.
    Read,
    /// Judging what is wrong, and telling of it.
    Alerts,
}

impl LaneKind {
    /// The kind in a word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Intake => "intake",
            Self::Claim => "claim",
            Self::Outcome => "outcome",
            Self::Sample => "sample",
            Self::Look => "look",
            Self::Reconcile => "reconcile",
            Self::Act => "act",
            Self::Remove => "remove",
            Self::Read => "read",
            Self::Alerts => "alerts",
        }
    }
}

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

impl NewMessage {
    /// `messages.status`.
    #[must_use]
    pub fn status(&self) -> &'static str {
        if self.quarantined.is_some() { "quarantined" } else { "accepted" }
    }
}

impl Verdict {
    /// `deliveries.state`.
    #[must_use]
    pub fn state(&self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Skipped(_) | Self::Merged(_) => "skipped",
            Self::Dead(_) => "dead",
            Self::Retry(_)
            | Self::Postponed(_)
            | Self::Orphaned
            | Self::Unplaced(_)
            | Self::Paused => "open",
        }
    }

    /// `deliveries.held`.
    #[must_use]
    pub fn held(&self) -> Option<&'static str> {
        match self {
            Self::Orphaned | Self::Unplaced(_) => Some("orphaned"),
            Self::Paused => Some("paused"),
            Self::Succeeded
            | Self::Skipped(_)
            | Self::Merged(_)
            | Self::Dead(_)
            | Self::Retry(_)
            | Self::Postponed(_) => None,
        }
    }

    /// `deliveries.reason`.
    #[must_use]
    pub fn reason(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Skipped(reason) | Self::Dead(reason) | Self::Unplaced(reason) => {
                Some(reason.into())
            }
            Self::Merged(into) => Some(merge::reason(*into).into()),
            Self::Succeeded
            | Self::Retry(_)
            | Self::Postponed(_)
            | Self::Orphaned
            | Self::Paused => None,
        }
    }

    /// Due again after so long; zero for those that ended.
    #[must_use]
    pub fn wait(&self) -> Duration {
        match self {
            Self::Retry(wait) | Self::Postponed(wait) => *wait,
            Self::Succeeded
            | Self::Skipped(_)
            | Self::Merged(_)
            | Self::Dead(_)
            | Self::Orphaned
            | Self::Unplaced(_)
            | Self::Paused => Duration::ZERO,
        }
    }

    /// Whether the delivery ends with it.
    #[must_use]
    pub fn ends(&self) -> bool {
        self.state() != "open"
    }
}

impl Outcome {
    /// Whether the attempt counts against `retry.attempts`: one that was cut off does not.
    #[must_use]
    pub fn counts_a_try(&self) -> bool {
        let put_off =
            matches!(self.verdict, Verdict::Postponed(_)) || self.verdict.held().is_some();
        self.attempt.is_some() && !put_off
    }
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

/// How many deliveries of each key have ended, of those that were written.
fn ended_by_key(outcomes: &[Outcome], written: &[Uuid]) -> BTreeMap<[u8; 32], i64> {
    let mut ended = BTreeMap::new();
    for outcome in outcomes {
        if let Some(key) = outcome.order_key
            && outcome.verdict.ends()
            && written.contains(&outcome.id)
        {
            *ended.entry(key).or_default() += 1;
        }
    }
    ended
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

/// One connection with one purpose, used by one task that nobody cancels.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is a handful of them")]
pub enum Lane {
    /// To Postgres.
    Postgres(postgres::Lane),
    /// To SQLite.
    Sqlite(sqlite::Lane),
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

impl Lane {
    /// Asks for an answer, connecting where needed.
    ///
    /// # Errors
    /// Any [`StoreError`]: there is none.
    pub async fn ping(&mut self) -> Result<(), StoreError> {
        match self {
            Self::Postgres(lane) => lane.ping().await,
            Self::Sqlite(lane) => lane.ping().await,
        }
    }

    /// Records the messages that are new, with their events and deliveries, all or nothing.
    /// Returns the ids of those that were new.
    ///
    /// # Errors
    /// Any [`StoreError`]; after [`StoreError::Doubtful`] the same batch may be recorded again:
    /// what it committed is then found by [`Lane::existing`] under its own ids.
    pub async fn record(&mut self, batch: &[&NewMessage]) -> Result<Vec<Uuid>, StoreError> {
        match self {
            Self::Postgres(lane) => lane.record(batch).await,
            Self::Sqlite(lane) => lane.record(batch).await,
        }
    }

    /// The messages that stand under the given `dedup`s.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn existing(&mut self, dedups: &[[u8; 32]]) -> Result<Vec<Existing>, StoreError> {
        match self {
            Self::Postgres(lane) => lane.existing(dedups).await,
            Self::Sqlite(lane) => lane.existing(dedups).await,
        }
    }

    /// Leases due deliveries to this process, oldest first, never more than wanted.
    ///
    /// # Errors
    /// Any [`StoreError`]; what a doubtful call leased comes free again with its lease.
    pub async fn claim(&mut self, wants: &[Want]) -> Result<Vec<Claimed>, StoreError> {
        match self {
            Self::Postgres(lane) => lane.claim(wants).await,
            Self::Sqlite(lane) => lane.claim(wants).await,
        }
    }

    /// Writes what became of claimed deliveries. Returns the ids that were still this process's
    /// own; the others were claimed by somebody else meanwhile, and nothing of them was written.
    ///
    /// # Errors
    /// Any [`StoreError`]; the same outcomes may be written again.
    pub async fn finish(&mut self, outcomes: &[Outcome]) -> Result<Vec<Uuid>, StoreError> {
        match self {
            Self::Postgres(lane) => lane.finish(outcomes).await,
            Self::Sqlite(lane) => lane.finish(outcomes).await,
        }
    }

    /// Lets orphaned deliveries of the given routes go on. Returns how many.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn adopt(&mut self, routes: &[&str]) -> Result<u64, StoreError> {
        match self {
            Self::Postgres(lane) => lane.adopt(routes).await,
            Self::Sqlite(lane) => lane.adopt(routes).await,
        }
    }

    /// What waits and what is dead, for each action that has any.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn backlog(&mut self) -> Result<Vec<Backlog>, StoreError> {
        match self {
            Self::Postgres(lane) => lane.backlog().await,
            Self::Sqlite(lane) => lane.backlog().await,
        }
    }
}
