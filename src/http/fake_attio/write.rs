//! Writing: values with their history, and the events that follow.
//!
//! Everything is read and checked before anything is changed. Whether Attio makes events for the
//! values of a new record, or for values written again, is not documented: here a new record makes
//! one `record.created`, and what did not change makes none.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    actor::{Actor, By},
    refusal::Refusal,
    value,
    world::{Kind, Parent, Thing, World},
};

/// What happens to the values that a multi-value attribute has already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Multi {
    /// They stay.
    Add,
    /// They end, unless they are written again.
    Replace,
}

/// One attribute's new values.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) slug: String,
    attribute_id: String,
    is_multi: bool,
    is_unique: bool,
    pub(super) values: Vec<Value>,
}

impl World {
    /// Reads new values by slug or id.
    pub(super) fn read_values(
        &self,
        kind: Kind,
        holder: &str,
        given: &Value,
    ) -> Result<Vec<Written>, Refusal> {
        let holder = self.holder(kind, holder)?;
        let fields = given.as_object().ok_or_else(|| {
            Refusal::invalid(&["data", kind.words().values], "Required", "object", given)
        })?;
        let read = |(name, given): (&String, &Value)| {
            let attribute = holder
                .attribute(name)
                .map_err(|unknown| Refusal::unknown_value(unknown.message))?;
            if !attribute.is("is_writable") {
                let message = format!("The attribute \"{name}\" cannot be written.");
                return Err(Refusal::new(400, "immutable_value", message));
            }
            Ok(Written {
                slug: attribute.slug().to_owned(),
                attribute_id: attribute.id().to_owned(),
                is_multi: attribute.is("is_multiselect"),
                is_unique: attribute.is("is_unique"),
                values: value::read(self, attribute, given)?,
            })
        };
        fields.iter().map(read).collect()
    }

    /// Makes a record or an entry; its id.
    pub(super) fn create(
        &mut self,
        kind: Kind,
        holder: &str,
        parent: Option<Parent>,
        mut written: Vec<Written>,
        by: &By,
    ) -> Result<String, Refusal> {
        let id = Uuid::now_v7().to_string();
        let holder = self.holder(kind, holder)?;
        let mut values = BTreeMap::new();
        for attribute in holder.attributes.iter().filter(|known| !known.is("is_archived")) {
            values.insert(attribute.slug().to_owned(), Vec::new());
            let given = written.iter().find(|each| each.slug == attribute.slug());
            let is_given = given.is_some_and(|given| !given.values.is_empty());
            if attribute.is("is_required") && !is_given {
                let message = format!("Missing value for the attribute \"{}\".", attribute.slug());
                return Err(Refusal::new(400, "missing_value", message));
            }
            if let Some(values) = given_by_attio(attribute.slug(), &id, by) {
                written.push(filled(attribute, values));
            } else if given.is_none()
                && let Some(usual) = attribute.json["default_value"]["template"].as_array()
            {
                written.push(filled(attribute, usual.clone()));
            }
        }
        if kind == Kind::List {
            // Entries have it although their list has no such attribute.
            let at = json!({"value": by.at, "attribute_type": "timestamp"});
            values.insert("created_at".to_owned(), vec![current(at, by)]);
        }
        let holder = holder.id.clone();
        self.check_unique(&holder, &id, &written)?;
        let created_at = by.at.clone();
        let mut thing = Thing { kind, holder, id: id.clone(), created_at, parent, values };
        for each in written {
            put(&mut thing, each, Multi::Replace, by, false);
        }
        self.tell_of(&thing, "created", None, by);
        self.things.push(thing);
        Ok(id)
    }

    /// Writes values of a record or an entry, with one event for each attribute that changed.
    pub(super) fn update(
        &mut self,
        place: usize,
        written: Vec<Written>,
        multi: Multi,
        by: &By,
    ) -> Result<(), Refusal> {
        let (holder, id) = (self.things[place].holder.clone(), self.things[place].id.clone());
        self.check_unique(&holder, &id, &written)?;
        for each in written {
            let attribute_id = each.attribute_id.clone();
            let repeats = self.repeats_are_changes;
            if put(&mut self.things[place], each, multi, by, repeats) {
                let thing = self.things[place].clone();
                self.tell_of(&thing, "updated", Some(&attribute_id), by);
            }
        }
        Ok(())
    }

    /// Removes a record with its entries, or an entry.
    pub(super) fn remove(&mut self, place: usize, by: &By) {
        let thing = self.things.remove(place);
        self.tell_of(&thing, "deleted", None, by);
        self.things
            .retain(|other| other.parent.as_ref().is_none_or(|parent| parent.record != thing.id));
    }

    /// The records that have one of these values.
    pub(super) fn matching(&self, holder: &str, written: &Written) -> Vec<usize> {
        let wanted: Vec<&Value> = written.values.iter().map(value::plain).collect();
        let is_match = |thing: &Thing| {
            thing.holder == holder
                && thing.current(&written.slug).any(|value| wanted.contains(&value::plain(value)))
        };
        let places = self.things.iter().enumerate().filter(|(_, thing)| is_match(thing));
        places.map(|(place, _)| place).collect()
    }

    fn check_unique(&self, holder: &str, id: &str, written: &[Written]) -> Result<(), Refusal> {
        for each in written.iter().filter(|each| each.is_unique) {
            if self.matching(holder, each).iter().any(|place| self.things[*place].id != id) {
                let message = format!("Another record has this value of \"{}\".", each.slug);
                return Err(Refusal::new(409, "uniqueness_conflict", message));
            }
        }
        Ok(())
    }

    fn tell_of(&mut self, thing: &Thing, what: &str, attribute_id: Option<&str>, by: &By) {
        let words = thing.kind.words();
        let mut id = json!({words.holder_id: thing.holder, words.thing_id: thing.id});
        if let Some(attribute_id) = attribute_id {
            id["attribute_id"] = attribute_id.into();
        }
        let beside = match &thing.parent {
            Some(parent) => {
                json!({"parent_object_id": parent.object, "parent_record_id": parent.record})
            }
            None => json!({}),
        };
        self.tell(&format!("{}.{what}", words.stem), id, beside, by);
    }

    /// Makes an event: its ids, and what stands beside them.
    pub(super) fn tell(&mut self, event_type: &str, mut id: Value, beside: Value, by: &By) {
        id["workspace_id"] = self.workspace_id.as_str().into();
        let mut event = beside;
        event["event_type"] = event_type.into();
        event["id"] = id;
        event["actor"] = by.actor.json();
        self.happened.push(event);
    }
}

/// The values that nobody writes.
fn given_by_attio(slug: &str, id: &str, by: &By) -> Option<Vec<Value>> {
    let Actor { kind, id: actor } = &by.actor;
    Some(vec![match slug {
        "record_id" => json!({"value": id, "attribute_type": "text"}),
        "created_at" => json!({"value": by.at, "attribute_type": "timestamp"}),
        "created_by" => json!({
            "referenced_actor_type": kind, "referenced_actor_id": actor,
            "attribute_type": "actor-reference",
        }),
        _ => return None,
    }])
}

fn filled(attribute: &super::world::Attribute, values: Vec<Value>) -> Written {
    Written {
        slug: attribute.slug().to_owned(),
        attribute_id: attribute.id().to_owned(),
        is_multi: attribute.is("is_multiselect"),
        is_unique: false,
        values,
    }
}

/// Writes one attribute; whether that changed anything.
fn put(thing: &mut Thing, written: Written, multi: Multi, by: &By, repeats: bool) -> bool {
    let history = thing.values.entry(written.slug).or_default();
    let is_current = |value: &Value| value["active_until"].is_null();
    let stays = |value: &Value| {
        let is_kept = multi == Multi::Add && written.is_multi;
        is_kept || (!repeats && written.values.contains(&value::content(value)))
    };
    let is_there: Vec<Value> =
        history.iter().filter(|value| is_current(value)).map(value::content).collect();
    let mut has_changed = false;
    for value in history.iter_mut().filter(|value| is_current(value) && !stays(value)) {
        value["active_until"] = by.at.as_str().into();
        has_changed = true;
    }
    for value in written.values {
        if repeats || !is_there.contains(&value) {
            history.push(current(value, by));
            has_changed = true;
        }
    }
    has_changed
}

/// A value that holds from now on.
fn current(mut value: Value, by: &By) -> Value {
    value["active_from"] = by.at.as_str().into();
    value["active_until"] = Value::Null;
    value["created_by_actor"] = by.actor.json();
    value
}
