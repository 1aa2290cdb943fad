//! SQLite: the store of the first minute, the laptop and the single small machine.
//!
//! It means what Postgres means; one conformance suite runs over both. One connection writes; the
//! lanes take turns with it. SQLite's clock, in milliseconds, rules leases and due times.

mod act;
mod activity;
mod acts;
mod alert;
mod columns;
mod connection;
mod kept;
mod look;
mod merge;
mod outcome;
mod pause;
mod queue;
mod reconcile;
mod record;
mod remove;
mod select;
mod setup;
mod tally;
mod telling;

use std::{path::Path, sync::Arc};

use uuid::Uuid;

use super::{
    Backlog, Claimed, Existing, LaneKind, MigrationWatcher, NewMessage, Outcome, SchemaStatus,
    ServeLock, StoreError, Want,
};
use connection::Connection;

/// Statements as the lanes run them, for tests that look at plans.
#[doc(hidden)]
pub mod statements {
    pub const CLAIM: &str = super::queue::CLAIM;
    pub const FINISH: &str = super::outcome::FINISH;
    pub const RELEASE_NEXT: &str = super::outcome::RELEASE_NEXT;
    pub const HOLD: &str = super::pause::HOLD;
    pub const RESUMED: &str = super::pause::RESUMED;
    pub const LET_GO: &str = super::pause::LET_GO;
    pub const TALLIES: [&str; 6] = super::tally::STATEMENTS;
    pub const MERGE: [&str; 4] = super::merge::STATEMENTS;
    pub const LOOK: [&str; 17] = super::look::statements::ALL;
    pub const RECEIVED: &str = super::activity::RECEIVED;
    pub const REMOVE: [&str; 14] = super::remove::STATEMENTS;
}

/// A SQLite file.
#[derive(Debug, Clone)]
pub struct Sqlite {
    file: Arc<Path>,
    process: Uuid,
    writer: Connection,
}

impl Sqlite {
    /// Reads what stands after `sqlite:` (a path, perhaps after `//`); opens nothing yet.
    pub(super) fn new(address: &str, process: Uuid) -> Result<Self, StoreError> {
        let path = address.strip_prefix("//").unwrap_or(address);
        if path.is_empty() || path == ":memory:" {
            return Err(StoreError::Unusable(
                "store.url names no file: write sqlite:PATH, such as sqlite:attio-relay.db"
                    .to_owned(),
            ));
        }
        // Absolute, so that neither a change of folder nor a name like `file:x` means another file.
        let file: Arc<Path> = std::path::absolute(path)
            .map_err(|error| StoreError::Unusable(format!("store.url: {path}: {error}")))?
            .into();
        Ok(Self { writer: Connection::new(&file), file, process })
    }

    pub(super) fn lane(&self, kind: LaneKind) -> Lane {
        let connection = match kind {
            LaneKind::Intake
            | LaneKind::Claim
            | LaneKind::Outcome
            | LaneKind::Look
            | LaneKind::Reconcile
            | LaneKind::Act
            | LaneKind::Alerts
            | LaneKind::Remove => self.writer.clone(),
            // Readers need not wait for the writer, nor it for them.
            LaneKind::Sample | LaneKind::Read => Connection::new(&self.file),
        };
        Lane { connection, process: self.process }
    }

    pub(super) async fn prepare(
        &self,
        migrate: Option<MigrationWatcher<'_>>,
    ) -> Result<(), StoreError> {
        setup::prepare(&self.file, migrate).await
    }

    pub(super) async fn check(&self) -> Result<SchemaStatus, StoreError> {
        setup::check(&self.file).await
    }

    pub(super) async fn schema_status(&self) -> Result<SchemaStatus, StoreError> {
        setup::schema_status(&self.file).await
    }

    pub(super) fn serve_lock(&self) -> Result<ServeLock, StoreError> {
        setup::serve_lock(&self.file)
    }
}

/// One purpose.
#[derive(Debug)]
pub struct Lane {
    connection: Connection,
    process: Uuid,
}

impl Lane {
    pub(super) async fn ping(&mut self) -> Result<(), StoreError> {
        self.connection
            .read(async |db| sqlx::query("SELECT 1 FROM sqlite_schema LIMIT 1").execute(db).await)
            .await
            .map(drop)
    }

    pub(super) async fn record(&mut self, batch: &[&NewMessage]) -> Result<Vec<Uuid>, StoreError> {
        self.connection
            .write(async |db, now| record::record(db, now, self.process, batch).await)
            .await
    }

    pub(super) async fn existing(
        &mut self,
        dedups: &[[u8; 32]],
    ) -> Result<Vec<Existing>, StoreError> {
        self.connection.read(async |db| record::existing(db, dedups).await).await
    }

    pub(super) async fn claim(&mut self, wants: &[Want]) -> Result<Vec<Claimed>, StoreError> {
        self.connection
            .write(async |db, now| queue::claim(db, now, self.process, wants).await)
            .await
    }

    pub(super) async fn finish(&mut self, outcomes: &[Outcome]) -> Result<Vec<Uuid>, StoreError> {
        self.connection.write(async |db, now| outcome::finish(db, now, outcomes).await).await
    }

    pub(super) async fn adopt(&mut self, routes: &[&str]) -> Result<u64, StoreError> {
        self.connection.write(async |db, now| queue::adopt(db, now, routes).await).await
    }

    pub(super) async fn backlog(&mut self) -> Result<Vec<Backlog>, StoreError> {
        self.connection.read(queue::backlog).await
    }
}
