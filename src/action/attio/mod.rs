//! `kind = "attio"`: something written back to Attio, with the one token of the process.
//!
//! A record by a unique attribute, an update and a list entry are written by calls that do the
//! same when they are repeated. A note, a task and a comment are not: Attio takes no idempotency
//! key for them. After a lost answer they are not sent again within the attempt, but the delivery
//! is tried again: a duplicate beats a loss. A note or a task that holds the event's id is looked
//! for before it is written; accepted: any other, and every comment, may come twice.

mod form;
mod loops;
mod made;
mod place;
mod value;

use std::time::Duration;

use arc_swap::Guard;
use tokio::time::Instant;

use super::{ActionError, Done, Failure, Job, TemplateProblem};
use crate::{
    attio::{
        catalog::{self, Catalog},
        client::{ApiError, Client},
        envelope::Envelope,
        event::Event,
    },
    config::{self, AttioAction},
    routing::Needs,
};
use form::{Form, Write};
use loops::Loops;

/// Whose token it is is asked again after so long.
const SOON: Duration = Duration::from_secs(1);

/// The access to Attio that all of a process's parts share.
#[derive(Debug, Clone)]
pub struct Access {
    /// The one client: limits are the process's own.
    pub client: Client,
    /// Whose token it is.
    pub catalog: catalog::Shared,
}

/// A destination in Attio.
pub struct Attio {
    access: Access,
    form: Form,
    loops: Loops,
    timeout: Duration,
}

impl Attio {
    /// Prepares the action.
    ///
    /// # Errors
    ///
    /// A template is wrong, or there is no access to Attio.
    pub fn build(
        config: &config::Action,
        attio: &AttioAction,
        access: Option<&Access>,
    ) -> Result<Self, TemplateProblem> {
        let access = access.ok_or_else(|| TemplateProblem {
            field: "kind",
            message: "this action writes to Attio: `[attio]` is read at the start, so a new one takes a restart"
                .to_owned(),
        })?;
        Ok(Self {
            access: access.clone(),
            form: Form::compile(&attio.write).map_err(|mut problems| problems.swap_remove(0))?,
            loops: Loops::new(attio.loop_limit),
            timeout: config.timeout,
        })
    }

    /// Every problem of the configuration.
    pub(super) fn check(attio: &AttioAction) -> Vec<TemplateProblem> {
        Form::compile(&attio.write).err().unwrap_or_default()
    }

    /// What must be looked up before an attempt.
    pub(super) fn needs(&self) -> Needs {
        self.form.needs()
    }

    /// Writes once, or finds that this was done before.
    ///
    /// # Errors
    ///
    /// Attio did not take it, or it must not be written.
    pub async fn perform(&self, job: &Job) -> Result<Done, ActionError> {
        let deadline = Instant::now() + self.timeout;
        let catalog = Guard::into_inner(self.access.catalog.current());
        let event = event(job)?;
        self.check_workspace(&event, &catalog)?;
        let write = self.form.write(job, &event)?;
        self.check_loop(job, &event, &catalog, &write)?;
        let client = &self.access.client;
        if made::is_made(client, &write, job, deadline).await.map_err(explain)? {
            return Ok(Done::default());
        }
        write.send(client, deadline).await.map_err(explain)?;
        Ok(Done { status: Some(200) })
    }

    /// Ids of one workspace mean nothing, or something else, in another.
    fn check_workspace(&self, event: &Event, catalog: &Catalog) -> Result<(), ActionError> {
        let Some(identity) = catalog.confirmed() else {
            self.access.catalog.ask(None, None);
            let what = "whose token it is is not known yet".to_owned();
            return Err(ActionError::Later { reason: "names", what, wait: SOON });
        };
        if event.workspace_id.as_ref() == Some(&identity.workspace_id) {
            return Ok(());
        }
        let of = event.workspace_id.as_deref().unwrap_or("none that it names");
        Err(refused(format!(
            "the event is of the workspace {of}, the token of {}: nothing was written",
            identity.workspace_id
        )))
    }

    fn check_loop(
        &self,
        job: &Job,
        event: &Event,
        catalog: &Catalog,
        write: &Write<'_>,
    ) -> Result<(), ActionError> {
        let (kind, id) = (event.actor_type.as_deref(), event.actor_id.as_deref());
        let now = Instant::now().into_std();
        if catalog.is_self(kind, id) != Some(true)
            || self.loops.admits(&write.key(), job.idempotency_key, now)
        {
            return Ok(());
        }
        Err(ActionError::Loop(format!(
            "its own writes made it write {} {} times within a minute",
            write.subject(),
            self.loops.limit(),
        )))
    }
}

fn event(job: &Job) -> Result<Event, ActionError> {
    let mut read = Envelope::read(&job.json)
        .map_err(|unreadable| refused(format!("the event cannot be read: {unreadable}")))?;
    read.events.pop().ok_or_else(|| refused("there is no event in it".to_owned()))
}

/// What Attio's answer means for the delivery.
fn explain(error: ApiError) -> ActionError {
    let status = error.status();
    match error {
        // Nothing was sent: our own share of Attio's limits is used up.
        ApiError::Later { what, after: Some(wait), status: None, .. } => {
            ActionError::Later { reason: "limits", what, wait }
        }
        ApiError::Later { what, after, answer, in_doubt, .. } => {
            let doubt = if in_doubt { "; it may have been written all the same" } else { "" };
            let what = format!("{what}{doubt}");
            let failure = Failure { what, status, answer, retry_after: after, timed_out: false };
            ActionError::Retry(failure)
        }
        ApiError::Denied { what, answer, .. } => {
            let what = format!("{what}; the token must be replaced or given the scopes");
            ActionError::Retry(Failure { what, status, answer, ..Failure::default() })
        }
        // Attio's own sentence is in the answer: it may quote what people wrote, and `what` gets
        // into the log.
        ApiError::Refused { what, answer, .. } => {
            ActionError::Refused(Failure { what, status, answer, ..Failure::default() })
        }
    }
}

fn refused(what: String) -> ActionError {
    ActionError::Refused(Failure { what, ..Failure::default() })
}
