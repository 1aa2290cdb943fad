//! Nobody waits for somebody else's trouble.

use crate::{
    store::on_both_engines,
    support::{
        app::TestApp,
        client::{Message, sample},
        database::TestDatabase,
        sink::{Received, Reply, Sink, route},
    },
};

on_both_engines![
    a_destination_that_hangs_with_thousands_waiting_delays_no_other,
    a_quarter_of_the_slots_is_kept_for_first_attempts,
    a_backlog_is_worked_off_while_fresh_events_keep_coming,
];

fn messages(event_type: &str, count: usize) -> impl Iterator<Item = Message> {
    (0..count).map(move |_| Message::event(event_type))
}

async fn a_destination_that_hangs_with_thousands_waiting_delays_no_other(db: &TestDatabase) {
    let sink = Sink::start().await;
    sink.decide(|request| (request.path == "/slow").then_some(Reply::Hang));
    let toml = sink.action("slow", "concurrency = 4\ntimeout = \"5m\"")
        + &sink.action("quick", "")
        + &route("tasks", r#"on = ["task.*"]"#, &["slow"])
        + &route("records", r#"on = ["record.*"]"#, &["quick"]);
    let app = TestApp::start(db, &toml).await;
    let many = |_| Message::envelope((0..50).map(|_| sample("task.created")));
    for message in (0..100).map(many) {
        app.post(&message).await.assert_accepted();
    }
    app.post_all(messages("record.updated", 500)).await;
    app.wait_until_delivered(&sink, 500).await;
    let slow = sink.received_by("slow").len();
    sink.release();
    app.stop().await;
    assert_eq!(slow, 4, "the others of five thousand wait");
    assert_eq!(sink.received_by("quick").len(), 500, "each once");
}

async fn a_quarter_of_the_slots_is_kept_for_first_attempts(db: &TestDatabase) {
    let sink = Sink::start().await;
    // Tasks fail at first and hang from then on; what else comes is taken.
    sink.decide(|request| match request.json()["type"].as_str() {
        Some("task.created") if request.attempt() == 1 => Some(Reply::Status(503)),
        Some("task.created") => Some(Reply::Hang),
        _ => None,
    });
    let limits = "concurrency = 4\ntimeout = \"5m\"\nretry = { first = \"1ms\", max = \"1ms\" }";
    let toml = sink.action("billing", limits) + &route("all", r#"on = ["*"]"#, &["billing"]);
    let app = TestApp::start(db, &toml).await;
    app.post_all(messages("task.created", 8)).await;
    let retries = |received: &[Received]| received.iter().filter(|one| one.attempt() > 1).count();
    sink.wait_until("three retries hang", |received| retries(received) == 3).await;
    app.post_all(messages("record.updated", 50)).await;
    sink.wait_until_taken(50).await;
    let hanging = retries(&sink.received());
    sink.release();
    app.stop().await;
    assert_eq!(hanging, 3, "of five more that wait");
}

async fn a_backlog_is_worked_off_while_fresh_events_keep_coming(db: &TestDatabase) {
    let sink = Sink::start().await;
    sink.always(Reply::Hang);
    let toml =
        sink.action("billing", "concurrency = 2") + &route("all", r#"on = ["*"]"#, &["billing"]);
    let app = TestApp::start(db, &toml).await;
    app.post_all(messages("task.created", 100)).await;
    sink.release();
    let left = || {
        let taken = sink.taken();
        100 - taken.iter().filter(|one| one.json()["type"] == "task.created").count()
    };
    let mut fresh = 0;
    while left() > 0 {
        app.post_all(messages("record.updated", 64)).await;
        fresh += 64;
        assert!(fresh < 20_000, "{} of the backlog still wait behind fresh ones", left());
    }
    app.stop().await;
}
