//! Which addresses are connected to.

use attio_relay::config::{HttpAction, SlackAction};

use super::{http, perform_http, perform_slack, refused, server::Sink, slack_webhook};

#[tokio::test]
async fn a_private_destination_is_refused_before_anything_is_sent() {
    let sink = Sink::answering("200 OK").await;
    for host in ["127.0.0.1", "localhost", "127.1", "[::ffff:127.0.0.1]"] {
        let url = format!("http://{host}:{}/", sink.port);
        let failure =
            refused(perform_http(HttpAction { allow_private: false, ..http(&url) }).await);
        assert!(failure.what.contains("allow_private = true"), "{}", failure.what);
    }
    assert_eq!(*sink.connections.lock().unwrap(), 0);
}

#[tokio::test]
async fn a_private_name_is_reached_where_that_is_allowed() {
    let sink = Sink::answering("200 OK").await;
    perform_http(http(&format!("http://localhost:{}/", sink.port))).await.unwrap();
}

#[tokio::test]
async fn slack_is_guarded_too() {
    let sink = Sink::answering("200 OK").await;
    let slack = SlackAction { allow_private: false, ..slack_webhook(&sink) };
    refused(perform_slack(slack).await);
    assert!(sink.received().is_empty());
}
