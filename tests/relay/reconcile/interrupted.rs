//! Ctrl-C in the middle: what was made stays, and the command that it says makes the rest.

use sqlx::Executor as _;

use super::*;
use crate::{commands::program::interrupted, support::app::eventually};

/// After the first hundred whoever records waits for a lock that the test holds.
const SLOW: &str = "
CREATE FUNCTION wait_for_the_test() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF (SELECT count(*) FROM messages) >= 100 THEN PERFORM pg_advisory_xact_lock(42); END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER slow BEFORE INSERT ON messages FOR EACH STATEMENT
EXECUTE FUNCTION wait_for_the_test();";

#[tokio::test(flavor = "multi_thread")]
async fn what_was_made_stays_and_the_rest_is_made_once_by_the_command_it_says() {
    let (db, scene) = (TestDatabase::postgres().await, Scene::with(&DEALS_AND_STAGES).await);
    db.store().await;
    db.run(SLOW).await.unwrap();
    let mut held = db.pg().await;
    held.execute("SELECT pg_advisory_lock(42)").await.unwrap();
    scene.lose(|attio| {
        for number in 0..130 {
            new_deal(attio, &format!("Berth {number}"));
        }
    });
    let folder = scene.folder(&db);
    let child = folder.spawn(&["reconcile", "--since", "2h", "--yes"]);
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory'";
    eventually("it is in the middle", async || db.number(waits).await == 1).await;
    let (run, again) = interrupted(child);
    assert!(run.code == 1 && run.err.contains("stopped, 100 of 130 events stay"), "{run}");
    assert!(again[2].ends_with('Z'), "a time, and not how long ago: {again:?}");
    drop(held);
    let run = folder.run_again(&again);
    assert_eq!(run.code, 0, "{run}");
    assert_eq!(db.number(MADE).await, 130);
    let again = scene.reconcile(&db, &["--yes"]);
    assert!(again.out.contains("0 events missing"), "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn how_far_it_is_is_a_bar_on_a_terminal_and_plain_lines_elsewhere() {
    let (db, scene) = (TestDatabase::sqlite(), Scene::with(&DEALS_AND_STAGES).await);
    db.store().await;
    scene.lose(|attio| {
        new_deal(attio, "Quay wall");
        new_deal(attio, "Berth");
    });
    let command = ["reconcile", "--since", "2h", "--yes"];
    let plain = scene.folder(&db).run(&[&command[..], &["--limit", "1"]].concat());
    assert!(
        plain.err.contains("0 events have arrived") && plain.err.contains(" missing"),
        "{plain}"
    );
    assert!(!plain.err.contains('\u{1b}'), "{plain}");
    let run = scene.folder(&db).run_on_a_terminal(&command);
    assert!(run.code == 0 && run.out.contains("1 event made"), "{run}");
    assert!(run.out.contains('\u{1b}') && run.out.contains(" missing"), "{run}");
}
