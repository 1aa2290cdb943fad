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
    assert_eq!(route.object, Some(Name::Id(UUID.to_owned())));
    assert_eq!(route.changed, [Name::Id(UUID.to_owned())]);
    let like = |kind: &str, id: Option<&str>| ActorPattern::Like {
        kind: kind.to_owned(),
        id: id.map(ToOwned::to_owned),
    };
    assert_eq!(route.ignore_actors, [like("system", None), like("api-token", Some(UUID))]);
    assert_eq!(route.order_by, OrderBy::Record);
    assert_eq!((route.owner.as_deref(), route.purpose.as_deref()), (Some("ops"), Some("why")));
    assert_eq!(route.reviewed.as_deref(), Some("2026-11-01"));
}

#[test]
fn no_route_has_the_name_of_the_alerts_own() {
    let text = route("on = [\"*\"]").replace("name = \"all\"", "name = \"alerts\"");
    one_problem(&text, "Error 4:8 `alerts` is the name of the alerts' own deliveries");
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

/// A file with access to Attio, and one route that has these keys.
fn attio(keys: &str) -> String {
    route(keys) + "[attio]\ntoken = \"env:ATTIO_API_TOKEN\"\n"
}

#[test]
fn what_only_attio_can_tell_needs_a_section_for_it() {
    for (key, why) in [
        ("object = \"deals\"", "`deals` is a slug"),
        ("changed = [\"stage\"]", "`stage` is a slug"),
        ("ignore_actors = [\"self\"]", "`self` is whom our token belongs to"),
        ("reconcile = true", "`reconcile` asks Attio what changed"),
    ] {
        let keys = format!("on = [\"record.updated\"]\n{key}");
        found(&keys, why);
        found(&keys, "which takes an `[attio]` section (add `[attio]`");
        right(&attio(&keys));
    }
    found("on = [\"list-entry.*\"]\nlist = \"sales\"", "`sales` is a slug");
}

#[test]
fn slugs_self_and_conditions_come_out_as_they_are_meant() {
    let config = right(&attio(
        "on = [\"list-entry.updated\"]\nobject = \"deals\"\nlist = \"Sales_Pipeline-2\"\n\
         changed = [\"stage\"]\nignore_actors = [\"self\"]\nwhen = 'record.stage == \"Won\"'\n\
         reconcile = true\nallow_loop = true",
    ));
    let route = &config.routes[0];
    assert_eq!(route.object, Some(Name::Slug("deals".to_owned())));
    assert_eq!(route.list, Some(Name::Slug("Sales_Pipeline-2".to_owned())));
    assert_eq!(route.changed, [Name::Slug("stage".to_owned())]);
    assert_eq!(route.ignore_actors, [ActorPattern::Own]);
    assert_eq!(route.when.as_ref().map(|when| when.source()), Some("record.stage == \"Won\""));
    assert!(route.reconcile && route.allow_loop);
}

#[test]
fn a_title_is_no_slug() {
    for wrong in ["Sales pipeline", "", "deals/1", "\u{e9}tat"] {
        one_problem(
            &attio(&format!("on = [\"record.updated\"]\nobject = \"{wrong}\"")),
            "is neither a slug nor an id",
        );
    }
}

#[test]
fn an_empty_condition_is_an_error() {
    found("on = [\"*\"]\nwhen = ' '", "the condition is empty");
}

#[test]
fn a_debounce_waits_ten_times_as_long_at_the_most_unless_told_otherwise() {
    let debounce = |keys: &str| {
        let text = route(&format!("on = [\"record.*\"]\n{keys}"));
        right(&text).routes[0].debounce.map(|it| (it.wait.as_secs(), it.longest.as_secs()))
    };
    assert_eq!(debounce(""), None);
    assert_eq!(debounce("debounce = \"5s\""), Some((5, 50)));
    assert_eq!(debounce("debounce = \"5s\"\ndebounce_max = \"5s\""), Some((5, 5)));
    assert_eq!(debounce("debounce = \"1h\"\norder_by = \"record\""), Some((3600, 36_000)));
}

#[test]
fn limits_of_a_debounce_are_kept() {
    let of = |keys: &str, message| found(&format!("on = [\"record.*\"]\n{keys}"), message);
    of("debounce = \"999ms\"", "at least 1s, at most 1h");
    of("debounce = \"61m\"", "at least 1s, at most 1h");
    of("debounce = \"5s\"\ndebounce_max = \"4s\"", "8:16 at least as long as `debounce`");
    of("debounce = \"5s\"\ndebounce_max = \"25h\"", "8:16 at most 1d");
    of("debounce_max = \"5s\"", "goes with `debounce`");
    found("on = [\"task.*\"]\ndebounce = \"5s\"", "Warning 7:12 none of these events");
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
