//! All routes: the first half of routing at intake, the second in the worker.

use std::{collections::HashMap, sync::Arc, time::Duration};

use arc_swap::ArcSwap;

pub use super::TypePattern;
use super::{Rule, Verdict};
use crate::{
    attio::{catalog::Catalog, event::Event},
    config::Route,
    name::{ActionName, RouteName},
};

/// The route of the deliveries that tell of alerts: always there, wants no event, and no route of
/// the file has its name.
pub const ALERTS: &str = "alerts";

/// All routes, in the order of the file.
#[derive(Debug, Clone, Default)]
pub struct RouteTable {
    rules: Vec<Rule>,
    by_name: HashMap<RouteName, usize>,
}

/// One delivery that an event causes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routed {
    /// The route that wants the event.
    pub route: RouteName,
    /// The action it wants it for.
    pub action: ActionName,
    /// What the delivery is kept in order by.
    pub order_key: Option<[u8; 32]>,
    /// How long it waits for others that it is merged with, and by what they are known.
    pub debounce: Option<(Duration, [u8; 32])>,
}

/// The routes of a process, replaced as a whole when the configuration changes. Cheap to clone; all
/// clones show the same.
#[derive(Debug, Clone, Default)]
pub struct Shared(Arc<ArcSwap<RouteTable>>);

impl Shared {
    /// Shows a table from the start.
    #[must_use]
    pub fn new(table: RouteTable) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(table)))
    }

    /// The table as it is now. Whoever decides more than one thing by it keeps it.
    #[must_use]
    pub fn current(&self) -> Arc<RouteTable> {
        self.0.load_full()
    }

    /// Shows another one from now on.
    pub fn replace(&self, table: RouteTable) {
        self.0.store(Arc::new(table));
    }
}

impl RouteTable {
    /// Compiles the routes of a configuration.
    #[must_use]
    pub fn new(routes: &[Route]) -> Self {
        let names = routes.iter().enumerate();
        Self {
            by_name: names.map(|(at, route)| (route.name.clone(), at)).collect(),
            rules: routes.iter().map(Rule::new).collect(),
        }
    }

    /// Whether deliveries of a route of that name go out: it is configured, or that of alerts.
    #[must_use]
    pub fn has(&self, route: &RouteName) -> bool {
        self.by_name.contains_key(route) || route.as_str() == ALERTS
    }

    /// The names of all routes whose deliveries go out.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(|rule| rule.name().as_str()).chain([ALERTS])
    }

    /// All routes, in the order of the file.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The route of that name.
    #[must_use]
    pub fn rule(&self, route: &RouteName) -> Option<&Rule> {
        self.by_name.get(route).map(|at| &self.rules[*at])
    }

    /// Every delivery that the event may cause: routes in the order of the file, actions in the
    /// order of `to`. What cannot be told yet counts as wanted; [`Rule::judge`] decides it later.
    pub fn decide<'a>(
        &'a self,
        event: &'a Event,
        catalog: &'a Catalog,
    ) -> impl Iterator<Item = Routed> + 'a {
        self.rules.iter().filter(|rule| rule.may_want(event, catalog)).flat_map(|rule| {
            rule.to.iter().map(|action| Routed {
                route: rule.name.clone(),
                action: action.clone(),
                order_key: rule.order_key(action, event),
                debounce: rule.debounced(action, event),
            })
        })
    }

    /// What every route makes of the event, filter by filter.
    #[must_use]
    pub fn verdicts(&self, event: &Event, catalog: &Catalog) -> Vec<Verdict> {
        self.rules.iter().map(|rule| rule.verdict(event, catalog)).collect()
    }
}
