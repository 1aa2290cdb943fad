//! Whom a route leaves alone, in the words of filters.
//!
//! `not_equals` is used with care: whether it holds for a field that is null or missing is not
//! documented. An actor's id is null for everything that Attio does by itself, so it is never tested
//! alone, only as an alternative to the actor's type, which is null in odd cases only.

use std::collections::BTreeMap;

use super::{Condition, fit::Clause};
use crate::{attio::catalog::Identity, config::ActorPattern};

/// More kinds of actors with single ids than this are left to routing: alternatives multiply.
const MOST_KINDS_WITH_IDS: usize = 2;

/// Everyone but those that are ignored, as alternatives.
pub(super) fn all_but(ignored: &[ActorPattern], own: Option<&Identity>) -> Vec<Clause> {
    // For each type all of its actors, or some.
    let mut kinds: BTreeMap<&str, Option<Vec<&str>>> = BTreeMap::new();
    for (kind, id) in ignored.iter().filter_map(|pattern| read(pattern, own)) {
        let ids = kinds.entry(kind).or_insert_with(|| Some(Vec::new()));
        match (id, ids.as_mut()) {
            (Some(id), Some(ids)) => ids.push(id),
            (None, _) => *ids = None,
            (Some(_), None) => {}
        }
    }
    let is_other_kind = |kind: &str| Condition::not_equals("actor.type", kind);
    let whole = kinds.iter().filter(|(_, ids)| ids.is_none());
    let base: Clause = whole.map(|(kind, _)| is_other_kind(kind)).collect();
    let some = kinds.iter().filter_map(|(kind, ids)| Some((*kind, ids.as_ref()?)));
    some.take(MOST_KINDS_WITH_IDS).fold(vec![base], |clauses, (kind, ids)| {
        let others = ids.iter().map(|id| Condition::not_equals("actor.id", id)).collect();
        let alternatives: [Vec<Condition>; 2] = [vec![is_other_kind(kind)], others];
        let with = |more: &Vec<Condition>| -> Vec<Clause> {
            clauses.iter().map(|clause| clause.iter().chain(more).cloned().collect()).collect()
        };
        alternatives.iter().flat_map(with).collect()
    })
}

/// Type and id of whom a pattern means; `None` when it means nobody that is known.
fn read<'p>(
    pattern: &'p ActorPattern,
    own: Option<&'p Identity>,
) -> Option<(&'p str, Option<&'p str>)> {
    match pattern {
        ActorPattern::Like { kind, id } => Some((kind, id.as_deref())),
        // Whether an app's own writes come as `app` is not documented: routing sees to it.
        ActorPattern::Own => Some(("api-token", Some(&own?.client_id))),
    }
}
