//! `on`: names that Attio sends, and filters that such events can satisfy.
//!
//! New types come without notice, so an unknown name is only warned about, and an unknown type
//! is taken to have any subject.

use super::Check;
use crate::{
    attio::event::KNOWN_TYPES,
    config::{document::Place, file, suggest},
};

/// Names that circulate and that Attio never sends, with the right ones.
const WRONG_NAMES: [(&str, &str); 28] = [
    ("comment.reopened", "comment.unresolved"),
    ("comment.updated", "comment.resolved"),
    ("deal.created", "record.created"),
    ("deal.updated", "record.updated"),
    ("entry-attribute.updated", "list-entry.updated"),
    ("entry.created", "list-entry.created"),
    ("entry.deleted", "list-entry.deleted"),
    ("entry.updated", "list-entry.updated"),
    ("list-entry.added", "list-entry.created"),
    ("list-entry.attribute.updated", "list-entry.updated"),
    ("list-entry.removed", "list-entry.deleted"),
    ("list.entry.created", "list-entry.created"),
    ("list.entry.deleted", "list-entry.deleted"),
    ("list.entry.updated", "list-entry.updated"),
    ("list.entry-added", "list-entry.created"),
    ("list.entry-created", "list-entry.created"),
    ("list.entry-deleted", "list-entry.deleted"),
    ("list.entry-removed", "list-entry.deleted"),
    ("list.entry-updated", "list-entry.updated"),
    ("note.content-updated", "note-content.updated"),
    ("object.created", "record.created"),
    ("object.deleted", "record.deleted"),
    ("object.updated", "record.updated"),
    ("record.attribute.updated", "record.updated"),
    ("record.value-changed", "record.updated"),
    ("record-attribute.updated", "record.updated"),
    ("task.completed", "task.updated"),
    ("workspace-member.updated", "workspace-member.created"),
];

/// A filter of a route, and the event types that it can ever match.
struct Filter {
    key: &'static str,
    needs: &'static str,
    fits: fn(&str) -> bool,
}

const FILTERS: [Filter; 3] = [
    Filter { key: "object", needs: "object", fits: has_object },
    Filter { key: "list", needs: "list", fits: has_list },
    Filter { key: "changed", needs: "changed attribute", fits: has_attribute },
];

pub(super) fn check(check: &mut Check<'_, '_>, place: &Place, typed: &file::Route, on: &[String]) {
    if on.is_empty() {
        check.error(&place.key("on"), "at least one event type is needed");
    }
    for (index, pattern) in on.iter().enumerate() {
        name(check, &place.key("on").index(index), pattern);
    }
    let is_set = [typed.object.is_some(), typed.list.is_some(), !typed.changed.is_empty()];
    let filters: Vec<_> = FILTERS
        .iter()
        .zip(is_set)
        .filter(|(_, is_set)| *is_set)
        .map(|(filter, _)| filter)
        .collect();
    reach(check, place, on, &filters);
    order(check, place, typed.order_by, on);
}

fn name(check: &mut Check<'_, '_>, place: &Place, pattern: &str) {
    let stem = pattern.strip_suffix(".*");
    if pattern != "*" && stem.unwrap_or(pattern).contains('*') {
        check
            .error(place, "a `*` stands alone, or at the end after a dot")
            .help("write \"*\", \"list-entry.*\" or an exact type");
        return;
    }
    if !matching(pattern).is_empty() {
        return;
    }
    let (message, meant) = match stem {
        Some(stem) => (format!("no event type of Attio starts with `{stem}.`"), group(stem)),
        None => (format!("Attio has no event type `{pattern}` that we know of"), exact(pattern)),
    };
    check.warning(place, message).suggest(meant.as_deref());
}

/// What was probably meant by an unknown exact type.
fn exact(typed: &str) -> Option<String> {
    let typed = typed.to_lowercase().replace('_', "-");
    let known_wrong = WRONG_NAMES.iter().find(|(wrong, _)| *wrong == typed);
    let meant = known_wrong.map(|(_, right)| *right);
    meant.or_else(|| suggest::nearest(&typed, KNOWN_TYPES)).map(ToOwned::to_owned)
}

/// What was probably meant by an unknown `stem.*`.
fn group(stem: &str) -> Option<String> {
    let stem = stem.to_lowercase().replace('_', "-");
    let meant = match stem.as_str() {
        "entry" | "list.entry" => Some("list-entry"),
        "object" | "deal" | "company" | "person" => Some("record"),
        typed => suggest::nearest(typed, KNOWN_TYPES.iter().map(|known| stem_of(known))),
    };
    meant.map(|stem| format!("{stem}.*"))
}

fn stem_of(event_type: &str) -> &str {
    event_type.split_once('.').map_or(event_type, |(stem, _)| stem)
}

/// The known types that a pattern matches.
pub(super) fn matching(pattern: &str) -> Vec<&'static str> {
    let is_match = |known: &&str| match pattern.strip_suffix('*') {
        Some(prefix) => known.starts_with(prefix),
        None => *known == pattern,
    };
    KNOWN_TYPES.into_iter().filter(is_match).collect()
}

/// Whether some event that `pattern` matches can satisfy `fits`, as far as is known.
fn may_fit(pattern: &str, fits: impl Fn(&str) -> bool) -> bool {
    let known = matching(pattern);
    known.is_empty() || known.into_iter().any(fits)
}

fn reach(check: &mut Check<'_, '_>, place: &Place, on: &[String], filters: &[&Filter]) {
    let fits_all = |event_type: &str| filters.iter().all(|filter| (filter.fits)(event_type));
    let is_blind: Vec<bool> = on.iter().map(|pattern| !may_fit(pattern, fits_all)).collect();
    if is_blind.iter().all(|blind| *blind) && !on.is_empty() {
        let never = |filter: &&&Filter| !on.iter().any(|pattern| may_fit(pattern, filter.fits));
        let Some(culprit) = filters.iter().find(never).or(filters.last()) else {
            return;
        };
        check
            .error(&place.key(culprit.key), "this route can never match: it is unreachable")
            .help(format!("no event of `{}` has {}", on.join("`, `"), needs(filters)));
        return;
    }
    for (index, pattern) in on.iter().enumerate().filter(|(index, _)| is_blind[*index]) {
        let message = format!(
            "this route never sees `{pattern}`: such an event has no {}",
            needs(filters).trim_start_matches("an ").trim_start_matches("a "),
        );
        check.warning(&place.key("on").index(index), message);
    }
}

fn needs(filters: &[&Filter]) -> String {
    let needs: Vec<_> = filters.iter().map(|filter| filter.needs).collect();
    let article = if needs.first() == Some(&"object") { "an" } else { "a" };
    format!("{article} {}", needs.join(" and "))
}

fn order(check: &mut Check<'_, '_>, place: &Place, order_by: Option<file::OrderBy>, on: &[String]) {
    let (what, fits): (&str, fn(&str) -> bool) = match order_by {
        None | Some(file::OrderBy::None) => return,
        Some(file::OrderBy::Record) => ("record", has_record),
        Some(file::OrderBy::Entry) => ("entry", has_entry),
    };
    if !on.iter().any(|pattern| may_fit(pattern, fits)) {
        let message = format!("none of these events has a {what}, so there is no order");
        check.warning(&place.key("order_by"), message);
    }
}

/// Whether some of the events can be about a record or a list entry.
pub(super) fn has_some_subject(on: &[String]) -> bool {
    // An entry's event names its record too.
    on.iter().any(|pattern| may_fit(pattern, has_record))
}

fn is_of(event_type: &str, stems: &[&str]) -> bool {
    stems.contains(&stem_of(event_type))
}

fn has_record(event_type: &str) -> bool {
    is_of(event_type, &["record", "list-entry", "note", "note-content", "comment"])
}

fn has_object(event_type: &str) -> bool {
    has_record(event_type) || is_of(event_type, &["object-attribute"])
}

fn has_entry(event_type: &str) -> bool {
    is_of(event_type, &["list-entry", "comment"])
}

fn has_list(event_type: &str) -> bool {
    has_entry(event_type) || is_of(event_type, &["list-attribute"])
}

fn has_attribute(event_type: &str) -> bool {
    matches!(event_type, "record.updated" | "list-entry.updated")
        || stem_of(event_type).ends_with("-attribute")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_right_name_is_one_that_attio_sends() {
        for (wrong, right) in WRONG_NAMES {
            assert!(KNOWN_TYPES.contains(&right), "{right}");
            assert!(!KNOWN_TYPES.contains(&wrong), "{wrong}");
        }
    }

    #[test]
    fn a_name_that_circulates_leads_to_the_right_one() {
        for (wrong, right) in [
            ("list.entry_added", "list-entry.created"),
            ("list-entry.attribute.updated", "list-entry.updated"),
            ("record.value_changed", "record.updated"),
            ("task.completed", "task.updated"),
            ("entry.created", "list-entry.created"),
            ("list_entry.created", "list-entry.created"),
            ("record.udpated", "record.updated"),
        ] {
            assert_eq!(exact(wrong).as_deref(), Some(right), "{wrong}");
        }
        assert_eq!(group("entry").as_deref(), Some("list-entry.*"));
        assert_eq!(group("recrod").as_deref(), Some("record.*"));
    }
}
