//! Records and list entries: `/v2/objects/{object}/records`, `/v2/lists/{list}/entries`.

use serde_json::{Value, json};

use super::{data, no_such_path};
use crate::http::fake_attio::{
    actor::By,
    call::Call,
    refusal::Refusal,
    world::{Kind, Parent, World},
    write::{Multi, Written},
};

impl World {
    pub(super) fn answer_things(
        &mut self,
        kind: Kind,
        rest: &[&str],
        call: &Call,
        by: &By,
    ) -> Result<Value, Refusal> {
        let (holder, rest) = match (kind, rest) {
            (Kind::Object, [object, "records", rest @ ..]) => (*object, rest),
            (Kind::List, [list, "entries", rest @ ..]) => (*list, rest),
            _ => return Err(no_such_path(call)),
        };
        let place = match (call.method.as_str(), rest) {
            ("GET", [id]) => self.place(kind, holder, id)?,
            ("GET", [id, "attributes", attribute, "values"]) => {
                return self.values(kind, holder, id, attribute, call);
            }
            ("GET", [id, "entries"]) if kind == Kind::Object => {
                return self.memberships(holder, id, call);
            }
            ("POST", ["query"]) => {
                let found = self.query(self.holder(kind, holder)?, call.json()?)?;
                let shown = found.into_iter().map(|thing| self.show(thing));
                return Ok(data(shown.collect::<Vec<_>>()));
            }
            ("POST", []) => self.add(kind, holder, call, by)?,
            ("PUT", []) => self.assert(kind, holder, call, by)?,
            ("PATCH" | "PUT", [id]) => {
                let place = self.place(kind, holder, id)?;
                let multi = if call.method == "PUT" { Multi::Replace } else { Multi::Add };
                let written = self.written(kind, holder, call)?;
                self.update(place, written, multi, by)?;
                place
            }
            ("DELETE", [id]) => {
                let place = self.place(kind, holder, id)?;
                self.remove(place, by);
                return Ok(json!({}));
            }
            _ => return Err(no_such_path(call)),
        };
        Ok(data(self.show(&self.things[place])))
    }

    fn written(&self, kind: Kind, holder: &str, call: &Call) -> Result<Vec<Written>, Refusal> {
        self.read_values(kind, holder, &call.data()?[kind.words().values])
    }

    fn add(&mut self, kind: Kind, holder: &str, call: &Call, by: &By) -> Result<usize, Refusal> {
        let parent = match kind {
            Kind::Object => None,
            Kind::List => Some(self.parent(holder, call.data()?)?),
        };
        let written = self.written(kind, holder, call)?;
        let id = self.create(kind, holder, parent, written, by)?;
        self.place(kind, holder, &id)
    }

    /// Creates or updates: a record by a unique attribute, an entry by its record.
    fn assert(&mut self, kind: Kind, holder: &str, call: &Call, by: &By) -> Result<usize, Refusal> {
        let mut written = self.written(kind, holder, call)?;
        let holder_id = self.holder(kind, holder)?.id.clone();
        let (found, key) = match kind {
            Kind::Object => {
                let key = self.key(holder, &written, call)?;
                (self.matching(&holder_id, &written[key]), Some(key))
            }
            Kind::List => {
                let parent = self.parent(holder, call.data()?)?;
                let is_its = |place: &usize| {
                    let thing = &self.things[*place];
                    thing.holder == holder_id && thing.parent.as_ref() == Some(&parent)
                };
                ((0..self.things.len()).filter(is_its).collect(), None)
            }
        };
        match found.as_slice() {
            [] => self.add(kind, holder, call, by),
            [place] => {
                // "If the matching attribute is a multiselect attribute, new values will be added
                // and existing values will not be deleted."
                let key = key.map(|key| written.remove(key));
                self.update(*place, key.into_iter().collect(), Multi::Add, by)?;
                self.update(*place, written, Multi::Replace, by)?;
                Ok(*place)
            }
            _ => {
                let message = "More than one record or entry matches.";
                Err(Refusal::new(400, "multiple_match_results", message))
            }
        }
    }

    /// Which of the written attributes is the one to match by.
    fn key(&self, object: &str, written: &[Written], call: &Call) -> Result<usize, Refusal> {
        let name = call.parameter("matching_attribute").unwrap_or_default();
        let holder = self.holder(Kind::Object, object)?;
        let attribute = holder.attribute(name).ok().filter(|known| known.is("is_unique"));
        let attribute = attribute.ok_or_else(|| {
            Refusal::unknown_value("No attribute matches the matching_attribute that was given.")
        })?;
        let given = |each: &Written| each.slug == attribute.slug() && !each.values.is_empty();
        written.iter().position(given).ok_or_else(|| {
            let message = format!("Missing value for the matching attribute \"{name}\".");
            Refusal::new(400, "missing_value", message)
        })
    }

    /// The record that an entry is to stand for.
    fn parent(&self, list: &str, data: &Value) -> Result<Parent, Refusal> {
        let text = |field: &str| {
            let found = data[field].as_str();
            found.ok_or_else(|| {
                Refusal::invalid(&["data", field], "Required", "string", &data[field])
            })
        };
        let (object, record) = (text("parent_object")?, text("parent_record_id")?);
        let object = self.holder(Kind::Object, object)?;
        let allowed = &self.holder(Kind::List, list)?.json["parent_object"];
        if !allowed.as_array().is_some_and(|slugs| slugs.iter().any(|slug| object.slug == *slug)) {
            let message = format!("The list does not hold records of \"{}\".", object.slug);
            return Err(Refusal::unknown_value(message));
        }
        let record = self.thing(Kind::Object, &object.id, record)?;
        Ok(Parent { object: object.id.clone(), record: record.id.clone() })
    }

    /// The values of one attribute, with `show_historic=true` those of the past too.
    fn values(
        &self,
        kind: Kind,
        holder: &str,
        id: &str,
        attribute: &str,
        call: &Call,
    ) -> Result<Value, Refusal> {
        let slug = self.holder(kind, holder)?.attribute(attribute)?.slug();
        let history = self.thing(kind, holder, id)?.values.get(slug);
        let with_past = call.has("show_historic");
        let values = history.into_iter().flatten();
        let shown = values.filter(|value| with_past || value["active_until"].is_null());
        Ok(data(call.page(500, 500)?.of(shown)))
    }

    /// The lists that a record is on.
    fn memberships(&self, object: &str, id: &str, call: &Call) -> Result<Value, Refusal> {
        let record = self.thing(Kind::Object, object, id)?;
        let entries = self
            .things
            .iter()
            .filter(|thing| thing.parent.as_ref().is_some_and(|parent| parent.record == record.id));
        let shown = entries.map(|entry| {
            json!({
                "list_id": entry.holder,
                "list_api_slug": self.slug_of(&entry.holder),
                "entry_id": entry.id,
                "created_at": entry.created_at,
            })
        });
        Ok(data(call.page(100, 1000)?.of(shown)))
    }
}
