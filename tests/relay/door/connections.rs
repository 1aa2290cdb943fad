//! Many connections, and what they may hold together.

use futures_util::future::{join, join_all};
use sqlx::Executor as _;

use super::door;
use crate::support::client::{Connection, Message};

#[tokio::test]
async fn two_thousand_idle_connections_keep_nobody_out() {
    let (_db, app) = door("").await;
    let mut idle = Vec::new();
    for number in 0..2_000 {
        let mut connection = app.connect().await;
        // Half of them have asked for something before.
        if number % 2 == 0 {
            let answer = connection.ask("GET /healthz HTTP/1.1\r\nhost: relay\r\n\r\n").await;
            assert_eq!(answer.status, 200);
        }
        idle.push(connection);
    }
    app.post_all((0..200).map(|_| Message::event("record.updated"))).await;
    let answer = idle[0].ask(Message::event("task.created").request()).await;
    answer.assert_accepted();
}

/// The store takes nothing until more came than may wait for their commit.
#[tokio::test]
async fn of_three_thousand_at_once_each_is_stored_or_told_to_come_again() {
    let (db, app) = door("ack_timeout = \"3500ms\"").await;
    let stored = async || db.number("SELECT count(*) FROM messages").await;
    let mut messages: Vec<_> = (0..3_000).map(|_| Message::event("record.updated")).collect();
    let mut holding = db.lite().await;
    holding.execute("BEGIN IMMEDIATE").await.unwrap();
    let let_go = async {
        let unavailable = [("result", "unavailable")];
        app.wait_for_metric("attio_relay_messages_total", &unavailable, 400.0).await;
        holding.execute("ROLLBACK").await.unwrap();
    };
    let posts = join_all(messages.iter().map(|message| app.post(message)));
    let (mut answers, ()) = join(posts, let_go).await;
    // Refused at once: whoever came first has waited all the while, and his time was not up.
    assert_eq!(answers[0].status, 200, "{:?}", answers[0]);
    loop {
        for refused in answers.iter().filter(|answer| answer.status != 200) {
            refused.assert_refused(503, "unavailable");
            assert!(refused.header("retry-after").is_some(), "{refused:?}");
        }
        let answered = messages.into_iter().zip(&answers);
        messages = answered.filter(|(_, it)| it.status != 200).map(|(again, _)| again).collect();
        assert!(messages.len() < answers.len(), "nothing was taken");
        let taken = i64::try_from(3_000 - messages.len()).unwrap();
        assert!(stored().await >= taken, "{taken} were said to be stored");
        if messages.is_empty() {
            break;
        }
        answers = join_all(messages.iter().map(|message| app.post(message))).await;
    }
    assert_eq!(stored().await, 3_000);
}

#[tokio::test]
async fn at_the_limit_the_connection_that_was_idle_longest_makes_room() {
    let (_db, app) = door("max_connections = 3").await;
    let mut idle: Vec<Connection> = Vec::new();
    for _ in 0..3 {
        // The one that asked whether the relay is ready may still be open: it makes room first.
        let mut connection = app.connect().await;
        connection.ask(Message::event("task.created").request()).await.assert_accepted();
        idle.push(connection);
    }
    let mut one_more = app.connect().await;
    one_more.ask(Message::event("task.created").request()).await.assert_accepted();
    idle[0].closed().await;
    idle[1].ask(Message::event("task.created").request()).await.assert_accepted();
    idle[2].ask(Message::event("task.created").request()).await.assert_accepted();
}

#[tokio::test]
async fn bodies_beyond_their_memory_are_unavailable_until_there_is_room() {
    let (_db, app) = door("body_limit = \"4KiB\"\nbody_memory = \"4KiB\"").await;
    let large = Message::of(format!(r#"{{"event_type":"{}"}}"#, "x".repeat(3_000))).request();
    let mut holding = app.connect().await;
    holding.send(&large[..large.len() - 1]).await;
    let other = Message::of(format!(r#"{{"event_type":"{}"}}"#, "y".repeat(3_000)));
    // The first body's head may still be on its way.
    app.eventually("the memory is taken", async || {
        app.post(&other.again_under_a_new_key()).await.status == 503
    })
    .await;
    let answer = app.post(&other).await;
    answer.assert_refused(503, "unavailable");
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
    holding.ask(&large[large.len() - 1..]).await.assert_accepted();
    app.post(&other).await.assert_accepted();
    let unavailable = [("result", "unavailable")];
    assert!(app.metric("attio_relay_messages_total", &unavailable).await >= 2.0);
}

#[tokio::test]
async fn bodies_of_unknown_length_count_against_the_same_memory() {
    let (_db, app) = door("body_limit = \"4KiB\"\nbody_memory = \"4KiB\"").await;
    let mut holding = app.connect().await;
    let head = Message::of("{}").head();
    let chunk = [b"c00\r\n".as_slice(), &[b'x'; 3072], b"\r\n"].concat();
    holding
        .send([format!("{head}transfer-encoding: chunked\r\n\r\n").as_bytes(), &chunk].concat())
        .await;
    let other = Message::of(format!(r#"{{"event_type":"{}"}}"#, "y".repeat(3_000)));
    app.eventually("the memory is taken", async || {
        app.post(&other.again_under_a_new_key()).await.status == 503
    })
    .await;
    drop(holding);
    app.eventually("the memory is free", async || {
        app.post(&other.again_under_a_new_key()).await.status == 200
    })
    .await;
}
