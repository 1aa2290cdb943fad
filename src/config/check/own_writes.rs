//! Routes that would be sent round in circles: an action of theirs writes to Attio, and what it
//! writes makes the very events that they wait for.

use super::{Check, event_type};
use crate::config::{
    document::Place,
    meant::{ActionKind, ActorPattern, Config},
};

pub(super) fn check(check: &mut Check<'_, '_>, config: &Config) {
    for (index, route) in config.routes.iter().enumerate() {
        if route.allow_loop || route.ignore_actors.contains(&ActorPattern::Own) {
            continue;
        }
        let own = config.actions.iter().filter(|action| route.to.contains(&action.name));
        let events = own.flat_map(|action| caused_by(&action.kind));
        let Some(event) = first_wanted(&route.on, events) else {
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

/// The types of the events that an action causes in Attio by writing there.
fn caused_by(kind: &ActionKind) -> &'static [&'static str] {
    match kind {
        ActionKind::Http(_)
        | ActionKind::Slack(_)
        | ActionKind::Postgres(_)
        | ActionKind::Log(_) => &[],
    }
}

/// The first of the events that the route waits for.
fn first_wanted<'e>(
    on: &[String],
    events: impl IntoIterator<Item = &'e &'static str>,
) -> Option<&'static str> {
    let is_wanted =
        |event: &str| on.iter().any(|pattern| event_type::matching(pattern).contains(&event));
    events.into_iter().copied().find(|event| is_wanted(event))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_record_comes_back_to_whoever_waits_for_records() {
        let on = ["task.*".to_owned(), "record.*".to_owned()];
        let wanted = |events: &[&'static str]| first_wanted(&on, events);
        assert_eq!(wanted(&["note.created", "record.updated"]), Some("record.updated"));
        assert_eq!(wanted(&["note.created", "list-entry.updated"]), None);
    }
}
