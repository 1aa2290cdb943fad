//! The workspace as it is at the start: "Harbour & Lane", of the fixtures.
//!
//! Beside what the fixtures name there is what they only refer to, so that every reference leads
//! somewhere. That the answers are the fixtures' own is tested in `tests/relay/fake_attio.rs`.

use serde_json::{Map, Value, json};

use super::world::{Attribute, Holder, Kind, Parent, Thing, World};

const NAMES: &str = include_str!("data/names.json");
const RECORDS: &str = include_str!("data/records.json");
const OTHERS: &str = include_str!("data/others.json");

/// The fields of `/v2/self` for the two kinds of token.
pub(super) struct Tokens {
    pub(super) workspace: Value,
    pub(super) app: Value,
}

/// The workspace, and what `/v2/self` says of its tokens.
pub(super) fn plant() -> (World, Tokens) {
    let mut others = read(OTHERS);
    let mut take = |name: &str| others[name].take();
    let tokens = Tokens { workspace: take("token"), app: take("app") };
    let workspace_id = text(&tokens.workspace["workspace_id"]);
    let mut names = read(NAMES);
    let mut records = read(RECORDS);
    let mut holders = plant_holders(Kind::Object, names["objects"].take(), &workspace_id);
    holders.extend(plant_holders(Kind::List, names["lists"].take(), &workspace_id));
    let mut things: Vec<Thing> =
        list(records["records"].take()).into_iter().map(|it| plant_record(it, &holders)).collect();
    things.extend(list(records["entries"].take()).into_iter().map(|it| plant_entry(it, &holders)));
    let world = World {
        workspace_slug: text(&tokens.workspace["workspace_slug"]),
        workspace_id,
        holders,
        things,
        members: list(take("members")),
        notes: list(take("notes")),
        tasks: list(take("tasks")),
        comments: list(take("comments")),
        meetings: list(take("meetings")),
        call_recordings: list(take("call_recordings")),
        activities: list(take("activities")),
        activity_records: list(take("activity_records")),
        webhooks: Vec::new(),
        happened: Vec::new(),
        repeats_are_changes: false,
    };
    (world, tokens)
}

/// An attribute with Attio's usual answers to what `given` does not say.
///
/// `given` has `attribute_id`, `api_slug`, `title`, `type`, and `choices` of a status or select.
pub(super) fn attribute(given: Value, workspace_id: &str, holder_id: &str) -> Attribute {
    let mut json = json!({
        "description": null, "is_system_attribute": false, "is_writable": true,
        "is_required": false, "is_unique": false, "is_multiselect": false,
        "is_default_value_enabled": false, "is_archived": false, "default_value": null,
        "relationship": null, "created_at": "2026-01-05T09:00:00.000000000Z",
        "config": {
            "currency": {"default_currency_code": null, "display_type": null},
            "record_reference": {"allowed_object_ids": null},
        },
    });
    let mut given = fields(given);
    let attribute_id = given.remove("attribute_id").unwrap_or_default();
    let choices = list(given.remove("choices").unwrap_or_default());
    // Attributes of lists too carry their holder's id as `object_id`.
    json["id"] = json!({
        "workspace_id": workspace_id, "object_id": holder_id, "attribute_id": attribute_id,
    });
    for (field, value) in given {
        json[field] = value;
    }
    let mut attribute = Attribute { json, choices: Vec::new() };
    for each in choices {
        attribute.choices.push(choice(&attribute, &each));
    }
    attribute
}

/// A status or an option, by `id`, `title` and whatever else differs.
pub(super) fn choice(of: &Attribute, given: &Value) -> Value {
    let mut id = of.json["id"].clone();
    let mut shown = json!({"title": given["title"], "is_archived": false});
    if of.text("type") == "status" {
        id["status_id"] = given["id"].clone();
        shown["celebration_enabled"] = json!(given["celebration_enabled"] == true);
        shown["target_time_in_status"] = given["target_time_in_status"].clone();
    } else {
        id["option_id"] = given["id"].clone();
    }
    shown["id"] = id;
    shown
}

fn plant_holders(kind: Kind, given: Value, workspace_id: &str) -> Vec<Holder> {
    let id_field = kind.words().holder_id;
    let plant = |given: Value| {
        let mut json = fields(given);
        let id = text(&json.remove(id_field).unwrap_or_default());
        let slug = text(&json.remove("api_slug").unwrap_or_default());
        let attributes = list(json.remove("attributes").unwrap_or_default());
        json.insert("id".to_owned(), json!({"workspace_id": workspace_id, id_field: id}));
        let attributes =
            attributes.into_iter().map(|given| attribute(given, workspace_id, &id)).collect();
        Holder { kind, id, slug, json: json.into(), attributes }
    };
    list(given).into_iter().map(plant).collect()
}

fn plant_record(mut given: Value, holders: &[Holder]) -> Thing {
    Thing {
        kind: Kind::Object,
        holder: id_of(&given["object"], holders),
        id: text(&given["record_id"]),
        created_at: text(&given["created_at"]),
        parent: None,
        values: histories(given["values"].take()),
    }
}

fn plant_entry(mut given: Value, holders: &[Holder]) -> Thing {
    Thing {
        kind: Kind::List,
        holder: id_of(&given["list"], holders),
        id: text(&given["entry_id"]),
        created_at: text(&given["created_at"]),
        parent: Some(Parent {
            object: id_of(&given["parent_object"], holders),
            record: text(&given["parent_record_id"]),
        }),
        values: histories(given["values"].take()),
    }
}

fn histories(given: Value) -> std::collections::BTreeMap<String, Vec<Value>> {
    fields(given).into_iter().map(|(slug, values)| (slug, list(values))).collect()
}

fn id_of(slug: &Value, holders: &[Holder]) -> String {
    let found = holders.iter().find(|holder| slug == holder.slug.as_str());
    found.expect("the seed names what it holds").id.clone()
}

fn read(seed: &str) -> Value {
    serde_json::from_str(seed).expect("the seed is JSON")
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn list(value: Value) -> Vec<Value> {
    if let Value::Array(items) = value { items } else { Vec::new() }
}

fn fields(value: Value) -> Map<String, Value> {
    if let Value::Object(fields) = value { fields } else { Map::new() }
}
