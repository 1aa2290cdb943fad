//! One message of a webhook: what it says, to whom, and what became of it.

use secrecy::SecretString;
use serde_json::Value;
use url::{Host, Url};
use uuid::Uuid;

use super::webhook::Webhook;
use crate::signature;

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Held back by request.
    Held,
    /// It is tried, or waits for its next try.
    Open,
    /// It was answered 2xx.
    Taken,
    /// It was tried as often as Attio tries.
    GivenUp,
    /// Lost by request.
    Lost,
}

/// One message to one webhook.
#[derive(Debug, Clone)]
pub struct Message {
    /// The webhook that it is for.
    pub webhook_id: String,
    /// `Idempotency-Key`: of this message, and the same for all its tries.
    pub key: String,
    /// The only event in it.
    pub event: Value,
    /// The status of each try; `None` where there was no answer.
    pub tries: Vec<Option<u16>>,
    /// What became of it.
    pub delivery: Delivery,
    pub(super) url: String,
    pub(super) body: String,
    pub(super) signature: String,
}

/// A message about one event, in Attio's envelope, compact and signed.
pub(super) fn write(webhook: &Webhook, event: &Value) -> Message {
    let body = format!(r#"{{"webhook_id":"{}","events":[{event}]}}"#, webhook.id);
    let secret = SecretString::from(webhook.secret.as_str());
    Message {
        webhook_id: webhook.id.clone(),
        key: Uuid::now_v7().to_string(),
        event: event.clone(),
        tries: Vec::new(),
        delivery: Delivery::Open,
        url: webhook.target_url.clone(),
        signature: signature::sign(&secret, body.as_bytes()),
        body,
    }
}

/// Whether an address is one of this machine. The fake sends to no other.
pub(super) fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}
