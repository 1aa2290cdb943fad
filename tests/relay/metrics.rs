//! `/metrics`, as dashboards read it: names, labels, kinds and help texts.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::{
    app::TestApp,
    client::Message,
    database::TestDatabase,
    sink::{Reply, Sink, route},
};

/// The contract's names and labels.
const CONTRACT: [(&str, &[&str]); 23] = [
    ("messages_total", &["source", "result"]),
    ("same_body_new_key_total", &["source"]),
    ("missing_key_total", &["source"]),
    ("secret_used_total", &["source", "slot"]),
    ("ack_seconds", &[]),
    ("batch_size", &[]),
    ("commit_seconds", &[]),
    ("events_total", &["type"]),
    ("deliveries_total", &["route", "action", "result"]),
    ("attempts_total", &["action", "result"]),
    ("attempt_seconds", &["action"]),
    ("postponed_total", &["action", "reason"]),
    ("end_to_end_seconds", &[]),
    ("deliveries_open", &["action", "state"]),
    ("oldest_due_seconds", &[]),
    ("dead_letters", &["action"]),
    ("leases_lost_total", &[]),
    ("breaker_open", &["action"]),
    ("attio_requests_total", &["result"]),
    ("attio_wait_seconds", &[]),
    ("config_generation", &[]),
    ("config_reload_total", &["result"]),
    ("build_info", &["version"]),
];

/// A relay to which some of everything happened.
async fn busy() -> (TestDatabase, TestApp) {
    let (db, sink) = (TestDatabase::sqlite(), Sink::start().await);
    sink.next(1, &Reply::Status(400));
    let toml = sink.action("billing", "") + &route("all", r#"on = ["*"]"#, &["billing"]);
    let app = TestApp::start(&db, &toml).await;
    let message = Message::event("record.updated");
    app.post(&message).await.assert_accepted();
    app.wait_for_metric("attio_relay_deliveries_total", &[("result", "dead")], 1.0).await;
    app.post(&message.again_under_a_new_key().without_key()).await.assert_accepted();
    app.post(&Message::of(r#"{"event_type":"made.up"}"#)).await.assert_accepted();
    app.post(&message.signatures([])).await.assert_refused(401, "signature");
    app.wait_until_delivered(&sink, 2).await;
    app.eventually("the store was sampled", async || {
        app.metrics().await.contains("attio_relay_dead_letters{")
    })
    .await;
    (db, app)
}

/// Each sample's name, without what histograms add, and the names of its labels.
fn samples(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let series = line.rsplit_once(' ').unwrap().0;
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            let name = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|end| name.strip_suffix(end))
                .unwrap_or(name);
            let labels = labels.trim_end_matches('}').split("\",").filter(|one| !one.is_empty());
            let names = labels.map(|one| one.split('=').next().unwrap().to_owned());
            (name.to_owned(), names.filter(|name| name != "le").collect())
        })
        .collect()
}

/// A relay to which nothing happened yet, and where Attio is to be asked, but away.
async fn idle() -> (TestDatabase, TestApp) {
    let (db, sink) = (TestDatabase::sqlite(), Sink::start().await);
    let attio = "[attio]\ntoken = \"env:ATTIO_TOKEN\"\nbase_url = \"http://127.0.0.1:1\"\n";
    let toml = sink.action("billing", "") + attio + &route("all", r#"on = ["*"]"#, &["billing"]);
    let app = TestApp::start(&db, &toml).await;
    app.eventually("the store was sampled", async || {
        app.metrics().await.contains("attio_relay_dead_letters{")
    })
    .await;
    (db, app)
}

#[tokio::test]
async fn every_metric_of_the_contract_is_there_from_the_start_with_its_labels() {
    let (_db, app) = idle().await;
    let samples = samples(&app.metrics().await);
    for (name, labels) in CONTRACT {
        let labels: BTreeSet<String> = labels.iter().map(ToString::to_string).collect();
        let found = samples.get(&format!("attio_relay_{name}"));
        assert_eq!(found, Some(&labels), "{name}");
    }
}

/// Counters and counts of histograms, each with its labels.
fn series(text: &str) -> BTreeSet<String> {
    let lines = text.lines().filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned()));
    lines.filter(|line| line.contains("_total") || line.contains("_count")).collect()
}

#[tokio::test]
async fn nothing_that_happens_makes_a_series_that_was_not_there_from_the_start() {
    let (_idle_db, idle) = idle().await;
    let (_db, busy) = busy().await;
    let (before, after) = (series(&idle.metrics().await), series(&busy.metrics().await));
    let new: Vec<_> = after.difference(&before).filter(|one| !one.starts_with('#')).collect();
    assert!(new.is_empty(), "{new:?}");
    for never in [
        "attio_relay_attio_requests_total{result=\"rate_limited\"}",
        "attio_relay_messages_total{source=\"crm\",result=\"signature_conflict\"}",
        "attio_relay_postponed_total{action=\"billing\",reason=\"attio\"}",
        "attio_relay_attempts_total{action=\"billing\",result=\"cut_off\"}",
        "attio_relay_events_total{type=\"record.merged\"}",
    ] {
        assert!(before.contains(never), "{never}: {before:?}");
    }
}

#[tokio::test]
async fn every_metric_has_a_help_text_and_only_counters_end_in_total() {
    let (_db, app) = busy().await;
    let text = app.metrics().await;
    for name in samples(&text).keys() {
        assert!(name.starts_with("attio_relay_"), "{name}");
        let line = |what: &str| {
            let start = format!("# {what} {name} ");
            let found = text.lines().find_map(|line| line.strip_prefix(start.as_str()));
            found.unwrap_or_else(|| panic!("no {what} of {name}")).to_owned()
        };
        assert!(line("HELP").len() > 10, "{name}");
        assert_eq!(line("TYPE") == "counter", name.ends_with("_total"), "{name}");
    }
}

#[tokio::test]
async fn what_outsiders_choose_never_becomes_a_label() {
    let (_db, app) = busy().await;
    for number in 0..50 {
        let body = format!(r#"{{"event_type":"made.up{number}"}}"#);
        app.post(&Message::of(body)).await.assert_accepted();
        app.post(&Message::event("task.created").at(&format!("/made-up/{number}"))).await;
    }
    let text = app.metrics().await;
    assert!(!text.contains("made.up") && !text.contains("made-up"), "{text}");
    assert_eq!(app.metric("attio_relay_events_total", &[("type", "other")]).await, 51.0);
}

#[tokio::test]
async fn an_acknowledgement_is_measured_once_for_each_message_that_was_stored() {
    let (_db, app) = busy().await;
    assert_eq!(app.metric("attio_relay_ack_seconds_count", &[]).await, 3.0);
    assert_eq!(app.metric("attio_relay_end_to_end_seconds_count", &[]).await, 2.0);
    assert_eq!(app.metric("attio_relay_attempt_seconds_count", &[]).await, 3.0);
    let took = app.metric("attio_relay_ack_seconds_sum", &[]).await;
    assert!((0.000_01..10.0).contains(&took), "in seconds: {took}");
}
