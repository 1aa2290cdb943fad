//! The sending side, as Attio speaks and as nobody should: messages, and raw HTTP/1.1 over TCP.
//!
//! No HTTP library: the tests must say every byte, and see every byte of the answer.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use attio_relay::signature;
use secrecy::SecretString;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use uuid::Uuid;

/// Where the only source of most tests listens.
pub const PATH: &str = "/webhooks/attio";

/// What `env:SECRET` of the tests' configurations stands for.
pub const SECRET: &str = "18c3ba42ba06c859e61a976f832702bb464b94e73d4100453e347f1ac6ed426b";

/// Longer than any answer takes, and far less than a test run.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A signed message.
#[derive(Debug, Clone)]
pub struct Message {
    pub path: String,
    pub key: Option<String>,
    pub body: Vec<u8>,
    pub signatures: Vec<(String, String)>,
    pub headers: Vec<(String, String)>,
}

impl Message {
    /// Any body, rightly signed, under a fresh key.
    pub fn of(body: impl Into<Vec<u8>>) -> Self {
        let message = Self {
            path: PATH.to_owned(),
            key: Some(Uuid::random().to_string()),
            body: body.into(),
            signatures: Vec::new(),
            headers: Vec::new(),
        };
        message.signed_with(SECRET)
    }

    /// The sample of an event type, compact, about a record of its own.
    pub fn event(event_type: &str) -> Self {
        Self::envelope([sample(event_type)])
    }

    /// The same with a change to the event.
    pub fn event_with(event_type: &str, change: impl FnOnce(&mut Value)) -> Self {
        let mut event = sample(event_type);
        change(&mut event);
        Self::envelope([event])
    }

    /// A change to one attribute of a certain record.
    pub fn record_updated(record: &str) -> Self {
        Self::event_with("record.updated", |event| event["id"]["record_id"] = record.into())
    }

    /// Events in the envelope that Attio uses.
    pub fn envelope(events: impl IntoIterator<Item = Value>) -> Self {
        let events: Vec<Value> = events.into_iter().collect();
        let webhook = "7bca51fc-3281-4b13-ab5b-190c901ed426";
        Self::of(serde_json::json!({"webhook_id": webhook, "events": events}).to_string())
    }

    /// Under a certain key.
    pub fn key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    /// Under a fresh key, otherwise the same.
    pub fn again_under_a_new_key(&self) -> Self {
        self.clone().key(&Uuid::random().to_string())
    }

    /// Without the header that holds the key.
    pub fn without_key(mut self) -> Self {
        self.key = None;
        self
    }

    /// To another path.
    pub fn at(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    /// With one more header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Signed with another secret, in both headers.
    pub fn signed_with(self, secret: &str) -> Self {
        let signature = sign(secret, &self.body);
        self.signatures([("Attio-Signature", &signature), ("X-Attio-Signature", &signature)])
    }

    /// With exactly these signature headers.
    pub fn signatures<const N: usize>(mut self, signatures: [(&str, &str); N]) -> Self {
        self.signatures =
            signatures.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        self
    }

    /// The only event's own JSON, as it stands in the body.
    pub fn event_json(&self) -> Value {
        let body: Value = serde_json::from_slice(&self.body).unwrap();
        body["events"][0].clone()
    }

    /// Everything before the headers that say how the body is framed.
    pub fn head(&self) -> String {
        let mut head = format!("POST {} HTTP/1.1\r\nhost: relay\r\n", self.path);
        let key = self.key.iter().map(|key| ("Idempotency-Key", key.as_str()));
        let signatures = self.signatures.iter().chain(&self.headers);
        for (name, value) in key.chain(signatures.map(|(name, value)| (name.as_str(), &**value))) {
            head.extend([name, ": ", value, "\r\n"]);
        }
        head
    }

    /// The whole request.
    pub fn request(&self) -> Vec<u8> {
        let head = format!("{}content-length: {}\r\n\r\n", self.head(), self.body.len());
        [head.as_bytes(), &self.body].concat()
    }
}

/// Ids without the crate's own random feature.
trait Random {
    fn random() -> Uuid;
}

impl Random for Uuid {
    /// Any id that is like no other.
    fn random() -> Uuid {
        Uuid::from_u128(fastrand::u128(..))
    }
}

/// Any text that is like no other, as Attio's ids look.
pub fn fresh_id() -> String {
    Uuid::random().to_string()
}

/// The signature of a body, in lower-case hex digits.
pub fn sign(secret: &str, body: &[u8]) -> String {
    signature::sign(&SecretString::from(secret), body)
}

/// One event of `tests/data/events`, about a record of its own where it is about one.
pub fn sample(event_type: &str) -> Value {
    let path = format!("{}/tests/data/events/{event_type}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut message: Value = serde_json::from_str(&text).unwrap();
    let mut event = message["events"][0].take();
    if let Some(record) = event["id"].get_mut("record_id") {
        *record = fresh_id().into();
    }
    event
}

/// An answer as it came over the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    /// A header's value; its name is given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    #[track_caller]
    pub fn assert_accepted(&self) {
        self.assert_is(200, r#"{"status":"accepted"}"#);
    }

    #[track_caller]
    pub fn assert_duplicate(&self) {
        self.assert_is(200, r#"{"status":"duplicate"}"#);
    }

    #[track_caller]
    pub fn assert_quarantined(&self) {
        self.assert_is(200, r#"{"status":"quarantined"}"#);
    }

    /// A refusal with its fixed text.
    #[track_caller]
    pub fn assert_refused(&self, status: u16, error: &str) {
        self.assert_is(status, &format!(r#"{{"error":"{error}"}}"#));
    }

    /// What every answer to a message has in common, and what sets this one apart.
    #[track_caller]
    fn assert_is(&self, status: u16, body: &str) {
        assert_eq!((self.status, self.body.as_str()), (status, body), "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        assert_eq!(self.header("cache-control"), Some("no-store"), "{self:?}");
    }
}

/// One connection, byte by byte.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Connection {
    pub async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, unread: Vec::new() }
    }

    /// Sends bytes; the other end must still take them.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Sends bytes, unless the other end closed.
    pub async fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Says that nothing more is sent.
    pub async fn finish_sending(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// The next answer, interim ones included; `None` when the other end closed before it.
    pub async fn next_answer(&mut self) -> Option<Answer> {
        let reading = async {
            let end = loop {
                if let Some(at) = find(&self.unread, b"\r\n\r\n") {
                    break at + 4;
                }
                self.read_more().await?;
            };
            let mut answer = parse_head(std::str::from_utf8(&self.unread[..end]).unwrap());
            let length = answer.header("content-length").map_or(0, |text| text.parse().unwrap());
            while self.unread.len() < end + length {
                self.read_more().await?;
            }
            answer.body = String::from_utf8(self.unread[end..end + length].to_vec()).unwrap();
            self.unread.drain(..end + length);
            Some(answer)
        };
        tokio::time::timeout(PATIENCE, reading).await.expect("an answer or the end within 30 s")
    }

    /// The next answer, which must come.
    pub async fn answer(&mut self) -> Answer {
        self.next_answer().await.expect("the connection was closed without an answer")
    }

    /// Sends a whole request and waits for its answer.
    pub async fn ask(&mut self, request: impl AsRef<[u8]>) -> Answer {
        self.send(request).await;
        self.answer().await
    }

    /// Waits until the other end closed, and says how many bytes came before that.
    pub async fn closed(&mut self) -> usize {
        let reading = async {
            while self.read_more().await.is_some() {}
            self.unread.len()
        };
        tokio::time::timeout(PATIENCE, reading).await.expect("a close within 30 s")
    }

    async fn read_more(&mut self) -> Option<()> {
        match self.stream.read_buf(&mut self.unread).await {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(()),
        }
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

fn parse_head(head: &str) -> Answer {
    let mut lines = head.trim_end().split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let headers = lines
        .map(|line| line.split_once(':').unwrap_or_else(|| panic!("no header: {line}")))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Answer { status: status.expect("a status line"), headers, body: String::new() }
}

/// Sends requests over connections that it keeps. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    pub address: SocketAddr,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Client {
    pub fn new(address: SocketAddr) -> Self {
        Self { address, idle: Arc::default() }
    }

    /// Sends a message.
    pub async fn post(&self, message: &Message) -> Answer {
        self.ask(&message.request()).await
    }

    /// Asks for a path.
    pub async fn get(&self, path: &str) -> Answer {
        self.ask(format!("GET {path} HTTP/1.1\r\nhost: relay\r\n\r\n").as_bytes()).await
    }

    /// Sends a whole request and waits for its answer.
    pub async fn ask(&self, request: &[u8]) -> Answer {
        let kept = self.idle.lock().unwrap().pop();
        let mut connection = match kept {
            Some(connection) => connection,
            None => Connection::open(self.address).await,
        };
        let answer = connection.ask(request).await;
        if answer.header("connection") != Some("close") {
            self.idle.lock().unwrap().push(connection);
        }
        answer
    }
}
