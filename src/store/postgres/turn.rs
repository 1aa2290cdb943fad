//! Migrating, one process at a time, and never behind somebody's back.
//!
//! A process waits for another one that migrates as long as that takes. For whoever else holds what
//! a migration needs it waits some seconds only: whatever is asked of that table meanwhile waits
//! behind the migration. Then it gives way, says who it is, and may be asked again.

use std::{pin::pin, time::Duration};

use sqlx::postgres::{PgConnectOptions, PgConnection};
use tokio::time::sleep;

use super::{connection::away, setup::connect};
use crate::store::{
    Migrating, MigrationWatcher, StoreError,
    migrations::{self, Engine},
};

/// Held by the process that migrates. Keys of these locks are the database's own.
const TURN: i64 = 0x6174_7469_6f00_0001;

/// How often it is looked whether the turn came, and who is in the way.
const LOOK: Duration = Duration::from_millis(500);

/// So long a migration waits for a lock.
const LOCK_TIMEOUT: &str = "SET lock_timeout = '3s'";

/// Who is in the way.
#[derive(Debug, thiserror::Error)]
#[error("a migration needs what somebody else holds: {0}")]
struct Blocked(String);

macro_rules! who {
    ($which:literal) => {
        concat!(
            "-- store::postgres::who
            SELECT format('process %s%s%s%s', a.pid,
                          coalesce(' of ' || a.usename, ''),
                          coalesce(' (' || nullif(a.application_name, '') || ')', ''),
                          coalesce(', in a transaction since ' || to_char(
                              a.xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC',
                              ''))
            FROM pg_stat_activity a WHERE a.pid = ANY (",
            $which,
            ") ORDER BY a.xact_start LIMIT 1"
        )
    };
}

const BLOCKING: &str = who!("pg_blocking_pids($1)");

const HOLDING: &str = who!(
    "ARRAY (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted
            AND classid::int8 = $1 >> 32 AND objid::int8 = $1 & 4294967295
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"
);

/// Applies what is missing, when it is this process's turn. The turn ends with the connection.
pub(super) async fn migrate(
    options: &PgConnectOptions,
    db: &mut PgConnection,
    watcher: MigrationWatcher<'_>,
) -> Result<(), StoreError> {
    take(db, watcher).await?;
    sqlx::query(LOCK_TIMEOUT).execute(&mut *db).await.map_err(away)?;
    let ours: i32 =
        sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut *db).await.map_err(away)?;
    let mut in_the_way = None;
    let mut work = pin!(migrations::apply(Engine::Postgres, db, watcher));
    let done = loop {
        tokio::select! {
            done = &mut work => break done,
            () = sleep(LOOK) => in_the_way = who_blocks(options, ours).await.or(in_the_way),
        }
    };
    match (done, in_the_way) {
        (Err(StoreError::Contended(_)), Some(who)) => {
            Err(StoreError::Contended(Blocked(who).into()))
        }
        (done, _) => done,
    }
}

/// Waits until nobody else migrates.
async fn take(db: &mut PgConnection, watcher: MigrationWatcher<'_>) -> Result<(), StoreError> {
    loop {
        let is_ours = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)").bind(TURN);
        if is_ours.fetch_one(&mut *db).await.map_err(away)? {
            return Ok(());
        }
        let who = sqlx::query_scalar(HOLDING).bind(TURN);
        let who: Option<String> = who.fetch_optional(&mut *db).await.map_err(away)?;
        let who = who.as_deref().unwrap_or("a process that has just ended");
        watcher(Migrating::Waiting(&format!("another one migrates: {who}")));
        sleep(LOOK).await;
    }
}

/// Who holds what our own process waits for; `None` too when that cannot be seen.
async fn who_blocks(options: &PgConnectOptions, ours: i32) -> Option<String> {
    let mut beside = connect(options).await.ok()?;
    sqlx::query_scalar(BLOCKING).bind(ours).fetch_optional(&mut beside).await.ok()?
}
