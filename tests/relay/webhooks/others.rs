//! `list`, `adopt`, and which source it is about.

use serde_json::{Value, json};

use super::{HOME, all_of, exits, id, run, types, usual};
use crate::support::fake_attio::TestAttio;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_in_attio_cannot_command_the_terminal() {
    let attio = TestAttio::start().await;
    attio.add_webhook("https://hooks.example.com/\u{1b}]0;x", "x", Some(vec![all_of("\u{1b}[2J")]));
    for command in ["list", "plan"] {
        assert!(!run(&usual(&attio), &[command]).out.contains('\u{1b}'), "{command}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_public_url_nobody_can_say_where_attio_has_to_post_to() {
    let attio = TestAttio::start().await;
    let folder = usual(&attio).replaced("public_url", "# public_url");
    for command in ["plan", "apply", "adopt", "rotate"] {
        let run = exits(1, &folder, &[command]);
        assert!(run.err.contains("`server.public_url` is missing"), "{run}");
    }
    exits(0, &folder, &["list"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn list_shows_the_workspaces_webhooks_and_cuts_other_peoples_addresses() {
    let attio = TestAttio::start().await;
    let folder = usual(&attio);
    let ours = attio.add_webhook(HOME, "canary-1", Some(vec![all_of("task.created")]));
    attio.add_webhook("https://zapier.example/h/canary-2", "canary-3", None);
    let run = exits(0, &folder, &["list"]);
    assert!(run.out.contains(&ours) && run.out.contains("https://zapier.example/…"), "{run}");
    let json = exits(0, &folder, &["list", "--output", "json"]);
    assert!(!run.to_string().contains("canary") && !json.to_string().contains("canary"));
    let listed: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((&listed[0]["source"], &listed[0]["status"]), (&json!("crm"), &json!("active")));
    assert_eq!((&listed[0]["target_url"], &listed[1]["source"]), (&json!(HOME), &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn adopt_takes_over_a_webhook_that_somebody_made_elsewhere() {
    let attio = TestAttio::start().await;
    let folder = usual(&attio);
    let theirs =
        attio.add_webhook("https://old.example/in", "x", Some(vec![all_of("task.created")]));
    exits(1, &folder, &["adopt", "--yes"]);
    let run = exits(0, &folder, &["adopt", &theirs, "--yes"]);
    assert!(run.out.contains("put its secret into") && run.out.contains("secret"), "{run}");
    let [taken] = &attio.webhooks()[..] else { panic!("one webhook") };
    assert_eq!((id(taken), taken["target_url"].as_str()), (theirs.as_str(), Some(HOME)));
    assert_eq!(types(taken).len(), 3);
    exits(0, &folder, &["plan"]);
    let second = attio.add_webhook("https://old.example/2", "x", None);
    let run = exits(1, &folder, &["adopt", &second, "--yes"]);
    assert!(run.err.contains("events would come twice"), "{run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_source_carries_the_plan_and_another_that_gets_the_same_is_told() {
    let attio = TestAttio::start().await;
    let second =
        "[[sources]]\nname = 'second'\npath = '/second'\nsecrets = ['file:FOLDER/two']\n[attio]";
    let folder = usual(&attio).replaced("[attio]", second);
    let home = folder.path("").display().to_string();
    let folder = folder.replaced("FOLDER/", &home);
    exits(0, &folder, &["apply", "--yes"]);
    let [made] = &attio.webhooks()[..] else { panic!("one webhook") };
    assert_eq!(made["target_url"], "https://hooks.example.com/second", "the first of the file");
    exits(0, &folder, &["plan"]);
    let run = exits(3, &folder, &["plan", "--source", "crm"]);
    assert!(run.out.contains("overlapping") && run.out.contains("second"), "{run}");
    exits(1, &folder, &["plan", "--source", "nobody"]);
}
