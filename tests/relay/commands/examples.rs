//! The patterns of `config/examples`, played by one command each.

use std::fs;

use super::program::{Folder, Run};
use crate::support::database::TestDatabase;

/// Plays a pattern, which must go well, fit a terminal and leave nothing in its folder.
fn play(folder: &Folder, pattern: &str) -> Run {
    let run = folder.run(&["demo", pattern]);
    assert_eq!((run.code, run.err.as_str()), (0, ""), "{run}");
    assert!(run.out.contains("All as it should be."), "{run}");
    assert!(run.out.lines().all(|line| line.chars().count() <= 80), "{run}");
    assert_eq!(fs::read_dir(folder.path("")).unwrap().count(), 0);
    run
}

fn shows(run: &Run, texts: &[&str]) {
    for text in texts {
        assert!(run.out.contains(text), "{text} {run}");
    }
}

#[test]
fn a_won_deal_is_played_from_attio_to_billing_with_nothing_installed() {
    let run = play(&Folder::empty(), "closed-won");
    shows(
        &run,
        &["billing is told", "skipped: the", "no", "200 duplicate", "webhook-signature  v1,"],
    );
    shows(&run, &[r#""amount": 12900.5,"#, r#""stage_before": "In Progress","#]);
    assert_eq!(run.out.matches("POST /attio").count(), 1, "{run}");
}

#[test]
fn a_list_entry_is_played_from_attio_to_slack_with_nothing_installed() {
    let run = play(&Folder::empty(), "list-to-slack");
    shows(
        &run,
        &["a Slack message", "200 duplicate", "channel  U024BE7LH", "Tomasz Wren put <https"],
    );
    assert_eq!(run.out.matches("POST /api/chat.postMessage").count(), 1, "{run}");
}

#[tokio::test]
async fn a_person_is_played_from_attio_to_a_warehouse_that_is_gone_afterwards() {
    let server = TestDatabase::postgres().await;
    let run = play(&Folder::empty().env("WAREHOUSE_URL", server.url()), "person-to-warehouse");
    shows(&run, &["a row", "200 duplicate", "name        Mara Lindqvist", "job_title   NULL"]);
    assert_eq!(run.out.matches("\n  record_id ").count(), 2, "{run}");
    let id = run.out.split("id.record_id").nth(1).and_then(|rest| rest.split_whitespace().next());
    assert_eq!(run.out.matches(id.unwrap()).count(), 2, "the event's person is the row's: {run}");
    let left = "SELECT count(*) FROM pg_database WHERE datname LIKE 'attio_relay_demo_%'";
    assert_eq!(server.number(left).await, 0);
}

#[test]
fn a_warehouse_without_a_server_says_what_to_do() {
    let run = Folder::empty().run(&["demo", "person-to-warehouse"]);
    assert_eq!(run.code, 1, "{run}");
    assert!(run.err.contains("WAREHOUSE_URL") && run.err.contains("make example-"), "{run}");
    let secret = Folder::empty().env("WAREHOUSE_URL", "postgres://relay:pass-word@127.0.0.1:1/x");
    let run = secret.run(&["demo", "person-to-warehouse"]);
    assert_eq!(run.code, 1, "{run}");
    assert!(!run.err.contains("pass-word"), "{run}");
}
