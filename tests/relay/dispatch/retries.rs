//! When a failed delivery is tried again.

use std::time::{Duration, SystemTime};

use crate::{
    store::on_both_engines,
    support::{
        app::TestApp,
        client::Message,
        database::TestDatabase,
        sink::{Received, Reply, Sink, route},
    },
};

on_both_engines![
    every_attempt_carries_the_same_key_and_its_own_number,
    every_status_that_may_pass_is_tried_again,
    a_destination_that_cannot_be_reached_is_tried_again,
];

async fn every_attempt_carries_the_same_key_and_its_own_number(db: &TestDatabase) {
    let sink = Sink::start().await;
    sink.next(3, &Reply::Status(503));
    let app = TestApp::start(db, &sink.all()).await;
    app.post(&Message::event("record.updated")).await.assert_accepted();
    app.wait_until_delivered(&sink, 1).await;
    app.stop().await;
    let received = sink.received();
    let numbers: Vec<_> = received.iter().map(Received::attempt).collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
    for again in &received {
        assert_eq!(again.key(), received[0].key());
        assert_eq!(again.header("webhook-id"), received[0].key());
        assert_eq!(again.json()["event"], received[0].json()["event"]);
    }
}

async fn every_status_that_may_pass_is_tried_again(db: &TestDatabase) {
    let statuses = [401, 403, 408, 425, 429, 500, 502, 503];
    let sink = Sink::start().await;
    for status in statuses {
        sink.next(1, &Reply::Status(status));
    }
    let app = TestApp::start(db, &sink.all()).await;
    app.post_all(statuses.map(|_| Message::event("record.updated"))).await;
    app.wait_until_delivered(&sink, 8).await;
    app.stop().await;
    assert_eq!(sink.received().len(), 16);
}

async fn a_destination_that_cannot_be_reached_is_tried_again(db: &TestDatabase) {
    let unused = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let toml = format!(
        "[actions.billing]\nkind = \"http\"\nurl = \"http://{}/\"\nallow_private = true\n\
         retry = {{ first = \"1h\" }}\n",
        unused.local_addr().unwrap()
    );
    drop(unused);
    let app = TestApp::start(db, &(toml + &route("all", r#"on = ["*"]"#, &["billing"]))).await;
    app.post(&Message::event("record.updated")).await.assert_accepted();
    let failed = "SELECT count(*) FROM attempts WHERE result = 'failed' AND status IS NULL";
    app.eventually("it was tried", async || db.number(failed).await == 1).await;
    app.stop().await;
    assert_eq!(db.text("SELECT state FROM deliveries").await.unwrap(), "open");
}

/// In how many seconds a delivery is due again whose destination sends this `Retry-After`; the
/// wait would be a second at the most without it, and may be an hour.
async fn wait_after(retry_after: &str) -> i64 {
    let (db, sink) = (TestDatabase::sqlite(), Sink::start().await);
    sink.always(Reply::Full(429, vec![("retry-after", retry_after.to_owned())], String::new()));
    let action = sink.action("billing", "retry = { attempts = 3, first = \"1s\", max = \"1h\" }");
    let toml = action + &route("all", r#"on = ["*"]"#, &["billing"]);
    let app = TestApp::start(&db, &toml).await;
    app.post(&Message::event("record.updated")).await.assert_accepted();
    app.eventually("it was tried", async || {
        db.number("SELECT CAST(tries AS bigint) FROM deliveries WHERE owner IS NULL OR tries = 0")
            .await
            > 0
    })
    .await;
    let wait = -db.seconds_ago("due_at", "deliveries").await;
    app.stop().await;
    wait
}

#[tokio::test]
async fn the_wait_that_a_destination_asks_for_is_kept_in_all_three_forms() {
    let later = SystemTime::now() + Duration::from_mins(30);
    let iso = time::OffsetDateTime::from(later);
    let iso = iso.format(&time::format_description::well_known::Rfc3339).unwrap();
    for retry_after in ["1800", &httpdate::fmt_http_date(later), &iso] {
        let wait = wait_after(retry_after).await;
        assert!((1_780..=1_801).contains(&wait), "{wait} s after {retry_after}");
    }
}

#[tokio::test]
async fn a_wait_beyond_the_maximum_is_cut_to_it() {
    let wait = wait_after("7200").await;
    assert!((3_580..=3_601).contains(&wait), "{wait}");
}

#[tokio::test]
async fn waits_that_nobody_can_mean_are_ignored() {
    for absurd in ["-5", "soon", "99999999999999999999", "Sun, 22 Nov 2099 08:30:00 GMT", "1e3"] {
        let wait = wait_after(absurd).await;
        assert!((-5..=2).contains(&wait), "{wait} s after {absurd}");
    }
}
