//! `[[routes]]`: filters that can match something, and actions that are there.

use uuid::Uuid;

use super::{
    Check, condition::condition, debounce::debounce, event_type, name::attio_name, source::unique,
};
use crate::{
    config::{
        document::Place,
        file,
        meant::{self, ActorPattern},
        suggest,
    },
    name::RouteName,
};

/// Who can do something in Attio: <https://docs.attio.com/docs/actors>.
const ACTOR_TYPES: [&str; 4] = ["api-token", "app", "system", "workspace-member"];

pub(super) fn routes(check: &mut Check<'_, '_>, typed: &[file::Route]) -> Vec<meant::Route> {
    let list = Place::root().key("routes");
    if check.is_empty(&list) {
        let message = "no route is configured: events are kept and counted, and go nowhere";
        check.warning(&list, message);
    }
    unique(check, &list, "name", typed.iter().map(|route| route.name.as_deref()));
    typed
        .iter()
        .enumerate()
        .filter_map(|(index, typed)| route(check, &list.index(index), typed))
        .collect()
}

fn route(check: &mut Check<'_, '_>, place: &Place, typed: &file::Route) -> Option<meant::Route> {
    let name = check.required(place, "name", typed.name.as_ref());
    let on = check.required(place, "on", typed.on.as_ref());
    let to = check.required(place, "to", typed.to.as_ref());
    if let Some(name) = name {
        check.name(&place.key("name"), name);
        if name == crate::routing::table::ALERTS {
            check.error(&place.key("name"), "`alerts` is the name of the alerts' own deliveries");
        }
    }
    if let Some(on) = on {
        event_type::check(check, place, typed, on);
    }
    if let Some(to) = to {
        if to.is_empty() {
            check.error(&place.key("to"), "at least one action is needed");
        }
        check.action_list(&place.key("to"), to);
    }
    let object = typed.object.as_ref().map(|typed| attio_name(check, &place.key("object"), typed));
    let list = typed.list.as_ref().map(|typed| attio_name(check, &place.key("list"), typed));
    let names = typed.changed.iter().enumerate();
    let changed = names
        .map(|(at, typed)| attio_name(check, &place.key("changed").index(at), typed))
        .collect();
    let ignore_actors = actors(check, &place.key("ignore_actors"), &typed.ignore_actors);
    if typed.reconcile == Some(true) {
        check.needs_attio(&place.key("reconcile"), "`reconcile` asks Attio what changed");
    }
    Some(meant::Route {
        when: condition(check, place, typed),
        debounce: debounce(check, place, typed),
        name: RouteName::from(name?.as_str()),
        on: on?.clone(),
        object,
        list,
        changed,
        ignore_actors,
        order_by: order_by(typed),
        to: to?.iter().map(|name| name.as_str().into()).collect(),
        owner: typed.owner.clone(),
        purpose: typed.purpose.clone(),
        reviewed: typed.reviewed.as_ref().map(|day| day.0.clone()),
        reconcile: typed.reconcile.unwrap_or(false),
        allow_loop: typed.allow_loop.unwrap_or(false),
    })
}

fn order_by(typed: &file::Route) -> meant::OrderBy {
    match typed.order_by.unwrap_or(file::OrderBy::None) {
        file::OrderBy::None => meant::OrderBy::None,
        file::OrderBy::Record => meant::OrderBy::Record,
        file::OrderBy::Entry => meant::OrderBy::Entry,
    }
}

fn actors(check: &mut Check<'_, '_>, place: &Place, typed: &[String]) -> Vec<ActorPattern> {
    if ACTOR_TYPES.iter().all(|known| typed.iter().any(|typed| typed == known)) {
        check.warning(place, "every type of actor is left alone, so next to nothing is left");
    }
    let patterns = typed.iter().enumerate();
    patterns.filter_map(|(at, typed)| actor(check, &place.index(at), typed)).collect()
}

fn actor(check: &mut Check<'_, '_>, place: &Place, typed: &str) -> Option<ActorPattern> {
    if typed == "self" {
        check.needs_attio(place, "`self` is whom our token belongs to");
        return Some(ActorPattern::Own);
    }
    let (kind, id) = match typed.split_once(':') {
        Some((kind, id)) => (kind, Some(id)),
        None => (typed, None),
    };
    if kind.is_empty() || id.is_some_and(str::is_empty) {
        check.error(place, "expected a type, or \"type:id\"");
        return None;
    }
    if !ACTOR_TYPES.contains(&kind) {
        check
            .warning(place, format!("Attio has no actor of type `{kind}` that we know of"))
            .help(format!("known are: {}", ACTOR_TYPES.join(", ")))
            .suggest(suggest::nearest(kind, ACTOR_TYPES));
    }
    if kind == "system" && id.is_some() {
        check.warning(place, "the system actor has no id, so this matches nothing");
    }
    // Compared as text with what Attio sends, which is lower case with hyphens.
    let id = id.map(|id| {
        Uuid::try_parse(id).map_or_else(|_| id.to_owned(), |id| id.hyphenated().to_string())
    });
    Some(ActorPattern::Like { kind: kind.to_owned(), id })
}
