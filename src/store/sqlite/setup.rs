//! What is made sure of before the first message: the file is there, the library sound, the schema
//! fits, and nobody else serves from it.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::ErrorKind,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use sqlx::{Connection as _, sqlite::SqliteConnection};

use super::connection::{classify, open};
use crate::store::{
    MigrationWatcher, SchemaStatus, ServeLock, StoreError,
    migrations::{self, Engine},
};

/// The first library without the WAL-reset bug, which can corrupt a database:
/// <https://www.sqlite.org/wal.html#walresetbug>
const OLDEST: [u32; 3] = [3, 51, 3];

pub(super) async fn prepare(
    file: &Path,
    migrate: Option<MigrationWatcher<'_>>,
) -> Result<(), StoreError> {
    let mut db = open_or_create(file).await?;
    check_library(&mut db).await?;
    // One transaction for all steps: several processes take turns, and the last finds all done.
    let mut tx = db.begin_with("BEGIN IMMEDIATE").await.map_err(classify)?;
    match migrate {
        Some(watcher) => migrations::apply(Engine::Sqlite, &mut *tx, watcher).await?,
        None => migrations::fits(Engine::Sqlite, &mut *tx).await?,
    }
    tx.commit().await.map_err(classify)
}

pub(super) async fn schema_status(file: &Path) -> Result<SchemaStatus, StoreError> {
    // Looking makes no file.
    if !file.try_exists().map_err(|error| unusable(file, &error))? {
        return Ok(migrations::nothing_applied(Engine::Sqlite));
    }
    let mut db = open(file).await?;
    migrations::status(Engine::Sqlite, &mut db).await
}

/// What `prepare` makes sure of, without a change.
pub(super) async fn check(file: &Path) -> Result<SchemaStatus, StoreError> {
    let status = schema_status(file).await?;
    // The library is the same for every file.
    let mut db = SqliteConnection::connect("sqlite::memory:").await.map_err(classify)?;
    check_library(&mut db).await?;
    Ok(status)
}

async fn open_or_create(file: &Path) -> Result<SqliteConnection, StoreError> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(file) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(unusable(file, &error)),
        Ok(_) | Err(_) => open(file).await,
    }
}

async fn check_library(db: &mut SqliteConnection) -> Result<(), StoreError> {
    let version: String = sqlx::query_scalar("SELECT sqlite_version()")
        .fetch_one(db)
        .await
        .map_err(|error| StoreError::Away(error.into()))?;
    if is_sound(&version) {
        return Ok(());
    }
    Err(StoreError::Unusable(format!(
        "this attio-relay was built with SQLite {version}, which can corrupt a database: \
         build it with 3.51.3 or newer"
    )))
}

fn is_sound(version: &str) -> bool {
    version.split('.').map(|part| part.parse().unwrap_or(0)).ge(OLDEST)
}

pub(super) fn serve_lock(file: &Path) -> Result<ServeLock, StoreError> {
    // By the file's real name: a symbolic link to it is the same store.
    let file = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let mut beside = file.clone().into_os_string();
    beside.push(".lock");
    let lock: File = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&beside)
        .map_err(|error| unusable(Path::new(&beside), &error))?;
    match lock.try_lock() {
        Ok(()) => Ok(ServeLock::new(lock)),
        Err(TryLockError::WouldBlock) => Err(StoreError::Unusable(format!(
            "{} is already served by another process: stop that one, give this one a file of its \
             own, or use Postgres for several processes",
            file.display()
        ))),
        Err(TryLockError::Error(error)) => Err(unusable(Path::new(&beside), &error)),
    }
}

fn unusable(file: &Path, error: &std::io::Error) -> StoreError {
    let folder = file.parent().unwrap_or(file);
    StoreError::Unusable(match error.kind() {
        ErrorKind::NotFound => format!(
            "cannot make {}: the folder {} does not exist; make it, or name another file in store.url",
            file.display(),
            folder.display()
        ),
        _ => format!("cannot make {}: {error}", file.display()),
    })
}

#[cfg(test)]
mod tests {
    use super::is_sound;

    #[test]
    fn a_library_with_the_wal_reset_bug_is_not_sound() {
        assert!(!is_sound("3.51.2"));
        assert!(!is_sound("3.9.99"));
        assert!(is_sound("3.51.3"));
        assert!(is_sound("3.100.0"));
        assert!(is_sound("4.0"));
    }
}
