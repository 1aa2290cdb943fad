//! Routes that would be sent round in circles: an action of theirs writes to Attio, and what it
//! writes makes the very events that they wait for.

use super::{Check, event_type};
use crate::config::{
    document::Place,
    meant::{ActionKind, ActorPattern, AttioValue, AttioWrite, Config, Name, Route},
};

/// The events that a write can cause. What else Attio makes of a new note is not documented, so
/// its changes count too.
const OF_RECORDS: [&str; 2] = ["record.created", "record.updated"];
const OF_ENTRIES: [&str; 2] = ["list-entry.created", "list-entry.updated"];
const OF_NOTES: [&str; 3] = ["note.created", "note.updated", "note-content.updated"];
const OF_TASKS: [&str; 2] = ["task.created", "task.updated"];
const OF_COMMENTS: [&str; 1] = ["comment.created"];

pub(super) fn check(check: &mut Check<'_, '_>, config: &Config) {
    for (index, route) in config.routes.iter().enumerate() {
        if route.allow_loop || route.ignore_actors.contains(&ActorPattern::Own) {
            continue;
        }
        let mut own = config.actions.iter().filter(|action| route.to.contains(&action.name));
        let Some(event) = own.find_map(|action| comes_back(route, &action.kind)) else {
            continue;
        };
        let place = Place::root().key("routes").index(index).key("on");
        check
            .warning(
                &place,
                format!("what this route writes to Attio comes back to it as `{event}`"),
            )
            .help("add `ignore_actors = [\"self\"]`, or say `allow_loop = true`");
    }
}

/// The first event that the route's own write causes and that the route waits for, as far as can
/// be told without asking Attio.
fn comes_back(route: &Route, kind: &ActionKind) -> Option<&'static str> {
    let write = match kind {
        ActionKind::Attio(attio) => &attio.write,
        ActionKind::Http(_)
        | ActionKind::Slack(_)
        | ActionKind::Postgres(_)
        | ActionKind::Log(_) => return None,
    };
    let is_elsewhere = is_another(route.object.as_ref(), write.object())
        || is_another(route.list.as_ref(), write.list());
    if is_elsewhere || changes_others(&route.changed, write.values()) {
        return None;
    }
    let events: &[&'static str] = match write {
        AttioWrite::Record { .. } => &OF_RECORDS,
        AttioWrite::Update { .. } => &OF_RECORDS[1..],
        AttioWrite::Entry { .. } => &OF_ENTRIES,
        AttioWrite::Note { .. } => &OF_NOTES,
        AttioWrite::Task { .. } => &OF_TASKS,
        AttioWrite::Comment { .. } => &OF_COMMENTS,
    };
    // Only changes name an attribute.
    let names_one = |event: &&&'static str| route.changed.is_empty() || event.ends_with(".updated");
    let events: Vec<_> = events.iter().filter(names_one).copied().collect();
    first_wanted(&route.on, &events)
}

/// Whether these are two things for certain: a slug and an id may be one.
fn is_another(wanted: Option<&Name>, written: Option<&Name>) -> bool {
    let (Some(wanted), Some(written)) = (wanted, written) else {
        return false;
    };
    wanted.is_slug() == written.is_slug() && wanted != written
}

/// The route waits for changes of some attributes, and none of them is written.
fn changes_others(wanted: &[Name], written: &[(Name, AttioValue)]) -> bool {
    let is_written =
        |wanted: &Name| !written.iter().all(|(name, _)| is_another(Some(wanted), Some(name)));
    !wanted.is_empty() && !written.is_empty() && !wanted.iter().any(is_written)
}

/// The first of the events that the route waits for.
fn first_wanted(on: &[String], events: &[&'static str]) -> Option<&'static str> {
    let is_wanted =
        |event: &str| on.iter().any(|pattern| event_type::matching(pattern).contains(&event));
    events.iter().copied().find(|event| is_wanted(event))
}
