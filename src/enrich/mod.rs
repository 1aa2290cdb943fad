//! Looking up what an event only names: the record, the entry, who did it, what was before.
//!
//! Nothing is looked up that no route needs, and never with a token of another workspace than the
//! event's. What was found first for an event is kept with it, so that all its routes and retries
//! see the same. A look-up that fails puts the delivery off; it never decides anything.

mod about;
mod away;
mod flight;
mod missing;
mod names;
mod previous;
mod thing;

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use serde_json::Value;
use time::OffsetDateTime;

use crate::{
    attio::{
        catalog::{self, Catalog},
        client::Client,
        event::Event,
        value,
    },
    config::Config,
    job::Values,
    name::SourceName,
    routing::Needs,
    store::{Desk, Snapshot, SnapshotKind, StoreError},
    telemetry::error_text,
};
pub use about::About;
use away::Away;
use flight::{Flights, SharedFlights};
use missing::Missing;
pub use names::Names;
use names::Wanted;
use thing::{Found, Owner, Thing};

/// A delivery that waits for names or for the store is looked at again after so long.
const SOON: Duration = Duration::from_secs(1);

/// A token that may not look is asked again after so long: somebody has to mend it.
const DENIED: Duration = Duration::from_mins(1);

/// Looks things up. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Enrich(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    client: Option<Client>,
    catalog: catalog::Shared,
    desk: Desk,
    flights: SharedFlights<Thing, Found>,
    away: Arc<Away>,
    /// Sources whose values are not kept.
    forgetful: ArcSwap<HashSet<SourceName>>,
    wanted: ArcSwap<Wanted>,
    missing: Mutex<Missing>,
}

/// Why something could not be looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setback {
    /// It may well be possible later.
    Later {
        /// For the metric: `attio`, `names` or `store`.
        reason: &'static str,
        /// What happened, in a sentence without a full stop.
        what: String,
        /// When to try again.
        wait: Duration,
    },
    /// It never will be.
    Never(String),
}

impl Setback {
    fn names(what: impl Into<String>) -> Self {
        Self::Later { reason: "names", what: what.into(), wait: SOON }
    }
}

impl Enrich {
    /// Without `client` nothing is ever looked up: the configuration then needs nothing.
    #[must_use]
    pub fn new(
        config: &Config,
        client: Option<Client>,
        catalog: catalog::Shared,
        desk: Desk,
    ) -> Self {
        Self(Arc::new(Inner {
            client,
            catalog,
            desk,
            flights: Arc::new(Flights::new()),
            away: Arc::default(),
            forgetful: ArcSwap::from_pointee(forgetful(config)),
            wanted: ArcSwap::from_pointee(Wanted::new(config)),
            missing: Mutex::new(Missing::new(config)),
        }))
    }

    /// The process's one way to Attio, where there is one.
    #[must_use]
    pub fn client(&self) -> Option<&Client> {
        self.0.client.as_ref()
    }

    /// From now on this configuration says whose values are kept, and which names are wanted.
    pub fn change(&self, config: &Config) {
        self.0.forgetful.store(Arc::new(forgetful(config)));
        self.0.wanted.store(Arc::new(Wanted::new(config)));
        *self.missing() = Missing::new(config);
        self.0.catalog.ask(None, None);
    }

    fn missing(&self) -> MutexGuard<'_, Missing> {
        self.0.missing.lock().expect("no one panics while holding it")
    }

    /// What the workspace calls things, as far as is known.
    #[must_use]
    pub fn catalog(&self) -> &catalog::Shared {
        &self.0.catalog
    }

    /// Looks up what is needed of an event beyond `values`, or finds it kept.
    ///
    /// # Errors
    /// What is in the way; nothing is half looked up.
    pub async fn look_up(
        &self,
        about: About<'_>,
        needs: Needs,
        mut values: Values,
    ) -> Result<Values, Setback> {
        let mut kinds: Vec<_> = SnapshotKind::needed(about.with_base(needs)).collect();
        kinds.retain(|kind| kind.slot(&mut values).is_none());
        if kinds.is_empty() {
            return Ok(values);
        }
        let keeps = !self.0.forgetful.load().contains(about.source);
        // What was before all that was merged is no other route's.
        let is_kept = |kind| keeps && (kind != SnapshotKind::Previous || !about.is_merged());
        if keeps {
            let kept = self.0.desk.snapshots(about.id).await.map_err(|error| away_store(&error))?;
            for snapshot in kept.iter().filter(|snapshot| is_kept(snapshot.kind)) {
                snapshot.place(&mut values);
            }
        }
        let mut found = Vec::new();
        for kind in kinds {
            if kind.slot(&mut values).is_none() {
                let (looked_up_at, value) = self.find(about, kind, &values).await?;
                *kind.slot(&mut values) = Some(value.clone());
                found.extend(is_kept(kind).then(|| Snapshot {
                    event_id: about.id,
                    kind,
                    looked_up_at,
                    value: Bytes::from(value.to_string()),
                }));
            }
        }
        if !found.is_empty() {
            // Another route's look-up may have been kept first: all see the same.
            let standing = self.0.desk.keep(found).await.map_err(|error| away_store(&error))?;
            for snapshot in &standing {
                snapshot.place(&mut values);
            }
        }
        Ok(values)
    }

    async fn find(
        &self,
        about: About<'_>,
        kind: SnapshotKind,
        values: &Values,
    ) -> Result<(OffsetDateTime, Value), Setback> {
        let catalog = self.names_for(about.event)?;
        let json = || serde_json::from_slice::<Value>(about.json).unwrap_or_default();
        let event = about.event;
        let thing = match kind {
            SnapshotKind::Record => Thing::record(event),
            SnapshotKind::Entry => Thing::entry(event),
            SnapshotKind::Note => Thing::named(&json(), Thing::Note, "note_id"),
            SnapshotKind::Task => Thing::named(&json(), Thing::Task, "task_id"),
            SnapshotKind::Comment => Thing::named(&json(), Thing::Comment, "comment_id"),
            SnapshotKind::Meeting => Thing::recording(&json()),
            SnapshotKind::Actor => match (event.actor_type.as_deref(), &event.actor_id) {
                (Some("workspace-member"), Some(id)) => Some(Thing::Member(id.clone())),
                _ => return Ok((OffsetDateTime::now_utc(), actor(event, None))),
            },
            SnapshotKind::Previous => return self.previous(about, &catalog, values).await,
            SnapshotKind::Workspace => {
                return Ok((OffsetDateTime::now_utc(), value::workspace(&catalog)));
            }
        };
        let Some(thing) = thing else { return Ok((OffsetDateTime::now_utc(), Value::Null)) };
        let (at, found) = self.board(thing, about.received_at).await?;
        let plain = match (kind, found.as_ref()) {
            (SnapshotKind::Actor, member) => actor(event, member.as_ref()),
            (_, None) => Value::Null,
            (SnapshotKind::Record, Some(record)) => value::record(record, &catalog),
            (SnapshotKind::Entry, Some(entry)) => value::entry(entry, &catalog),
            (_, Some(thing)) => value::thing(thing, &catalog),
        };
        Ok((at, plain))
    }

    /// The catalog, once it says whose token we have and that the event is of that workspace.
    fn names_for(&self, event: &Event) -> Result<Arc<Catalog>, Setback> {
        let catalog = arc_swap::Guard::into_inner(self.0.catalog.current());
        let Some(identity) = catalog.confirmed() else {
            self.0.catalog.ask(None, None);
            return Err(Setback::names("whose token it is is not known yet"));
        };
        match &event.workspace_id {
            Some(workspace) if *workspace != identity.workspace_id => Err(Setback::Never(format!(
                "the event is of the workspace {workspace}, the token of {}",
                identity.workspace_id
            ))),
            _ => Ok(catalog),
        }
    }

    /// Takes part in a look-up that shows the world as it was after `since`.
    async fn board(
        &self,
        thing: Thing,
        since: OffsetDateTime,
    ) -> Result<(OffsetDateTime, Arc<Option<Value>>), Setback> {
        let Some(client) = &self.0.client else {
            return Err(Setback::Never("there is no [attio] section to look things up by".into()));
        };
        let look = || thing.clone().look_up(client.clone(), Arc::clone(&self.0.away));
        let (at, found) = self.0.flights.join(&thing, since, Found::is_ok, look).await;
        let panicked = || Err(Setback::Never("the look-up panicked".into()));
        found.unwrap_or_else(panicked).map(|found| (at, found))
    }
}

fn forgetful(config: &Config) -> HashSet<SourceName> {
    let sources = config.sources.iter().filter(|source| !source.keep_values);
    sources.map(|source| source.name.clone()).collect()
}

fn actor(event: &Event, member: Option<&Value>) -> Value {
    value::actor(event.actor_type.as_deref(), event.actor_id.as_deref(), member)
}

fn away_store(error: &StoreError) -> Setback {
    Setback::Later { reason: "store", what: error_text(error), wait: SOON }
}
