//! What entries take in.

use std::fmt;

use crate::{
    config::{Action, ActorPattern, Name, Route, Written},
    routing::{Needs, template::UsedAttribute},
};

/// What an entry takes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reads {
    /// Messages from Attio.
    Messages {
        /// The path that they are posted to.
        path: String,
    },
    /// Events.
    Events {
        /// Their types: exact, `list-entry.*` or `*`.
        types: Vec<String>,
        /// The object that they must be about.
        object: Option<String>,
        /// The list that they must be about.
        list: Option<String>,
        /// The attributes, one of which must have changed; none for any.
        attributes: Vec<String>,
        /// What is looked up for the condition, such as `record.stage`.
        looked_up: Vec<String>,
        /// Events that never arrived and were made up for, too.
        reconcile: bool,
    },
    /// Deliveries.
    Deliveries {
        /// Of these routes.
        routes: Vec<String>,
        /// What is looked up for the templates, such as `record.name`.
        looked_up: Vec<String>,
        /// Alerts, too.
        alerts: bool,
    },
}

impl Reads {
    pub(super) fn of_route(route: &Route) -> Self {
        let when = route.when.as_deref();
        let text = |name: &Name| name.as_str().to_owned();
        Self::Events {
            types: route.on.clone(),
            object: route.object.as_ref().map(text),
            list: route.list.as_ref().map(text),
            attributes: route.changed.iter().map(text).collect(),
            looked_up: when
                .map_or_else(Vec::new, |when| looked_up(when.needs(), &when.attributes())),
            reconcile: route.reconcile,
        }
    }

    pub(super) fn of_action(action: &Action, routes: &[&Route], alerts: bool) -> Self {
        let templates = action.templates();
        let attributes: Vec<_> = templates.iter().flat_map(Written::attributes).collect();
        Self::Deliveries {
            routes: routes.iter().map(|route| route.name.to_string()).collect(),
            looked_up: looked_up(action.needs(), &attributes),
            alerts,
        }
    }

    /// What is looked up in Attio for it.
    #[must_use]
    pub fn looked_up(&self) -> &[String] {
        match self {
            Self::Messages { .. } => &[],
            Self::Events { looked_up, .. } | Self::Deliveries { looked_up, .. } => looked_up,
        }
    }
}

impl fmt::Display for Reads {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Messages { path } => write!(out, "messages at {path}")?,
            Self::Events { types, object, list, attributes, reconcile, .. } => {
                write!(out, "{}", types.join(", "))?;
                for (what, name) in [("object", object), ("list", list)] {
                    if let Some(name) = name {
                        write!(out, " of {what} {name}")?;
                    }
                }
                if !attributes.is_empty() {
                    write!(out, " when {} changed", attributes.join(" or "))?;
                }
                if *reconcile {
                    out.write_str("; what reconcile finds")?;
                }
            }
            Self::Deliveries { routes, alerts, .. } => {
                let of_routes =
                    (!routes.is_empty()).then(|| format!("deliveries of {}", routes.join(", ")));
                let alerts = alerts.then(|| "alerts".to_owned());
                let all: Vec<_> = of_routes.into_iter().chain(alerts).collect();
                out.write_str(if all.is_empty() { "nothing" } else { "" })?;
                out.write_str(&all.join("; "))?;
            }
        }
        match self.looked_up() {
            [] => Ok(()),
            looked_up => write!(out, "; looks up {}", looked_up.join(", ")),
        }
    }
}

/// Whether what the route wants depends on names that only Attio knows.
pub(super) fn needs_names(route: &Route) -> bool {
    let names = route.object.iter().chain(&route.list).chain(&route.changed);
    names.into_iter().any(Name::is_slug) || route.ignore_actors.contains(&ActorPattern::Own)
}

/// The attributes that are named, and whatever else is needed as a whole.
fn looked_up(needs: Needs, attributes: &[UsedAttribute]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for kind in needs.names() {
        let named = attributes.iter().filter(|one| one.of == kind);
        let before = found.len();
        for name in named.map(|one| format!("{kind}.{}", one.name)) {
            if !found.contains(&name) {
                found.push(name);
            }
        }
        if found.len() == before {
            found.push(kind.to_owned());
        }
    }
    found
}
