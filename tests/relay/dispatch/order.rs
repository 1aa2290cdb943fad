//! One after the other, for each record or entry.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::{
    store::on_both_engines,
    support::{
        app::TestApp,
        client::{Message, fresh_id, sample},
        database::TestDatabase,
        sink::{Received, Reply, Sink, route},
    },
};

on_both_engines![
    ten_thousand_events_over_a_hundred_records_arrive_in_order_though_a_fifth_fails,
    ten_thousand_behind_one_that_hangs_delay_no_other_record,
    a_dead_one_lets_the_next_one_go,
    entries_are_kept_in_order_by_entry,
    without_order_nobody_waits_for_a_former_one,
];

fn in_order(sink: &Sink, by: &str) -> String {
    let limits = "concurrency = 32\nretry = { attempts = 50, first = \"1ms\", max = \"1ms\" }";
    sink.action("billing", limits)
        + &route("all", &format!("on = [\"*\"]\norder_by = \"{by}\""), &["billing"])
}

fn numbered(record: &str, number: u64) -> Value {
    let mut event = sample("record.updated");
    event["id"]["record_id"] = record.into();
    event["number"] = number.into();
    event
}

fn number(received: &Received) -> u64 {
    received.json()["event"]["number"].as_u64().unwrap()
}

/// For each record the numbers in the order in which their attempts came.
fn by_record(received: &[Received]) -> HashMap<String, Vec<u64>> {
    let mut numbers: HashMap<String, Vec<u64>> = HashMap::new();
    for one in received {
        numbers.entry(one.record()).or_default().push(number(one));
    }
    numbers
}

async fn ten_thousand_events_over_a_hundred_records_arrive_in_order_though_a_fifth_fails(
    db: &TestDatabase,
) {
    let sink = Sink::start().await;
    sink.fail_percent(20);
    let app = TestApp::start(db, &in_order(&sink, "record")).await;
    let records: Vec<_> = (0..100).map(|_| fresh_id()).collect();
    for round in 0..20 {
        // Five of each record in a message: the order within a message counts too.
        let five = |record| (0..5).map(move |of| numbered(record, round * 5 + of));
        let messages = records.iter().map(|record| Message::envelope(five(record)));
        app.post_all(messages).await;
    }
    sink.wait_until_taken(10_000).await;
    app.stop().await;
    let received = sink.received();
    assert!((12_000..13_500).contains(&received.len()), "{} attempts", received.len());
    for (record, numbers) in by_record(&received) {
        assert!(numbers.is_sorted(), "{record}: {numbers:?}");
        assert_eq!(numbers.last(), Some(&99));
    }
}

async fn ten_thousand_behind_one_that_hangs_delay_no_other_record(db: &TestDatabase) {
    let sink = Sink::start().await;
    let blocked = fresh_id();
    let hangs = blocked.clone();
    sink.decide(move |request| (request.record() == hangs).then_some(Reply::Hang));
    let app = TestApp::start(db, &in_order(&sink, "record")).await;
    let many = |_| Message::envelope((0..50).map(|number| numbered(&blocked, number)));
    for message in (0..200).map(many) {
        app.post(&message).await.assert_accepted();
    }
    app.post_all((0..500).map(|_| Message::event("record.updated"))).await;
    app.wait_until_delivered(&sink, 500).await;
    let attempts = sink.received().iter().filter(|one| one.record() == blocked).count();
    sink.release();
    app.stop().await;
    assert_eq!(attempts, 1);
}

async fn a_dead_one_lets_the_next_one_go(db: &TestDatabase) {
    let sink = Sink::start().await;
    sink.decide(|request| (number(request) == 1).then_some(Reply::Status(400)));
    let app = TestApp::start(db, &in_order(&sink, "record")).await;
    let record = fresh_id();
    app.post(&Message::envelope((0..4).map(|of| numbered(&record, of)))).await.assert_accepted();
    app.wait_until_delivered(&sink, 3).await;
    app.stop().await;
    assert_eq!(by_record(&sink.received())[&record], [0, 1, 2, 3]);
    assert_eq!(db.number("SELECT count(*) FROM deliveries WHERE state = 'dead'").await, 1);
}

/// Two list entries of one record, each of which changes twice.
fn entries() -> Vec<Value> {
    let (record, entries) = (fresh_id(), [fresh_id(), fresh_id()]);
    let change = |number: usize| {
        let mut event = sample("list-entry.updated");
        event["parent_record_id"] = json!(record);
        event["id"]["entry_id"] = json!(entries[number % 2]);
        event["number"] = json!(number);
        event
    };
    (0..4).map(change).collect()
}

async fn entries_are_kept_in_order_by_entry(db: &TestDatabase) {
    let sink = Sink::start().await;
    // The first of one entry hangs: only what follows it waits.
    sink.decide(|request| (number(request) == 0).then_some(Reply::Hang));
    let app = TestApp::start(db, &in_order(&sink, "entry")).await;
    app.post(&Message::envelope(entries())).await.assert_accepted();
    sink.wait_until_taken(2).await;
    let before: Vec<_> = sink.taken().iter().map(number).collect();
    sink.release();
    app.wait_until_delivered(&sink, 4).await;
    app.stop().await;
    assert_eq!(before, [1, 3]);
}

async fn without_order_nobody_waits_for_a_former_one(db: &TestDatabase) {
    let sink = Sink::start().await;
    sink.decide(|request| (number(request) == 0).then_some(Reply::Hang));
    let app = TestApp::start(db, &in_order(&sink, "none")).await;
    app.post(&Message::envelope(entries())).await.assert_accepted();
    sink.wait_until_taken(3).await;
    sink.release();
    app.stop().await;
}
