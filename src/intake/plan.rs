//! What a message causes: its identity, its events, their deliveries. No I/O.

use bytes::Bytes;
use serde_json::Value;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    attio::{
        catalog::Catalog,
        envelope::{Envelope, Unreadable, without_lone_surrogates},
        event::Event,
    },
    name::SourceName,
    routing::RouteTable,
    signature::VerifiedMessage,
    store::{Existing, NewDelivery, NewEvent, NewMessage, Origin, StoredMessage},
};

/// Why a message with a known key and other JSON is kept aside.
const KEY_REUSED: &str = "its key was used before with other JSON";

/// Plans a message. Deliveries are planned due; who is born leased is decided at the commit.
pub(super) fn plan(
    message: &VerifiedMessage,
    routes: &RouteTable,
    catalog: &Catalog,
) -> NewMessage {
    let mut planned = NewMessage {
        id: Uuid::now_v7(),
        dedup: [0; 32],
        source: message.source().clone(),
        webhook_id: None,
        key: message.key().cloned(),
        received_at: message.received_at(),
        origin: Origin::Attio,
        quarantined: None,
        body: message.body().clone(),
        events: Vec::new(),
    };
    match fill(&mut planned, routes, catalog) {
        Ok(()) => planned.dedup = accepted_dedup(&planned),
        Err(unreadable) => {
            planned.quarantined = Some(unreadable.reason());
            planned.dedup = quarantined_dedup(&planned);
        }
    }
    planned
}

/// Plans a message of our own, in the form of Attio's, about a change that nothing was heard of.
/// `change` says which one it is: the same change is recorded once.
#[must_use]
pub fn made_up(
    source: SourceName,
    change: &[&[u8]],
    body: Bytes,
    routes: &RouteTable,
    catalog: &Catalog,
) -> NewMessage {
    let told = Envelope::read(&body).map(|envelope| envelope.events).unwrap_or_default();
    NewMessage {
        id: Uuid::now_v7(),
        dedup: made_up_dedup(change),
        source,
        webhook_id: None,
        key: None,
        received_at: OffsetDateTime::now_utc(),
        origin: Origin::Reconcile,
        quarantined: None,
        events: events(told, routes, catalog),
        body,
    }
}

/// By what a change is known that was made up for, whoever made up for it.
#[must_use]
pub fn made_up_dedup(change: &[&[u8]]) -> [u8; 32] {
    let parts: Vec<&[u8]> = [&b"reconcile"[..]].into_iter().chain(change.iter().copied()).collect();
    hash(&parts)
}

fn events(told: Vec<Event>, routes: &RouteTable, catalog: &Catalog) -> Vec<NewEvent> {
    let planned = |event: Event| {
        let deliveries = routes.decide(&event, catalog).map(delivery).collect();
        NewEvent { id: Uuid::now_v7(), event, deliveries }
    };
    told.into_iter().map(planned).collect()
}

/// Plans a message that was verified before and is kept aside. It stays known by what it is known
/// by, so that its key goes on to stand for the message that had it first.
///
/// # Errors
/// [`Unreadable`]: there is nothing in it that could be let in.
pub fn readmit(
    message: &StoredMessage,
    routes: &RouteTable,
    catalog: &Catalog,
) -> Result<NewMessage, Unreadable> {
    let mut planned = NewMessage {
        id: message.id,
        dedup: message.dedup,
        source: message.source.clone(),
        webhook_id: None,
        key: message.key.clone(),
        received_at: message.received_at,
        origin: Origin::Attio,
        quarantined: None,
        body: message.body.clone(),
        events: Vec::new(),
    };
    fill(&mut planned, routes, catalog)?;
    Ok(planned)
}

/// What the body says, and what it causes.
fn fill(
    planned: &mut NewMessage,
    routes: &RouteTable,
    catalog: &Catalog,
) -> Result<(), Unreadable> {
    let envelope = Envelope::read(&planned.body)?;
    planned.webhook_id = envelope.webhook_id;
    planned.key = planned.key.take().or(envelope.event_id.map(Bytes::from));
    planned.events = events(envelope.events, routes, catalog);
    Ok(())
}

fn delivery(routed: crate::routing::Routed) -> NewDelivery {
    let (delay, debounce_key) = routed.debounce.unzip();
    NewDelivery {
        id: Uuid::now_v7(),
        route: routed.route,
        action: routed.action,
        order_key: routed.order_key,
        lease: None,
        delay,
        debounce_key,
    }
}

/// The same message, kept aside because its key stands for other JSON.
pub(super) fn set_aside(mut message: NewMessage) -> NewMessage {
    message.quarantined = Some(KEY_REUSED);
    message.events = Vec::new();
    message.dedup = quarantined_dedup(&message);
    message
}

/// The key, within its source and webhook; a message without one is always new.
fn accepted_dedup(message: &NewMessage) -> [u8; 32] {
    match &message.key {
        Some(key) => hash(&[b"key", message.source.as_str().as_bytes(), webhook(message), key]),
        None => unkeyed_dedup(message),
    }
}

/// The body counts too, so that retries of a quarantined message are recognised, and no key is
/// taken away from a message that can be read.
fn quarantined_dedup(message: &NewMessage) -> [u8; 32] {
    match &message.key {
        Some(key) => {
            let body = Sha256::digest(&message.body);
            let source = message.source.as_str().as_bytes();
            hash(&[b"quarantine", source, webhook(message), key, &body])
        }
        None => unkeyed_dedup(message),
    }
}

fn unkeyed_dedup(message: &NewMessage) -> [u8; 32] {
    hash(&[b"unkeyed", message.id.as_bytes()])
}

fn webhook(message: &NewMessage) -> &[u8] {
    message.webhook_id.as_deref().unwrap_or_default().as_bytes()
}

/// Each part with its length, so that no two lists of parts give the same bytes.
fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let hash = parts.iter().fold(Sha256::new(), |hash, part| {
        hash.chain_update((part.len() as u64).to_be_bytes()).chain_update(part)
    });
    hash.finalize().into()
}

/// Whether a message holds the same JSON as one that stands in the store, whose body may be gone.
pub(super) fn says_the_same(standing: &Existing, body: &[u8]) -> bool {
    match standing.body_digest {
        Some(stands_for_it) => stands_for_it == digest(body),
        None => same_json(&standing.body, body),
    }
}

/// What stands for a body that was removed: two bodies have the same one where they hold the same
/// JSON, or, where they hold none, the same bytes.
#[must_use]
pub fn digest(body: &[u8]) -> [u8; 32] {
    match json(body) {
        Some(value) => {
            let mut plain = Vec::new();
            write_plain(&value, &mut plain);
            hash(&[b"json", &plain])
        }
        None => hash(&[b"bytes", body]),
    }
}

/// Writes JSON in the one way in which equal values are equal bytes.
fn write_plain(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_unstable_by_key(|(name, _)| *name);
            out.push(b'{');
            for (name, value) in fields {
                write_text(name, out);
                write_plain(value, out);
            }
            out.push(b'}');
        }
        Value::Array(items) => {
            out.push(b'[');
            for item in items {
                write_plain(item, out);
            }
            out.push(b']');
        }
        Value::String(text) => write_text(text, out),
        // 0.0 and -0.0 are equal.
        Value::Number(number) if number.as_f64() == Some(0.0) && number.is_f64() => {
            out.extend_from_slice(b"0.0,");
        }
        Value::Number(_) | Value::Bool(_) | Value::Null => {
            out.extend_from_slice(value.to_string().as_bytes());
            out.push(b',');
        }
    }
}

/// With its length, so that no text can look like something else.
fn write_text(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("\"{}:", text.len()).as_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// Whether two bodies hold the same JSON.
pub(super) fn same_json(one: &[u8], other: &[u8]) -> bool {
    one == other || json(one).is_some_and(|one| Some(one) == json(other))
}

fn json(body: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(body).ok()?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    serde_json::from_str(text)
        .or_else(|_| serde_json::from_str(&without_lone_surrogates(text)))
        .ok()
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;
    use crate::signature::{ClaimedSignature, Keyring, sign};

    fn verified(key: Option<&'static str>, body: &'static str) -> VerifiedMessage {
        let secret = SecretString::from("0123456789abcdef");
        let signature = sign(&secret, body.as_bytes());
        let claimed = ClaimedSignature::read([signature.as_bytes()]).unwrap();
        Keyring::new("crm".into(), &[secret])
            .verify(claimed, key.map(Bytes::from), body.into(), OffsetDateTime::UNIX_EPOCH)
            .unwrap()
    }

    fn planned(key: Option<&'static str>, body: &'static str) -> NewMessage {
        plan(&verified(key, body), &RouteTable::default(), &Catalog::default())
    }

    fn dedup(key: Option<&'static str>, body: &'static str) -> [u8; 32] {
        planned(key, body).dedup
    }

    const ONE: &str = r#"{"webhook_id":"w","events":[]}"#;
    const OTHER: &str = r#"{"webhook_id":"v","events":[]}"#;

    #[test]
    fn the_key_within_its_webhook_decides_and_the_body_does_not() {
        assert_eq!(dedup(Some("k"), ONE), dedup(Some("k"), r#"{"webhook_id":"w","events":[ ]}"#));
        assert_ne!(dedup(Some("k"), ONE), dedup(Some("l"), ONE));
        assert_ne!(dedup(Some("k"), ONE), dedup(Some("k"), OTHER));
    }

    #[test]
    fn without_a_key_an_event_id_serves_or_the_message_is_new() {
        let with_id = r#"{"webhook_id":"w","event_id":"e","events":[]}"#;
        assert_eq!(dedup(None, with_id), dedup(None, with_id));
        assert_ne!(dedup(None, ONE), dedup(None, ONE));
    }

    #[test]
    fn what_cannot_be_read_is_quarantined_under_key_and_body() {
        assert_eq!(planned(None, "x").status(), "quarantined");
        assert_eq!(dedup(Some("k"), "x"), dedup(Some("k"), "x"));
        assert_ne!(dedup(Some("k"), "x"), dedup(Some("k"), "y"));
        assert_ne!(dedup(None, "x"), dedup(None, "x"));
    }

    #[test]
    fn digests_are_equal_where_the_json_is() {
        let all = [
            "\u{feff}{\"a\":1,\"b\":[2,\"x\"]}",
            r#"{ "b": [2, "x"], "a": 1 }"#,
            r#"{"a":1.0,"b":[2,"x"]}"#,
            r#"{"a":1,"b":[2],"x":[]}"#,
            r#"{"a":1,"b":["2","x"]}"#,
            r#"{"a":[1,["b",2,"x"]]}"#,
            "[0.0]",
            "[-0.0]",
            "[0]",
            "[[],[]]",
            "[[[]]]",
            r#"["1","2"]"#,
            r#"["12"]"#,
            "[12]",
            "[1,2]",
            r#"{"t":"\ud800"}"#,
            r#"{ "t":"\ud800"}"#,
            "not json",
            "not json ",
            "",
        ];
        for one in all.map(str::as_bytes) {
            for other in all.map(str::as_bytes) {
                let texts = || (String::from_utf8_lossy(one), String::from_utf8_lossy(other));
                assert_eq!(digest(one) == digest(other), same_json(one, other), "{:?}", texts());
            }
        }
    }

    #[test]
    fn the_same_json_may_be_written_in_other_bytes() {
        assert!(same_json(br#"{"a":1,"b":[2]}"#, b"{ \"b\": [2], \"a\": 1 }"));
        assert!(same_json("\u{feff}{}".as_bytes(), b"{}"));
        assert!(!same_json(br#"{"a":1}"#, br#"{"a":2}"#));
        assert!(!same_json(b"x", b"y") && same_json(b"x", b"x"));
    }
}
