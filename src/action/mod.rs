//! Performing one attempt at one destination, within one deadline.
//!
//! An action never decides when to try again: it says what happened, and the variant of
//! [`ActionError`] is the decision.

pub mod attio;
mod client;
pub mod guard;
pub mod http;
pub mod log;
pub mod postgres;
pub mod slack;

use std::time::Duration;

use bytes::Bytes;

pub use crate::job::Job;
use crate::{
    config::{self, ActionKind},
    mask, retry_after,
    routing::{
        Needs,
        template::{Kind, TemplateError},
    },
};

/// A configured destination, ready to be used.
pub enum Action {
    /// An HTTP request.
    Http(Box<http::Http>),
    /// A Slack message.
    Slack(Box<slack::Slack>),
    /// A row in a Postgres table.
    Postgres(Box<postgres::Postgres>),
    /// Something written to Attio.
    Attio(Box<attio::Attio>),
    /// A line in the log.
    Log(Box<log::Log>),
}

/// Why an action cannot be made from its configuration. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct TemplateProblem {
    /// The field of the action's table, such as `body`.
    pub field: &'static str,
    /// What is wrong, for a template with line and column.
    pub message: String,
}

/// A destination took the event.
#[derive(Debug, Clone, Default)]
pub struct Done {
    /// The HTTP status of the answer, where there was one.
    pub status: Option<u16>,
}

/// Why one attempt did not succeed.
///
/// The variant is the decision: dispatch never looks inside to choose.
#[derive(Debug, thiserror::Error)]
pub enum ActionError {
    /// The destination may take the same event later.
    #[error("{}", .0.what)]
    Retry(Failure),
    /// The destination will never take this event.
    #[error("{}", .0.what)]
    Refused(Failure),
    /// The destination is gone for good: this event is refused, and the action pauses.
    #[error("{}", .0.what)]
    Gone(Failure),
    /// There is nothing to send, and why: the destination was not asked.
    #[error("{0}")]
    Skipped(String),
    /// Nothing was sent, through no fault of the destination's: the event waits.
    #[error("{what}")]
    Later {
        /// For the metric: `limits` or `names`.
        reason: &'static str,
        /// What is in the way, in a sentence without a full stop.
        what: String,
        /// When to try again.
        wait: Duration,
    },
    /// The action is sent round in circles by its own writes, and how: nothing was sent, the event
    /// waits, and the action pauses.
    #[error("{0}")]
    Loop(String),
}

impl ActionError {
    /// A template of the field, such as `body`, could not be rendered.
    pub(in crate::action) fn of_template(field: &str, error: &TemplateError) -> Self {
        let what = format!("the {field} template: {error}");
        match error.kind {
            Kind::Empty => Self::Skipped(what),
            Kind::Wrong => Self::Refused(Failure { what, ..Failure::default() }),
        }
    }
}

/// What is known of a failed attempt. Holds no secret.
#[derive(Debug, Clone, Default)]
pub struct Failure {
    /// What went wrong, in a sentence without a full stop.
    pub what: String,
    /// The HTTP status of the answer, where there was one.
    pub status: Option<u16>,
    /// The first 4 KiB of the answer, known secrets masked.
    pub answer: Option<Bytes>,
    /// The wait that the destination asked for.
    pub retry_after: Option<Duration>,
    /// The attempt ran out of time.
    pub timed_out: bool,
}

impl Action {
    /// Prepares everything that does not differ between attempts.
    ///
    /// # Errors
    ///
    /// The first field that cannot be used.
    pub fn build(
        config: &config::Action,
        access: Option<&attio::Access>,
    ) -> Result<Self, TemplateProblem> {
        Ok(match &config.kind {
            ActionKind::Http(http) => Self::Http(Box::new(http::Http::build(config, http)?)),
            ActionKind::Slack(slack) => Self::Slack(Box::new(slack::Slack::build(config, slack)?)),
            ActionKind::Postgres(postgres) => {
                Self::Postgres(Box::new(postgres::Postgres::build(config, postgres)?))
            }
            ActionKind::Attio(attio) => {
                Self::Attio(Box::new(attio::Attio::build(config, attio, access)?))
            }
            ActionKind::Log(log) => Self::Log(Box::new(log::Log::build(config, log)?)),
        })
    }

    /// Every problem that [`Action::build`] would meet, as field and text, without building.
    #[must_use]
    pub fn check(config: &config::Action) -> Vec<(&'static str, String)> {
        let problems = match &config.kind {
            ActionKind::Http(http) => http::Http::check(http),
            ActionKind::Slack(slack) => slack::Slack::check(slack),
            ActionKind::Postgres(postgres) => postgres::Postgres::check(postgres),
            ActionKind::Attio(attio) => attio::Attio::check(attio),
            ActionKind::Log(log) => log::Log::check(log),
        };
        problems.into_iter().map(|problem| (problem.field, problem.message)).collect()
    }

    /// Asks the destination, where that changes nothing there, whether it is as the action needs
    /// it. Answers within a few seconds.
    ///
    /// # Errors
    ///
    /// What somebody must mend, or that the destination is away. Holds no secret.
    pub async fn check_online(&self) -> Result<(), String> {
        match self {
            Self::Postgres(postgres) => postgres.check_online().await,
            Self::Http(_) | Self::Slack(_) | Self::Attio(_) | Self::Log(_) => Ok(()),
        }
    }

    /// What its templates need to have looked up.
    #[must_use]
    pub fn needs(&self) -> Needs {
        match self {
            Self::Http(http) => http.needs(),
            Self::Slack(slack) => slack.needs(),
            Self::Log(log) => log.needs(),
            Self::Postgres(postgres) => postgres.needs(),
            Self::Attio(attio) => attio.needs(),
        }
    }

    /// Makes one attempt, within the action's deadline.
    ///
    /// # Errors
    ///
    /// The destination did not take the event; the variant says what to do.
    pub async fn perform(&self, job: &Job) -> Result<Done, ActionError> {
        match self {
            Self::Http(http) => http.perform(job).await,
            Self::Slack(slack) => slack.perform(job).await,
            Self::Postgres(postgres) => postgres.perform(job).await,
            Self::Attio(attio) => attio.perform(job).await,
            Self::Log(log) => log.perform(job),
        }
    }
}
