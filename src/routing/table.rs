//! The part of routing that is decided from the event alone, at intake.

use std::collections::HashSet;

use sha2::{Digest, Sha256};

use crate::{
    attio::event::Event,
    config::{ActorPattern, OrderBy, Route},
    name::{ActionName, RouteName},
};

/// All routes, in the order of the file.
#[derive(Debug, Clone, Default)]
pub struct RouteTable {
    routes: Vec<Rule>,
    names: HashSet<RouteName>,
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
}

#[derive(Debug, Clone)]
struct Rule {
    name: RouteName,
    on: Vec<TypePattern>,
    object: Option<String>,
    list: Option<String>,
    changed: Vec<String>,
    ignore_actors: Vec<ActorPattern>,
    order_by: OrderBy,
    to: Vec<ActionName>,
}

/// An entry of `on`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypePattern {
    /// One type.
    Exact(String),
    /// `prefix*`: every type that starts so.
    Prefix(String),
    /// `*suffix`, `a*b` and the like: the parts between the stars, in order.
    Parts(Vec<String>),
}

impl TypePattern {
    /// Reads `record.updated`, `list-entry.*`, `*` or `*.deleted`.
    #[must_use]
    pub fn parse(pattern: &str) -> Self {
        match pattern.split('*').collect::<Vec<_>>().as_slice() {
            [_] => Self::Exact(pattern.to_owned()),
            [prefix, ""] => Self::Prefix((*prefix).to_owned()),
            parts => Self::Parts(parts.iter().map(|&part| part.to_owned()).collect()),
        }
    }

    /// Whether an event type fits.
    #[must_use]
    pub fn matches(&self, event_type: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == event_type,
            Self::Prefix(prefix) => event_type.starts_with(prefix.as_str()),
            Self::Parts(parts) => matches_parts(parts, event_type),
        }
    }
}

/// The first part is at the start, the last at the end, the others in order between them.
fn matches_parts(parts: &[String], text: &str) -> bool {
    let [first, middle @ .., last] = parts else { return false };
    let Some(mut rest) = text.strip_prefix(first.as_str()) else { return false };
    for part in middle {
        match rest.find(part.as_str()) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last.as_str())
}

impl RouteTable {
    /// Compiles the routes of a configuration.
    #[must_use]
    pub fn new(routes: &[Route]) -> Self {
        Self {
            names: routes.iter().map(|route| route.name.clone()).collect(),
            routes: routes.iter().map(Rule::new).collect(),
        }
    }

    /// Whether a route of that name is configured.
    #[must_use]
    pub fn has(&self, route: &RouteName) -> bool {
        self.names.contains(route)
    }

    /// The names of all routes.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.routes.iter().map(|rule| rule.name.as_str())
    }

    /// Every delivery that the event causes: routes in the order of the file, actions in the
    /// order of `to`.
    pub fn decide<'a>(&'a self, event: &'a Event) -> impl Iterator<Item = Routed> + 'a {
        self.routes.iter().filter(|rule| rule.wants(event)).flat_map(|rule| {
            rule.to.iter().map(|action| Routed {
                route: rule.name.clone(),
                action: action.clone(),
                order_key: rule.order_key(action, event),
            })
        })
    }
}

impl Rule {
    fn new(route: &Route) -> Self {
        Self {
            name: route.name.clone(),
            on: route.on.iter().map(|pattern| TypePattern::parse(pattern)).collect(),
            object: route.object.clone(),
            list: route.list.clone(),
            changed: route.changed.clone(),
            ignore_actors: route.ignore_actors.clone(),
            order_by: route.order_by,
            to: route.to.clone(),
        }
    }

    fn wants(&self, event: &Event) -> bool {
        let asked = |want: &Option<String>, is: &Option<String>| want.is_none() || want == is;
        self.on.iter().any(|pattern| pattern.matches(&event.event_type))
            && asked(&self.object, &event.subject.object_id)
            && asked(&self.list, &event.subject.list_id)
            && (self.changed.is_empty()
                || event.attribute_id.as_ref().is_some_and(|id| self.changed.contains(id)))
            && !self.ignore_actors.iter().any(|ignored| ignored.fits(event))
    }

    /// (route, action, record or entry), as one key.
    fn order_key(&self, action: &ActionName, event: &Event) -> Option<[u8; 32]> {
        let subject = match self.order_by {
            OrderBy::None => None,
            OrderBy::Record => event.subject.record_id.as_deref(),
            OrderBy::Entry => event.subject.entry_id.as_deref(),
        }?;
        let parts = [self.name.as_str(), action.as_str(), subject];
        let hash = parts.iter().fold(Sha256::new(), |hash, part| {
            hash.chain_update((part.len() as u64).to_be_bytes()).chain_update(part)
        });
        Some(hash.finalize().into())
    }
}

impl ActorPattern {
    /// Whether the event's actor is meant.
    fn fits(&self, event: &Event) -> bool {
        event.actor_type.as_ref() == Some(&self.kind)
            && (self.id.is_none() || self.id == event.actor_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attio::event::Subject;

    fn route(name: &str) -> Route {
        Route {
            name: name.into(),
            on: vec!["*".to_owned()],
            object: None,
            list: None,
            changed: vec![],
            ignore_actors: vec![],
            order_by: OrderBy::None,
            to: vec!["sink".into()],
            owner: None,
            purpose: None,
            reviewed: None,
        }
    }

    fn event() -> Event {
        Event {
            event_type: "record.updated".to_owned(),
            actor_type: Some("workspace-member".to_owned()),
            actor_id: Some("m1".to_owned()),
            attribute_id: Some("a1".to_owned()),
            subject: Subject {
                object_id: Some("o1".to_owned()),
                record_id: Some("r1".to_owned()),
                ..Subject::default()
            },
            ..Event::default()
        }
    }

    fn wants(change: impl FnOnce(&mut Route)) -> bool {
        let mut route = route("r");
        change(&mut route);
        RouteTable::new(&[route]).decide(&event()).next().is_some()
    }

    #[test]
    fn types_are_matched_exactly_or_by_glob() {
        let fits = |pattern, is| TypePattern::parse(pattern).matches(is);
        assert!(
            fits("record.updated", "record.updated") && !fits("record.updated", "record.updatedx")
        );
        assert!(fits("record.*", "record.updated") && !fits("record.*", "records.updated"));
        assert!(fits("*", "anything") && fits("*", ""));
        assert!(fits("*.deleted", "task.deleted") && !fits("*.deleted", "task.created"));
        assert!(fits("a*b*c", "a-b-c") && !fits("a*b*c", "a-c") && !fits("ab*bc", "abc"));
    }

    #[test]
    fn object_list_and_changed_narrow_a_route() {
        assert!(wants(|r| r.object = Some("o1".to_owned())));
        assert!(!wants(|r| r.object = Some("o2".to_owned())));
        assert!(!wants(|r| r.list = Some("l1".to_owned())));
        assert!(wants(|r| r.changed = vec!["a0".to_owned(), "a1".to_owned()]));
        assert!(!wants(|r| r.changed = vec!["a0".to_owned()]));
    }

    #[test]
    fn actors_are_ignored_by_type_or_by_type_and_id() {
        let ignoring = |kind: &str, id: Option<&str>| {
            let pattern = ActorPattern { kind: kind.to_owned(), id: id.map(str::to_owned) };
            !wants(|r| r.ignore_actors = vec![pattern])
        };
        assert!(ignoring("workspace-member", None) && ignoring("workspace-member", Some("m1")));
        assert!(!ignoring("workspace-member", Some("m2")) && !ignoring("system", None));
    }

    #[test]
    fn several_routes_and_several_actions_each_make_a_delivery() {
        let mut second = route("second");
        second.to = vec!["sink".into(), "other".into()];
        let table = RouteTable::new(&[route("first"), second]);
        let made: Vec<_> = table
            .decide(&event())
            .map(|routed| format!("{}/{}", routed.route, routed.action))
            .collect();
        assert_eq!(made, ["first/sink", "second/sink", "second/other"]);
    }

    #[test]
    fn order_is_by_route_action_and_subject_and_only_where_there_is_one() {
        let key = |order_by, action: &str| {
            let mut route = route("r");
            route.order_by = order_by;
            route.to = vec![action.into()];
            RouteTable::new(&[route]).decide(&event()).next().unwrap().order_key
        };
        assert!(key(OrderBy::Record, "a").is_some());
        assert_ne!(key(OrderBy::Record, "a"), key(OrderBy::Record, "b"));
        assert_eq!(key(OrderBy::Entry, "a"), None);
        assert_eq!(key(OrderBy::None, "a"), None);
    }
}
