//! Messages as Attio sends them, and as it never should.

use attio_relay::signature;
use secrecy::SecretString;
use serde_json::Value;
use uuid::Uuid;

/// Where the only source of most tests listens.
pub const PATH: &str = "/webhooks/attio";

/// What `env:SECRET` of the tests' configurations stands for.
pub const SECRET: &str = "18c3ba42ba06c859e61a976f832702bb464b94e73d4100453e347f1ac6ed426b";

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
            key: Some(fresh_id()),
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

    /// One change of one record.
    pub fn record_updated(record: &str) -> Self {
        let mut event = sample("record.updated");
        event["id"]["record_id"] = record.into();
        Self::envelope([event])
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
        self.clone().key(&fresh_id())
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

/// Any text that is like no other, as Attio's ids look.
pub fn fresh_id() -> String {
    Uuid::from_u128(fastrand::u128(..)).to_string()
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
