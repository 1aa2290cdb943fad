//! The schema's history, inside the binary, for both engines.

use sqlx::{
    AssertSqlSafe, SqlSafeStr,
    migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator},
};

use super::{SchemaStatus, StoreError};

/// How far migrating is; told while it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Migrating<'a> {
    /// A migration runs: whole or not at all.
    Applying {
        /// Such as `0002 tallies`.
        name: &'a str,
        /// So many were applied before it, by this run.
        done: usize,
        /// How many this run is to apply.
        of: usize,
    },
    /// Somebody else is in the way: who, in words.
    Waiting(&'a str),
}

/// Who is told how far it is.
pub type MigrationWatcher<'w> = &'w mut (dyn FnMut(Migrating<'_>) + Send);

/// Which dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Engine {
    Postgres,
    Sqlite,
}

/// What sqlx calls the table of applied migrations.
const TABLE: &str = "_sqlx_migrations";

macro_rules! migration {
    ($folder:literal, $file:literal) => {
        ($file, include_str!(concat!("../../migrations/", $folder, "/", $file, ".sql")))
    };
}

const POSTGRES: [(&str, &str); 1] = [migration!("postgres", "0001_messages_events_deliveries")];
const SQLITE: [(&str, &str); 1] = [migration!("sqlite", "0001_messages_events_deliveries")];

fn migrator(engine: Engine) -> Migrator {
    let files: &[(&'static str, &'static str)] = match engine {
        Engine::Postgres => &POSTGRES,
        Engine::Sqlite => &SQLITE,
    };
    let migration = |&(file, sql): &(&'static str, &'static str)| {
        let (version, description) = file.split_once('_').expect("files are named <n>_<what>");
        Migration::new(
            version.parse().expect("files are named <n>_<what>"),
            description.into(),
            MigrationType::Simple,
            AssertSqlSafe(sql).into_sql_str(),
            false,
        )
    };
    Migrator::with_migrations(files.iter().map(migration).collect())
}

fn newest(engine: Engine) -> i64 {
    migrator(engine).iter().map(|migration| migration.version).max().unwrap_or(0)
}

/// What is applied, and what is known.
pub(super) async fn status<C: Migrate>(
    engine: Engine,
    db: &mut C,
) -> Result<SchemaStatus, StoreError> {
    let applied = async {
        db.ensure_migrations_table(TABLE).await?;
        db.list_applied_migrations(TABLE).await
    }
    .await
    .map_err(failed)?;
    let applied: Vec<i64> = applied.into_iter().map(|migration| migration.version).collect();
    Ok(with_applied(engine, &applied))
}

/// The status of a database that is not there yet.
pub(super) fn nothing_applied(engine: Engine) -> SchemaStatus {
    with_applied(engine, &[])
}

fn with_applied(engine: Engine, applied: &[i64]) -> SchemaStatus {
    let steps = migrator(engine)
        .iter()
        .map(|step| {
            let name = format!("{:04} {}", step.version, step.description.replace('_', " "));
            (name, applied.contains(&step.version))
        })
        .collect();
    let newest_applied = applied.iter().copied().max().unwrap_or(0);
    SchemaStatus { steps, newest_applied, newest_known: newest(engine) }
}

/// Applies what is missing, one after the other, each in a transaction of its own: whoever is
/// interrupted leaves a whole version. Nobody else may do so meanwhile: that is the caller's part.
pub(super) async fn apply<C: Migrate>(
    engine: Engine,
    db: &mut C,
    watcher: MigrationWatcher<'_>,
) -> Result<(), StoreError> {
    let status = status(engine, db).await?;
    let pending: Vec<_> = status.steps.iter().filter(|(_, is_applied)| !is_applied).collect();
    for (done, (name, _)) in pending.iter().enumerate() {
        watcher(Migrating::Applying { name, done, of: pending.len() });
        let version = name.split(' ').next().and_then(|version| version.parse().ok());
        run(engine, version, db).await?;
    }
    // All that is applied must be what we know.
    run(engine, None, db).await
}

async fn run<C: Migrate>(engine: Engine, until: Option<i64>, db: &mut C) -> Result<(), StoreError> {
    let mut migrator = migrator(engine);
    match migrator.set_locking(false).run_direct(until, db, false).await {
        Err(MigrateError::VersionMissing(version)) => Err(newer(version, newest(engine))),
        result => result.map_err(failed),
    }
}

/// Says what is wrong where the schema does not fit.
pub(super) async fn fits<C: Migrate>(engine: Engine, db: &mut C) -> Result<(), StoreError> {
    let status = status(engine, db).await?;
    if status.newest_applied > status.newest_known {
        return Err(newer(status.newest_applied, status.newest_known));
    }
    if status.newest_applied < status.newest_known {
        return Err(StoreError::Unusable(format!(
            "the store's schema is at version {}, this attio-relay needs {}: \
             run `attio-relay migrate`, or set store.migrate = true",
            status.newest_applied, status.newest_known
        )));
    }
    Ok(())
}

fn newer(found: i64, known: i64) -> StoreError {
    StoreError::Unusable(format!(
        "the store's schema is at version {found}, which is newer than the {known} that this \
         attio-relay knows: run the newer attio-relay that made it"
    ))
}

/// SQLSTATE of what waited for a lock longer than `lock_timeout`:
/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
const LOCK_NOT_AVAILABLE: &str = "55P03";

fn failed(error: MigrateError) -> StoreError {
    let cause = match &error {
        MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _) => Some(cause),
        _ => None,
    };
    let code = cause.and_then(|cause| cause.as_database_error()?.code());
    if code.is_some_and(|code| code == LOCK_NOT_AVAILABLE) {
        return StoreError::Contended(error.into());
    }
    match error {
        MigrateError::VersionMismatch(version) => StoreError::Unusable(format!(
            "migration {version} was applied with another text than this attio-relay holds: \
             the store belongs to another build"
        )),
        error => StoreError::Away(error.into()),
    }
}
