//! `kind = "postgres"`: one row in a table, once for each delivery.
//!
//! The row and the note that the delivery was made are one statement, hence one transaction: a
//! repeat finds the note and changes nothing, and a connection that breaks at any moment leaves
//! both or neither. So every doubt is a retry. Notes are kept for 90 days: a dead delivery that had
//! its effect all the same and is replayed later than that writes its row again.
//!
//! Private addresses are not refused, as they are for HTTP: a database is private as a rule, and
//! no event can change its address.

mod connection;
mod failure;
pub mod sandbox;
mod session;
mod statement;
mod table;
mod value;

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use url::Url;
use uuid::Uuid;

use super::{ActionError, Done, Failure, Job, TemplateProblem, mask::Mask};
use crate::{
    config::{self, PostgresAction},
    routing::{
        Needs,
        template::{Content, NAMES, ValueTemplate},
    },
};
use connection::Connections;
use failure::Trouble;
use statement::Target;

/// The check at start, and that of `check --online`, take so long at the most.
const CHECK_PATIENCE: Duration = Duration::from_secs(5);

/// A table that takes rows.
pub struct Postgres {
    connections: Connections,
    /// One for each column of the target, in its order.
    templates: Vec<(String, ValueTemplate)>,
    timeout: Duration,
    mask: Mask,
}

impl Postgres {
    /// Prepares the action; connects to nothing yet.
    ///
    /// # Errors
    ///
    /// The address or a template cannot be used.
    pub fn build(
        config: &config::Action,
        postgres: &PostgresAction,
    ) -> Result<Self, TemplateProblem> {
        let templates = postgres.columns.iter().map(compile).collect::<Result<_, _>>()?;
        let connections = Connections::new(config, &postgres.url, Target::new(postgres))?;
        Ok(Self { connections, templates, timeout: config.timeout, mask: mask(&postgres.url) })
    }

    /// Every problem of the configuration.
    pub(super) fn check(postgres: &PostgresAction) -> Vec<TemplateProblem> {
        postgres.columns.iter().filter_map(|column| compile(column).err()).collect()
    }

    /// What the columns' templates need to have looked up.
    pub(super) fn needs(&self) -> Needs {
        let needs = self.templates.iter().map(|(_, template)| template.template().needs());
        needs.fold(Needs::default(), |all, needs| all | needs)
    }

    /// Connects and looks whether table, columns, key and rights are as the action needs them.
    ///
    /// # Errors
    ///
    /// All that is wrong, or that the database cannot be reached.
    pub async fn check_online(&self) -> Result<(), String> {
        let problems = tokio::time::timeout(CHECK_PATIENCE, self.connections.problems()).await;
        match problems {
            Ok(Ok(problems)) if problems.is_empty() => Ok(()),
            Ok(Ok(problems)) => Err(self.mask.text(&problems.join("; "))),
            Ok(Err(trouble)) => Err(trouble.into_error(&self.mask).to_string()),
            Err(_) => Err(format!("the database did not answer within {CHECK_PATIENCE:?}")),
        }
    }

    /// Writes the row, unless it was written before for this delivery.
    ///
    /// # Errors
    ///
    /// The database did not take it.
    pub async fn perform(&self, job: &Job) -> Result<Done, ActionError> {
        let row = self.row(job)?;
        match tokio::time::timeout(self.timeout, self.write(job.idempotency_key, &row)).await {
            Ok(Ok(())) => Ok(Done::default()),
            Ok(Err(trouble)) => Err(trouble.into_error(&self.mask)),
            Err(_) => {
                // The others are as silent, most likely.
                self.connections.forget();
                let what = "no answer from the database in time".to_owned();
                Err(ActionError::Retry(Failure { what, timed_out: true, ..Failure::default() }))
            }
        }
    }

    fn row(&self, job: &Job) -> Result<Vec<Content>, ActionError> {
        let value = |(column, template): &(String, ValueTemplate)| {
            let content = template.value(job);
            content.map_err(|error| ActionError::of_template(&format!("`{column}`"), &error))
        };
        self.templates.iter().map(value).collect()
    }

    /// Whoever drops this half-way drops its connection too: it is in no list meanwhile.
    async fn write(&self, key: Uuid, row: &[Content]) -> Result<(), Trouble> {
        let _permit = self.connections.permit().await;
        // A kept connection may be dead, or know a table that was altered since: only its yes
        // counts, and a new one decides. Twice is as good as once.
        if let Some(mut kept) = self.connections.kept() {
            match kept.write(key, row).await {
                Ok(()) => {
                    self.connections.keep(kept);
                    return Ok(());
                }
                Err(trouble) if trouble.is_of_the_connection() => self.connections.forget(),
                Err(_) => {}
            }
        }
        let mut new = self.connections.open().await?;
        let result = new.write(key, row).await;
        if result.as_ref().err().is_none_or(|trouble| !trouble.is_of_the_connection()) {
            self.connections.keep(new);
        }
        result
    }
}

fn compile(
    (column, source): &(String, String),
) -> Result<(String, ValueTemplate), TemplateProblem> {
    ValueTemplate::compile(source, &NAMES).map(|template| (column.clone(), template)).map_err(
        |error| TemplateProblem { field: "columns", message: format!("`{column}`: {error}") },
    )
}

/// The password, wherever it stands; the user's name is no secret.
fn mask(url: &SecretString) -> Mask {
    let mut mask = Mask::default();
    mask.add(url.expose_secret());
    if let Ok(mut url) = Url::parse(url.expose_secret()) {
        for (key, value) in url.query_pairs() {
            if key.eq_ignore_ascii_case("password") {
                mask.add(value.as_bytes());
            }
        }
        url.set_query(None);
        // An address without a host takes no user name, and has none.
        let _none = url.set_username("");
        mask.add_url(&url);
    }
    mask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_masked_as_written_and_decoded_and_the_user_is_not() {
        let url = "postgres://relay:pass%2Bword@db/crm?sslmode=require&password=query-pass";
        let mask = mask(&url.into());
        let text = "relay pass%2Bword pass+word query-pass require crm";
        assert_eq!(mask.text(text), "relay *** *** *** require crm");
    }
}
