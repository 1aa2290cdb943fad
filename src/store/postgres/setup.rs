//! What is made sure of before the first message: the server keeps its word, the schema fits.
//!
//! See `turn` for how processes that migrate take turns, and how long they wait for anybody else.

use std::time::Duration;

use sqlx::{
    ConnectOptions,
    postgres::{PgConnectOptions, PgConnection},
};
use tokio::time::timeout;
use tracing::warn;

use super::{
    connection::{CONNECT_TIMEOUT, POOLER, SETTINGS, away},
    turn,
};
use crate::store::{
    MigrationWatcher, SchemaStatus, StoreError,
    migrations::{self, Engine},
};

/// The oldest server that has all we use.
const OLDEST: i32 = 130_000;

/// A server that takes longer to tell its settings is away.
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

const TORN_PAGES: &str =
    "Postgres runs with full_page_writes = off: safe only on storage that never tears a page";

pub(super) async fn connect(options: &PgConnectOptions) -> Result<PgConnection, StoreError> {
    let options = options
        .clone()
        .application_name("attio-relay setup")
        .options(SETTINGS)
        .disable_statement_logging();
    match timeout(CONNECT_TIMEOUT, options.connect()).await {
        Ok(Ok(db)) => Ok(db),
        Ok(Err(error)) => Err(away(error)),
        Err(late) => Err(StoreError::Away(Box::new(late))),
    }
}

pub(super) async fn prepare(
    options: &PgConnectOptions,
    migrate: Option<MigrationWatcher<'_>>,
    allow_fsync_off: bool,
) -> Result<(), StoreError> {
    let mut db = connect(options).await?;
    for remark in checked(&mut db, allow_fsync_off).await? {
        warn!("{remark}");
    }
    match migrate {
        Some(watcher) => turn::migrate(options, &mut db, watcher).await,
        None => migrations::fits(Engine::Postgres, &mut db).await,
    }
}

/// The same without a change: which migrations are applied, and what should be known.
pub(super) async fn check(
    options: &PgConnectOptions,
    allow_fsync_off: bool,
) -> Result<(SchemaStatus, Vec<&'static str>), StoreError> {
    let mut db = connect(options).await?;
    let remarks = checked(&mut db, allow_fsync_off).await?;
    Ok((migrations::status(Engine::Postgres, &mut db).await?, remarks))
}

pub(super) async fn schema_status(options: &PgConnectOptions) -> Result<SchemaStatus, StoreError> {
    let mut db = connect(options).await?;
    migrations::status(Engine::Postgres, &mut db).await
}

async fn checked(
    db: &mut PgConnection,
    allow_fsync_off: bool,
) -> Result<Vec<&'static str>, StoreError> {
    timeout(CHECK_TIMEOUT, check_server(db, allow_fsync_off))
        .await
        .map_err(|late| StoreError::Away(late.into()))?
}

/// Remarks of a server that will do.
async fn check_server(
    db: &mut PgConnection,
    allow_fsync_off: bool,
) -> Result<Vec<&'static str>, StoreError> {
    let setting = async |db: &mut PgConnection, name: &'static str| {
        sqlx::query_scalar::<_, String>("SELECT current_setting($1)")
            .bind(name)
            .fetch_one(db)
            .await
            .map_err(|error| StoreError::Away(error.into()))
    };
    if setting(db, "plan_cache_mode").await? != "force_generic_plan" {
        return Err(StoreError::Unusable(POOLER.to_owned()));
    }
    let version = setting(db, "server_version_num").await?;
    if version.parse::<i32>().unwrap_or(0) < OLDEST {
        return Err(StoreError::Unusable(format!(
            "Postgres {version} is too old: attio-relay needs 13 or newer"
        )));
    }
    if setting(db, "fsync").await? == "off" && !allow_fsync_off {
        return Err(StoreError::Unusable(
            "Postgres runs with fsync = off: what it calls committed can be lost in a crash; \
             turn fsync on, or set store.allow_fsync_off = true if you accept that"
                .to_owned(),
        ));
    }
    if setting(db, "full_page_writes").await? == "off" {
        return Ok(vec![TORN_PAGES]);
    }
    Ok(Vec::new())
}
