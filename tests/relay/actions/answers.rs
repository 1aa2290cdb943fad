//! What an answer, or none, comes to.

use std::time::{Duration, Instant};

use attio_relay::{
    action::ActionError,
    config::{self, ActionKind, HttpAction},
};
use tokio::{io::AsyncWriteExt, net::TcpListener};

use super::{
    action, http, perform, perform_http, refused, retry,
    server::{Sink, Then},
};

#[tokio::test]
async fn every_class_of_status_is_treated_as_the_contract_says() {
    for status in ["401 No", "403 No", "408 No", "425 No", "429 No", "500 No", "503 No"] {
        let failure = retry(perform_http(http(&Sink::answering(status).await.url())).await);
        assert_eq!(failure.status.unwrap().to_string(), status[..3]);
    }
    for status in ["400 No", "404 No", "409 No", "422 No", "304 No"] {
        let failure = refused(perform_http(http(&Sink::answering(status).await.url())).await);
        assert_eq!(failure.status.unwrap().to_string(), status[..3]);
    }
    let gone = perform_http(http(&Sink::answering("410 Gone").await.url())).await;
    assert!(matches!(gone, Err(ActionError::Gone(_))), "{gone:?}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let other = Sink::answering("200 OK").await;
    let location = other.url();
    let answer = format!("HTTP/1.1 307 Moved\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
    let sink = Sink::start(answer, Then::Close).await;
    let failure = refused(perform_http(http(&sink.url())).await);
    assert!(failure.what.contains("redirects are not followed"), "{}", failure.what);
    assert!(other.received().is_empty());
}

#[tokio::test]
async fn the_wait_that_is_asked_for_is_reported() {
    let answer = "HTTP/1.1 429 No\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n";
    let sink = Sink::start(answer, Then::Close).await;
    let failure = retry(perform_http(http(&sink.url())).await);
    assert_eq!(failure.retry_after, Some(Duration::from_secs(7)));
}

#[tokio::test]
async fn a_silent_server_ends_at_the_deadline() {
    let sink = Sink::start("", Then::Hang).await;
    let timeout = Duration::from_millis(200);
    let started = Instant::now();
    let action = config::Action { timeout, ..action(ActionKind::Http(http(&sink.url()))) };
    let failure = retry(perform(&action).await);
    assert!(failure.timed_out);
    assert!((timeout..timeout * 10).contains(&started.elapsed()), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_failed_answer_that_never_ends_is_judged_by_its_status_at_the_deadline() {
    let head = "HTTP/1.1 400 No\r\ncontent-length: 9\r\n\r\nhalf";
    let sink = Sink::start(head, Then::Hang).await;
    let timeout = Duration::from_millis(200);
    let action = config::Action { timeout, ..action(ActionKind::Http(http(&sink.url()))) };
    let failure = refused(perform(&action).await);
    assert_eq!(failure.answer.unwrap().as_ref(), b"half");
}

#[tokio::test]
async fn an_endless_answer_is_read_only_in_part() {
    let head = "HTTP/1.1 500 No\r\ncontent-length: 99999999999\r\n\r\n";
    let sink = Sink::start(head, Then::Repeat).await;
    let failure = retry(perform_http(http(&sink.url())).await);
    assert_eq!(failure.answer.unwrap().len(), 4096);
}

#[tokio::test]
async fn a_success_counts_even_when_its_body_never_ends() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n";
    let sink = Sink::start(head, Then::Repeat).await;
    assert_eq!(perform_http(http(&sink.url())).await.unwrap().status, Some(200));
}

#[tokio::test]
async fn errors_of_connection_name_and_tls_are_tried_again() {
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = format!("http://{}/", unused.local_addr().unwrap());
    drop(unused);
    let failure = retry(perform_http(http(&closed)).await);
    assert!(failure.what.contains("could not connect"), "{}", failure.what);

    let impossible = format!("http://{}.invalid/", "a".repeat(70));
    for allow_private in [true, false] {
        let http = HttpAction { allow_private, ..http(&impossible) };
        let failure = retry(perform_http(http).await);
        assert!(failure.what.contains("resolve"), "{}", failure.what);
    }

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let https = format!("https://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 this is not TLS\r\n\r\n").await.unwrap();
    });
    let failure = retry(perform_http(http(&https)).await);
    assert!(failure.what.contains("could not connect"), "{}", failure.what);
}
