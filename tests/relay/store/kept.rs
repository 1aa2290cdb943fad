//! What was looked up is kept: the first snapshot of an event, the newest names of a workspace.

use attio_relay::{
    attio::{
        catalog::{Catalog, Identity, Object},
        event::{Event, Subject},
    },
    store::{Lane, LaneKind, Snapshot, SnapshotKind, StoredCatalog},
};
use bytes::Bytes;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::{on_both_engines, words::*};
use crate::support::database::{TestDatabase, lane};

on_both_engines![
    the_first_snapshot_stays,
    every_kind_of_snapshot_is_kept_beside_the_others,
    snapshots_are_found_by_their_events,
    two_processes_that_keep_the_same_agree,
    the_newest_names_stay,
    names_are_kept_for_each_workspace,
    names_that_cannot_be_read_are_learnt_again,
    an_event_is_found_with_all_that_is_known_of_it,
];

async fn look(db: &TestDatabase) -> Lane {
    lane(&db.store().await, LaneKind::Look)
}

fn moment(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + Duration::seconds(1_800_000_000 + seconds)
}

fn snapshot(event_id: Uuid, kind: SnapshotKind, value: &'static str) -> Snapshot {
    Snapshot {
        event_id,
        kind,
        looked_up_at: moment(0),
        value: Bytes::from_static(value.as_bytes()),
    }
}

async fn the_first_snapshot_stays(db: &TestDatabase) {
    let mut look = look(db).await;
    let event = Uuid::now_v7();
    let first = snapshot(event, SnapshotKind::Record, r#"{"stage":"Won\u0000"}"#);
    let second = snapshot(event, SnapshotKind::Record, "null");
    let stands = [first];
    let both = [stands[0].clone(), second];
    assert_eq!(look.keep_snapshots(&both).await.unwrap(), stands);
    assert_eq!(look.keep_snapshots(&both[1..]).await.unwrap(), stands);
    assert_eq!(look.snapshots(&[event]).await.unwrap(), stands);
}

async fn every_kind_of_snapshot_is_kept_beside_the_others(db: &TestDatabase) {
    let mut look = look(db).await;
    let event = Uuid::now_v7();
    let mut all = SnapshotKind::ALL.map(|kind| snapshot(event, kind, "{}"));
    all.sort_by_key(|one| one.kind.as_str());
    assert_eq!(look.keep_snapshots(&all).await.unwrap(), all);
    assert_eq!(look.snapshots(&[event]).await.unwrap(), all);
}

async fn snapshots_are_found_by_their_events(db: &TestDatabase) {
    let mut look = look(db).await;
    let [one, other, none] = [Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7()];
    let kept = [one, other].map(|event| snapshot(event, SnapshotKind::Actor, "{}"));
    look.keep_snapshots(&kept).await.unwrap();
    assert_eq!(look.snapshots(&[other, none]).await.unwrap(), [kept[1].clone()]);
    assert_eq!(look.snapshots(&[]).await.unwrap(), []);
    assert_eq!(look.keep_snapshots(&[]).await.unwrap(), []);
}

async fn two_processes_that_keep_the_same_agree(db: &TestDatabase) {
    let events: Vec<Uuid> = (0..50).map(|_| Uuid::now_v7()).collect();
    let mut lanes = [look(db).await, lane(&db.bare_store(), LaneKind::Look)];
    let of = |value| events.iter().map(move |&it| snapshot(it, SnapshotKind::Record, value));
    let (mine, mut theirs): (Vec<_>, Vec<_>) = (of("1").collect(), of("2").collect());
    theirs.reverse();
    let [one, other] = &mut lanes;
    let (one, other) = tokio::join!(one.keep_snapshots(&mine), other.keep_snapshots(&theirs));
    assert_eq!(one.unwrap(), other.unwrap());
}

fn names(workspace: &str, learnt_at: i64, slug: &str) -> StoredCatalog {
    let identity = Identity { workspace_id: workspace.to_owned(), ..Identity::default() };
    let object = Object { id: "o1".to_owned(), slug: slug.to_owned(), attributes: None };
    let catalog = Catalog { identity: Some(identity), objects: vec![object], lists: Vec::new() };
    StoredCatalog { workspace: workspace.to_owned(), learnt_at: moment(learnt_at), catalog }
}

async fn the_newest_names_stay(db: &TestDatabase) {
    let mut look = look(db).await;
    assert_eq!(look.catalog(None).await.unwrap(), None);
    let (newer, older) = (names("w", 1, "deals"), names("w", 0, "deal"));
    assert!(look.keep_catalog(&newer).await.unwrap());
    assert!(!look.keep_catalog(&older).await.unwrap());
    assert_eq!(look.catalog(Some("w")).await.unwrap(), Some(newer));
    let newest = names("w", 2, "opportunities");
    assert!(look.keep_catalog(&newest).await.unwrap());
    let since = newest.learnt_at;
    assert_eq!(look.newer_catalog(Some(since)).await.unwrap(), None);
    let before = Some(since - time::Duration::MICROSECOND);
    assert_eq!(look.newer_catalog(before).await.unwrap().as_ref(), Some(&newest));
    assert_eq!(look.newer_catalog(None).await.unwrap().as_ref(), Some(&newest));
    assert_eq!(look.catalog(Some("w")).await.unwrap(), Some(newest));
}

async fn names_are_kept_for_each_workspace(db: &TestDatabase) {
    let mut look = look(db).await;
    let (one, other) = (names("one", 1, "deals"), names("other", 2, "deals"));
    look.keep_catalog(&other).await.unwrap();
    look.keep_catalog(&one).await.unwrap();
    assert_eq!(look.catalog(Some("one")).await.unwrap(), Some(one));
    assert_eq!(look.catalog(None).await.unwrap(), Some(other));
    assert_eq!(look.catalog(Some("none")).await.unwrap(), None);
}

async fn names_that_cannot_be_read_are_learnt_again(db: &TestDatabase) {
    let mut look = look(db).await;
    look.keep_catalog(&names("w", 1, "deals")).await.unwrap();
    db.run("UPDATE catalogs SET value = substr(value, 2)").await.unwrap();
    assert_eq!(look.catalog(None).await.unwrap(), None);
}

async fn an_event_is_found_with_all_that_is_known_of_it(db: &TestDatabase) {
    let mut new = quiet("k");
    let text = |text: &str| Some(text.to_owned());
    new.events[0].event = Event {
        event_type: "list-entry.updated".to_owned(),
        actor_type: text("app"),
        actor_id: text("actor"),
        workspace_id: text("workspace"),
        attribute_id: text("attribute"),
        subject: Subject {
            object_id: text("object"),
            record_id: text("record"),
            list_id: text("list"),
            entry_id: text("entry"),
        },
        span: 1..7,
    };
    Lanes::of(&db.store().await).record(new.clone()).await;
    let mut look = look(db).await;
    let found = look.event(new.events[0].id).await.unwrap().unwrap();
    assert_eq!(found.event, Event { span: 0..6, ..new.events[0].event.clone() });
    assert_eq!((found.id, found.source.as_str()), (new.events[0].id, "crm"));
    assert_eq!((found.received_at, found.json), (new.received_at, new.body.slice(1..7)));
    assert_eq!(look.event(Uuid::now_v7()).await.unwrap(), None);
}
