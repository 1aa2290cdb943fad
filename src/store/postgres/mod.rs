//! Postgres: the product's store.
//!
//! Hot paths own their connections (see `connection`), so that a pool's faults cannot reach them.
//! The database's clock rules leases and due times.

mod act;
mod activity;
mod acts;
mod alert;
mod columns;
mod connection;
mod kept;
mod look;
mod merge;
mod pause;
mod queue;
mod reconcile;
mod record;
mod remove;
mod row;
mod select;
mod setup;
mod tally;
mod telling;
mod turn;

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use uuid::Uuid;

use super::{
    Backlog, Claimed, Existing, LaneKind, MigrationWatcher, NewMessage, Outcome, SchemaStatus,
    StoreError, Want,
};
use crate::config;
use connection::Connection;

/// Statements as the lanes run them, for tests that look at plans.
#[doc(hidden)]
pub mod statements {
    pub const CLAIM: &str = super::queue::CLAIM;
    pub const FINISH: &str = super::queue::FINISH;
    pub const RELEASE_NEXT: &str = super::queue::RELEASE_NEXT;
    pub const HOLD: &str = super::pause::HOLD;
    pub const LET_GO: &str = super::pause::LET_GO;
    pub const ADD_TALLIES: &str = super::tally::ADD;
    pub const TALLIES: [&str; 6] = super::tally::STATEMENTS;
    pub const MERGE: [&str; 4] = super::merge::STATEMENTS;
    pub const LOOK: [&str; 17] = super::look::statements::ALL;
    pub const RECEIVED: &str = super::activity::RECEIVED;
    pub const REMOVE: [&str; 14] = super::remove::STATEMENTS;

    /// What the lanes that run them have set.
    pub fn settings() -> impl Iterator<Item = (&'static str, &'static str)> {
        super::connection::SETTINGS.into_iter().chain(super::connection::QUEUE_SETTINGS)
    }

    /// What the lanes that only read have set beside that.
    pub fn read_settings() -> impl Iterator<Item = (&'static str, &'static str)> {
        super::connection::READ_SETTINGS.into_iter()
    }
}

/// A Postgres database.
#[derive(Debug, Clone)]
pub struct Postgres {
    options: PgConnectOptions,
    process: Uuid,
    allow_fsync_off: bool,
}

impl Postgres {
    /// Reads the address; connects to nothing yet.
    pub(super) fn new(
        config: &config::Store,
        url: &str,
        process: Uuid,
    ) -> Result<Self, StoreError> {
        let options = url.parse::<PgConnectOptions>().map_err(|_| {
            StoreError::Unusable("store.url is not a postgres:// address".to_owned())
        })?;
        Ok(Self { options, process, allow_fsync_off: config.allow_fsync_off })
    }

    pub(super) fn lane(&self, kind: LaneKind, deadline: Duration) -> Lane {
        Lane {
            connection: Connection::new(self.options.clone(), kind, deadline),
            process: self.process,
            careful: 0,
        }
    }

    pub(super) async fn prepare(
        &self,
        migrate: Option<MigrationWatcher<'_>>,
    ) -> Result<(), StoreError> {
        setup::prepare(&self.options, migrate, self.allow_fsync_off).await
    }

    pub(super) async fn check(&self) -> Result<(SchemaStatus, Vec<&'static str>), StoreError> {
        setup::check(&self.options, self.allow_fsync_off).await
    }

    pub(super) async fn schema_status(&self) -> Result<SchemaStatus, StoreError> {
        setup::schema_status(&self.options).await
    }
}

/// One connection with one purpose.
#[derive(Debug)]
pub struct Lane {
    connection: Connection,
    process: Uuid,
    /// Batches in which known messages are still to be expected; see `record`.
    careful: u32,
}

impl Lane {
    pub(super) async fn ping(&mut self) -> Result<(), StoreError> {
        self.connection.run(async |db| sqlx::query("SELECT 1").execute(db).await).await.map(drop)
    }

    pub(super) async fn record(&mut self, batch: &[&NewMessage]) -> Result<Vec<Uuid>, StoreError> {
        self.connection
            .run(async |db| record::record(db, self.process, batch, &mut self.careful).await)
            .await
    }

    pub(super) async fn existing(
        &mut self,
        dedups: &[[u8; 32]],
    ) -> Result<Vec<Existing>, StoreError> {
        self.connection.run(async |db| record::existing(db, dedups).await).await
    }

    pub(super) async fn claim(&mut self, wants: &[Want]) -> Result<Vec<Claimed>, StoreError> {
        self.connection.run(async |db| queue::claim(db, self.process, wants).await).await
    }

    pub(super) async fn finish(&mut self, outcomes: &[Outcome]) -> Result<Vec<Uuid>, StoreError> {
        self.connection.run(async |db| queue::finish(db, outcomes).await).await
    }

    pub(super) async fn adopt(&mut self, routes: &[&str]) -> Result<u64, StoreError> {
        self.connection.run(async |db| queue::adopt(db, routes).await).await
    }

    pub(super) async fn backlog(&mut self) -> Result<Vec<Backlog>, StoreError> {
        self.connection.run(async |db| queue::backlog(db).await).await
    }
}
