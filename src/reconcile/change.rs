//! One change that Attio shows, in the form of the event that should have told of it.

use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use crate::intake;

/// A change of one record, entry, note or task.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The type of its event.
    pub event_type: &'static str,
    /// The id of the record, entry, note or task.
    pub thing: String,
    /// The id of the attribute, for updates.
    pub attribute: Option<String>,
    /// When it happened, by Attio's clock.
    pub at: OffsetDateTime,
    /// The event, in Attio's own form.
    pub event: Value,
}

/// By what events and changes find each other: type, thing, attribute.
pub(super) type Key = [u8; 16];

/// See [`Key`].
pub(super) fn key(event_type: &str, thing: &str, attribute: Option<&str>) -> Key {
    let parts = [event_type, thing, attribute.unwrap_or_default()];
    let hash = parts.iter().fold(Sha256::new(), |hash, part| {
        hash.chain_update((part.len() as u64).to_be_bytes()).chain_update(part)
    });
    hash.finalize()[..16].try_into().expect("a hash is longer")
}

impl Change {
    pub(super) fn key(&self) -> Key {
        key(self.event_type, &self.thing, self.attribute.as_deref())
    }

    /// The message that tells of it.
    pub(super) fn body(&self) -> Bytes {
        json!({"events": [self.event]}).to_string().into()
    }

    /// By what it is known once it was made up for.
    pub(super) fn dedup(&self) -> [u8; 32] {
        self.identified(intake::made_up_dedup)
    }

    /// What it is told from all others by.
    pub(super) fn identified<T>(&self, by: impl FnOnce(&[&[u8]]) -> T) -> T {
        let attribute = self.attribute.as_deref().unwrap_or_default();
        let at = self.at.unix_timestamp_nanos().to_be_bytes();
        by(&[self.event_type.as_bytes(), self.thing.as_bytes(), attribute.as_bytes(), &at])
    }
}
