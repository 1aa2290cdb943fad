//! The JSON Schema of the file, for editors.

use std::collections::BTreeSet;

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::file::File;

/// The JSON Schema (draft 2020-12) of the configuration file.
#[must_use]
pub fn json_schema() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<File>().to_value();
    without_null(&mut schema);
    schema
}

/// Every key that the file can have, at any depth.
#[must_use]
pub fn known_keys() -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    gather_keys(&json_schema(), &mut keys);
    keys
}

fn gather_keys(schema: &Value, keys: &mut BTreeSet<String>) {
    match schema {
        Value::Object(fields) => {
            if let Some(Value::Object(properties)) = fields.get("properties") {
                keys.extend(properties.keys().cloned());
            }
            fields.values().for_each(|schema| gather_keys(schema, keys));
        }
        Value::Array(list) => list.iter().for_each(|schema| gather_keys(schema, keys)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// How much of a line's start is a known key or a table's header, in bytes.
#[must_use]
pub fn known_start(line: &str) -> usize {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let opening = line.find(|c: char| !c.is_whitespace() && c != '[').unwrap_or(line.len());
    let rest = &line[opening..];
    let word = rest.find(|c| !is_bare(c)).unwrap_or(rest.len());
    if !known_keys().contains(&rest[..word]) {
        return 0;
    }
    // Only a header goes on after its first word: `[actions.billing]`.
    let is_header = line.trim_start().starts_with('[');
    let name = rest.find(|c| !is_bare(c) && c != '.').unwrap_or(rest.len());
    opening + if is_header { name } else { word }
}

// TOML has no null: a key that is not wanted is left out.
fn without_null(schema: &mut Value) {
    match schema {
        Value::Object(keys) => {
            if keys.get("default").is_some_and(|default| !default.is_boolean()) {
                keys.remove("default");
            }
            if let Some(Value::Array(types)) = keys.get_mut("type") {
                types.retain(|one| one != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    keys.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(choices)) = keys.get_mut("anyOf") {
                choices.retain(|one| one["type"] != "null");
                if let [Value::Object(only)] = choices.as_slice() {
                    let only = only.clone();
                    keys.remove("anyOf");
                    keys.extend(only);
                }
            }
            keys.values_mut().for_each(without_null);
        }
        Value::Array(list) => list.iter_mut().for_each(without_null),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
