//! `attio-relay replay --to URL`: events as standard JSON to an address of nobody's configuration.
//!
//! The command sends by itself: it is a person's look at what an action would have sent. Nothing of
//! the action goes along, and the delivery stays as it is.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use secrecy::SecretString;
use url::Url;
use uuid::Uuid;

use crate::{
    action::{ActionError, http::Http},
    config::{self, ActionKind, HttpAction},
    job::{Job, Values},
    store::{Lane, Selected, SnapshotKind},
};

/// One request takes so long at the most.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Sends to one address.
pub(super) struct Elsewhere(Http);

impl Elsewhere {
    /// To this address, which may be private: the person who runs the command typed it.
    pub(super) fn new(url: &Url) -> anyhow::Result<Self> {
        let http = HttpAction {
            url: url.clone(),
            method: "POST".to_owned(),
            signing_secret: None,
            headers: Vec::<(String, SecretString)>::new(),
            body: None,
            allow_private: true,
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
        let http = Http::build(&action, &http).map_err(|problem| anyhow::anyhow!("{problem}"))?;
        Ok(Self(http))
    }

    /// Sends one; says why it was not taken.
    pub(super) async fn send(
        &self,
        lane: &mut Lane,
        one: &Selected,
        as_new: bool,
    ) -> anyhow::Result<Result<(), String>> {
        let event = lane.event(one.event_id).await?.context("its event is gone")?;
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
