//! Attio's values made plain, for conditions and templates: one value as itself, several as a
//! list, none as null.
//!
//! Pure. What is not understood is passed on without Attio's bookkeeping, never dropped.

mod thing;

use serde_json::{Map, Value, json};
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

pub use thing::{actor, thing, workspace};

use super::catalog::Catalog;

/// What every item of a value's list has beside the value.
const BOOKKEEPING: [&str; 4] =
    ["active_from", "active_until", "created_by_actor", "attribute_type"];

/// What a plain record has beside its attributes.
pub const OF_RECORDS: [&str; 4] = ["id", "object", "url", "created_at"];

/// What a plain list entry has beside its attributes.
pub const OF_ENTRIES: [&str; 5] = ["id", "list", "parent", "url", "created_at"];

/// Attio's clock may be so far ahead of the one that told when an event arrived.
const CLOCKS_DIFFER: Duration = Duration::seconds(2);

/// Standard objects by slug, with their part of the addresses in Attio's app. That of custom
/// objects is in `web_url` only.
const IN_ADDRESSES: [(&str, &str); 5] = [
    ("people", "person"),
    ("companies", "company"),
    ("deals", "deal"),
    ("users", "user"),
    ("workspaces", "workspace"),
];

/// All values of one attribute, as `values` and `entry_values` hold them.
#[must_use]
pub fn attribute(items: &Value) -> Value {
    let Value::Array(items) = items else {
        return items.clone();
    };
    several(items.iter().map(item).collect())
}

/// One value of an attribute: <https://docs.attio.com/docs/attribute-types>.
#[must_use]
pub fn item(item: &Value) -> Value {
    let field = |name: &str| item.get(name).cloned().unwrap_or_default();
    match item["attribute_type"].as_str().unwrap_or_default() {
        "text" | "number" | "checkbox" | "date" | "timestamp" | "rating" => field("value"),
        "currency" => json!({
            "amount": number(field("currency_value")),
            "currency": field("currency_code"),
        }),
        "status" => titled(field("status")),
        "select" => titled(field("option")),
        "record-reference" => json!({
            "object": field("target_object"),
            "record_id": field("target_record_id"),
        }),
        "actor-reference" => json!({
            "type": field("referenced_actor_type"),
            "id": field("referenced_actor_id"),
        }),
        "email-address" => field("email_address"),
        "domain" => field("domain"),
        "personal-name" => json!({
            "first_name": field("first_name"),
            "last_name": field("last_name"),
            "full_name": field("full_name"),
        }),
        "phone-number" => field("phone_number"),
        "interaction" => json!({
            "type": field("interaction_type"),
            "at": field("interacted_at"),
            "owner": field("owner_actor"),
        }),
        // A location is all of its fields; so is what came after this was written.
        _ => without_bookkeeping(item),
    }
}

/// A record: its attributes by slug, and `id`, `object`, `url`, `created_at`, which an attribute
/// of such a slug gives way to. `object` is the slug where the catalog knows it, else the id.
#[must_use]
pub fn record(record: &Value, catalog: &Catalog) -> Value {
    let id = text(record, "/id/record_id");
    let object = object_slug(text(record, "/id/object_id"), catalog);
    let mut plain = attributes(&record["values"]);
    let url = match &record["web_url"] {
        Value::String(url) => Value::from(url.as_str()),
        _ => address(object, id, catalog),
    };
    plain.insert("url".to_owned(), url);
    plain.insert("id".to_owned(), id.into());
    plain.insert("object".to_owned(), object.into());
    plain.insert("created_at".to_owned(), record["created_at"].clone());
    Value::Object(plain)
}

/// A list entry: its attributes by slug, and `id`, `list`, `parent` (`object`, `record_id`), `url`
/// (the parent's), `created_at`, which an attribute of such a slug gives way to.
#[must_use]
pub fn entry(entry: &Value, catalog: &Catalog) -> Value {
    let list = text(entry, "/id/list_id");
    let list = list.map(|id| catalog.list(id).map_or(id, |list| list.slug.as_str()));
    let object = object_slug(text(entry, "/parent_object"), catalog);
    let record_id = text(entry, "/parent_record_id");
    let mut plain = attributes(&entry["entry_values"]);
    plain.insert("id".to_owned(), text(entry, "/id/entry_id").into());
    plain.insert("list".to_owned(), list.into());
    plain.insert("parent".to_owned(), json!({ "object": object, "record_id": record_id }));
    plain.insert("url".to_owned(), address(object, record_id, catalog));
    plain.insert("created_at".to_owned(), entry["created_at"].clone());
    Value::Object(plain)
}

/// What an attribute held before the last change that an event which arrived `at` may be about;
/// null when it held nothing. `history` may be in any order.
///
/// Several edits before the arrival cannot be told apart: it is the last of them.
#[must_use]
pub fn former(history: &[Value], at: OffsetDateTime) -> Value {
    let moment =
        |item: &Value, name: &str| OffsetDateTime::parse(item.get(name)?.as_str()?, &Rfc3339).ok();
    let moments = history.iter().flat_map(|item| {
        [moment(item, "active_from"), moment(item, "active_until")].into_iter().flatten()
    });
    let Some(change) = moments.filter(|moment| *moment <= at + CLOCKS_DIFFER).max() else {
        return Value::Null;
    };
    let mut before: Vec<_> = history
        .iter()
        .filter_map(|item| {
            let until = moment(item, "active_until");
            let from = moment(item, "active_from").filter(|from| *from < change)?;
            until.is_none_or(|until| until >= change).then_some((from, item))
        })
        .collect();
    before.sort_by_key(|(from, _)| *from);
    several(before.into_iter().map(|(_, value)| item(value)).collect())
}

fn attributes(values: &Value) -> Map<String, Value> {
    let Value::Object(values) = values else {
        return Map::new();
    };
    values.iter().map(|(slug, items)| (slug.clone(), attribute(items))).collect()
}

fn several(mut values: Vec<Value>) -> Value {
    match values.len() {
        0 => Value::Null,
        1 => values.remove(0),
        _ => Value::Array(values),
    }
}

/// The title of a status or an option; a bare id stays what it is.
fn titled(mut choice: Value) -> Value {
    match choice.get_mut("title") {
        Some(title) => title.take(),
        None => choice,
    }
}

/// A number that may have come as text.
fn number(value: Value) -> Value {
    let Value::String(text) = &value else {
        return value;
    };
    match serde_json::from_str::<serde_json::Number>(text.trim()) {
        Ok(number) => Value::Number(number),
        Err(_) => value,
    }
}

fn without_bookkeeping(item: &Value) -> Value {
    let Value::Object(fields) = item else {
        return item.clone();
    };
    let kept = fields.iter().filter(|(name, _)| !BOOKKEEPING.contains(&name.as_str()));
    Value::Object(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
}

fn object_slug<'a>(name: Option<&'a str>, catalog: &'a Catalog) -> Option<&'a str> {
    name.map(|name| catalog.object(name).map_or(name, |object| object.slug.as_str()))
}

/// A record's address in Attio's app, where it can be known.
fn address(object: Option<&str>, record_id: Option<&str>, catalog: &Catalog) -> Value {
    let build = || {
        let workspace = &catalog.identity.as_ref()?.workspace_slug;
        let (_, part) = IN_ADDRESSES.iter().find(|(slug, _)| Some(*slug) == object)?;
        Some(format!("https://app.attio.com/{workspace}/{part}/{}", record_id?))
    };
    build().into()
}

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer)?.as_str()
}

#[cfg(test)]
mod tests;
