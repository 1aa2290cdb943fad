//! One route, compiled: what it asks for, and by what its deliveries are told apart.

use std::{sync::Arc, time::Duration};

use sha2::{Digest, Sha256};

use super::{Condition, TypePattern};
use crate::{
    attio::event::Event,
    config::{ActorPattern, Debounce, Name, OrderBy, Route},
    name::{ActionName, RouteName},
};

/// A compiled route.
#[derive(Debug, Clone)]
pub struct Rule {
    pub(super) name: RouteName,
    pub(super) on: Vec<TypePattern>,
    pub(super) object: Option<Name>,
    pub(super) list: Option<Name>,
    pub(super) changed: Vec<Name>,
    pub(super) ignore_actors: Vec<ActorPattern>,
    pub(super) to: Vec<ActionName>,
    order_by: OrderBy,
    when: Option<Arc<Condition>>,
    debounce: Option<Debounce>,
    reconcile: bool,
}

impl Rule {
    pub(super) fn new(route: &Route) -> Self {
        Self {
            name: route.name.clone(),
            on: route.on.iter().map(|pattern| TypePattern::parse(pattern)).collect(),
            object: route.object.clone(),
            list: route.list.clone(),
            changed: route.changed.clone(),
            ignore_actors: route.ignore_actors.clone(),
            to: route.to.clone(),
            order_by: route.order_by,
            when: route.when.clone(),
            debounce: route.debounce,
            reconcile: route.reconcile,
        }
    }

    /// The route's name.
    #[must_use]
    pub fn name(&self) -> &RouteName {
        &self.name
    }

    /// The object that it asks for.
    #[must_use]
    pub fn object(&self) -> Option<&Name> {
        self.object.as_ref()
    }

    /// The list that it asks for.
    #[must_use]
    pub fn list(&self) -> Option<&Name> {
        self.list.as_ref()
    }

    /// The attributes, one of which must have changed; empty for any.
    #[must_use]
    pub fn changed(&self) -> &[Name] {
        &self.changed
    }

    /// Its condition on values.
    #[must_use]
    pub fn when(&self) -> Option<&Condition> {
        self.when.as_deref()
    }

    /// How long its deliveries wait for further changes, where they do.
    #[must_use]
    pub fn debounce(&self) -> Option<Debounce> {
        self.debounce
    }

    /// Whether it gets events that were made up for.
    #[must_use]
    pub fn reconcile(&self) -> bool {
        self.reconcile
    }

    /// Whether it names slugs or `self`, so that a catalog decides.
    #[must_use]
    pub fn needs_catalog(&self) -> bool {
        self.object.as_ref().is_some_and(Name::is_slug)
            || self.list.as_ref().is_some_and(Name::is_slug)
            || self.changed.iter().any(Name::is_slug)
            || self.ignore_actors.contains(&ActorPattern::Own)
    }

    /// What an event's delivery is kept in order by: (route, action, record or entry), as one key.
    pub(super) fn order_key(&self, action: &ActionName, event: &Event) -> Option<[u8; 32]> {
        let subject = match self.order_by {
            OrderBy::None => None,
            OrderBy::Record => event.subject.record_id.as_deref(),
            OrderBy::Entry => event.subject.entry_id.as_deref(),
        }?;
        Some(self.key(action, subject))
    }

    /// How long an event's delivery waits, and what it is merged by with others meanwhile:
    /// (route, action, entry or else record). An event without either has nothing to wait for.
    pub(super) fn debounced(
        &self,
        action: &ActionName,
        event: &Event,
    ) -> Option<(Duration, [u8; 32])> {
        let wait = self.debounce?.wait;
        // A record can be on a list more than once.
        let subject = event.subject.entry_id.as_deref().or(event.subject.record_id.as_deref())?;
        Some((wait, self.key(action, subject)))
    }

    fn key(&self, action: &ActionName, subject: &str) -> [u8; 32] {
        let parts = [self.name.as_str(), action.as_str(), subject];
        let hash = parts.iter().fold(Sha256::new(), |hash, part| {
            hash.chain_update((part.len() as u64).to_be_bytes()).chain_update(part)
        });
        hash.finalize().into()
    }
}
