//! Connections with one purpose each.

use super::{StoreError, postgres, sqlite};

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

/// One connection with one purpose, used by one task that nobody cancels.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is a handful of them")]
pub enum Lane {
    /// To Postgres.
    Postgres(postgres::Lane),
    /// To SQLite.
    Sqlite(sqlite::Lane),
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
}
