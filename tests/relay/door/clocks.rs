//! How long the door waits. These take the real time that they are about.

use std::time::{Duration, Instant};

use super::door;
use crate::support::{
    app::TestApp,
    client::{Message, PATIENCE},
};

#[tokio::test]
async fn a_body_that_is_not_complete_in_two_seconds_is_answered_so() {
    let (_db, app) = door("").await;
    let message = Message::event("record.updated");
    let request = message.request();
    let mut connection = app.connect().await;
    let started = Instant::now();
    connection.send(&request[..request.len() - 1]).await;
    connection.answer().await.assert_refused(408, "timeout");
    let took = started.elapsed();
    assert!((1_900..3_500).contains(&took.as_millis()), "{took:?}");
    assert_eq!(app.metric("attio_relay_messages_total", &[("result", "timeout")]).await, 1.0);
}

#[tokio::test]
async fn a_body_that_trickles_in_gets_no_more_time_than_one_that_stops() {
    let (_db, app) = door("").await;
    let request = Message::event("record.updated").request();
    let (head, body) = request.split_at(request.len() - 200);
    let mut connection = app.connect().await;
    connection.send(head).await;
    let started = Instant::now();
    let mut beat = tokio::time::interval(Duration::from_millis(100));
    let trickling = async {
        for byte in body {
            beat.tick().await;
            if connection.try_send(&[*byte]).await.is_err() || started.elapsed().as_secs() >= 3 {
                break;
            }
        }
        connection.answer().await
    };
    let answer = tokio::time::timeout(PATIENCE, trickling).await.unwrap();
    answer.assert_refused(408, "timeout");
}

/// How long a connection lives on which this is sent, with a byte more each second.
async fn life(app: &TestApp, start: &str, trickle: bool) -> Duration {
    let mut connection = app.connect().await;
    let started = Instant::now();
    if !start.is_empty() {
        connection.send(start).await;
    }
    let mut beat = tokio::time::interval(Duration::from_secs(1));
    let trickling = async {
        loop {
            beat.tick().await;
            if !trickle || connection.try_send(b"x").await.is_err() {
                break;
            }
        }
    };
    let most = tokio::time::timeout(Duration::from_secs(15), trickling).await;
    assert!(most.is_ok() || trickle, "only a trickle lasts");
    connection.closed().await;
    started.elapsed()
}

#[tokio::test]
async fn silent_connections_and_slow_heads_are_closed_after_ten_seconds() {
    let (_db, app) = door("").await;
    let lives = tokio::join!(
        life(&app, "", false),
        life(&app, "POST /webhooks/attio HTTP/1.1\r\nhost: re", false),
        life(&app, "POST /webhooks/attio HTTP/1.1\r\nx-slow: ", true),
    );
    for life in [lives.0, lives.1, lives.2] {
        assert!((9_500..14_000).contains(&life.as_millis()), "{lives:?}");
    }
}

#[tokio::test]
async fn the_head_of_a_later_request_gets_ten_seconds_too() {
    let (_db, app) = door("").await;
    let mut connection = app.connect().await;
    connection.ask(Message::event("task.created").request()).await.assert_accepted();
    let started = Instant::now();
    connection.send("POST /webhooks").await;
    connection.closed().await;
    let took = started.elapsed();
    assert!((9_500..14_000).contains(&took.as_millis()), "{took:?}");
}
