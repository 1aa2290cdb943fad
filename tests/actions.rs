//! What the actions do on the wire, against a small real server.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use attio_relay::{
    action::{Action, ActionError, Done, Failure, Job},
    config::{
        self, ActionKind, HttpAction, LogAction, Retry, SigningKey, SlackAction, SlackTarget,
    },
};
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use uuid::Uuid;

// ---------------------------------------------------------------------------------------------
// The server
// ---------------------------------------------------------------------------------------------

/// A request as it came over the wire.
#[derive(Clone)]
struct Received {
    head: String,
    body: Vec<u8>,
}

impl Received {
    fn line(&self) -> &str {
        self.head.lines().next().unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// What the server does after the answer that it was told to give.
#[derive(Clone, Copy)]
enum Then {
    Close,
    Hang,
    Repeat,
}

/// A server that gives every request the same answer.
struct Sink {
    port: u16,
    received: Arc<Mutex<Vec<Received>>>,
    connections: Arc<Mutex<usize>>,
}

impl Sink {
    async fn start(answer: impl Into<Vec<u8>>, then: Then) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let sink = Self { port, received: Arc::default(), connections: Arc::default() };
        let (received, connections) = (Arc::clone(&sink.received), Arc::clone(&sink.connections));
        let answer: Arc<[u8]> = answer.into().into();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                *connections.lock().unwrap() += 1;
                tokio::spawn(serve(stream, Arc::clone(&answer), then, Arc::clone(&received)));
            }
        });
        sink
    }

    async fn answering(status: &str) -> Self {
        Self::with_body(status, "").await
    }

    async fn with_body(status: &str, body: &str) -> Self {
        let length = body.len();
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}");
        Self::start(answer, Then::Close).await
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/in", self.port)
    }

    fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    fn only(&self) -> Received {
        let received = self.received();
        assert_eq!(received.len(), 1, "one request");
        received[0].clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    answer: Arc<[u8]>,
    then: Then,
    received: Arc<Mutex<Vec<Received>>>,
) {
    while let Some(request) = read_request(&mut stream).await {
        received.lock().unwrap().push(request);
        if stream.write_all(&answer).await.is_err() {
            return;
        }
        match then {
            Then::Close => {}
            Then::Hang => std::future::pending().await,
            Then::Repeat => while stream.write_all(&[b'x'; 4096]).await.is_ok() {},
        }
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<Received> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut request = Received { head, body: bytes[end..].to_vec() };
    let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    while request.body.len() < length {
        if stream.read_buf(&mut request.body).await.ok()? == 0 {
            return None;
        }
    }
    Some(request)
}

// ---------------------------------------------------------------------------------------------
// Actions and jobs
// ---------------------------------------------------------------------------------------------

fn action(kind: ActionKind) -> config::Action {
    config::Action {
        name: "billing".into(),
        kind,
        timeout: Duration::from_secs(10),
        concurrency: 8,
        rate: None,
        retry: Retry {
            attempts: 15,
            first: Duration::from_secs(2),
            factor: 2.0,
            max: Duration::from_hours(1),
        },
    }
}

fn http(url: &str) -> HttpAction {
    HttpAction {
        url: url.parse().unwrap(),
        method: "POST".to_owned(),
        signing_secret: None,
        headers: Vec::new(),
        body: None,
        allow_private: true,
    }
}

fn slack(target: SlackTarget) -> SlackAction {
    SlackAction { target, text: "{{ event.name }} changed".to_owned(), allow_private: true }
}

fn slack_post(sink: &Sink) -> SlackAction {
    slack(SlackTarget::Post {
        token: "xoxb-canary-token".to_owned().into(),
        channel: "C123".to_owned(),
        base_url: format!("http://127.0.0.1:{}/api/", sink.port).parse().unwrap(),
    })
}

fn slack_webhook(sink: &Sink) -> SlackAction {
    let url = format!("http://127.0.0.1:{}/services/T0CANARY/B0CANARY/canary-path", sink.port);
    slack(SlackTarget::Webhook(url.into()))
}

fn job() -> Job {
    Job {
        idempotency_key: Uuid::from_u128(0xA),
        route: "closed-won".into(),
        event_id: Uuid::from_u128(0xB),
        event_type: "record.updated".to_owned(),
        source: "crm".into(),
        received_at: time::OffsetDateTime::UNIX_EPOCH + time::Duration::milliseconds(1_123),
        json: br#"{ "event_type":"record.updated", "name":"<!channel> & co", "odd":"\ud800" }"#
            .as_slice()
            .into(),
        attempt: 3,
    }
}

async fn perform(action: &config::Action) -> Result<Done, ActionError> {
    Action::build(action).unwrap().perform(&job()).await
}

async fn perform_http(http: HttpAction) -> Result<Done, ActionError> {
    perform(&action(ActionKind::Http(http))).await
}

async fn perform_slack(slack: SlackAction) -> Result<Done, ActionError> {
    perform(&action(ActionKind::Slack(slack))).await
}

fn retry(result: Result<Done, ActionError>) -> Failure {
    match result {
        Err(ActionError::Retry(failure)) => failure,
        other => panic!("not a retry: {other:?}"),
    }
}

fn refused(result: Result<Done, ActionError>) -> Failure {
    match result {
        Err(ActionError::Refused(failure)) => failure,
        other => panic!("not refused: {other:?}"),
    }
}

// ---------------------------------------------------------------------------------------------
// kind = "http"
// ---------------------------------------------------------------------------------------------

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
    let url = sink.url().replace("127", "user:pass%20word@127");
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
async fn attempts_share_a_connection() {
    let sink = Sink::with_body("200 OK", "thank you").await;
    let action = Action::build(&action(ActionKind::Http(http(&sink.url())))).unwrap();
    for _ in 0..3 {
        action.perform(&job()).await.unwrap();
    }
    assert_eq!(sink.received().len(), 3);
    assert_eq!(*sink.connections.lock().unwrap(), 1);
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
async fn secrets_are_masked_in_a_failed_answer() {
    let key = b"canary-signing-secret-24";
    let echo =
        format!("canary-header canary-query canary-user canary-pass {} end", STANDARD.encode(key));
    let sink = Sink::with_body("400 No", &echo).await;
    let url = sink.url().replace("127", "canary-user:canary-pass@127") + "?token=canary-query";
    let headers = vec![("Authorization".to_owned(), "Bearer canary-header".to_owned().into())];
    let signing_secret = Some(SigningKey(key.to_vec().into()));
    let failure = refused(perform_http(HttpAction { headers, signing_secret, ..http(&url) }).await);
    assert_eq!(failure.answer.as_deref(), Some(b"*** *** *** *** *** end".as_slice()));
}

#[tokio::test]
async fn the_header_made_of_the_urls_password_is_masked_too() {
    let basic = format!("Basic {}", STANDARD.encode("canary-user:canary-pass"));
    let sink = Sink::with_body("400 No", &format!("you sent {basic}")).await;
    let url = sink.url().replace("127", "canary-user:canary-pass@127");
    let failure = refused(perform_http(http(&url)).await);
    assert_eq!(failure.answer.as_deref(), Some(b"you sent ***".as_slice()));
}

#[tokio::test]
async fn no_error_of_connection_holds_a_secret() {
    let url = "http://canary-user:canary-pass@127.0.0.1:1/canary?token=canary-query";
    let failure = retry(perform_http(http(url)).await);
    assert!(!format!("{failure:?}").contains("canary"), "{failure:?}");
}

#[tokio::test]
async fn a_body_template_makes_the_body() {
    let sink = Sink::answering("200 OK").await;
    let body = Some(r#"{"who": {{ event.name|tojson }}, "n": {{ attempt }}}"#.to_owned());
    perform_http(HttpAction { body, ..http(&sink.url()) }).await.unwrap();
    assert_eq!(sink.only().json(), json!({"who": "<!channel> & co", "n": 3}));
}

#[tokio::test]
async fn a_body_that_is_not_the_json_it_says_is_never_sent() {
    let sink = Sink::answering("200 OK").await;
    let body = Some(r#"{"who": {{ event.name }}}"#.to_owned());
    let failure = refused(perform_http(HttpAction { body, ..http(&sink.url()) }).await);
    assert!(failure.what.contains("did not make JSON"), "{}", failure.what);
    assert!(sink.received().is_empty());
}

#[tokio::test]
async fn a_body_of_another_type_may_be_anything() {
    let sink = Sink::answering("200 OK").await;
    let headers = vec![("content-type".to_owned(), "text/plain".to_owned().into())];
    let body = Some("name: {{ event.name }}".to_owned());
    perform_http(HttpAction { body, headers, ..http(&sink.url()) }).await.unwrap();
    assert_eq!(sink.only().body, b"name: <!channel> & co");
    assert_eq!(sink.only().header("content-type"), Some("text/plain"));
}

#[tokio::test]
async fn a_template_that_meets_an_undefined_value_is_never_sent() {
    let sink = Sink::answering("200 OK").await;
    let body = Some("[{{ event.nope }}]".to_owned());
    let failure = refused(perform_http(HttpAction { body, ..http(&sink.url()) }).await);
    assert!(failure.what.contains("line 1, column 5"), "{}", failure.what);
    assert!(sink.received().is_empty());
}

#[test]
fn what_cannot_be_used_is_reported_with_its_field() {
    let headers = vec![("Webhook-Id".to_owned(), "x".to_owned().into())];
    let (method, body) = ("GE T".to_owned(), Some("{{ record.stage }}".to_owned()));
    let http = HttpAction { method, body, headers, ..http("http://example.com") };
    let config = action(ActionKind::Http(http));
    let problems = Action::check(&config);
    let fields: Vec<_> = problems.iter().map(|(field, _)| *field).collect();
    assert_eq!(fields, ["method", "headers", "body"]);
    assert!(problems[2].1.starts_with("line 1, column 4: `record` needs"), "{}", problems[2].1);
    assert_eq!(Action::build(&config).err().unwrap().field, "method");
}

/// Runs one test of this file again, in a process whose environment names a dead proxy.
#[test]
fn proxies_of_the_environment_are_ignored() {
    let mut again = std::process::Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", "the_request_is_the_contracts_to_the_letter"]);
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"]
    {
        again.env(name, "http://127.0.0.1:1");
    }
    let output = again.env_remove("NO_PROXY").env_remove("no_proxy").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

// ---------------------------------------------------------------------------------------------
// kind = "slack"
// ---------------------------------------------------------------------------------------------

#[tokio::test]
async fn an_incoming_webhook_gets_the_text_with_its_values_escaped() {
    let sink = Sink::with_body("200 OK", "ok").await;
    perform_slack(slack_webhook(&sink)).await.unwrap();
    let request = sink.only();
    assert_eq!(request.line(), "POST /services/T0CANARY/B0CANARY/canary-path HTTP/1.1");
    assert_eq!(request.json(), json!({"text": "&lt;!channel&gt; &amp; co changed"}));
}

#[tokio::test]
async fn a_post_names_the_channel_and_bears_the_token() {
    let sink = Sink::with_body("200 OK", r#"{"ok":true,"ts":"1"}"#).await;
    perform_slack(slack_post(&sink)).await.unwrap();
    let request = sink.only();
    assert_eq!(request.line(), "POST /api/chat.postMessage HTTP/1.1");
    assert_eq!(request.header("authorization"), Some("Bearer xoxb-canary-token"));
    let expected = json!({"channel": "C123", "text": "&lt;!channel&gt; &amp; co changed"});
    assert_eq!(request.json(), expected);
}

#[tokio::test]
async fn a_post_answered_with_ok_false_is_a_failure_by_its_error() {
    let answer = |error: &str| format!(r#"{{"ok":false,"error":"{error}"}}"#);
    for error in ["ratelimited", "internal_error", "fatal_error", "invalid_auth", "token_expired"] {
        let sink = Sink::with_body("200 OK", &answer(error)).await;
        let failure = retry(perform_slack(slack_post(&sink)).await);
        assert!(failure.what.contains(error), "{}", failure.what);
    }
    for error in ["channel_not_found", "not_in_channel", "msg_too_long", "something_new"] {
        let sink = Sink::with_body("200 OK", &answer(error)).await;
        let failure = refused(perform_slack(slack_post(&sink)).await);
        assert!(failure.what.contains(error), "{}", failure.what);
    }
}

#[tokio::test]
async fn a_post_whose_answer_cannot_be_read_is_tried_again() {
    let sink = Sink::with_body("200 OK", "<html>").await;
    retry(perform_slack(slack_post(&sink)).await);
}

#[tokio::test]
async fn a_post_whose_long_answer_begins_with_ok_has_succeeded() {
    let long = format!(r#"{{"ok":true,"message":"{}"}}"#, "x".repeat(100_000));
    let sink = Sink::with_body("200 OK", &long).await;
    perform_slack(slack_post(&sink)).await.unwrap();
}

#[tokio::test]
async fn a_webhooks_status_decides() {
    for (status, body) in [("400 No", "invalid_payload"), ("404 No", "no_service")] {
        let sink = Sink::with_body(status, body).await;
        let failure = refused(perform_slack(slack_webhook(&sink)).await);
        assert_eq!(failure.answer.as_deref(), Some(body.as_bytes()));
    }
    retry(perform_slack(slack_webhook(&Sink::answering("429 No").await)).await);
    retry(perform_slack(slack_webhook(&Sink::answering("500 No").await)).await);
    let gone = perform_slack(slack_webhook(&Sink::answering("410 No").await)).await;
    assert!(matches!(gone, Err(ActionError::Gone(_))), "{gone:?}");
}

#[tokio::test]
async fn neither_token_nor_address_of_slack_is_kept() {
    let echo = "xoxb-canary-token /services/T0CANARY/B0CANARY/canary-path canary-path";
    for slack in [slack_webhook, slack_post] {
        let sink = Sink::with_body("400 No", echo).await;
        let failure = refused(perform_slack(slack(&sink)).await);
        let kept = String::from_utf8(failure.answer.unwrap().to_vec()).unwrap();
        let of_this_action = if sink.only().line().contains("services") { "path" } else { "xoxb" };
        assert!(!kept.contains(of_this_action), "{kept}");
    }
    let closed =
        slack(SlackTarget::Webhook("http://127.0.0.1:1/services/canary".to_owned().into()));
    let failure = retry(perform_slack(closed).await);
    assert!(!format!("{failure:?}").contains("canary"), "{failure:?}");
}

#[tokio::test]
async fn an_endless_answer_is_left_long_before_the_deadline() {
    let head = "HTTP/1.1 500 No\r\ncontent-length: 99999999999\r\n\r\n";
    let sink = Sink::start(head, Then::Repeat).await;
    let slack = action(ActionKind::Slack(slack_post(&sink)));
    let action = config::Action { timeout: Duration::from_mins(5), ..slack };
    let ended = tokio::time::timeout(Duration::from_secs(30), perform(&action)).await;
    retry(ended.expect("64 KiB are enough"));
}

#[tokio::test]
async fn slack_is_guarded_too() {
    let sink = Sink::answering("200 OK").await;
    let slack = SlackAction { allow_private: false, ..slack_webhook(&sink) };
    refused(perform_slack(slack).await);
    assert!(sink.received().is_empty());
}

#[test]
fn an_address_that_is_none_is_reported_without_it() {
    let slack = slack(SlackTarget::Webhook("canary".to_owned().into()));
    let problems = Action::check(&action(ActionKind::Slack(slack)));
    assert_eq!(problems, [("webhook", "is not a URL: relative URL without a base".to_owned())]);
}

// ---------------------------------------------------------------------------------------------
// kind = "log"
// ---------------------------------------------------------------------------------------------

/// What `text` writes into the log for an event of a hostile name.
async fn log_line(text: Option<&str>) -> String {
    let (read, write) = std::io::pipe().unwrap();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || write.try_clone().unwrap())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let log = LogAction { text: text.map(str::to_owned) };
    let action = Action::build(&action(ActionKind::Log(log))).unwrap();
    let json = br#"{"name":"a\nb\u001b[31m"}"#.as_slice().into();
    action.perform(&Job { json, ..job() }).await.unwrap();
    drop(guard);
    std::io::read_to_string(read).unwrap()
}

#[tokio::test]
async fn a_log_action_writes_one_line_whatever_the_event_holds() {
    let line = log_line(Some("changed: {{ event.name }}")).await;
    assert_eq!(line.matches('\n').count(), 1, "{line:?}");
    assert!(line.contains(r"attio_relay::action::log: changed: a\nb\u{1b}[31m"), "{line:?}");
}

#[tokio::test]
async fn a_log_line_without_template_names_the_event_and_not_its_body() {
    let line = log_line(None).await;
    for part in ["event", "action=billing", "route=closed-won", "type=record.updated"] {
        assert!(line.contains(part), "{line:?}");
    }
    assert!(!line.contains("31m"), "{line:?}");
}
