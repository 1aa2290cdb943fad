//! One filter for all that several routes want of a type.
//!
//! What is wanted is any of some clauses, each of which is all of some conditions; a filter has
//! one level only. Where the two do not meet, the filter is a superset, the narrowest that the
//! weights below can find. Nothing but the conditions themselves may narrow it: what is merely
//! known about a workspace (which object an attribute belongs to) only tells how good a superset is.

use std::collections::{BTreeSet, HashMap};

use super::{Condition, Filter, Operator};

/// Conditions that are wanted together; empty for every event of the type.
pub(super) type Clause = BTreeSet<Condition>;

/// The object or list that each attribute belongs to; `None` where several have one of that id.
pub(super) type Holders = HashMap<String, Option<String>>;

/// A filter that brings all that is wanted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fit {
    /// The filter; `None` for all events of the type.
    pub(super) filter: Option<Filter>,
    /// Whether it also brings what nobody wants, as far as can be told.
    pub(super) is_broader: bool,
}

/// The narrowest filter that can be found for what is wanted.
pub(super) fn fit(clauses: &[Clause], holders: &Holders) -> Fit {
    let clauses = reduced(clauses);
    if clauses.iter().any(Clause::is_empty) {
        return Fit { filter: None, is_broader: false };
    }
    let (all, any) = (all_of(&clauses, holders), any_of(&clauses, holders));
    let is_all_better = (all.is_broader, all.weight) <= (any.is_broader, any.weight);
    let best = if is_all_better { all } else { any };
    Fit { filter: best.filter, is_broader: best.is_broader }
}

struct Candidate {
    filter: Option<Filter>,
    is_broader: bool,
    weight: u64,
}

impl Condition {
    /// Whether every event that meets this one meets `other`.
    fn implies(&self, other: &Self) -> bool {
        let excludes = self.operator == Operator::Equals
            && other.operator == Operator::NotEquals
            && self.field == other.field
            && self.value != other.value;
        self == other || excludes
    }

    /// The same, also by what is known about the workspace.
    fn implies_in_fact(&self, other: &Self, holders: &Holders) -> bool {
        let is_holder = || {
            let holder = holders.get(&self.value).and_then(Option::as_ref);
            self.field == ATTRIBUTE
                && [OBJECT, LIST].contains(&other.field.as_str())
                && [self.operator, other.operator] == [Operator::Equals; 2]
                && holder == Some(&other.value)
        };
        self.implies(other) || is_holder()
    }

    /// A guess at how much of all events it lets through: one attribute least.
    fn weight(&self) -> u64 {
        match (self.operator, self.field.as_str()) {
            (Operator::Equals, ATTRIBUTE) => 1,
            (Operator::Equals, LIST | "list_id") => 20,
            (Operator::Equals, _) => 100,
            (Operator::NotEquals, _) => EVERYTHING / 10,
        }
    }
}

/// The attribute that changed.
pub(super) const ATTRIBUTE: &str = "id.attribute_id";
/// The object of records and object attributes.
pub(super) const OBJECT: &str = "id.object_id";
/// The list of entries and list attributes.
pub(super) const LIST: &str = "id.list_id";

/// The weight of no filter at all.
const EVERYTHING: u64 = 1_000_000;

/// Without the clauses that others hold already.
fn reduced(clauses: &[Clause]) -> Vec<Clause> {
    let within = |narrow: &Clause, wide: &Clause| {
        wide.iter().all(|wanted| narrow.iter().any(|had| had.implies(wanted)))
    };
    let mut kept: Vec<Clause> = Vec::new();
    for clause in clauses {
        if !kept.iter().any(|wide| within(clause, wide)) {
            kept.retain(|narrow| !within(narrow, clause));
            kept.push(clause.clone());
        }
    }
    kept
}

/// What all clauses have in common.
fn all_of(clauses: &[Clause], holders: &Holders) -> Candidate {
    let everywhere =
        |one: &&Condition| clauses.iter().all(|clause| clause.iter().any(|had| had.implies(one)));
    let common: Clause = clauses.iter().flatten().filter(everywhere).cloned().collect();
    let covers = |clause: &Clause| {
        let had =
            |wanted: &Condition| common.iter().any(|one| one.implies_in_fact(wanted, holders));
        clause.iter().all(had)
    };
    let is_broader = !clauses.iter().any(covers);
    let weight = common.iter().map(Condition::weight).min().unwrap_or(EVERYTHING);
    let all: Vec<_> = common.into_iter().collect();
    Candidate { filter: (!all.is_empty()).then_some(Filter::All(all)), is_broader, weight }
}

/// The most telling condition of each clause.
fn any_of(clauses: &[Clause], holders: &Holders) -> Candidate {
    let telling = |clause: &Clause| clause.iter().min_by_key(|one| (one.weight(), *one)).cloned();
    let mut any: Clause = clauses.iter().filter_map(telling).collect();
    let narrower: Vec<_> = any
        .iter()
        .filter(|one| any.iter().any(|other| other != *one && one.implies(other)))
        .cloned()
        .collect();
    any.retain(|one| !narrower.contains(one));
    let is_wanted = |one: &Condition| {
        clauses
            .iter()
            .any(|clause| clause.iter().all(|wanted| one.implies_in_fact(wanted, holders)))
    };
    let is_broader = !any.iter().all(is_wanted);
    let weight = any.iter().map(Condition::weight).sum();
    if is_always_true(&any) {
        return Candidate { filter: None, is_broader, weight: EVERYTHING };
    }
    Candidate { filter: Some(Filter::Any(any.into_iter().collect())), is_broader, weight }
}

/// Whatever a field is, it is not one of two texts.
fn is_always_true(any: &Clause) -> bool {
    let not = |one: &&Condition| one.operator == Operator::NotEquals;
    any.iter().filter(not).any(|one| {
        any.iter().filter(not).any(|other| one.field == other.field && one.value != other.value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clause(conditions: &[(&str, &str)]) -> Clause {
        let read = |(field, value): &(&str, &str)| match field.strip_prefix('!') {
            Some(field) => Condition::not_equals(field, value),
            None => Condition::equals(field, value),
        };
        conditions.iter().map(read).collect()
    }

    fn fitted(clauses: &[&[(&str, &str)]]) -> (String, bool) {
        let holders = [("stage", "deals"), ("mail", "people")]
            .map(|(a, h)| (a.to_owned(), Some(h.to_owned())));
        let clauses: Vec<_> = clauses.iter().map(|one| clause(one)).collect();
        let fit = fit(&clauses, &holders.into());
        let text = fit.filter.map(|filter| serde_json::to_string(&filter).unwrap());
        let text = text.unwrap_or_default().replace("\"operator\":", "");
        (text.replace(['"', '{', '}', '[', ']'], ""), fit.is_broader)
    }

    const DEALS: (&str, &str) = (OBJECT, "deals");
    const PEOPLE: (&str, &str) = (OBJECT, "people");
    const STAGE: (&str, &str) = (ATTRIBUTE, "stage");
    const MAIL: (&str, &str) = (ATTRIBUTE, "mail");
    const BY_PEOPLE: (&str, &str) = ("!actor.type", "system");

    #[test]
    fn one_clause_is_its_own_filter() {
        let (text, is_broader) = fitted(&[&[DEALS, STAGE, BY_PEOPLE]]);
        assert!(text.starts_with("$and:") && text.matches("field").count() == 3, "{text}");
        assert!(!is_broader);
    }

    #[test]
    fn whoever_wants_all_of_a_type_lifts_the_filter() {
        assert_eq!(fitted(&[&[DEALS, STAGE], &[]]), (String::new(), false));
    }

    #[test]
    fn a_clause_within_another_adds_nothing() {
        assert_eq!(fitted(&[&[DEALS, STAGE], &[DEALS]]), fitted(&[&[DEALS]]));
    }

    #[test]
    fn different_objects_are_joined_by_or() {
        let (text, is_broader) = fitted(&[&[DEALS], &[PEOPLE]]);
        assert!(text.starts_with("$or:") && text.matches("field").count() == 2, "{text}");
        assert!(!is_broader);
    }

    #[test]
    fn attributes_stand_for_their_objects_where_only_one_object_has_them() {
        let (text, is_broader) = fitted(&[&[DEALS, STAGE], &[PEOPLE, MAIL]]);
        assert!(text.starts_with("$or:") && !text.contains("object_id"), "{text}");
        assert!(!is_broader);
        let (_, is_broader) = fitted(&[&[DEALS, (ATTRIBUTE, "?")], &[PEOPLE, MAIL]]);
        assert!(is_broader, "an attribute of nobody knows what");
    }

    #[test]
    fn what_all_have_in_common_is_kept_where_no_filter_is_exact() {
        let (text, is_broader) =
            fitted(&[&[DEALS, STAGE, BY_PEOPLE], &[DEALS, STAGE, ("!actor.id", "me")]]);
        assert!(text.starts_with("$and:") && text.contains("stage"), "{text}");
        assert!(!text.contains("actor") && is_broader, "{text}");
    }

    #[test]
    fn two_routes_that_leave_different_actors_alone_want_everything() {
        let (text, is_broader) = fitted(&[&[BY_PEOPLE], &[("!actor.type", "app")]]);
        assert_eq!((text.as_str(), is_broader), ("", false));
    }
}
