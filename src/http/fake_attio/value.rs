//! Values: the forms that Attio lets write, read into the form that it serves
//! (<https://docs.attio.com/docs/attribute-types>).

use serde_json::{Value, json};
use time::{Date, format_description::well_known::Iso8601};

use super::{
    clock,
    refusal::Refusal,
    world::{Attribute, Holder, Kind, Thing, World},
};

/// The fields of a value that say when it held and who set it, and not what it is.
const CIRCUMSTANCES: [&str; 3] = ["active_from", "active_until", "created_by_actor"];

/// Reads what is written to an attribute: one value, several, or none.
pub(super) fn read(
    world: &World,
    attribute: &Attribute,
    written: &Value,
) -> Result<Vec<Value>, Refusal> {
    let items = match written {
        Value::Null => &[],
        Value::Array(items) => items.as_slice(),
        one => std::slice::from_ref(one),
    };
    if items.len() > 1 && !attribute.is("is_multiselect") {
        return Err(wrong(attribute, "it takes one value only"));
    }
    items.iter().map(|item| read_one(world, attribute, item)).collect()
}

/// What a value is, without its circumstances.
pub(super) fn content(value: &Value) -> Value {
    let mut content = value.clone();
    if let Some(fields) = content.as_object_mut() {
        fields.retain(|field, _| !CIRCUMSTANCES.contains(&field.as_str()));
    }
    content
}

/// What a value is told from others by: for filters, sorting and matching.
pub(super) fn plain(value: &Value) -> &Value {
    match value["attribute_type"].as_str().unwrap_or_default() {
        "currency" => &value["currency_value"],
        "status" => &value["status"]["title"],
        "select" => &value["option"]["title"],
        "record-reference" => &value["target_record_id"],
        "actor-reference" => &value["referenced_actor_id"],
        "email-address" => &value["email_address"],
        "domain" => &value["domain"],
        "personal-name" => &value["full_name"],
        "phone-number" => &value["phone_number"],
        "interaction" => &value["interacted_at"],
        _ => &value["value"],
    }
}

fn read_one(world: &World, attribute: &Attribute, item: &Value) -> Result<Value, Refusal> {
    let kind = attribute.text("type");
    let inner = |field: &str| item.get(field).unwrap_or(item);
    let content = match kind {
        "text" => inner("value").as_str().map(|text| json!({"value": text})),
        "number" => number(inner("value")).map(|number| json!({"value": number})),
        "rating" => number(inner("value"))
            .filter(|rating| rating.as_u64().is_some_and(|stars| stars <= 5))
            .map(|number| json!({"value": number})),
        "checkbox" => checkbox(inner("value")).map(|is_set| json!({"value": is_set})),
        "date" => date(inner("value")).map(|date| json!({"value": date})),
        "timestamp" => {
            inner("value").as_str().and_then(clock::normal).map(|at| json!({"value": at}))
        }
        "currency" => currency(attribute, item),
        "status" => {
            return choice(attribute, inner("status")).map(|it| typed(kind, json!({"status": it})));
        }
        "select" => {
            return choice(attribute, inner("option")).map(|it| typed(kind, json!({"option": it})));
        }
        "record-reference" => return record(world, attribute, item).map(|it| typed(kind, it)),
        "actor-reference" => actor(world, item),
        "email-address" => inner("email_address").as_str().and_then(email),
        "domain" => inner("domain").as_str().map(domain),
        "personal-name" => name(item),
        "phone-number" => inner("original_phone_number").as_str().and_then(phone),
        "location" => location(item),
        _ => None,
    };
    let content = content.ok_or_else(|| wrong(attribute, "its type does not take this value"))?;
    Ok(typed(kind, content))
}

fn typed(kind: &str, mut content: Value) -> Value {
    content["attribute_type"] = kind.into();
    content
}

fn wrong(attribute: &Attribute, why: &str) -> Refusal {
    let slug = attribute.slug();
    let message = format!("Invalid value was passed to attribute with slug \"{slug}\": {why}.");
    Refusal::new(400, "validation_type", message)
}

fn number(written: &Value) -> Option<Value> {
    match written {
        Value::Number(_) => Some(written.clone()),
        Value::String(text) => {
            serde_json::from_str(text).ok().filter(|number: &Value| number.is_number())
        }
        _ => None,
    }
}

fn checkbox(written: &Value) -> Option<bool> {
    match written.as_str() {
        Some("true") => Some(true),
        Some("false") => Some(false),
        _ => written.as_bool(),
    }
}

/// A date, or the date of a time stamp.
fn date(written: &Value) -> Option<&str> {
    let day = written.as_str()?.get(..10)?;
    Date::parse(day, &Iso8601::DATE).ok().map(|_| day)
}

fn currency(attribute: &Attribute, item: &Value) -> Option<Value> {
    let amount = number(item.get("currency_value").unwrap_or(item))?;
    let usual = &attribute.json["config"]["currency"]["default_currency_code"];
    let code = item.get("currency_code").unwrap_or(usual);
    Some(json!({"currency_value": amount, "currency_code": code}))
}

/// A status or an option, by title or id.
fn choice(attribute: &Attribute, written: &Value) -> Result<Value, Refusal> {
    let is_it = |choice: &&Value| {
        let id = &choice["id"];
        [&choice["title"], &id["status_id"], &id["option_id"]].contains(&written)
    };
    let found = attribute.choices.iter().find(is_it).filter(|_| written.is_string());
    found.cloned().ok_or_else(|| {
        let (kind, slug) = (attribute.text("type"), attribute.slug());
        let message = format!("Cannot find {kind} {written} of attribute with slug \"{slug}\".");
        Refusal::unknown_value(message)
    })
}

/// A record: by object and id, by object and a unique attribute, or by nothing but its id, its
/// e-mail address or its domain.
fn record(world: &World, attribute: &Attribute, item: &Value) -> Result<Value, Refusal> {
    let allowed = attribute.json["config"]["record_reference"]["allowed_object_ids"].as_array();
    let wanted = item["target_object"].as_str();
    let is_meant = |object: &&Holder| {
        allowed.is_none_or(|ids| ids.iter().any(|id| object.id == *id))
            && wanted.is_none_or(|name| name == object.slug || name == object.id)
    };
    for object in world.of_kind(Kind::Object).filter(is_meant) {
        if let Some(found) = world.held_by(object).find(|record| is_named(object, record, item)) {
            return Ok(json!({"target_object": object.slug, "target_record_id": found.id}));
        }
    }
    let slug = attribute.slug();
    Err(Refusal::unknown_value(format!(
        "Cannot find the record that \"{slug}\" refers to: {item}."
    )))
}

fn is_named(object: &Holder, record: &Thing, name: &Value) -> bool {
    match name {
        Value::String(id) if record.id == *id => true,
        Value::String(_) => {
            let mut unique = object.attributes.iter().filter(|known| known.is("is_unique"));
            unique.any(|attribute| holds(record, attribute.slug(), name))
        }
        Value::Object(fields) => {
            let mut keys = fields.iter().filter(|(field, _)| *field != "target_object").peekable();
            keys.peek().is_some()
                && keys.all(|(field, key)| match field.as_str() {
                    "target_record_id" => *key == record.id.as_str(),
                    slug => holds(record, slug, key),
                })
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => false,
    }
}

/// Whether a record has this value, which may come as a list or as an object of one.
fn holds(record: &Thing, slug: &str, key: &Value) -> bool {
    let key = key.as_array().and_then(|items| items.first()).unwrap_or(key);
    let key = key.as_object().and_then(|fields| fields.values().next()).unwrap_or(key);
    record.current(slug).any(|value| plain(value) == key)
}

fn actor(world: &World, item: &Value) -> Option<Value> {
    let email = item.get("workspace_member_email_address").unwrap_or(item);
    let is_meant = |member: &&Value| {
        let id = &member["id"]["workspace_member_id"];
        member["email_address"] == *email || *id == item["referenced_actor_id"]
    };
    let kind = item.get("referenced_actor_type").and_then(Value::as_str);
    if kind.is_some_and(|kind| kind != "workspace-member") {
        return Some(json!({
            "referenced_actor_type": kind, "referenced_actor_id": item["referenced_actor_id"],
        }));
    }
    let member = world.members.iter().find(is_meant)?;
    let id = &member["id"]["workspace_member_id"];
    Some(json!({"referenced_actor_type": "workspace-member", "referenced_actor_id": id}))
}

fn email(written: &str) -> Option<Value> {
    let address = written.trim().to_lowercase();
    let (local, host) = address
        .split_once('@')
        .filter(|(local, host)| !local.is_empty() && host.contains('.') && !host.contains('@'))?;
    let specifier = local.split('+').next();
    Some(json!({
        "original_email_address": written,
        "email_address": address,
        "email_domain": host,
        "email_root_domain": root(host),
        "email_local_specifier": specifier,
    }))
}

fn domain(written: &str) -> Value {
    let bare = written.trim().to_lowercase();
    let bare = bare.split_once("://").map_or(bare.as_str(), |(_, rest)| rest);
    let host = bare.split(['/', '?', '#']).next().unwrap_or_default();
    json!({"domain": host, "root_domain": root(host)})
}

/// The last two labels; that some countries have longer ones does not matter here.
fn root(host: &str) -> String {
    let labels: Vec<&str> = host.split('.').collect();
    labels[labels.len().saturating_sub(2)..].join(".")
}

/// `Last, First`, or the parts by name.
fn name(item: &Value) -> Option<Value> {
    let part = |field: &str| item[field].as_str().unwrap_or_default().to_owned();
    let (first, last) = match item.as_str() {
        Some(text) => {
            let (last, first) = text.split_once(',').unwrap_or(("", text));
            (first.trim().to_owned(), last.trim().to_owned())
        }
        None => (part("first_name"), part("last_name")),
    };
    let joined = format!("{first} {last}");
    let full = item["full_name"].as_str().unwrap_or(joined.trim());
    let is_name = item.is_string() || item.is_object();
    is_name.then(|| json!({"first_name": first, "last_name": last, "full_name": full}))
}

/// Country calling codes that the fake knows; any other number counts as American.
const COUNTRIES: [(&str, &str); 6] =
    [("+49", "DE"), ("+44", "GB"), ("+33", "FR"), ("+48", "PL"), ("+81", "JP"), ("+1", "US")];

fn phone(written: &str) -> Option<Value> {
    let number: String = written.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
    let known = COUNTRIES.iter().find(|(code, _)| number.starts_with(code));
    let country = known.map_or("US", |(_, country)| country);
    number.starts_with('+').then(|| {
        json!({
            "original_phone_number": written, "country_code": country, "phone_number": number,
        })
    })
}

fn location(item: &Value) -> Option<Value> {
    const FIELDS: [&str; 10] = [
        "line_1",
        "line_2",
        "line_3",
        "line_4",
        "locality",
        "region",
        "postcode",
        "country_code",
        "latitude",
        "longitude",
    ];
    let given = item.as_object()?;
    let field = |name: &&str| ((*name).to_owned(), given.get(*name).cloned().unwrap_or_default());
    Some(Value::Object(FIELDS.iter().map(field).collect()))
}
