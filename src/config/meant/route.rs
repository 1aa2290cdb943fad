//! A rule as it is meant: names told apart into ids and slugs, waits as durations.

use std::{sync::Arc, time::Duration};

use crate::{
    name::{ActionName, RouteName},
    routing::{Condition, Needs},
};

/// `[[routes]]`: which events go to which actions.
#[derive(Debug, Clone)]
pub struct Route {
    /// Its name.
    pub name: RouteName,
    /// Event types: exact, `list-entry.*` or `*`.
    pub on: Vec<String>,
    /// The object, where the route asks for one.
    pub object: Option<Name>,
    /// The list, where the route asks for one.
    pub list: Option<Name>,
    /// Attributes, any of which must have changed; empty for all.
    pub changed: Vec<Name>,
    /// A condition on values.
    pub when: Option<Arc<Condition>>,
    /// Actors whose events the route leaves alone.
    pub ignore_actors: Vec<ActorPattern>,
    /// What its deliveries are kept in order by.
    pub order_by: OrderBy,
    /// How long its deliveries wait for further changes, where they do.
    pub debounce: Option<Debounce>,
    /// Where to; never empty.
    pub to: Vec<ActionName>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Why it exists.
    pub purpose: Option<String>,
    /// When somebody last looked at it, as `YYYY-MM-DD`.
    pub reviewed: Option<String>,
    /// It gets events that were made up for, because they never arrived.
    pub reconcile: bool,
    /// It may be triggered by what its own actions write to Attio.
    pub allow_loop: bool,
}

/// What a person calls an object, a list or an attribute of Attio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    /// Its id: a UUID in lower case with hyphens, as it stands in events.
    Id(String),
    /// Its slug; which id that is, a [`Catalog`](crate::attio::catalog::Catalog) tells.
    Slug(String),
}

/// An entry of `ignore_actors`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActorPattern {
    /// `"self"`: whoever acts with our own token.
    Own,
    /// `"system"` or `"workspace-member:ID"`.
    Like {
        /// The actor's type.
        kind: String,
        /// The actor's id, where only one is meant.
        id: Option<String>,
    },
}

/// What the deliveries of a route are kept in order by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderBy {
    /// Nothing.
    None,
    /// The record.
    Record,
    /// The list entry.
    Entry,
}

/// How long deliveries about one record or entry wait for further changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Debounce {
    /// Each event's delivery is due so long after it arrived.
    pub wait: Duration,
    /// However many more come, one is sent when the first has waited so long. At least `wait`.
    pub longest: Duration,
}

impl Route {
    /// What must be looked up before its condition can be evaluated.
    #[must_use]
    pub fn needs(&self) -> Needs {
        self.when.as_deref().map_or(Needs::default(), Condition::needs)
    }
}

impl Name {
    /// As it was typed, but for an id's case and hyphens.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Id(text) | Self::Slug(text) => text,
        }
    }

    /// Whether it takes a catalog to know what it stands for.
    #[must_use]
    pub fn is_slug(&self) -> bool {
        matches!(self, Self::Slug(_))
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.as_str())
    }
}
