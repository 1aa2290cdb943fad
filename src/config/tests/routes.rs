//! `[[routes]]`.

use super::*;

#[track_caller]
fn found(keys: &str, message: &str) {
    one_problem(&route(keys), message);
}

#[test]
fn a_route_comes_out_as_it_is_meant() {
    let upper = UUID.to_uppercase().replace('-', "");
    let config = right(&route(&format!(
        "on = [\"record.updated\"]\nobject = \"{upper}\"\nchanged = [\"{UUID}\"]\n\
         ignore_actors = [\"system\", \"api-token:{upper}\"]\norder_by = \"record\"\n\
         owner = \"ops\"\npurpose = \"why\"\nreviewed = 2026-11-01\nreconcile = false"
    )));
    let route = &config.routes[0];
    assert_eq!(route.object.as_deref(), Some(UUID));
    assert_eq!(route.changed, [UUID]);
    assert_eq!(route.ignore_actors[0], ActorPattern { kind: "system".into(), id: None });
    assert_eq!(route.ignore_actors[1].id.as_deref(), Some(UUID));
    assert_eq!(route.order_by, OrderBy::Record);
    assert_eq!((route.owner.as_deref(), route.purpose.as_deref()), (Some("ops"), Some("why")));
    assert_eq!(route.reviewed.as_deref(), Some("2026-11-01"));
}

#[test]
fn an_unknown_action_is_an_error_with_a_suggestion() {
    let text = route("on = [\"*\"]").replace("to = [\"log\"]", "to = [\"log\", \"lgo\"]");
    one_problem(&text, "Error 5:14 there is no action `lgo` (did you mean `log`?)");
}

#[test]
fn a_broken_action_is_not_an_unknown_one() {
    one_problem(&action("kind = \"http\""), "`url` is missing");
    one_problem(&action("kind = 5"), "must be a string");
}

#[test]
fn a_wrong_event_type_is_a_warning_with_the_right_one() {
    found("on = [\"list.entry_added\"]", "Warning 6:7 Attio has no event type");
    found("on = [\"list.entry_added\"]", "did you mean `list-entry.created`?");
    found("on = [\"recrod.*\"]", "did you mean `record.*`?");
    found("on = [\"*.created\"]", "Error 6:7 a `*` stands alone");
    found("on = []", "at least one event type");
}

#[test]
fn a_route_that_can_never_match_is_unreachable() {
    let id = format!("\"{UUID}\"");
    for keys in [
        format!("on = [\"task.*\"]\nobject = {id}"),
        format!("on = [\"record.*\"]\nlist = {id}"),
        format!("on = [\"record.created\"]\nchanged = [{id}]"),
        format!("on = [\"list-attribute.*\"]\nlist = {id}\nobject = {id}"),
    ] {
        found(&keys, "unreachable");
    }
    right(&route(&format!("on = [\"list-entry.*\"]\nlist = {id}\nobject = {id}")));
    found(&format!("on = [\"new.type\"]\nlist = {id}"), "Warning 6:7");
}

#[test]
fn an_event_type_that_a_filter_shuts_out_is_a_warning() {
    let keys = format!("on = [\"record.updated\", \"task.updated\"]\nobject = \"{UUID}\"");
    found(&keys, "Warning 6:25 this route never sees `task.updated`");
}

#[test]
fn an_order_that_no_event_has_is_a_warning() {
    found("on = [\"record.*\"]\norder_by = \"entry\"", "Warning 7:12 none of these events");
    found("on = [\"task.*\"]\norder_by = \"record\"", "Warning 7:12 none of these events");
}

#[test]
fn what_needs_attio_is_refused_with_a_reason() {
    for keys in [
        "object = \"deals\"",
        "changed = [\"stage\"]",
        "ignore_actors = [\"self\"]",
        "when = 'record.stage == \"Won\"'",
        "debounce = \"5s\"",
        "reconcile = true",
    ] {
        found(&format!("on = [\"record.updated\"]\n{keys}"), "this version does not have yet");
    }
}

#[test]
fn an_actor_that_attio_does_not_have_is_a_warning() {
    found("on = [\"*\"]\nignore_actors = [\"sytem\"]", "did you mean `system`?");
    found("on = [\"*\"]\nignore_actors = [\"app:\"]", "expected a type");
}

#[test]
fn actors_that_leave_nothing_are_a_warning() {
    found("on = [\"*\"]\nignore_actors = [\"system:x\"]", "the system actor has no id");
    let all = "\"system\", \"app\", \"api-token\", \"workspace-member\"";
    found(&format!("on = [\"*\"]\nignore_actors = [{all}]"), "Warning 7:17 every type of actor");
}

#[test]
fn two_routes_cannot_share_a_name() {
    let second = "[[routes]]\nname = \"all\"\non = [\"*\"]\nto = [\"log\"]";
    one_problem(&(route("on = [\"*\"]") + second), "two routes with the name `all`");
}

#[test]
fn a_route_names_an_action_once() {
    let text = route("on = [\"*\"]").replace("to = [\"log\"]", "to = [\"log\", \"log\"]");
    one_problem(&text, "5:14 `log` stands here twice");
}
