//! What is claimed, and what became of it.

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use bytes::Bytes;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Lane, StoreError, merge};
use crate::name::{ActionName, RouteName, SourceName};

/// Leases that may be lost in a row before a delivery is held to kill whoever touches it.
pub const MOST_LOST_LEASES: u32 = 5;

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

/// How many deliveries of each key have ended, of those that were written.
pub(super) fn ended_by_key(outcomes: &[Outcome], written: &[Uuid]) -> BTreeMap<[u8; 32], i64> {
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

impl Lane {
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
