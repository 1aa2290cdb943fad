//! `plan` and `apply`.

use std::fs;

use attio_relay::http::fake_attio::{DEAL_STAGE, DEALS, Failure};
use serde_json::{Value, json};

use super::{HOME, STAGES, all_of, exits, folder, id, mode, run, secret, types, usual, writes};
use crate::support::fake_attio::TestAttio;

fn plan(folder: &crate::commands::program::Folder) -> Value {
    serde_json::from_str(&run(folder, &["plan", "--output", "json"]).out).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn apply_makes_a_webhook_that_brings_what_the_routes_need() {
    let attio = TestAttio::start().await;
    exits(0, &usual(&attio), &["apply", "--yes"]);
    let [made] = &attio.webhooks()[..] else { panic!("one webhook") };
    assert_eq!(made["target_url"], HOME);
    assert_eq!(
        types(made),
        ["object-attribute.created", "object-attribute.updated", "record.updated"]
    );
    let stage = json!({"$and": [
        {"field": "id.attribute_id", "operator": "equals", "value": DEAL_STAGE},
        {"field": "id.object_id", "operator": "equals", "value": DEALS},
    ]});
    assert_eq!(made["subscriptions"][2]["filter"], stage);
}

#[tokio::test(flavor = "multi_thread")]
async fn apply_twice_changes_nothing_the_second_time() {
    let attio = TestAttio::start().await;
    let folder = usual(&attio);
    exits(3, &folder, &["plan"]);
    exits(0, &folder, &["apply", "--yes"]);
    let (webhooks, writes_before) = (attio.webhooks(), writes(&attio));
    let run = exits(0, &folder, &["apply", "--yes"]);
    assert!(run.out.contains("nothing to change"), "{run}");
    assert_eq!((attio.webhooks(), writes(&attio)), (webhooks, writes_before));
    exits(0, &folder, &["plan"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_secret_lands_in_its_file_with_mode_0600_and_is_printed_nowhere() {
    let attio = TestAttio::start().await;
    let folder = usual(&attio);
    let made = exits(0, &folder, &["apply", "--yes"]);
    let webhooks = attio.webhooks();
    let path = folder.path("secret");
    assert_eq!(
        (fs::read_to_string(&path).unwrap().as_str(), mode(&path)),
        (secret(&webhooks[0]), 0o600)
    );
    for run in [
        made,
        run(&folder, &["list"]),
        run(&folder, &["plan"]),
        run(&folder, &["list", "--output", "json"]),
    ] {
        assert!(!run.to_string().contains(secret(&webhooks[0])), "{run}");
    }
    // And `serve` would start with it.
    assert_eq!(folder.run(&["check"]).code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_for_the_environment_is_printed_once() {
    let attio = TestAttio::start().await;
    let folder = folder(&attio, "https://hooks.example.com", "['env:HOOK_SECRET']", &[STAGES]);
    let run = exits(0, &folder, &["apply", "--yes"]);
    let webhooks = attio.webhooks();
    assert_eq!(run.to_string().matches(secret(&webhooks[0])).count(), 1, "{run}");
    assert!(run.out.lines().any(|line| line == secret(&webhooks[0])), "{run}");
    assert!(run.err.contains("HOOK_SECRET"), "{run}");
    let again = exits(0, &folder, &["apply", "--yes"]);
    assert!(!again.to_string().contains(secret(&webhooks[0])), "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_there_is_replaced_only_when_told_so() {
    let attio = TestAttio::start().await;
    let folder = usual(&attio);
    fs::write(folder.path("secret"), "0123456789abcdef").unwrap();
    let run = exits(1, &folder, &["apply", "--yes"]);
    assert!(run.err.contains("--replace-secret"), "{run}");
    assert_eq!(attio.webhooks().len(), 0, "no webhook without a place for its secret");
    exits(0, &folder, &["apply", "--yes", "--replace-secret"]);
    let kept = fs::read_to_string(folder.path("secret")).unwrap();
    assert_eq!(
        (kept.as_str(), mode(&folder.path("secret"))),
        (secret(&attio.webhooks()[0]), 0o600)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_takes_no_file_is_found_before_a_webhook_is_made() {
    let attio = TestAttio::start().await;
    let folder =
        folder(&attio, "https://hooks.example.com", "['file:FOLDER/none/secret']", &[STAGES]);
    exits(1, &folder, &["apply", "--yes"]);
    assert_eq!(writes(&attio), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_existing_webhook_at_the_address_is_changed_and_not_duplicated() {
    let attio = TestAttio::start().await;
    let theirs =
        attio.add_webhook(&format!("{HOME}?by=hand"), "x", Some(vec![all_of("task.created")]));
    let folder = usual(&attio);
    exits(0, &folder, &["apply", "--yes"]);
    let [kept] = &attio.webhooks()[..] else { panic!("one webhook") };
    assert_eq!((id(kept), types(kept).len()), (theirs.as_str(), 3));
    assert!(!folder.path("secret").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_a_webhook_but_not_its_secret_is_told_so() {
    let attio = TestAttio::start().await;
    attio.add_webhook(HOME, "x", None);
    let folder = usual(&attio);
    let run = exits(0, &folder, &["apply", "--yes"]);
    assert!(run.out.contains("put its secret into the file"), "{run}");
    fs::write(folder.path("secret"), "0123456789abcdef").unwrap();
    let run = exits(0, &folder, &["apply", "--yes"]);
    assert!(!run.out.contains("put its secret into"), "{run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_webhooks_at_the_very_same_address_are_not_in_each_others_way() {
    let attio = TestAttio::start().await;
    let folder = usual(&attio);
    for event_type in ["object-attribute.created", "task.created"] {
        attio.add_webhook(HOME, "x", Some(vec![all_of(event_type)]));
    }
    exits(0, &folder, &["apply", "--yes"]);
    exits(0, &folder, &["apply", "--yes", "--prune"]);
    exits(0, &folder, &["plan"]);
    assert_eq!(attio.webhooks().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_is_shown_and_exits_with_3() {
    let attio = TestAttio::start().await;
    let ours =
        attio.add_webhook(HOME, "x", Some(vec![all_of("record.updated"), all_of("task.created")]));
    let folder = usual(&attio);
    let run = exits(3, &folder, &["plan"]);
    assert!(run.out.contains("+ record.updated where id.attribute_id is"), "{run}");
    assert!(run.out.contains("(stage)") && run.out.contains("- task.created"), "{run}");
    let plan = plan(&folder);
    assert_eq!(
        (&plan["webhook_id"], plan["findings"].as_array().unwrap().len()),
        (&json!(ours), 1)
    );
    let finding = &plan["findings"][0];
    assert_eq!((&finding["finding"], &finding["webhook_id"]), (&json!("differing"), &json!(ours)));
    assert_eq!(finding["superfluous"], json!([all_of("record.updated"), all_of("task.created")]));
    assert_eq!(writes(&attio), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_changed_unasked_or_in_a_dry_run() {
    let attio = TestAttio::start().await;
    let folder = usual(&attio);
    let run = exits(0, &folder, &["apply", "--dry-run"]);
    assert!(run.out.contains(&format!("will make a webhook at {HOME}")), "{run}");
    let run = exits(1, &folder, &["apply"]);
    assert!(run.err.contains("--yes"), "{run}");
    assert_eq!(writes(&attio), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_superfluous_or_twice_goes_only_with_prune_and_what_is_others_never() {
    let attio = TestAttio::start().await;
    let folder = usual(&attio);
    exits(0, &folder, &["apply", "--yes"]);
    let others = attio.add_webhook("https://zapier.example/h/capability", "x", None);
    attio.add_webhook("https://hooks.example.com/old", "x", None);
    let twice = attio.add_webhook(&format!("{HOME}?v=2"), "x", Some(vec![]));
    attio.set_webhook_status(&twice, "degraded").unwrap();
    let run = exits(0, &folder, &["apply", "--yes"]);
    assert!(run.out.contains("superfluous") && run.out.contains("duplicate"), "{run}");
    assert_eq!(attio.webhooks().len(), 4);
    exits(0, &folder, &["apply", "--yes", "--prune"]);
    let left = attio.webhooks();
    assert_eq!(
        (left.len(), left[0]["target_url"].as_str(), id(&left[1])),
        (2, Some(HOME), others.as_str())
    );
    exits(0, &folder, &["plan"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_an_inactive_webhook_a_new_one_is_made() {
    let attio = TestAttio::start().await;
    let folder = usual(&attio);
    let dead = attio.add_webhook(HOME, "x", None);
    attio.set_webhook_status(&dead, "inactive").unwrap();
    let run = exits(3, &folder, &["plan"]);
    assert!(run.out.contains(&format!("inactive: webhook {dead}")), "{run}");
    exits(0, &folder, &["apply", "--yes", "--prune"]);
    let [new] = &attio.webhooks()[..] else { panic!("one webhook") };
    assert_eq!(new["target_url"], format!("{HOME}?v=2"));
    exits(0, &folder, &["plan"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_degraded_webhook_is_told_with_the_days_that_are_left() {
    let attio = TestAttio::start().await;
    let folder = usual(&attio);
    exits(0, &folder, &["apply", "--yes"]);
    attio.set_webhook_status(id(&attio.webhooks()[0]), "degraded").unwrap();
    let run = exits(3, &folder, &["plan"]);
    assert!(run.out.contains("degraded") && run.out.contains("within 7 days"), "{run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slug_that_does_not_exist_is_told_and_nothing_is_applied() {
    let attio = TestAttio::start().await;
    let wrong = STAGES.replace("'stage'", "'stag'");
    let folder = folder(&attio, "https://hooks.example.com", "['file:FOLDER/secret']", &[&wrong]);
    let run = exits(3, &folder, &["plan"]);
    assert!(run.out.contains("no attribute `stag`") && run.out.contains("`stage`"), "{run}");
    let run = exits(1, &folder, &["apply", "--yes"]);
    assert!(run.err.contains("no attribute `stag`"), "{run}");
    assert_eq!(writes(&attio), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_of_which_the_answer_was_lost_is_not_left_behind_without_a_secret() {
    let attio = TestAttio::start().await;
    let folder = usual(&attio);
    attio.fail("POST", "/v2/webhooks", 1, Failure::CutAfter);
    let run = exits(1, &folder, &["apply", "--yes"]);
    assert!(run.err.contains("could not make the webhook"), "{run}");
    assert_eq!(attio.webhooks().len(), 0);
    exits(0, &folder, &["apply", "--yes"]);
    assert_eq!(fs::read_to_string(folder.path("secret")).unwrap(), secret(&attio.webhooks()[0]));
}
