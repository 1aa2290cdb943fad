//! Notes, tasks, comments, meetings and recordings, whose fields are no attributes; and actors.

use serde_json::{Map, Value, json};

use crate::attio::catalog::Catalog;

/// A note, task, comment, meeting or call recording: its own fields, with its own id alone as
/// `id`, references as `{object, record_id}`, `{list, entry_id}` and `{type, id}`, and slugs where
/// the catalog knows them. A note also has its `parent`.
#[must_use]
pub fn thing(thing: &Value, catalog: &Catalog) -> Value {
    let Value::Object(fields) = thing else {
        return thing.clone();
    };
    let mut plain: Map<String, Value> =
        fields.iter().map(|(name, value)| (name.clone(), field(value, catalog))).collect();
    if let Some(Value::Object(ids)) = fields.get("id") {
        let ids = ids.iter().filter(|(name, _)| *name != "workspace_id");
        plain.extend(ids.clone().map(|(name, id)| (name.clone(), id.clone())));
        plain.insert("id".to_owned(), own_id(ids.map(|(name, id)| (name.as_str(), id))));
    }
    if let (Some(object), Some(record_id)) =
        (fields.get("parent_object"), fields.get("parent_record_id"))
    {
        let parent = json!({ "object": object_name(object, catalog), "record_id": record_id });
        plain.insert("parent".to_owned(), parent);
    }
    Value::Object(plain)
}

/// Who did it: `type`, `id`, and for a workspace member `name` and `email`.
#[must_use]
pub fn actor(actor_type: Option<&str>, actor_id: Option<&str>, member: Option<&Value>) -> Value {
    let text = |name: &str| member.and_then(|member| member.get(name)?.as_str());
    let name = [text("first_name"), text("last_name")].into_iter().flatten().collect::<Vec<_>>();
    let name = Some(name.join(" ")).filter(|name| !name.trim().is_empty());
    json!({ "type": actor_type, "id": actor_id, "name": name, "email": text("email_address") })
}

/// The workspace that the token is of: `id`, `name`, `slug`; null until that is known.
#[must_use]
pub fn workspace(catalog: &Catalog) -> Value {
    catalog.identity.as_ref().map_or(Value::Null, |identity| {
        json!({
            "id": identity.workspace_id,
            "name": identity.workspace_name,
            "slug": identity.workspace_slug,
        })
    })
}

/// The most particular id: a recording has its meeting's beside its own.
fn own_id<'a>(ids: impl Iterator<Item = (&'a str, &'a Value)> + Clone) -> Value {
    let other = |(name, _): &(&str, &Value)| *name != "meeting_id";
    let mut own = ids.clone().filter(other).chain(ids);
    own.next().map(|(_, id)| id.clone()).unwrap_or_default()
}

fn field(value: &Value, catalog: &Catalog) -> Value {
    match value {
        Value::Array(items) => items.iter().map(|item| field(item, catalog)).collect(),
        Value::Object(fields) => object(fields, catalog),
        simple => simple.clone(),
    }
}

fn object(fields: &Map<String, Value>, catalog: &Catalog) -> Value {
    let any = |names: &[&str]| names.iter().find_map(|name| fields.get(*name));
    if let Some(entry_id) = fields.get("entry_id") {
        let list = any(&["list_id"]).and_then(Value::as_str);
        let list = list.map(|id| catalog.list(id).map_or(id, |list| list.slug.as_str()));
        return json!({ "list": list, "entry_id": entry_id });
    }
    if let Some(record_id) = any(&["target_record_id", "record_id"]) {
        // Attio names objects by slug here and by id there.
        let object =
            any(&["object_slug", "target_object", "object", "target_object_id", "object_id"]);
        let object = object.map(|object| object_name(object, catalog));
        return json!({ "object": object, "record_id": record_id });
    }
    if let Some(kind) = fields.get("referenced_actor_type") {
        return json!({ "type": kind, "id": fields.get("referenced_actor_id") });
    }
    // An actor that is nobody.
    if !fields.is_empty() && fields.values().all(Value::is_null) {
        return Value::Null;
    }
    let plain = fields.iter().map(|(name, value)| (name.clone(), field(value, catalog)));
    Value::Object(plain.collect())
}

fn object_name(name: &Value, catalog: &Catalog) -> Value {
    let known = name.as_str().and_then(|name| catalog.object(name));
    known.map_or_else(|| name.clone(), |object| object.slug.as_str().into())
}
