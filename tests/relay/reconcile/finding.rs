//! What is found, what is not, and what is said about it.

use attio_relay::http::fake_attio::{Actor, DEAL, ENTRY, INES, PERSON, SALES_PIPELINE};
use serde_json::{Value, json};

use super::{DEALS_AND_STAGES, Scene, events, new_deal, set_stage, sorted};
use crate::support::database::TestDatabase;

async fn scene(routes: &[(&str, &str)]) -> (TestDatabase, Scene) {
    let db = TestDatabase::sqlite();
    db.store().await;
    (db, Scene::with(routes).await)
}

fn one(more: &str) -> [(&str, &str); 1] {
    [("one", more)]
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_notes_and_tasks_are_found_as_attio_would_have_told_of_them() {
    let (db, scene) = scene(&[
        ("talk", "on = ['note.created', 'task.created']\nreconcile = true"),
        ("entries", "on = ['list-entry.created']\nlist = 'sales_pipeline'\nreconcile = true"),
        (
            "amounts",
            "on = ['list-entry.updated']\nlist = 'sales_pipeline'\nchanged = ['amount']\n\
             reconcile = true",
        ),
    ])
    .await;
    let lost = scene.lose(|attio| {
        let ines = attio.by(Actor::member(INES));
        ines.write_note("people", PERSON, "Call", "Ring back").unwrap();
        ines.add_task("deals", DEAL, "Ring back").unwrap();
        let (deal, stage) = (new_deal(attio, "Quay wall"), json!({"stage": "In legal review"}));
        ines.add_to_list(SALES_PIPELINE, "deals", &deal, &stage).unwrap();
        ines.set_entry_value(SALES_PIPELINE, ENTRY, "amount", 7).unwrap();
    });
    let found = events(&scene.missing(&db, &[]));
    let without_deal = lost.into_iter().filter(|event| event["event_type"] != "record.created");
    assert_eq!(sorted(found), sorted(without_deal.collect()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_was_overwritten_since_is_found_in_the_history() {
    let (db, scene) = scene(&DEALS_AND_STAGES).await;
    let lost = scene.lose(|attio| {
        for stage in ["Lost", "Lead", "In Progress"] {
            set_stage(attio, stage);
        }
    });
    assert_eq!(events(&scene.missing(&db, &[])), lost);
    assert_eq!(scene.attio.requests_to("GET", "/v2/objects/deals/records/").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_only_taken_away_is_found_when_every_history_is_asked_for() {
    let values = one("on = ['record.updated']\nobject = 'deals'\nchanged = ['value']\n\
                      reconcile = true");
    let (db, scene) = scene(&values).await;
    scene.lose(|attio| {
        attio.by(Actor::member(INES)).set_value("deals", DEAL, "value", Value::Null).unwrap();
    });
    let report = scene.missing(&db, &[]);
    assert_eq!(report["missing"], json!([]));
    assert!(report["not_found"].to_string().contains("--thorough"), "{report}");
    let found = events(&scene.missing(&db, &["--thorough"]));
    assert_eq!((found.len(), &found[0]["actor"]), (1, &json!({"type": null, "id": null})));
}

#[tokio::test(flavor = "multi_thread")]
async fn deletions_are_not_found_and_that_is_said() {
    let (db, scene) = scene(&one("on = ['record.*']\nobject = 'deals'\nreconcile = true")).await;
    scene.lose(|attio| attio.by(Actor::member(INES)).delete_record("deals", DEAL).unwrap());
    let run = scene.reconcile(&db, &["--dry-run"]);
    assert!(run.out.contains("0 events missing"), "{run}");
    for said in [
        "not found: deletions leave no trace",
        "route `one`: record.deleted, record.merged leave no trace",
        "route `one`: names no attribute in `changed`, so no record.updated is looked for",
    ] {
        assert!(run.out.contains(said), "{said}: {run}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_routes_lack_or_attio_does_not_have_are_said() {
    let (db, scene) = scene(&[
        ("any", "on = ['record.created']\nreconcile = true"),
        ("odd", "on = ['record.created']\nobject = 'boats'\nreconcile = true"),
        ("typo", "on = ['record.updated']\nobject = 'deals'\nchanged = ['stag']\nreconcile = true"),
    ])
    .await;
    let said = scene.missing(&db, &[])["not_found"].to_string();
    for why in [
        "route `any`: names no `object`, so no record.* is looked for",
        "route `odd`: Attio has no object `boats`",
        "route `typo`: the object `deals` has no attribute `stag`",
    ] {
        assert!(said.contains(why), "{why}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_last_minutes_is_left_for_the_next_time() {
    let (db, scene) = scene(&DEALS_AND_STAGES).await;
    scene.attio.advance(super::HOUR);
    scene.lose(|attio| set_stage(attio, "Lost"));
    assert_eq!(scene.missing(&db, &[])["missing_in_all"], 0);
    assert_eq!(scene.missing(&db, &["--until", "2030-01-01T00:00:00Z"])["missing_in_all"], 1);
    scene.lose(|attio| set_stage(attio, "Lead"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_a_route_ignores_causes_nothing_to_be_made() {
    let (db, scene) =
        scene(&one("on = ['record.updated']\nobject = 'deals'\nchanged = ['stage']\n\
         ignore_actors = ['workspace-member']\nreconcile = true"))
        .await;
    scene.lose(|attio| set_stage(attio, "Lost"));
    assert_eq!(scene.missing(&db, &[])["missing_in_all"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_only_new_records_matter_the_others_are_not_read() {
    let new = one("on = ['record.created']\nobject = 'deals'\nreconcile = true");
    let (db, scene) = scene(&new).await;
    scene.lose(|attio| drop(new_deal(attio, "Quay wall")));
    let report = scene.missing(&db, &[]);
    assert_eq!((&report["missing_in_all"], &report["looked_at"]), (&json!(1), &json!(1)));
}
