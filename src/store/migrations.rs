//! The schema's history, inside the binary, for both engines.

use sqlx::{
    AssertSqlSafe, SqlSafeStr,
    migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator},
};

use super::{SchemaStatus, StoreError};

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

/// Applies what is missing, or says what is wrong. Several processes may do so at once: the
/// database's lock makes them take turns.
pub(super) async fn bring_up<C: Migrate>(
    engine: Engine,
    db: &mut C,
    migrate: bool,
) -> Result<(), StoreError> {
    if migrate {
        return match migrator(engine).run_direct(None, db, false).await {
            Err(MigrateError::VersionMissing(version)) => Err(newer(version, newest(engine))),
            result => result.map_err(failed),
        };
    }
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

fn failed(error: MigrateError) -> StoreError {
    match error {
        MigrateError::VersionMismatch(version) => StoreError::Unusable(format!(
            "migration {version} was applied with another text than this attio-relay holds: \
             the store belongs to another build"
        )),
        error => StoreError::Away(error.into()),
    }
}
