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

/// 32 MiB (in KiB, negative as SQLite wants it), and 16 MiB of log between checkpoints: the index of
/// the keys is hit all over, and with the defaults its pages are written half as often again.
const CACHE: &str = "-32768";
const CHECKPOINT_PAGES: &str = "4000";

/// The moment, in microseconds since 1970, by SQLite's clock. Asked once for each transaction.
pub(super) const NOW: &str = "SELECT CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000";

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
        // What a statement may have to take back is kept in memory, not in a file for each.
        .pragma("temp_store", "MEMORY")
        .pragma("cache_size", CACHE)
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
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

#[cfg(test)]
mod tests {
    use sqlx::{Connection as _, SqliteConnection};

    use super::{Connection, StoreError, open};

    fn new_file(folder: &tempfile::TempDir) -> std::path::PathBuf {
        let file = folder.path().join("relay.db");
        std::fs::File::create(&file).unwrap();
        file
    }

    async fn setting(db: &mut SqliteConnection, name: &'static str) -> i64 {
        sqlx::query_scalar(name).fetch_one(db).await.unwrap()
    }

    #[tokio::test]
    async fn a_commit_is_on_the_disk_no_page_is_mapped_and_nothing_is_written_beside_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open(&new_file(&folder)).await.unwrap();
        assert_eq!(setting(&mut db, "PRAGMA synchronous").await, 2);
        assert_eq!(setting(&mut db, "PRAGMA mmap_size").await, 0);
        assert_eq!(setting(&mut db, "PRAGMA temp_store").await, 2);
        assert_eq!(setting(&mut db, "PRAGMA busy_timeout").await, 5000);
        assert_eq!(setting(&mut db, "PRAGMA foreign_keys").await, 1);
    }

    #[tokio::test]
    async fn a_failed_transaction_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let connection = Connection::new(&new_file(&folder).into());
        let create = async |db: &mut SqliteConnection, _now: i64| {
            sqlx::query("CREATE TABLE t (n)").execute(&mut *db).await?;
            sqlx::query("nonsense").execute(db).await
        };
        let refused = connection.write(create).await.unwrap_err();
        assert!(matches!(refused, StoreError::Refused(_)));
        let tables = connection
            .read(async |db| {
                assert!(!db.is_in_transaction());
                sqlx::query_scalar::<_, i64>("SELECT count(*) FROM sqlite_schema")
                    .fetch_one(db)
                    .await
            })
            .await;
        assert_eq!(tables.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_file_that_went_away_is_away_and_not_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("relay.db");
        let away = Connection::new(&file.clone().into()).read(async |_| Ok(())).await.unwrap_err();
        assert!(matches!(away, StoreError::Away(_)));
        assert!(!file.exists());
    }
}
