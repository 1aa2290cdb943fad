//! How a request may be cut into bytes.

use super::door;
use crate::support::client::{Connection, Message};

fn chunked(message: &Message, size: usize) -> Vec<u8> {
    let mut request = format!("{}transfer-encoding: chunked\r\n\r\n", message.head()).into_bytes();
    for chunk in message.body.chunks(size) {
        request.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        request.extend(chunk);
        request.extend(b"\r\n");
    }
    request.extend(b"0\r\n\r\n");
    request
}

#[tokio::test]
async fn a_body_may_come_in_chunks() {
    let (db, app) = door("").await;
    let message = Message::event("record.updated");
    app.client.ask(&chunked(&message, 7)).await.assert_accepted();
    app.stop().await;
    let stored = db.hex("body", "messages").await;
    assert_eq!(stored.to_lowercase(), hex::encode(&message.body));
}

#[tokio::test]
async fn an_undeclared_length_over_the_limit_is_answered_while_the_client_still_sends() {
    let (_db, app) = door("body_limit = \"4KiB\"").await;
    let mut connection = app.connect().await;
    let head = Message::of("{}").head();
    connection.send(format!("{head}transfer-encoding: chunked\r\n\r\n")).await;
    let chunk = [b"400\r\n".as_slice(), &[b'x'; 1024], b"\r\n"].concat();
    for _ in 0..64 {
        // The other end may close once it has answered.
        if connection.try_send(&chunk).await.is_err() {
            break;
        }
    }
    connection.answer().await.assert_refused(413, "too_large");
}

#[tokio::test]
async fn a_declared_length_over_the_limit_is_answered_while_the_client_still_sends() {
    let (_db, app) = door("body_limit = \"4KiB\"").await;
    let message = Message::of(vec![b'x'; 512 * 1024]);
    let mut connection = app.connect().await;
    // Whether all of it was taken is not the point: the answer must be seen.
    let _sent = connection.try_send(&message.request()).await;
    connection.answer().await.assert_refused(413, "too_large");
}

#[tokio::test]
async fn a_body_of_exactly_the_limit_is_taken_in_either_framing() {
    let (_db, app) = door("body_limit = \"4KiB\"").await;
    let message = Message::of(format!("{:4096}", "{}"));
    app.post(&message).await.assert_quarantined();
    let message = Message::of(format!("{:4095}", "[]"));
    app.client.ask(&chunked(&message, 1000)).await.assert_quarantined();
}

#[tokio::test]
async fn a_client_that_waits_for_permission_gets_it() {
    let (_db, app) = door("").await;
    let message = Message::event("record.updated");
    let mut connection = app.connect().await;
    let length = message.body.len();
    let head =
        format!("{}expect: 100-continue\r\ncontent-length: {length}\r\n\r\n", message.head());
    assert_eq!(connection.ask(head).await.status, 100);
    connection.ask(&message.body).await.assert_accepted();
}

#[tokio::test]
async fn a_client_that_waits_for_permission_in_vain_is_told_why() {
    let (_db, app) = door("").await;
    let head = Message::of("{}").signatures([]).head();
    let mut connection = app.connect().await;
    let head = format!("{head}expect: 100-continue\r\ncontent-length: 9\r\n\r\n");
    connection.ask(head).await.assert_refused(401, "signature");
}

#[tokio::test]
async fn two_requests_at_once_on_one_connection_get_two_answers_in_order() {
    let (_db, app) = door("").await;
    let message = Message::event("record.updated");
    let mut connection = app.connect().await;
    connection.send([message.request(), message.request()].concat()).await;
    connection.answer().await.assert_accepted();
    connection.answer().await.assert_duplicate();
}

#[tokio::test]
async fn a_refused_request_leaves_its_connection_usable_when_its_body_was_sent() {
    let (_db, app) = door("").await;
    let mut connection = app.connect().await;
    let refused = Message::event("task.created").signatures([]);
    connection.ask(refused.request()).await.assert_refused(401, "signature");
    if let Some(answer) = ask_unless_closed(&mut connection, &Message::event("task.created")).await
    {
        answer.assert_accepted();
    }
}

/// The other end may close after a refusal, but it may not mistake a body for a request.
async fn ask_unless_closed(
    connection: &mut Connection,
    message: &Message,
) -> Option<crate::support::client::Answer> {
    connection.try_send(&message.request()).await.ok()?;
    connection.next_answer().await
}

#[tokio::test]
async fn a_client_that_has_said_all_it_will_say_gets_its_answer() {
    let (_db, app) = door("").await;
    let mut connection = app.connect().await;
    connection.send(Message::event("task.created").request()).await;
    connection.finish_sending().await;
    connection.answer().await.assert_accepted();
}

#[tokio::test]
async fn http_1_0_is_answered_and_closed() {
    let (_db, app) = door("").await;
    let request = String::from_utf8(Message::event("task.created").request()).unwrap();
    let mut connection = app.connect().await;
    connection.ask(request.replacen("HTTP/1.1", "HTTP/1.0", 1)).await.assert_accepted();
    assert_eq!(connection.closed().await, 0);
}

#[tokio::test]
async fn what_is_no_http_is_refused_and_closed() {
    let (_db, app) = door("").await;
    let mut connection = app.connect().await;
    connection.send("\u{16}\u{3}\u{1}this is no HTTP\r\n\r\n").await;
    if let Some(answer) = connection.next_answer().await {
        assert_eq!(answer.status, 400, "{answer:?}");
    }
    connection.closed().await;
    app.post(&Message::event("task.created")).await.assert_accepted();
}

#[tokio::test]
async fn a_head_over_64_kib_is_refused_and_its_connection_closed() {
    let (_db, app) = door("").await;
    let small = Message::event("task.created").header("X-Long", &"x".repeat(60 * 1024));
    app.post(&small).await.assert_accepted();
    let large = Message::event("task.created").header("X-Long", &"x".repeat(65 * 1024));
    let mut connection = app.connect().await;
    let _sent = connection.try_send(&large.request()).await;
    assert_eq!(connection.answer().await.status, 431);
    connection.closed().await;
}

#[tokio::test]
async fn half_a_request_stores_nothing_and_harms_nobody() {
    let (db, app) = door("").await;
    let request = Message::event("task.created").request();
    for length in [1, 20, request.len() / 2, request.len() - 1] {
        let mut connection = app.connect().await;
        connection.send(&request[..length]).await;
        drop(connection);
    }
    app.post(&Message::event("task.created")).await.assert_accepted();
    app.stop().await;
    assert_eq!(db.number("SELECT count(*) FROM messages").await, 1);
}
