//! Each row of the table of answers, and the order in which the door looks.

use super::door;
use crate::support::client::{Connection, Message, PATH};

const RESULTS: &str = "attio_relay_messages_total";

#[tokio::test]
async fn a_new_message_its_retry_and_another_one_under_its_key() {
    let (_db, app) = door("").await;
    let message = Message::event("record.updated");
    app.post(&message).await.assert_accepted();
    app.post(&message).await.assert_duplicate();
    let key = message.key.clone().unwrap();
    app.post(&Message::event("task.created").key(&key)).await.assert_quarantined();
    for result in ["accepted", "duplicate", "quarantined"] {
        assert_eq!(app.metric(RESULTS, &[("source", "crm"), ("result", result)]).await, 1.0);
    }
}

#[tokio::test]
async fn an_unknown_path_is_not_found_whatever_the_method() {
    let (_db, app) = door("").await;
    app.client.get("/nothing/here").await.assert_refused(404, "not_found");
    app.post(&Message::event("task.created").at("/webhooks"))
        .await
        .assert_refused(404, "not_found");
    app.post(&Message::event("task.created").at("/webhooks/attio/"))
        .await
        .assert_refused(404, "not_found");
}

#[tokio::test]
async fn another_method_is_told_which_one_is_allowed() {
    let (_db, app) = door("").await;
    for method in ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"] {
        let request =
            format!("{method} {PATH} HTTP/1.1\r\nhost: relay\r\ncontent-length: 0\r\n\r\n");
        let answer = app.client.ask(request.as_bytes()).await;
        answer.assert_refused(405, "method");
        assert_eq!(answer.header("allow"), Some("POST"), "{method}");
    }
}

#[tokio::test]
async fn a_query_is_no_part_of_the_path() {
    let (_db, app) = door("").await;
    let path = format!("{PATH}?source=attio&x=1");
    app.post(&Message::event("task.created").at(&path)).await.assert_accepted();
}

#[tokio::test]
async fn an_encoded_body_is_refused_and_identity_is_none() {
    let (_db, app) = door("").await;
    for encoding in ["gzip", "br", "deflate, gzip", "identity, gzip"] {
        let message = Message::event("task.created").header("Content-Encoding", encoding);
        app.post(&message).await.assert_refused(415, "encoding");
    }
    let message = Message::event("task.created").header("Content-Encoding", "Identity");
    app.post(&message).await.assert_accepted();
    assert_eq!(app.metric(RESULTS, &[("result", "encoding")]).await, 4.0);
}

#[tokio::test]
async fn a_declared_length_over_the_limit_is_refused_unread() {
    let (_db, app) = door("body_limit = \"1KiB\"").await;
    let head = Message::of("{}").head();
    let mut connection = app.connect().await;
    connection.send(format!("{head}content-length: 1025\r\n\r\n")).await;
    connection.answer().await.assert_refused(413, "too_large");
    app.post(&Message::of(vec![b'x'; 1024])).await.assert_quarantined();
    assert_eq!(app.metric(RESULTS, &[("result", "too_large")]).await, 1.0);
}

/// Sends only a head with an absurd length, and returns the answer to it.
async fn answer_to_head(connection: &mut Connection, method: &str, path: &str, more: &str) -> u16 {
    let head = format!("{method} {path} HTTP/1.1\r\nhost: relay\r\n{more}\r\n");
    connection.ask(head).await.status
}

#[tokio::test]
async fn the_door_looks_at_path_method_encoding_size_and_signature_in_this_order() {
    let (_db, app) = door("").await;
    let (large, gzip) = ("content-length: 99999999\r\n", "content-encoding: gzip\r\n");
    let all = format!("{large}{gzip}");
    for (method, path, more, status) in [
        ("PUT", "/nowhere", all.as_str(), 404),
        ("PUT", PATH, all.as_str(), 405),
        ("POST", PATH, all.as_str(), 415),
        ("POST", PATH, large, 413),
        ("POST", PATH, "content-length: 100\r\n", 401),
    ] {
        let mut connection = app.connect().await;
        let answer = answer_to_head(&mut connection, method, path, more).await;
        assert_eq!(answer, status, "{method} {path} {more}");
    }
}

#[tokio::test]
async fn nothing_of_a_request_is_echoed() {
    let (_db, app) = door("body_limit = \"1KiB\"").await;
    let message = Message::of(r#"{"canary":1}"#).key("canary").header("X-Canary", "canary");
    let large = Message::of(format!("{:2000}", "canary"));
    for message in [
        message.clone(),
        message.clone().at("/canary?canary"),
        message.clone().signatures([("Attio-Signature", "canary")]),
        message.clone().header("Content-Encoding", "canary"),
        large,
    ] {
        let answer = app.post(&message).await;
        assert!(!format!("{answer:?}").contains("canary"), "{answer:?}");
    }
}

#[tokio::test]
async fn both_ports_tell_of_health_and_only_the_private_one_of_metrics() {
    let (_db, app) = door("").await;
    for path in ["/healthz", "/readyz"] {
        for port in [&app.client, &app.admin] {
            let answer = port.get(path).await;
            assert_eq!(answer.status, 200, "{path}");
            assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        }
    }
    app.client.get("/metrics").await.assert_refused(404, "not_found");
    assert!(app.admin.get("/metrics").await.body.contains("# HELP attio_relay_"));
    assert_eq!(app.admin.post(&Message::event("task.created")).await.status, 403, "no way in");
}

#[tokio::test]
async fn a_store_that_is_away_at_the_start_is_unready_and_unavailable_but_alive() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let store = format!("postgres://nobody@{}/none", closed.local_addr().unwrap());
    drop(closed);
    let toml = crate::support::app::configuration(&store, "[server]\nack_timeout = \"200ms\"\n");
    let app = crate::support::app::TestApp::start_unready(&toml).await;
    assert_eq!(app.client.get("/healthz").await.status, 200);
    assert_eq!(app.client.get("/readyz").await.status, 503);
    let answer = app.post(&Message::event("task.created")).await;
    answer.assert_refused(503, "unavailable");
    assert!(answer.header("retry-after").unwrap().parse::<u32>().unwrap() > 0, "{answer:?}");
    app.stop().await;
}
