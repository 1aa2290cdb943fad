//! Events as standard JSON to an address of nobody's configuration.
//!
//! It is a person's look at what an action would have sent. Nothing of the action goes along, and
//! the delivery stays as it is.

use std::{sync::Arc, time::Duration};

use secrecy::SecretString;
use url::{Host, Url};
use uuid::Uuid;

use super::Refusal;
use crate::{
    action::{ActionError, guard::is_public, http::Http},
    config::{self, ActionKind, HttpAction},
    job::{Job, Values},
    store::{Lane, Selected, SnapshotKind, StoreError},
};

/// One request takes so long at the most.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Sends to one address.
pub struct Elsewhere(Http);

/// Which addresses may be sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Any: the person sits at this machine, and could reach it without us.
    Anywhere,
    /// Those of the public internet: whoever asks may not be where this machine is.
    Public,
}

impl Elsewhere {
    /// To this address.
    ///
    /// # Errors
    /// [`Refusal::Wrong`]: it is no address of HTTP, or out of reach.
    pub fn new(url: &Url, reach: Reach) -> Result<Self, Refusal> {
        let wrong = |why: String| Err(Refusal::Wrong(why));
        if !matches!(url.scheme(), "http" | "https") {
            return wrong("write an address such as https://example.com/hook".to_owned());
        }
        let address = match url.host() {
            Some(Host::Ipv4(address)) => Some(address.into()),
            Some(Host::Ipv6(address)) => Some(address.into()),
            Some(Host::Domain(_)) | None => None,
        };
        if reach == Reach::Public && address.is_some_and(|address| !is_public(address)) {
            return wrong("only public addresses can be sent to from here".to_owned());
        }
        let http = HttpAction {
            url: url.clone(),
            method: "POST".to_owned(),
            signing_secret: None,
            headers: Vec::<(String, SecretString)>::new(),
            body: None,
            allow_private: reach == Reach::Anywhere,
        };
        let none = Duration::ZERO;
        let action = config::Action {
            name: "elsewhere".into(),
            kind: ActionKind::Http(http.clone()),
            timeout: TIMEOUT,
            concurrency: 1,
            rate: None,
            retry: config::Retry { attempts: 1, first: none, factor: 1.0, max: none },
        };
        let http =
            Http::build(&action, &http).map_err(|problem| Refusal::Wrong(problem.to_string()))?;
        Ok(Self(http))
    }

    /// Sends one; says why it was not taken.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn send(
        &self,
        lane: &mut Lane,
        one: &Selected,
        as_new: bool,
    ) -> Result<Result<(), String>, StoreError> {
        let Some(event) = lane.event(one.event_id).await? else {
            return Ok(Err("its event is gone".to_owned()));
        };
        let mut values = Values::default();
        for kept in lane.snapshots(&[event.id]).await? {
            let place = match kept.kind {
                SnapshotKind::Record => &mut values.record,
                SnapshotKind::Entry => &mut values.entry,
                // Not in the standard JSON.
                SnapshotKind::Previous
                | SnapshotKind::Actor
                | SnapshotKind::Workspace
                | SnapshotKind::Note
                | SnapshotKind::Task
                | SnapshotKind::Comment
                | SnapshotKind::Meeting => continue,
            };
            *place = serde_json::from_slice(&kept.value).ok();
        }
        let keeps = one.state.keeps_its_key() && !as_new;
        let job = Job {
            idempotency_key: if keeps { one.idempotency_key } else { Uuid::now_v7() },
            route: one.route.as_str().into(),
            event_id: event.id,
            event_type: event.event.event_type,
            source: event.source,
            received_at: event.received_at,
            json: event.json,
            attempt: 1,
            values: Arc::new(values),
        };
        Ok(match self.0.perform(&job).await {
            Ok(_) => Ok(()),
            Err(
                ActionError::Retry(failure)
                | ActionError::Refused(failure)
                | ActionError::Gone(failure),
            ) => Err(failure.what),
            Err(ActionError::Later { what, .. }) => Err(what),
            Err(ActionError::Skipped(why) | ActionError::Loop(why)) => Err(why),
        })
    }
}
