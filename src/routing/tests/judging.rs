//! The second half: what a worker is told, and what `explain` shows.

use super::*;

fn judge(event: &Event, catalog: &Catalog, change: impl FnOnce(&mut Route)) -> Judged {
    table(change).rules()[0].judge(event, catalog)
}

#[track_caller]
fn unwanted(judged: &Judged, reason: &str) {
    assert_eq!(*judged, Judged::Unwanted(reason.to_owned()));
}

#[track_caller]
fn unknown(judged: &Judged, what: &str) {
    assert_eq!(*judged, Judged::Unknown(what.to_owned()));
}

#[test]
fn only_a_route_that_names_slugs_or_self_needs_a_catalog() {
    let needs = |change: fn(&mut Route)| table(change).rules()[0].needs_catalog();
    assert!(!needs(|r| r.object = Some(id("o1"))) && !needs(|r| r.changed = vec![id("a1")]));
    assert!(needs(|r| r.object = Some(slug("deals"))) && needs(|r| r.list = Some(slug("sales"))));
    assert!(needs(|r| r.changed = vec![id("a1"), slug("stage")]));
    assert!(needs(|r| r.ignore_actors = vec![ActorPattern::Own]));
}

#[test]
fn a_route_that_does_not_match_says_why() {
    let why = |change: fn(&mut Route)| judge(&event(), &catalog(), change);
    unwanted(
        &why(|r| r.on = vec!["task.*".to_owned(), "note.created".to_owned()]),
        "the event is record.updated, the route wants task.* or note.created",
    );
    unwanted(
        &why(|r| r.object = Some(slug("companies"))),
        "object is deals, the route wants companies",
    );
    unwanted(&why(|r| r.list = Some(slug("sales"))), "list is none, the route wants sales");
    unwanted(
        &why(|r| r.changed = vec![slug("amount"), id("a3")]),
        "what changed is stage, the route wants amount or a3",
    );
}

#[test]
fn our_own_writes_are_recognised_whichever_way_attio_calls_the_token() {
    for kind in ["api-token", "app"] {
        let own =
            Event { actor_type: Some(kind.to_owned()), actor_id: Some("t1".to_owned()), ..event() };
        unwanted(
            &judge(&own, &catalog(), |r| r.ignore_actors = vec![ActorPattern::Own]),
            &format!("the actor is {kind}:t1 (self), whom the route ignores"),
        );
        let other = Event { actor_id: Some("t2".to_owned()), ..own };
        let judged = judge(&other, &catalog(), |r| r.ignore_actors = vec![ActorPattern::Own]);
        assert_eq!(judged, Judged::Wanted);
    }
}

#[test]
fn what_is_not_known_yet_is_named() {
    let nothing = Catalog::default();
    let of = |event: &Event, change: fn(&mut Route)| judge(event, &nothing, change);
    unknown(&of(&event(), |r| r.object = Some(slug("deals"))), "which object `deals` is");
    unknown(&of(&entry_event(), |r| r.list = Some(slug("sales"))), "which list `sales` is");
    unknown(&of(&event(), |r| r.changed = vec![slug("stage")]), "whether a1 of o1 is stage");
    let by_a_token = Event { actor_type: Some("app".to_owned()), ..event() };
    unknown(
        &of(&by_a_token, |r| r.ignore_actors = vec![ActorPattern::Own]),
        "whom our own token belongs to",
    );
}

#[test]
fn an_attribute_or_object_that_is_new_is_not_taken_for_another() {
    let new = Event { attribute_id: Some("a9".to_owned()), ..event() };
    let judged = judge(&new, &catalog(), |r| r.changed = vec![slug("renamed")]);
    unknown(&judged, "whether a9 of deals is renamed");
    assert!(!may_want(&new, &catalog(), |r| r.changed = vec![slug("stage")]), "that is a1");
    let mut of_new_object = event();
    of_new_object.subject.object_id = Some("o9".to_owned());
    let judged = judge(&of_new_object, &catalog(), |r| r.object = Some(slug("projects")));
    unknown(&judged, "which object `projects` is");
}

#[test]
fn names_say_nothing_about_another_workspace() {
    let foreign = Event { workspace_id: Some("w2".to_owned()), ..event() };
    let judged = judge(&foreign, &catalog(), |r| r.object = Some(slug("companies")));
    let why = "the event is of the workspace w2, the token of another";
    assert_eq!(judged, Judged::Foreign(why.to_owned()));
    assert!(may_want(&foreign, &catalog(), |r| r.object = Some(slug("companies"))));
}

/// As after a restart, before Attio was asked.
fn remembered() -> Catalog {
    let mut catalog = catalog();
    catalog.identity.as_mut().unwrap().is_remembered = true;
    catalog
}

#[test]
fn nothing_is_foreign_or_not_ours_for_certain_while_the_owner_of_the_token_is_only_remembered() {
    let foreign = Event { workspace_id: Some("w2".to_owned()), ..event() };
    let judged = judge(&foreign, &remembered(), |r| r.object = Some(slug("companies")));
    unknown(&judged, "which object `companies` is");
    let by = |id| remembered().is_self(Some("api-token"), Some(id));
    assert_eq!([by("t1"), by("t2")], [Some(true), None]);
    assert_eq!(remembered().is_self(Some("workspace-member"), Some("m1")), Some(false));
}

#[test]
fn every_filter_that_a_route_sets_is_shown_with_what_it_saw() {
    let table = table(|r| {
        r.object = Some(slug("companies"));
        r.changed = vec![slug("stage")];
        r.ignore_actors = vec![ActorPattern::Own];
    });
    let verdict = table.verdicts(&event(), &catalog()).remove(0);
    let seen: Vec<_> = verdict
        .filters
        .iter()
        .map(|one| (one.filter.as_str(), one.wants.as_str(), one.saw.as_str(), one.held))
        .collect();
    assert_eq!(
        seen,
        [
            ("on", "*", "record.updated", Some(true)),
            ("object", "companies", "deals", Some(false)),
            ("changed", "stage", "stage", Some(true)),
            ("ignore_actors", "not self", "workspace-member:m1", Some(true)),
        ]
    );
    unwanted(&verdict.judged, "object is deals, the route wants companies");
}
