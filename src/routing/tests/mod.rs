//! Both halves of routing, over one event and what is known of its workspace. Here the first.

use std::time::Duration;

use super::{Judged, RouteTable};
use crate::{
    attio::{
        catalog::{Attribute, Catalog, Identity, List, Object},
        event::{Event, Subject},
    },
    config::{ActorPattern, Debounce, Name, OrderBy, Route},
};

mod judging;

fn route(name: &str) -> Route {
    Route {
        name: name.into(),
        on: vec!["*".to_owned()],
        object: None,
        list: None,
        changed: vec![],
        when: None,
        ignore_actors: vec![],
        order_by: OrderBy::None,
        debounce: None,
        to: vec!["sink".into()],
        owner: None,
        purpose: None,
        reviewed: None,
        reconcile: false,
        allow_loop: false,
    }
}

fn event() -> Event {
    Event {
        event_type: "record.updated".to_owned(),
        actor_type: Some("workspace-member".to_owned()),
        actor_id: Some("m1".to_owned()),
        workspace_id: Some("w1".to_owned()),
        attribute_id: Some("a1".to_owned()),
        subject: Subject {
            object_id: Some("o1".to_owned()),
            record_id: Some("r1".to_owned()),
            ..Subject::default()
        },
        ..Event::default()
    }
}

fn entry_event() -> Event {
    let mut event = event();
    event.event_type = "list-entry.updated".to_owned();
    event.subject.list_id = Some("l1".to_owned());
    event.subject.entry_id = Some("e1".to_owned());
    event
}

fn attribute(id: &str, slug: &str) -> Attribute {
    Attribute {
        id: id.to_owned(),
        slug: slug.to_owned(),
        kind: "text".to_owned(),
        is_multiselect: false,
    }
}

/// Objects deals (o1) and companies (o2), list sales (l1); `a1` is deals' stage and sales' owner.
fn catalog() -> Catalog {
    let object = |id: &str, slug: &str, attributes| Object {
        id: id.to_owned(),
        slug: slug.to_owned(),
        attributes,
    };
    let of_deals = vec![attribute("a1", "stage"), attribute("a2", "amount")];
    let sales = List {
        id: "l1".to_owned(),
        slug: "sales".to_owned(),
        parent_objects: vec!["deals".to_owned()],
        attributes: Some(vec![attribute("a1", "owner")]),
    };
    let identity = Identity {
        workspace_id: "w1".to_owned(),
        client_id: "t1".to_owned(),
        ..Identity::default()
    };
    Catalog {
        identity: Some(identity),
        objects: vec![object("o1", "deals", Some(of_deals)), object("o2", "companies", None)],
        lists: vec![sales],
    }
}

fn id(text: &str) -> Name {
    Name::Id(text.to_owned())
}

fn slug(text: &str) -> Name {
    Name::Slug(text.to_owned())
}

fn table(change: impl FnOnce(&mut Route)) -> RouteTable {
    let mut route = route("r");
    change(&mut route);
    RouteTable::new(&[route])
}

fn may_want(event: &Event, catalog: &Catalog, change: impl FnOnce(&mut Route)) -> bool {
    table(change).decide(event, catalog).next().is_some()
}

/// By ids alone, nothing being known of the workspace.
fn wants(change: impl FnOnce(&mut Route)) -> bool {
    may_want(&event(), &Catalog::default(), change)
}

#[test]
fn object_list_and_changed_narrow_a_route() {
    assert!(wants(|r| r.object = Some(id("o1"))));
    assert!(!wants(|r| r.object = Some(id("o2"))));
    assert!(!wants(|r| r.list = Some(id("l1"))));
    assert!(wants(|r| r.changed = vec![id("a0"), id("a1")]));
    assert!(!wants(|r| r.changed = vec![id("a0")]));
}

#[test]
fn actors_are_ignored_by_type_or_by_type_and_id() {
    let ignoring = |kind: &str, id: Option<&str>| {
        let kind = kind.to_owned();
        let pattern = ActorPattern::Like { kind, id: id.map(str::to_owned) };
        !wants(|r| r.ignore_actors = vec![pattern])
    };
    assert!(ignoring("workspace-member", None) && ignoring("workspace-member", Some("m1")));
    assert!(!ignoring("workspace-member", Some("m2")) && !ignoring("system", None));
}

#[test]
fn several_routes_and_several_actions_each_make_a_delivery() {
    let mut second = route("second");
    second.to = vec!["sink".into(), "other".into()];
    let table = RouteTable::new(&[route("first"), second]);
    let (event, catalog) = (event(), Catalog::default());
    let made: Vec<_> = table
        .decide(&event, &catalog)
        .map(|routed| format!("{}/{}", routed.route, routed.action))
        .collect();
    assert_eq!(made, ["first/sink", "second/sink", "second/other"]);
}

#[test]
fn order_is_by_route_action_and_subject_and_only_where_there_is_one() {
    let key = |order_by, action: &str| {
        let table = table(|r| {
            r.order_by = order_by;
            r.to = vec![action.into()];
        });
        table.decide(&event(), &Catalog::default()).next().unwrap().order_key
    };
    assert!(key(OrderBy::Record, "a").is_some());
    assert_ne!(key(OrderBy::Record, "a"), key(OrderBy::Record, "b"));
    assert_eq!(key(OrderBy::Entry, "a"), None);
    assert_eq!(key(OrderBy::None, "a"), None);
}

#[test]
fn a_debounced_delivery_waits_under_the_key_of_its_entry_or_else_its_record() {
    let wait = Duration::from_secs(5);
    let table = table(|r| r.debounce = Some(Debounce { wait, longest: wait * 10 }));
    let debounced =
        |event: &Event| table.decide(event, &Catalog::default()).next().unwrap().debounce;
    let mut other_entry = entry_event();
    other_entry.subject.entry_id = Some("e2".to_owned());
    assert_eq!(debounced(&event()).unwrap().0, wait);
    assert_eq!(debounced(&event()), debounced(&event()));
    assert_ne!(debounced(&event()), debounced(&entry_event()));
    assert_ne!(debounced(&other_entry), debounced(&entry_event()));
    let task = Event { event_type: "task.created".to_owned(), ..Event::default() };
    assert_eq!(debounced(&task), None);
}

#[test]
fn a_slug_that_is_known_decides_at_intake() {
    let wants = |change: fn(&mut Route)| may_want(&entry_event(), &catalog(), change);
    assert!(wants(|r| r.object = Some(slug("deals"))));
    assert!(!wants(|r| r.object = Some(slug("companies"))));
    assert!(wants(|r| r.list = Some(slug("sales"))));
    assert!(wants(|r| r.changed = vec![slug("owner")]));
    assert!(!wants(|r| r.changed = vec![slug("stage")]), "that is the record's, not the entry's");
    assert!(may_want(&event(), &catalog(), |r| r.changed = vec![slug("amount"), slug("stage")]));
    assert!(!may_want(&event(), &catalog(), |r| r.changed = vec![slug("amount")]));
}

#[test]
fn what_is_not_known_yet_counts_as_wanted() {
    let nothing = Catalog::default();
    assert!(may_want(&event(), &nothing, |r| r.object = Some(slug("deals"))));
    assert!(may_want(&event(), &nothing, |r| r.changed = vec![id("a0"), slug("stage")]));
    assert!(may_want(&entry_event(), &nothing, |r| r.list = Some(slug("sales"))));
    let by_a_token = Event { actor_type: Some("api-token".to_owned()), ..event() };
    assert!(may_want(&by_a_token, &nothing, |r| r.ignore_actors = vec![ActorPattern::Own]));
}

#[test]
fn what_no_catalog_could_change_is_decided_without_one() {
    let nothing = Catalog::default();
    assert!(!may_want(&event(), &nothing, |r| r.list = Some(slug("sales"))), "it has no list");
    let created = Event { attribute_id: None, ..event() };
    assert!(!may_want(&created, &nothing, |r| r.changed = vec![slug("stage")]));
    let ignores_itself = table(|r| r.ignore_actors = vec![ActorPattern::Own]);
    let judged = ignores_itself.rules()[0].judge(&event(), &nothing);
    assert_eq!(judged, Judged::Wanted, "a person is never a token");
}
