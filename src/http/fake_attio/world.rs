//! The workspace: what there is in it, by slug or by id.
//!
//! What Attio answers is kept as the JSON that it answers; only what is looked up or changed has a
//! type of its own.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{refusal::Refusal, webhook::Webhook};

/// Objects hold records, lists hold entries; most else is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Object,
    List,
}

/// The names that differ between objects and lists.
pub(super) struct Words {
    /// What the holder is called.
    pub(super) holder: &'static str,
    /// The field with the holder's id.
    pub(super) holder_id: &'static str,
    /// What it holds.
    pub(super) thing: &'static str,
    /// The field with the thing's id.
    pub(super) thing_id: &'static str,
    /// The field with the thing's values.
    pub(super) values: &'static str,
    /// The first part of its event types.
    pub(super) stem: &'static str,
}

impl Kind {
    pub(super) fn words(self) -> Words {
        match self {
            Self::Object => Words {
                holder: "object",
                holder_id: "object_id",
                thing: "record",
                thing_id: "record_id",
                values: "values",
                stem: "record",
            },
            Self::List => Words {
                holder: "list",
                holder_id: "list_id",
                thing: "entry",
                thing_id: "entry_id",
                values: "entry_values",
                stem: "list-entry",
            },
        }
    }
}

/// An object or a list.
#[derive(Debug, Clone)]
pub(super) struct Holder {
    pub(super) kind: Kind,
    pub(super) id: String,
    pub(super) slug: String,
    /// As it is answered, but for its slug.
    pub(super) json: Value,
    pub(super) attributes: Vec<Attribute>,
}

/// An attribute of an object or a list.
#[derive(Debug, Clone)]
pub(super) struct Attribute {
    /// As it is answered.
    pub(super) json: Value,
    /// Its statuses or options, as they are answered.
    pub(super) choices: Vec<Value>,
}

/// A record or a list entry.
#[derive(Debug, Clone)]
pub(super) struct Thing {
    pub(super) kind: Kind,
    /// The id of its object or list.
    pub(super) holder: String,
    pub(super) id: String,
    pub(super) created_at: String,
    /// An entry's record.
    pub(super) parent: Option<Parent>,
    /// All values it ever had, the oldest first, by the attribute's slug.
    pub(super) values: BTreeMap<String, Vec<Value>>,
}

/// The record that an entry stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parent {
    pub(super) object: String,
    pub(super) record: String,
}

/// Everything.
#[derive(Debug)]
pub(super) struct World {
    pub(super) workspace_id: String,
    pub(super) workspace_slug: String,
    pub(super) holders: Vec<Holder>,
    pub(super) things: Vec<Thing>,
    pub(super) members: Vec<Value>,
    pub(super) notes: Vec<Value>,
    pub(super) tasks: Vec<Value>,
    pub(super) comments: Vec<Value>,
    pub(super) meetings: Vec<Value>,
    pub(super) call_recordings: Vec<Value>,
    pub(super) activities: Vec<Value>,
    pub(super) activity_records: Vec<Value>,
    pub(super) webhooks: Vec<Webhook>,
    /// Events that nobody was told of yet.
    pub(super) happened: Vec<Value>,
    /// Whether writing a value that is there already is a change.
    pub(super) repeats_are_changes: bool,
}

impl Attribute {
    pub(super) fn text(&self, field: &str) -> &str {
        self.json[field].as_str().unwrap_or_default()
    }

    pub(super) fn id(&self) -> &str {
        self.json["id"]["attribute_id"].as_str().unwrap_or_default()
    }

    pub(super) fn slug(&self) -> &str {
        self.text("api_slug")
    }

    pub(super) fn is(&self, claim: &str) -> bool {
        self.json[claim] == true
    }
}

impl Holder {
    pub(super) fn attribute(&self, name: &str) -> Result<&Attribute, Refusal> {
        let found = self.attributes.iter().find(|known| known.slug() == name || known.id() == name);
        found.ok_or_else(|| {
            let message = format!("Cannot find attribute with slug/ID \"{name}\".");
            Refusal::new(404, "not_found", message)
        })
    }

    pub(super) fn show(&self) -> Value {
        let mut shown = self.json.clone();
        shown["api_slug"] = self.slug.as_str().into();
        shown
    }
}

impl Thing {
    /// The values that an attribute has now.
    pub(super) fn current(&self, slug: &str) -> impl Iterator<Item = &Value> {
        let history = self.values.get(slug).map_or(&[][..], Vec::as_slice);
        history.iter().filter(|value| value["active_until"].is_null())
    }
}

impl World {
    pub(super) fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Holder> {
        self.holders.iter().filter(move |holder| holder.kind == kind)
    }

    pub(super) fn holder(&self, kind: Kind, name: &str) -> Result<&Holder, Refusal> {
        let mut all = self.of_kind(kind);
        let found = all.find(|holder| holder.slug == name || holder.id == name);
        found.ok_or_else(|| {
            let message = format!("No {} has the slug or ID \"{name}\".", kind.words().holder);
            Refusal::new(404, "not_found", message)
        })
    }

    pub(super) fn holder_mut(&mut self, kind: Kind, name: &str) -> Result<&mut Holder, Refusal> {
        let id = self.holder(kind, name)?.id.clone();
        let found = self.holders.iter_mut().find(|holder| holder.id == id);
        Ok(found.expect("it was there a moment ago"))
    }

    /// The records of an object, or the entries of a list.
    pub(super) fn held_by<'w>(&'w self, holder: &'w Holder) -> impl Iterator<Item = &'w Thing> {
        self.things.iter().filter(move |thing| thing.holder == holder.id)
    }

    /// Where a record or an entry stands among all things.
    pub(super) fn place(&self, kind: Kind, holder: &str, id: &str) -> Result<usize, Refusal> {
        let holder = &self.holder(kind, holder)?.id;
        let place = self.things.iter().position(|thing| thing.id == id && thing.holder == *holder);
        place.ok_or_else(|| Refusal::not_found(kind.words().thing, id))
    }

    pub(super) fn thing(&self, kind: Kind, holder: &str, id: &str) -> Result<&Thing, Refusal> {
        self.place(kind, holder, id).map(|place| &self.things[place])
    }

    /// A record or entry as Attio answers it.
    pub(super) fn show(&self, thing: &Thing) -> Value {
        let words = thing.kind.words();
        let values: Map<String, Value> = thing
            .values
            .keys()
            .map(|slug| (slug.clone(), thing.current(slug).cloned().collect()))
            .collect();
        let mut shown = json!({
            "id": {
                "workspace_id": self.workspace_id,
                words.holder_id: thing.holder,
                words.thing_id: thing.id,
            },
            "created_at": thing.created_at,
            words.values: values,
        });
        match &thing.parent {
            Some(parent) => {
                shown["parent_record_id"] = parent.record.as_str().into();
                shown["parent_object"] = self.slug_of(&parent.object).into();
            }
            None => shown["web_url"] = self.web_url(thing).into(),
        }
        shown
    }

    /// The slug of an object or list whose id is known.
    pub(super) fn slug_of<'a>(&'a self, id: &'a str) -> &'a str {
        let found = self.holders.iter().find(|holder| holder.id == id);
        found.map_or(id, |holder| &holder.slug)
    }

    fn web_url(&self, thing: &Thing) -> String {
        let holder = self.holders.iter().find(|holder| holder.id == thing.holder);
        let noun = holder.and_then(|holder| holder.json["singular_noun"].as_str());
        let noun = noun.unwrap_or_default().to_lowercase();
        format!("https://app.attio.com/{}/{noun}/{}", self.workspace_slug, thing.id)
    }

    /// A path with slugs for the ids of objects and lists, so that both spellings are one.
    pub(super) fn canonical(&self, path: &str) -> String {
        let mut parts: Vec<&str> = path.split('/').collect();
        if let ["", "v2", "objects" | "lists", name, ..] = parts.as_mut_slice() {
            *name = self.slug_of(name);
        }
        parts.join("/")
    }
}
