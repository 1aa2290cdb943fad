//! `inventory`: every integration, who answers for it, and how it fares.

use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use super::{
    program::{Folder, Run, Server, Witness},
    small,
};
use crate::support::database::TestDatabase;

/// A day so long ago.
fn days_ago(days: i64) -> String {
    (OffsetDateTime::now_utc().date() - Duration::days(days)).to_string()
}

/// A folder whose only route has these keys, with a store that is ready.
fn route(keys: &str) -> Folder {
    let folder = small("").replaced("name = \"all\"", &format!("name = \"all\"\n{keys}"));
    assert_eq!(folder.run(&["migrate"]).code, 0);
    folder
}

fn owned(reviewed: &str) -> Folder {
    route(&format!("owner = \"ops@example.com\"\nreviewed = {reviewed}"))
}

fn in_json(folder: &Folder, code: i32) -> Value {
    let run = folder.run(&["inventory", "--output", "json"]);
    assert_eq!(run.code, code, "{run}");
    serde_json::from_str(&run.out).unwrap()
}

fn entry<'v>(inventory: &'v Value, kind: &str, name: &str) -> &'v Value {
    let entries = inventory["entries"].as_array().unwrap();
    entries.iter().find(|one| one["kind"] == kind && one["name"] == name).unwrap()
}

fn csv(run: &Run) -> Vec<Vec<&str>> {
    run.out.lines().map(|line| line.split(',').collect()).collect()
}

#[test]
fn a_route_without_owner_is_said_so_and_exits_with_3() {
    let folder = route(&format!("reviewed = {}", days_ago(0)));
    for form in ["markdown", "csv", "json"] {
        let run = folder.run(&["inventory", "--output", form]);
        assert_eq!((run.code, run.err.as_str()), (3, "warning: route `all` has no owner\n"));
        assert!(run.out.contains("has no owner"), "{run}");
    }
}

#[test]
fn a_review_that_is_overdue_or_was_never_made_is_said_so_and_exits_with_3() {
    let run = owned(&days_ago(91)).run(&["inventory"]);
    let due = format!(
        "was reviewed on {}, and again due on {}: 1 day overdue",
        days_ago(91),
        days_ago(1)
    );
    assert!(run.code == 3 && run.err.contains(&due) && run.out.contains(&due), "{run}");
    let run = route("owner = \"ops@example.com\"").run(&["inventory"]);
    assert!(run.code == 3 && run.err.contains("route `all` was never reviewed"), "{run}");
}

#[test]
fn an_inventory_in_order_exits_with_0_and_warns_of_nothing() {
    let run = owned(&days_ago(89)).run(&["inventory"]);
    assert_eq!((run.code, run.err.as_str()), (0, ""), "{run}");
    assert!(!run.out.contains("To see to"), "{run}");
    assert!(run.out.contains(&days_ago(-1)), "the next review: {run}");
    for part in
        ["## Sources", "## Routes", "## Actions", "messages at /webhooks/attio", "env:SECRET"]
    {
        assert!(run.out.contains(part), "{part} {run}");
    }
}

#[test]
fn csv_opens_with_a_header_and_quotes_what_holds_commas() {
    let folder = route("owner = \"Ops, \\\"the\\\" team\"");
    let run = folder.run(&["inventory", "--output", "csv"]);
    let lines = csv(&run);
    assert_eq!(lines[0][..4], ["kind", "name", "reads", "writes"]);
    assert_eq!((lines.len(), lines[1][0], lines[3][0]), (4, "source", "action"));
    assert!(run.out.lines().nth(2).unwrap().contains("\"Ops, \"\"the\"\" team\""), "{run}");
}

#[test]
fn without_its_store_the_configuration_is_shown_and_the_figures_are_unknown() {
    let folder = small("[store]\nurl = \"postgres://relay@127.0.0.1:1/relay\"\n");
    let run = folder.run(&["inventory"]);
    assert_eq!(run.code, 1, "{run}");
    assert!(run.err.contains("note: the figures are unknown: the store is away"), "{run}");
    assert!(run.out.contains("messages at /webhooks/attio"), "{run}");
    assert!(run.out.contains("unknown"), "{run}");
    let inventory = in_json(&folder, 1);
    assert_eq!(inventory["figures_known"], false);
    assert_eq!(entry(&inventory, "route", "all")["counts"], Value::Null);
    let csv_run = folder.run(&["inventory", "--output", "csv"]);
    assert!(csv(&csv_run)[2].contains(&"unknown"), "{csv_run}");
    let never_migrated = small("").run(&["inventory"]);
    assert!(never_migrated.code == 1 && never_migrated.err.contains("migrate"), "{never_migrated}");
}

/// One destination that takes everything and one that refuses everything.
fn routes(good: &Witness, bad: &Witness) -> String {
    format!(
        r#"
[actions.good]
kind = "http"
url = "{}"
headers = {{ X-Key = "env:HEADER" }}
allow_private = true
[actions.bad]
kind = "http"
url = "{}"
allow_private = true
retry = {{ attempts = 1 }}
[[routes]]
name = "tasks"
on = ["task.*"]
to = ["good"]
owner = "tasks@example.com"
purpose = "Tell of tasks"
[[routes]]
name = "notes"
on = ["note.*"]
changed = []
to = ["bad"]
"#,
        good.url("/canary-of-a-path?canary=1"),
        bad.url("/canary-of-a-path"),
    )
}

#[tokio::test]
async fn the_last_success_the_last_failure_and_the_counts_are_those_of_real_deliveries() {
    let (good, bad) = (Witness::answering(200), Witness::answering(400));
    let database = TestDatabase::postgres().await;
    let store = format!("[store]\nurl = \"{}\"\nallow_fsync_off = true\n", database.url());
    let text = format!("{store}{}", routes(&good, &bad));
    let server = Server::start(small(&text).env("HEADER", "canary-of-a-header"));
    for (of_type, witness) in [("task.created", &good), ("note.created", &bad)] {
        assert_eq!(server.folder.run(&["send", of_type]).code, 0);
        witness.next();
    }
    let (folder, _) = server.stop();
    let inventory = in_json(&folder, 3);
    assert_eq!(inventory["figures_known"], true);
    let [tasks, notes] = ["tasks", "notes"].map(|name| entry(&inventory, "route", name));
    let today = days_ago(0);
    assert!(tasks["last_success"].as_str().unwrap().starts_with(&today[..8]), "{tasks}");
    assert_eq!(tasks["last_failure"], Value::Null);
    assert!(notes["last_failure"].as_str().unwrap().starts_with(&today[..8]), "{notes}");
    assert_eq!(notes["last_success"], Value::Null);
    let counts = |succeeded, dead| json!({"succeeded": succeeded, "skipped": 0, "dead": dead, "discarded": 0, "open": 0});
    assert_eq!((&tasks["counts"], &notes["counts"]), (&counts(1, 0), &counts(0, 1)));
    assert_eq!(entry(&inventory, "action", "bad")["counts"], counts(0, 1));
    let source = entry(&inventory, "source", "crm");
    assert_eq!(source["counts"], json!({"accepted": 2, "quarantined": 0}));
    let told = folder.run(&["inventory"]);
    assert!(told.out.contains("1 succeeded") && told.out.contains("1 dead"), "{told}");
    assert!(!format!("{inventory}{told}").contains("canary"), "{told}");
}

#[test]
fn json_tells_all_that_is_known_of_an_entry() {
    let witness = Witness::answering(200);
    let folder = small(&routes(&witness, &witness)).env("HEADER", "x");
    assert_eq!(folder.run(&["migrate"]).code, 0);
    let inventory = in_json(&folder, 3);
    let mut kinds: Vec<_> =
        inventory["entries"].as_array().unwrap().iter().map(|one| &one["kind"]).collect();
    kinds.dedup();
    assert_eq!(kinds, ["source", "route", "action"]);
    let expected = json!({
        "kind": "route",
        "name": "tasks",
        "reads": {"events": ["task.*"], "object": null, "list": null, "changed": [],
                  "looked_up": [], "reconcile": false},
        "writes": ["action good"],
        "scopes": [],
        "secrets": [],
        "owner": "tasks@example.com",
        "purpose": "Tell of tasks",
        "last_reviewed": null,
        "next_review": null,
        "last_success": null,
        "last_failure": null,
        "counts": {"succeeded": 0, "skipped": 0, "dead": 0, "discarded": 0, "open": 0},
        "findings": ["was never reviewed"],
    });
    assert_eq!(entry(&inventory, "route", "tasks"), &expected);
    let good = entry(&inventory, "action", "good");
    assert_eq!(good["secrets"], json!(["env:HEADER"]));
    assert_eq!(good["writes"], json!([format!("POST to {}", witness.url(""))]));
    assert_eq!(good["owner"], "tasks@example.com");
}
