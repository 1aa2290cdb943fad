//! What kind = "http" sends.

use attio_relay::{
    action::Action,
    config::{ActionKind, HttpAction, SigningKey},
    job::Values,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{action, http, job, perform_http, server::Sink};

#[tokio::test]
async fn the_request_is_the_contracts_to_the_letter() {
    let sink = Sink::answering("204 No Content").await;
    let done = perform_http(http(&sink.url())).await.unwrap();
    assert_eq!(done.status, Some(204));

    let request = sink.only();
    let key = Uuid::from_u128(0xA).to_string();
    assert_eq!(request.line(), "POST /in HTTP/1.1");
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("idempotency-key"), Some(key.as_str()));
    assert_eq!(request.header("webhook-id"), Some(key.as_str()));
    assert_eq!(
        request.header("user-agent"),
        Some(concat!("attio-relay/", env!("CARGO_PKG_VERSION")))
    );
    assert_eq!(request.header("webhook-signature"), None);
    assert_eq!(
        String::from_utf8(request.body).unwrap(),
        concat!(
            r#"{"id":"00000000-0000-0000-0000-00000000000b","type":"record.updated","#,
            r#""received_at":"1970-01-01T00:00:01.123Z","source":"crm","route":"closed-won","#,
            r#""event":{ "event_type":"record.updated", "name":"<!channel> & co", "#,
            r#""odd":"\ud800" },"attempt":3}"#,
        )
    );
}

#[tokio::test]
async fn the_body_holds_the_record_and_the_entry_where_they_were_looked_up() {
    let record = || Some(json!({"stage": "Closed Won", "value": {"amount": 12000}}));
    for (values, expected) in [
        (
            Values { record: record(), ..Values::default() },
            r#"},"record":{"stage":"Closed Won","value":{"amount":12000}},"attempt":3}"#,
        ),
        (
            Values { record: Some(Value::Null), entry: Some(json!([1])), ..Values::default() },
            r#"},"record":null,"entry":[1],"attempt":3}"#,
        ),
        (Values { previous: record(), ..Values::default() }, r#"" },"attempt":3}"#),
    ] {
        let sink = Sink::answering("200 OK").await;
        let mut job = job();
        job.values = values.into();
        let action = Action::build(&action(ActionKind::Http(http(&sink.url()))), None).unwrap();
        action.perform(&job).await.unwrap();
        let body = String::from_utf8(sink.only().body).unwrap();
        assert!(body.ends_with(expected), "{body}");
    }
}

#[tokio::test]
async fn the_signature_verifies_as_standard_webhooks() {
    let sink = Sink::answering("200 OK").await;
    let key = *b"0123456789abcdef01234567";
    let signing_secret = Some(SigningKey(key.to_vec().into()));
    perform_http(HttpAction { signing_secret, ..http(&sink.url()) }).await.unwrap();

    let request = sink.only();
    let id = request.header("webhook-id").unwrap();
    let timestamp = request.header("webhook-timestamp").unwrap();
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&key).unwrap();
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(&request.body);
    let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    assert_eq!(request.header("webhook-signature"), Some(expected.as_str()));
    let age = time::OffsetDateTime::now_utc().unix_timestamp() - timestamp.parse::<i64>().unwrap();
    assert!((0..60).contains(&age), "made just now");
}

#[tokio::test]
async fn method_headers_and_userinfo_are_the_configured_ones() {
    let sink = Sink::answering("200 OK").await;
    let url = sink.url().replacen("127", "user:pass%20word@127", 1);
    let headers = vec![("X-Team".to_owned(), "revops".to_owned().into())];
    let method = "PUT".to_owned();
    perform_http(HttpAction { method, headers, ..http(&url) }).await.unwrap();

    let request = sink.only();
    assert_eq!(request.line(), "PUT /in HTTP/1.1");
    assert_eq!(request.header("x-team"), Some("revops"));
    let basic = format!("Basic {}", STANDARD.encode("user:pass word"));
    assert_eq!(request.header("authorization"), Some(basic.as_str()));
}

#[tokio::test]
async fn attempts_share_a_connection() {
    let sink = Sink::with_body("200 OK", "thank you").await;
    let action = Action::build(&action(ActionKind::Http(http(&sink.url()))), None).unwrap();
    for _ in 0..3 {
        action.perform(&job()).await.unwrap();
    }
    assert_eq!(sink.received().len(), 3);
    assert_eq!(*sink.connections.lock().unwrap(), 1);
}

/// Runs one test of this file again, in a process whose environment names a dead proxy.
#[test]
fn proxies_of_the_environment_are_ignored() {
    let mut again = std::process::Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", "actions::http::the_request_is_the_contracts_to_the_letter"]);
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"]
    {
        again.env(name, "http://127.0.0.1:1");
    }
    let output = again.env_remove("NO_PROXY").env_remove("no_proxy").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}
