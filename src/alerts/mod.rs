//! Tells the people on duty of trouble: once when it begins, once when it is over.
//!
//! Each process notes what only it sees; one of the fleet judges by the store, and what it tells is
//! a message of the relay's own, delivered like any other. No action is told of its own trouble:
//! that would go round in circles.

mod judge;
mod state;
mod tell;
mod watch;
mod words;

use std::sync::Arc;

use arc_swap::ArcSwap;

pub use self::{
    watch::Watch,
    words::{about_whom, next_step, page, title},
};
use crate::config::{self, Config};
pub use crate::sights::Kind;

/// What alerts are judged by and whom they are told to, as the configuration says. Cheap to clone;
/// all clones show the same.
#[derive(Debug, Clone)]
pub struct Settings(Arc<ArcSwap<Meant>>);

/// What is configured.
#[derive(Debug, Clone)]
struct Meant {
    alerts: config::Alerts,
    /// Every action.
    actions: Vec<String>,
    /// Every source.
    sources: Vec<String>,
    /// Every route, and when it was reviewed.
    reviews: Vec<(String, Option<String>)>,
}

impl Meant {
    fn of(config: &Config) -> Self {
        let reviews = config.routes.iter();
        Self {
            alerts: config.alerts.clone(),
            actions: config.actions.iter().map(|action| action.name.to_string()).collect(),
            sources: config.sources.iter().map(|source| source.name.to_string()).collect(),
            reviews: reviews.map(|it| (it.name.to_string(), it.reviewed.clone())).collect(),
        }
    }
}

impl Settings {
    /// Those of a configuration.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(Meant::of(config))))
    }

    /// From now on those of this one.
    pub fn change(&self, config: &Config) {
        self.0.store(Arc::new(Meant::of(config)));
    }
}

/// What stands now, found by a judgement.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Trouble {
    kind: Kind,
    about: String,
    count: i64,
    detail: String,
}

impl Trouble {
    fn new(kind: Kind, about: String, count: i64, detail: impl Into<String>) -> Self {
        Self { kind, about, count, detail: detail.into() }
    }
}
