//! The smallest set of subscriptions that delivers what the routes need.

use std::collections::BTreeSet;

use super::{
    Subscription, UnknownName,
    fit::{self, Fit},
    wanted::{self, Wanted},
};
use crate::{
    attio::{catalog::Catalog, event::KNOWN_TYPES},
    config::Route,
};

/// Tell that attributes of objects got other slugs. Of objects themselves there is no event.
const OBJECT_NAMES: [&str; 2] = ["object-attribute.created", "object-attribute.updated"];

/// Tell that lists, or attributes of lists, got other slugs.
const LIST_NAMES: [&str; 5] = [
    "list-attribute.created",
    "list-attribute.updated",
    "list.created",
    "list.deleted",
    "list.updated",
];

/// What a webhook should bring.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// One subscription for each type, in the order of the types.
    pub subscriptions: Vec<Planned>,
    /// Slugs that do not exist; a plan with any cannot be applied.
    pub unknown: Vec<UnknownName>,
    pub(super) prefixes: Vec<String>,
}

/// A subscription that is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The subscription.
    pub subscription: Subscription,
    /// What it is needed for.
    pub reasons: Vec<Reason>,
    /// Whether it also brings events that no route wants, because a filter has one level only.
    pub is_broader: bool,
}

/// What a subscription is needed for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// A route, by its name.
    Route(String),
    /// To learn of new slugs: routes use some.
    Names,
}

impl Reason {
    /// For people.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Route(name) => name,
            Self::Names => "(slugs)",
        }
    }
}

impl Plan {
    /// Works out what the routes need, with the names as they are known.
    #[must_use]
    pub fn new(routes: &[Route], catalog: &Catalog) -> Self {
        let Wanted { mut types, unknown, names_objects, names_lists } =
            wanted::wanted(routes, catalog);
        let object_names = OBJECT_NAMES.into_iter().filter(|_| names_objects);
        let list_names = LIST_NAMES.into_iter().filter(|_| names_lists);
        let names: BTreeSet<&str> = object_names.chain(list_names).collect();
        for event_type in &names {
            types.entry((*event_type).to_owned()).or_default();
        }
        let holders = wanted::holders(catalog);
        let subscriptions = types.into_iter().map(|(event_type, wishes)| {
            let is_for_names = names.contains(event_type.as_str());
            let mut clauses: Vec<_> = wishes.iter().map(|(_, clause)| clause.clone()).collect();
            clauses.extend(is_for_names.then(fit::Clause::new));
            let Fit { filter, is_broader } = fit::fit(&clauses, &holders);
            let mut reasons: Vec<_> =
                wishes.into_iter().map(|(route, _)| Reason::Route(route.to_string())).collect();
            reasons.dedup();
            reasons.extend(is_for_names.then_some(Reason::Names));
            let subscription = Subscription { event_type, filter }.normalised();
            Planned { subscription, reasons, is_broader }
        });
        let globs = routes.iter().flat_map(|route| &route.on);
        Self {
            subscriptions: subscriptions.collect(),
            unknown,
            prefixes: globs.filter_map(|on| on.strip_suffix('*')).map(str::to_owned).collect(),
        }
    }

    /// Just the subscriptions.
    #[must_use]
    pub fn bare(&self) -> Vec<Subscription> {
        self.subscriptions.iter().map(|planned| planned.subscription.clone()).collect()
    }

    /// Whether somebody may have subscribed to this type for us, though this version does not know
    /// it: a route takes all that starts so.
    pub(super) fn may_want(&self, event_type: &str) -> bool {
        !KNOWN_TYPES.contains(&event_type)
            && self.prefixes.iter().any(|prefix| event_type.starts_with(prefix.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::given, *};
    use crate::attio::subscription::Filter;

    fn plan(routes: &[&str]) -> Plan {
        Plan::new(&given::parsed(routes).unwrap(), &given::catalog())
    }

    fn lines(routes: &[&str]) -> Vec<String> {
        let plan = plan(routes);
        assert_eq!(plan.unknown, []);
        let line = |planned: &Planned| {
            let broader = if planned.is_broader { " and more" } else { "" };
            let text = planned.subscription.describe(&given::catalog());
            let names = [
                (given::STAGE, "STAGE"),
                (given::DEALS, "DEALS"),
                (given::PEOPLE, "PEOPLE"),
                (given::PHASE, "PHASE"),
            ];
            let text = names.iter().fold(text, |text, (id, name)| text.replace(id, name));
            format!("{text}{broader}")
        };
        plan.subscriptions.iter().map(line).collect()
    }

    #[test]
    fn a_glob_stands_for_the_known_types() {
        assert_eq!(lines(&["on = ['*']"]).len(), KNOWN_TYPES.len());
        assert_eq!(
            lines(&["on = ['task.*', 'made.up']"]),
            ["made.up", "task.created", "task.deleted", "task.updated"]
        );
    }

    #[test]
    fn slugs_become_ids_in_filters_and_bring_the_events_that_tell_of_new_slugs() {
        assert_eq!(
            lines(&["on = ['record.updated']\nobject = 'deals'\nchanged = ['stage']"]),
            [
                "object-attribute.created",
                "object-attribute.updated",
                "record.updated where id.attribute_id is STAGE (stage) and id.object_id is DEALS (deals)",
            ]
        );
    }

    #[test]
    fn each_type_is_filtered_by_the_fields_that_it_has() {
        let on = "on = ['comment.created', 'list-entry.created', 'note.created', 'record.created', 'task.created']";
        let id = "00000000-0000-4000-8000-000000000001";
        assert_eq!(
            lines(&[&format!("{on}\nobject = '{id}'")]),
            [
                format!("comment.created where object_id is {id}"),
                format!("list-entry.created where parent_object_id is {id}"),
                format!("note.created where parent_object_id is {id}"),
                format!("record.created where id.object_id is {id}"),
            ]
        );
        assert_eq!(
            lines(&[&format!("{on}\nlist = '{id}'")]),
            [
                format!("comment.created where list_id is {id}"),
                format!("list-entry.created where id.list_id is {id}"),
            ]
        );
    }

    #[test]
    fn a_slug_of_a_list_is_no_slug_of_an_object() {
        let lines = lines(&["on = ['record.updated', 'list-entry.updated']\nchanged = ['phase']"]);
        assert!(!lines.iter().any(|line| line.starts_with("record.")), "{lines:?}");
        assert!(
            lines.contains(&"list-entry.updated where id.attribute_id is PHASE (phase)".to_owned())
        );
        assert!(lines.contains(&"list.updated".to_owned()));
    }

    #[test]
    fn whole_types_of_actors_are_kept_back() {
        assert_eq!(
            lines(&["on = ['task.created']\nignore_actors = ['system']"]),
            ["task.created where actor.type is not system"]
        );
    }

    #[test]
    fn one_actor_is_never_told_by_the_id_alone_since_the_id_may_be_null() {
        assert_eq!(
            lines(&["on = ['task.created']\nignore_actors = ['self']"]),
            ["task.created where actor.id is not me or actor.type is not api-token"]
        );
        assert_eq!(
            lines(&["on = ['task.created']\nignore_actors = ['self', 'system']"]),
            ["task.created where actor.type is not system and more"]
        );
    }

    #[test]
    fn routes_that_want_the_same_type_are_united() {
        let deals = "on = ['record.created']\nobject = 'deals'";
        let people = "on = ['record.created']\nobject = 'people'";
        let all = "on = ['record.created']";
        let of = |routes: &[&str]| lines(routes).pop().unwrap();
        assert_eq!(
            of(&[deals, people]),
            "record.created where id.object_id is DEALS (deals) or id.object_id is PEOPLE (people)"
        );
        assert_eq!(of(&[deals, all]), "record.created");
    }

    #[test]
    fn the_same_routes_in_any_order_give_the_same_plan() {
        let (a, b) = (
            "on = ['record.*']\nobject = 'deals'",
            "on = ['record.updated']\nchanged = ['mail', 'stage']",
        );
        assert_eq!(plan(&[a, b]).bare(), plan(&[b, a]).bare());
    }

    #[test]
    fn slugs_that_do_not_exist_are_told_with_what_was_probably_meant() {
        let plan = plan(&[
            "on = ['comment.*']\nobject = 'deal'\nlist = 'nothing'",
            "on = ['record.updated']\nobject = 'person'\nchanged = ['stag', 'value']",
        ]);
        let told: Vec<_> = plan
            .unknown
            .iter()
            .map(|one| (one.what, one.name.as_str(), one.meant.as_deref()))
            .collect();
        assert_eq!(
            told,
            [
                ("object", "deal", Some("deals")),
                ("list", "nothing", None),
                ("object", "person", None),
                ("attribute", "stag", Some("stage")),
            ]
        );
    }

    #[test]
    fn every_filter_is_one_that_attio_takes() {
        let routes = [
            "on = ['*']\nobject = 'deals'\nignore_actors = ['self', 'app']",
            "on = ['record.*']\nobject = 'people'",
        ];
        for planned in plan(&routes).subscriptions {
            match planned.subscription.filter {
                Some(Filter::All(leaves) | Filter::Any(leaves)) => assert!(!leaves.is_empty()),
                Some(Filter::Unknown(form)) => panic!("{form}"),
                None => {}
            }
        }
    }
}
