//! A connection that one task owns, with a deadline on every call.
//!
//! On any doubt the connection is dropped and a new one is made, with jittered back-off. No call is
//! ever cancelled half-way and used again.

use std::time::Duration;

use sqlx::{
    ConnectOptions,
    postgres::{PgConnectOptions, PgConnection},
};
use tokio::time::timeout;

use crate::store::{BoxError, LaneKind, StoreError};

/// The longest that making a connection may take.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// The longest pause between two tries to connect.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// What every lane sets for itself. Commits are durable whatever the server's default is; plans
/// are made once and never depend on the statistics of a young table.
pub(super) const SETTINGS: [(&str, &str); 4] = [
    ("jit", "off"),
    ("synchronous_commit", "on"),
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
];

/// The queue is reached by its indexes only: a few rows of many, whatever the planner believes.
pub(super) const QUEUE_SETTINGS: [(&str, &str); 2] =
    [("enable_hashjoin", "off"), ("enable_mergejoin", "off")];

/// Lists walk a primary key backwards and stop when they have enough: reading a part of a table
/// to sort it is never better. What only looks can change nothing, and nobody waits for it long.
pub(super) const READ_SETTINGS: [(&str, &str); 3] = [
    ("enable_bitmapscan", "off"),
    ("default_transaction_read_only", "on"),
    ("statement_timeout", "5s"),
];

/// A lane's connection, there or not.
#[derive(Debug)]
pub(super) struct Connection {
    options: PgConnectOptions,
    deadline: Duration,
    idle: Option<PgConnection>,
    pause: Duration,
}

impl Connection {
    pub(super) fn new(options: PgConnectOptions, kind: LaneKind, deadline: Duration) -> Self {
        let name = format!("attio-relay {}", kind.as_str());
        let options = options.application_name(&name);
        let options = match kind {
            LaneKind::Intake => options.options(SETTINGS),
            // People's questions differ, and may well be about most of a table.
            LaneKind::Act => options.options(SETTINGS.into_iter().take(2)),
            LaneKind::Claim
            | LaneKind::Outcome
            | LaneKind::Sample
            | LaneKind::Look
            | LaneKind::Reconcile
            | LaneKind::Alerts => options.options(SETTINGS).options(QUEUE_SETTINGS),
            // What a crash brings back is removed once more: no commit need wait for the disk.
            LaneKind::Remove => options
                .options(SETTINGS)
                .options(QUEUE_SETTINGS)
                .options([("synchronous_commit", "off")]),
            LaneKind::Read => {
                options.options(SETTINGS).options(QUEUE_SETTINGS).options(READ_SETTINGS)
            }
        };
        // Statements are not logged: they hold what Attio sent.
        let options = options.disable_statement_logging();
        Self { options, deadline, idle: None, pause: Duration::ZERO }
    }

    /// Runs one call under the lane's deadline, and says what is known then. The connection is kept
    /// when it is beyond doubt, dropped otherwise.
    pub(super) async fn run<T>(
        &mut self,
        call: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, StoreError> {
        let mut db = self.take_or_open().await?;
        let result = timeout(self.deadline, call(&mut db)).await.unwrap_or_else(|_| {
            Err(sqlx::Error::Io(std::io::Error::new(
                std::io::ErrorKind::TimedOut,
                "no answer from the database in time",
            )))
        });
        let result = result.map_err(classify);
        if let Ok(_) | Err(StoreError::Refused(_) | StoreError::Contended(_)) = &result {
            self.idle = Some(db);
        }
        result
    }

    /// The connection, made anew where needed. After a failure the next try waits a little.
    async fn take_or_open(&mut self) -> Result<PgConnection, StoreError> {
        if let Some(db) = self.idle.take() {
            return Ok(db);
        }
        tokio::time::sleep(self.pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
        match timeout(CONNECT_TIMEOUT, self.options.connect()).await {
            Ok(Ok(db)) => {
                self.pause = Duration::ZERO;
                Ok(db)
            }
            Ok(Err(error)) => {
                self.wait_longer();
                Err(away(error))
            }
            Err(late) => {
                self.wait_longer();
                Err(StoreError::Away(Box::new(late)))
            }
        }
    }

    fn wait_longer(&mut self) {
        self.pause = (self.pause * 2).clamp(Duration::from_millis(50), LONGEST_PAUSE);
    }
}

/// Why no connection could be made.
pub(super) fn away(error: sqlx::Error) -> StoreError {
    match &error {
        sqlx::Error::Database(database)
            if database.message().contains("unsupported startup parameter") =>
        {
            StoreError::Unusable(POOLER.to_owned())
        }
        _ => StoreError::Away(error.into()),
    }
}

/// What to do about a pooler between us and Postgres.
pub(super) const POOLER: &str = "between attio-relay and Postgres is a pooler in transaction mode \
    (PgBouncer?), which breaks prepared statements and session settings; \
    point store.url at Postgres itself, or at a pooler in session mode";

/// What an error of a call means. SQLSTATEs:
/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
fn classify(error: sqlx::Error) -> StoreError {
    let sqlx::Error::Database(database) = &error else {
        return match error {
            sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::Tls(_) => {
                StoreError::Doubtful(error.into())
            }
            other => StoreError::Refused(BoxError::from(other)),
        };
    };
    let code = database.code().unwrap_or_default().into_owned();
    match (code.get(..2).unwrap_or_default(), code.as_str()) {
        (_, "40001" | "40P01") => StoreError::Contended(error.into()),
        // The server stops or the call was cancelled: a commit may have come before that.
        ("57", _) => StoreError::Doubtful(error.into()),
        // No room, read-only after a failover, broken: the statement was rolled back.
        ("08" | "25" | "53" | "55" | "58" | "XX", _) => StoreError::Away(error.into()),
        _ => StoreError::Refused(error.into()),
    }
}
