//! The one connection that writes, shared by the lanes of this process.
//!
//! After any error it is dropped and opened anew: a transaction that failed is never left open.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use sqlx::{
    ConnectOptions, Connection as _,
    sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous},
};
use tokio::sync::Mutex;

use crate::store::{BoxError, StoreError};

/// How long to wait for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The pause before opening is tried again: turning a new file to WAL does not wait by itself.
const OPENING_PAUSE: Duration = Duration::from_millis(10);

/// The moment, in microseconds since 1970, by SQLite's clock. Asked once for each transaction.
const NOW: &str = "SELECT CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000";

/// A connection to a file, there or not; clones are the same connection.
#[derive(Debug, Clone)]
pub(super) struct Connection {
    file: Arc<Path>,
    idle: Arc<Mutex<Option<SqliteConnection>>>,
}

impl Connection {
    pub(super) fn new(file: &Arc<Path>) -> Self {
        Self { file: Arc::clone(file), idle: Arc::default() }
    }

    /// Reads, outside of any transaction.
    pub(super) async fn read<T>(
        &self,
        call: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, StoreError> {
        let mut idle = self.idle.lock().await;
        let mut db = self.take_or_open(&mut idle).await?;
        let value = call(&mut db).await.map_err(classify)?;
        *idle = Some(db);
        Ok(value)
    }

    /// Writes in one transaction, all or nothing; the call is told the time.
    pub(super) async fn write<T>(
        &self,
        call: impl AsyncFnOnce(&mut SqliteConnection, i64) -> Result<T, sqlx::Error>,
    ) -> Result<T, StoreError> {
        let mut idle = self.idle.lock().await;
        let mut db = self.take_or_open(&mut idle).await?;
        let mut tx = db.begin_with("BEGIN IMMEDIATE").await.map_err(classify)?;
        let now = sqlx::query_scalar(NOW).fetch_one(&mut *tx).await.map_err(classify)?;
        let value = call(&mut tx, now).await.map_err(classify)?;
        // The log may hold a commit whose fsync failed.
        tx.commit().await.map_err(|error| StoreError::Doubtful(error.into()))?;
        *idle = Some(db);
        Ok(value)
    }

    async fn take_or_open(
        &self,
        idle: &mut Option<SqliteConnection>,
    ) -> Result<SqliteConnection, StoreError> {
        match idle.take() {
            Some(db) => Ok(db),
            None => open(&self.file).await,
        }
    }
}

/// Opens a file that is there.
pub(super) async fn open(file: &Path) -> Result<SqliteConnection, StoreError> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(true)
        .pragma("mmap_size", "0")
        // Statements are not logged: they hold what Attio sent.
        .disable_statement_logging();
    let started = Instant::now();
    loop {
        match options.connect().await.map_err(classify) {
            Err(StoreError::Contended(_)) if started.elapsed() < BUSY_TIMEOUT => {
                tokio::time::sleep(OPENING_PAUSE).await;
            }
            result => return result,
        }
    }
}

/// What an error of a call means. Nothing was committed: that is `commit`'s alone.
/// Codes: <https://www.sqlite.org/rescode.html>
pub(super) fn classify(error: sqlx::Error) -> StoreError {
    match primary_code(&error) {
        // BUSY, LOCKED
        Some(5 | 6) => StoreError::Contended(error.into()),
        // PERM, NOMEM, READONLY, IOERR, CORRUPT, FULL, CANTOPEN, NOLFS, AUTH
        Some(3 | 7 | 8 | 10 | 11 | 13 | 14 | 22 | 23) => StoreError::Away(error.into()),
        // NOTADB
        Some(26) => StoreError::Unusable(
            "the file that store.url names is not a SQLite database".to_owned(),
        ),
        Some(_) => StoreError::Refused(error.into()),
        None => match error {
            sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed => StoreError::Away(error.into()),
            other => StoreError::Refused(BoxError::from(other)),
        },
    }
}

/// The code without its extension.
fn primary_code(error: &sqlx::Error) -> Option<i32> {
    let code = error.as_database_error()?.code()?;
    code.parse::<i32>().ok().map(|code| code & 0xff)
}
