//! Alerts: what is wrong, what each process sees of it, and who is still to be told.
//!
//! An alert is told by a message of the relay's own, whose deliveries go the way of all others. It
//! is written in the transaction that notes that it was told, by the process whose turn it is:
//! whatever dies in between, each start and each end is told once.

use bytes::Bytes;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Lane, StandingPause, StoreError, columns::Columns};

/// The route of every alert's deliveries, and the source of their messages. No route of the
/// configuration has this name.
pub use crate::routing::table::ALERTS;

/// The task of `turns` that judges.
pub const ALERTS_TASK: &str = "alerts";

/// `events.type` of alerts.
pub const ALERT_TYPE: &str = "relay.alert";

/// What one process sees, for as long as it goes on saying so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sight {
    /// The kind of alert.
    pub what: String,
    /// What it is about; empty for the program itself.
    pub about: String,
    /// How many, where it is counted.
    pub count: i64,
    /// What is known of it. Holds no secret.
    pub detail: String,
}

/// What happened to an action's attempts since it was last noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreakChange {
    /// The action.
    pub action: String,
    /// What failed before does not count.
    pub succeeded: bool,
    /// Attempts that failed since.
    pub failures: i64,
    /// What the last one met.
    pub error: String,
}

/// What one process notes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notes {
    /// All that it sees now; what it noted before and is not here is over. `None` leaves that alone.
    pub sights: Option<Vec<Sight>>,
    /// What happened once: it is seen for half a minute, whatever becomes of this process.
    pub happened: Vec<Sight>,
    /// What became of attempts.
    pub streaks: Vec<StreakChange>,
    /// The last message of each source.
    pub arrivals: Vec<(String, OffsetDateTime)>,
}

/// Dead letters of one action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadOf {
    /// The action.
    pub action: String,
    /// How many.
    pub count: i64,
    /// Why the newest one is dead.
    pub reason: String,
}

/// A delivery of an alert that has not arrived, as far as was noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsent {
    /// The delivery.
    pub delivery: Uuid,
    /// Its action.
    pub action: String,
    /// Its state; `None` when it was removed.
    pub state: Option<String>,
    /// Attempts so far.
    pub tries: i64,
    /// Why it ended.
    pub reason: Option<String>,
    /// The delivery that does it again.
    pub replayed_by: Option<Uuid>,
    /// Since when it waits.
    pub made_at: OffsetDateTime,
    /// Its end was counted.
    pub counted: bool,
}

impl Unsent {
    pub(super) fn of_row(row: &impl Columns) -> Result<Self, sqlx::Error> {
        Ok(Self {
            delivery: row.id("delivery_id")?,
            action: row.read("action")?,
            state: row.read("state")?,
            tries: row.read("tries")?,
            reason: row.read("reason")?,
            replayed_by: row.maybe_id("replayed_by")?,
            made_at: row.at("made_at")?,
            counted: row.read("counted")?,
        })
    }
}

/// An alert that stands or stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertRow {
    /// The kind.
    pub what: String,
    /// What it is about; empty for the program itself.
    pub about: String,
    /// When it was first seen.
    pub since: OffsetDateTime,
    /// When it was last seen.
    pub seen_at: OffsetDateTime,
    /// How many, where it is counted.
    pub count: i64,
    /// What is known of it.
    pub detail: String,
    /// When its start was told.
    pub told_at: Option<OffsetDateTime>,
    /// When it was over.
    pub ended_at: Option<OffsetDateTime>,
    /// When its end was told.
    pub end_told_at: Option<OffsetDateTime>,
    /// How often it came back within an hour.
    pub again: i64,
}

impl AlertRow {
    pub(super) fn of_row(row: &impl Columns) -> Result<Self, sqlx::Error> {
        Ok(Self {
            what: row.read("what")?,
            about: row.read("about")?,
            since: row.at("since")?,
            seen_at: row.at("seen_at")?,
            count: row.read("count")?,
            detail: row.read("detail")?,
            told_at: row.maybe_at("told_at")?,
            ended_at: row.maybe_at("ended_at")?,
            end_told_at: row.maybe_at("end_told_at")?,
            again: row.read("again")?,
        })
    }
}

/// All that alerts are judged by.
#[derive(Debug, Clone, PartialEq)]
pub struct Findings {
    /// By the store's clock.
    pub now: OffsetDateTime,
    /// What processes see, those that died a while ago left out.
    pub sights: Vec<Sight>,
    /// Failures in a row of each action that has something open that failed or a dead letter, and
    /// what the last one met.
    pub streaks: Vec<(String, i64, String)>,
    /// When the last message of each source came; or, of one that never received any, since when
    /// one is waited for.
    pub arrivals: Vec<(String, OffsetDateTime)>,
    /// Hours since 1970 in which something came, of sources that are silent for more than an hour.
    pub hours: Vec<(String, i64)>,
    /// What is paused.
    pub pauses: Vec<StandingPause>,
    /// Dead letters, those of alerts left out.
    pub dead: Vec<DeadOf>,
    /// For how many seconds the oldest due delivery of each action waits, those of alerts left out.
    pub due: Vec<(String, f64)>,
    /// Deliveries of alerts that have not arrived.
    pub unsent: Vec<Unsent>,
    /// Alerts that stand or stood.
    pub alerts: Vec<AlertRow>,
}

/// A message that tells of alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telling {
    /// The message's id.
    pub message: Uuid,
    /// By which it is known.
    pub dedup: [u8; 32],
    /// Its event's id.
    pub event: Uuid,
    /// The event, which is the whole message.
    pub json: Bytes,
    /// Its deliveries, and to which actions.
    pub deliveries: Vec<(Uuid, String)>,
}

/// What one judgement changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Alerts that are new or other than before.
    pub alerts: Vec<AlertRow>,
    /// What is told.
    pub tellings: Vec<Telling>,
    /// Deliveries that are done with.
    pub settled: Vec<Uuid>,
    /// Deliveries that another one does again.
    pub replayed: Vec<(Uuid, Uuid)>,
    /// Deliveries whose end without success was counted.
    pub counted: Vec<Uuid>,
    /// Sources that something is waited for from now on; those that are known are left alone.
    pub awaited: Vec<String>,
}

impl Judgement {
    /// Whether it changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Lane {
    /// Notes what this process saw.
    ///
    /// # Errors
    /// Any [`StoreError`]; where it is in doubt, failures may count twice.
    pub async fn note_for_alerts(&mut self, notes: &Notes) -> Result<(), StoreError> {
        match self {
            Self::Postgres(lane) => lane.note_for_alerts(notes).await,
            Self::Sqlite(lane) => lane.note_for_alerts(notes).await,
        }
    }

    /// All that alerts are judged by, for the actions that are configured.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn findings(&mut self, actions: &[&str]) -> Result<Findings, StoreError> {
        match self {
            Self::Postgres(lane) => lane.findings(actions).await,
            Self::Sqlite(lane) => lane.findings(actions).await,
        }
    }

    /// Writes a judgement with all that it tells, while this process has the turn. False when it
    /// has it no more: then nothing was written.
    ///
    /// # Errors
    /// Any [`StoreError`]; after a doubtful one the next judgement finds what was written.
    pub async fn write_judgement(&mut self, judgement: &Judgement) -> Result<bool, StoreError> {
        match self {
            Self::Postgres(lane) => lane.write_judgement(judgement).await,
            Self::Sqlite(lane) => lane.write_judgement(judgement).await,
        }
    }

    /// Alerts that stand or stood lately: those that stand first, then the newest.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn alerts(&mut self) -> Result<Vec<AlertRow>, StoreError> {
        match self {
            Self::Postgres(lane) => lane.alerts().await,
            Self::Sqlite(lane) => lane.alerts().await,
        }
    }
}
