//! The action's own connections: at most as many as it may have attempts at once, no pool.
//!
//! A connection that is in use is in no list, so that one which is dropped half-way is gone.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use secrecy::{ExposeSecret, SecretString};
use sqlx::{ConnectOptions, postgres::PgConnectOptions};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{failure::Trouble, session::Session, statement::Target};
use crate::{action::TemplateProblem, config};

/// One that was idle for longer is not used again: firewalls forget silent connections, and then
/// the next statement would wait for its whole deadline.
const LONGEST_IDLE: Duration = Duration::from_mins(1);

/// How often notes of long ago are removed.
const SWEEP_EVERY: Duration = Duration::from_hours(24);

/// Connections to the database of one action.
pub(super) struct Connections {
    options: PgConnectOptions,
    target: Target,
    permits: Semaphore,
    idle: Mutex<Vec<(Session, Instant)>>,
    swept: Mutex<Option<Instant>>,
}

impl Connections {
    pub(super) fn new(
        config: &config::Action,
        url: &SecretString,
        target: Target,
    ) -> Result<Self, TemplateProblem> {
        let options = url.expose_secret().parse::<PgConnectOptions>().map_err(|_| {
            TemplateProblem { field: "url", message: "is not a postgres:// address".to_owned() }
        })?;
        // Longer than the attempt, which then ends first: a commit that waits for a standby and is
        // cancelled by the server would be reported as done.
        let statement_timeout = config.timeout + Duration::from_secs(1);
        let options = options
            .application_name(&format!("attio-relay {}", config.name))
            .options([
                ("statement_timeout", format!("{}ms", statement_timeout.as_millis())),
                ("synchronous_commit", "on".to_owned()),
            ])
            // Statements are not logged: they hold what Attio sent.
            .disable_statement_logging();
        Ok(Self {
            options,
            target,
            permits: Semaphore::new(config.concurrency),
            idle: Mutex::default(),
            swept: Mutex::default(),
        })
    }

    /// The right to use one connection.
    pub(super) async fn permit(&self) -> SemaphorePermit<'_> {
        self.permits.acquire().await.expect("the semaphore is never closed")
    }

    /// A connection that was used a moment ago.
    pub(super) fn kept(&self) -> Option<Session> {
        let mut idle = lock(&self.idle);
        idle.retain(|(_, since)| since.elapsed() < LONGEST_IDLE);
        idle.pop().map(|(session, _)| session)
    }

    /// Keeps a connection that is beyond doubt.
    pub(super) fn keep(&self, session: Session) {
        lock(&self.idle).push((session, Instant::now()));
    }

    /// Drops all that are kept.
    pub(super) fn forget(&self) {
        lock(&self.idle).clear();
    }

    /// A new connection, which knows the table as it is now.
    pub(super) async fn open(&self) -> Result<Session, Trouble> {
        let db = self.options.connect().await.map_err(Trouble::Unreachable)?;
        let mut session = Session::begin(db, &self.target).await?;
        if self.is_time_to_sweep() {
            session.sweep(&self.target).await?;
        }
        Ok(session)
    }

    /// What is wrong with the table.
    pub(super) async fn problems(&self) -> Result<Vec<String>, Trouble> {
        let _permit = self.permit().await;
        let mut session = self.open().await?;
        let problems = session.problems(&self.target).await?;
        self.keep(session);
        Ok(problems)
    }

    fn is_time_to_sweep(&self) -> bool {
        let mut swept = lock(&self.swept);
        let is_due = swept.is_none_or(|at| at.elapsed() >= SWEEP_EVERY);
        if is_due {
            *swept = Some(Instant::now());
        }
        is_due
    }
}

/// Nothing that holds the lock can panic.
fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
