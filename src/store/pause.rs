//! Pauses: actions and routes whose deliveries wait until a person lets them go on.
//!
//! A paused action is not claimed for. A paused route's deliveries are held one by one when they
//! are met, as orphaned ones are, so that a claim never walks over them and their action's other
//! routes go on. Accepted race: a process that has not yet seen a pause performs what it claims,
//! and one that has not yet seen its end holds a little more; whatever is held for no pause is let
//! go by the next look of any process.

use time::OffsetDateTime;

use super::{Act, Lane, StoreError};

/// What can be paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PauseKind {
    /// An action: nothing is sent to its destination.
    Action,
    /// A route: what it caused waits.
    Route,
}

impl PauseKind {
    /// `pauses.kind`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Action => "action",
            Self::Route => "route",
        }
    }

    /// The kind of that word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        [Self::Action, Self::Route].into_iter().find(|kind| kind.as_str() == word)
    }
}

/// An action or a route that is to wait, or does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// What waits.
    pub kind: PauseKind,
    /// Its name; may be configured no longer.
    pub name: String,
    /// Who paused it: a person, or what the relay met (`410`, `loop`).
    pub by: String,
    /// Why; empty when nobody said.
    pub reason: String,
}

/// A pause that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandingPause {
    /// What was asked for.
    pub pause: Pause,
    /// Since when, by the store's clock.
    pub since: OffsetDateTime,
}

impl Lane {
    /// Pauses. False, and nothing is changed, when it is paused already.
    ///
    /// # Errors
    /// Any [`StoreError`]; the same may be asked again.
    pub async fn pause(&mut self, pause: &Pause, act: &Act) -> Result<bool, StoreError> {
        match self {
            Self::Postgres(lane) => lane.pause(pause, act).await,
            Self::Sqlite(lane) => lane.pause(pause, act).await,
        }
    }

    /// Ends a pause. False when there is none.
    ///
    /// # Errors
    /// Any [`StoreError`]; the same may be asked again.
    pub async fn resume(
        &mut self,
        kind: PauseKind,
        name: &str,
        act: &Act,
    ) -> Result<bool, StoreError> {
        match self {
            Self::Postgres(lane) => lane.resume(kind, name, act).await,
            Self::Sqlite(lane) => lane.resume(kind, name, act).await,
        }
    }

    /// All that is paused, by kind and name.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn pauses(&mut self) -> Result<Vec<StandingPause>, StoreError> {
        match self {
            Self::Postgres(lane) => lane.pauses().await,
            Self::Sqlite(lane) => lane.pauses().await,
        }
    }

    /// Holds up to `limit` deliveries of a paused route that wait for anything but a lease. Returns
    /// how many; fewer than `limit` means that there are no more.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn hold(&mut self, route: &str, limit: usize) -> Result<u64, StoreError> {
        match self {
            Self::Postgres(lane) => lane.hold(route, limit).await,
            Self::Sqlite(lane) => lane.hold(route, limit).await,
        }
    }

    /// Lets up to `limit` held deliveries of each route go that is paused no longer, the oldest
    /// first. Returns the action of each.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn let_go(&mut self, limit: usize) -> Result<Vec<String>, StoreError> {
        match self {
            Self::Postgres(lane) => lane.let_go(limit).await,
            Self::Sqlite(lane) => lane.let_go(limit).await,
        }
    }
}
