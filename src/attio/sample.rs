//! Test messages in the shape of Attio's own, one for each event type that is known.
//!
//! The ids follow from the message's key: a new key makes new ids, and the same key makes the same
//! message again, as a retry of Attio's would be. Pure: no clock, no chance.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::event::KNOWN_TYPES;

/// The webhook that every sample claims to come from.
pub const WEBHOOK_ID: &str = "5a3b1e5a-0000-4000-8000-000000000001";

/// The workspace that every sample happened in.
const WORKSPACE_ID: &str = "5a3b1e5a-0000-4000-8000-000000000002";

/// Who caused every sample.
const MEMBER_ID: &str = "5a3b1e5a-0000-4000-8000-000000000003";

/// An event of a known type; `None` for any other. Its ids follow from `key`.
///
/// The fields of each type: <https://api.attio.com/openapi/webhooks>.
#[must_use]
pub fn event(event_type: &str, key: &str) -> Option<Value> {
    if !KNOWN_TYPES.contains(&event_type) {
        return None;
    }
    let (stem, _) = event_type.split_once('.')?;
    let mut ids = Map::new();
    ids.insert("workspace_id".to_owned(), WORKSPACE_ID.into());
    let changed = matches!(event_type, "record.updated" | "list-entry.updated");
    for &field in id_fields(stem)?.iter().chain(changed.then_some(&"attribute_id")) {
        ids.insert(field.to_owned(), id(key, field).into());
    }
    let mut event = Map::new();
    event.insert("event_type".to_owned(), event_type.into());
    for (field, value) in fields_beside(event_type, stem, key) {
        event.insert(field.to_owned(), value);
    }
    event.insert("id".to_owned(), ids.into());
    event.insert("actor".to_owned(), json!({"type": "workspace-member", "id": MEMBER_ID}));
    Some(event.into())
}

/// The body of a message with one event.
#[must_use]
pub fn body(event: &Value) -> String {
    format!(r#"{{"webhook_id":"{WEBHOOK_ID}","events":[{event}]}}"#)
}

/// Sets what stands at a dotted path, such as `id.record_id`; makes the objects on the way.
///
/// # Errors
/// Which part of the path is there already and is no object.
pub fn set(event: &mut Value, path: &str, value: Value) -> Result<(), String> {
    let (parents, last) = path.rsplit_once('.').map_or((None, path), |(p, last)| (Some(p), last));
    let mut at = event;
    for step in parents.iter().flat_map(|parents| parents.split('.')) {
        at = object(at, path)?.entry(step).or_insert_with(|| json!({}));
    }
    object(at, path)?.insert(last.to_owned(), value);
    Ok(())
}

fn object<'v>(value: &'v mut Value, path: &str) -> Result<&'v mut Map<String, Value>, String> {
    value.as_object_mut().ok_or_else(|| format!("`{path}` leads through something without fields"))
}

/// The fields of `id`, beside `workspace_id`, that all events of a stem have.
fn id_fields(stem: &str) -> Option<&'static [&'static str]> {
    Some(match stem {
        "activity" => &["activity_id"],
        "activity-attribute" => &["activity_id", "attribute_id"],
        "activity-record" => &["activity_id", "record_id"],
        "call-recording" => &["meeting_id", "call_recording_id"],
        "comment" => &["comment_id"],
        "list" => &["list_id"],
        "list-attribute" => &["list_id", "attribute_id"],
        "list-entry" => &["list_id", "entry_id"],
        "note" | "note-content" => &["note_id"],
        "object-attribute" => &["object_id", "attribute_id"],
        "record" => &["object_id", "record_id"],
        "task" => &["task_id"],
        "workspace-member" => &["workspace_member_id"],
        _ => return None,
    })
}

/// The fields that stand beside `id`.
fn fields_beside(event_type: &str, stem: &str, key: &str) -> Vec<(&'static str, Value)> {
    let made = |field: &'static str| (field, id(key, field).into());
    match (stem, event_type) {
        ("list-entry" | "note" | "note-content", _) => {
            vec![made("parent_object_id"), made("parent_record_id")]
        }
        ("comment", _) => vec![
            made("thread_id"),
            made("object_id"),
            made("record_id"),
            ("list_id", Value::Null),
            ("entry_id", Value::Null),
        ],
        (_, "record.merged") => vec![
            // Both records are of one object.
            ("duplicate_object_id", id(key, "object_id").into()),
            made("duplicate_record_id"),
        ],
        _ => Vec::new(),
    }
}

/// The id of a field of the message with this key.
fn id(key: &str, field: &str) -> String {
    let digest = Sha256::new().chain_update(key).chain_update([0]).chain_update(field).finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/events");

    fn paths(value: &Value, at: &str, found: &mut BTreeSet<String>) {
        found.insert(at.to_owned());
        match value {
            Value::Object(fields) => {
                fields
                    .iter()
                    .for_each(|(name, value)| paths(value, &format!("{at}.{name}"), found));
            }
            Value::Array(items) => {
                for value in items {
                    paths(value, &format!("{at}[]"), found);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn shape(text: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        paths(&serde_json::from_str(text).unwrap(), "", &mut found);
        found
    }

    #[test]
    fn every_known_type_has_the_shape_of_its_fixture() {
        for event_type in KNOWN_TYPES {
            let fixture = std::fs::read_to_string(format!("{FOLDER}/{event_type}.json")).unwrap();
            let sample = body(&event(event_type, "key").unwrap());
            assert_eq!(shape(&sample), shape(&fixture), "{event_type}");
        }
    }

    #[test]
    fn there_is_no_fixture_that_has_no_sample() {
        assert_eq!(std::fs::read_dir(FOLDER).unwrap().count(), KNOWN_TYPES.len());
        assert_eq!(event("record.invented", "key"), None);
    }

    #[test]
    fn the_same_key_makes_the_same_message_and_another_key_another_one() {
        let ids = |key| event("record.updated", key).unwrap()["id"].clone();
        assert_eq!(ids("a"), ids("a"));
        assert_ne!(ids("a")["record_id"], ids("b")["record_id"]);
        assert_ne!(ids("a")["record_id"], ids("a")["object_id"]);
        assert_eq!(ids("a")["workspace_id"], ids("b")["workspace_id"]);
    }

    #[test]
    fn a_path_is_set_and_made_where_it_is_missing() {
        let mut event = event("record.created", "key").unwrap();
        set(&mut event, "id.record_id", json!("here")).unwrap();
        set(&mut event, "new.deep", json!(1)).unwrap();
        set(&mut event, "actor", Value::Null).unwrap();
        assert_eq!(event["id"]["record_id"], "here");
        assert_eq!(event["new"]["deep"], 1);
        assert_eq!(event["actor"], Value::Null);
    }

    #[test]
    fn a_path_through_a_text_is_refused() {
        let mut event = event("record.created", "key").unwrap();
        let why = set(&mut event, "event_type.deep", json!(1)).unwrap_err();
        assert!(why.contains("event_type.deep"), "{why}");
    }
}
