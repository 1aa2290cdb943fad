//! What admins do: new attributes, new names, new choices.
#![expect(clippy::missing_errors_doc, reason = "all of it refuses what Attio's API refuses")]

use serde_json::json;
use uuid::Uuid;

use super::{Refusal, edits::Hand, lock, seed, world::Kind};

impl Hand<'_> {
    /// Adds a status or an option to an attribute; its id. Attio has no event for that.
    pub fn add_choice(
        &self,
        object: &str,
        attribute: &str,
        title: &str,
    ) -> Result<String, Refusal> {
        let mut world = lock(&self.fake.desk.world);
        let holder = world.holder_mut(Kind::Object, object)?;
        let slug = holder.attribute(attribute)?.slug().to_owned();
        let id = Uuid::now_v7().to_string();
        for known in holder.attributes.iter_mut().filter(|known| known.slug() == slug) {
            let choice = seed::choice(known, &json!({"id": id, "title": title}));
            known.choices.push(choice);
        }
        Ok(id)
    }

    /// Adds an attribute with one value to an object; its id.
    pub fn add_attribute(&self, object: &str, slug: &str, kind: &str) -> Result<String, Refusal> {
        self.edit(|world, by| {
            let workspace_id = world.workspace_id.clone();
            let holder = world.holder_mut(Kind::Object, object)?;
            let (object_id, id) = (holder.id.clone(), Uuid::now_v7().to_string());
            let given = json!({"attribute_id": id, "api_slug": slug, "title": slug, "type": kind});
            holder.attributes.push(seed::attribute(given, &workspace_id, &object_id));
            let ids = json!({"object_id": object_id, "attribute_id": id});
            world.tell("object-attribute.created", ids, json!({}), by);
            Ok(id)
        })
    }

    /// Gives an attribute of an object another slug.
    pub fn rename_attribute(
        &self,
        object: &str,
        attribute: &str,
        slug: &str,
    ) -> Result<(), Refusal> {
        self.edit(|world, by| {
            let holder = world.holder_mut(Kind::Object, object)?;
            let known = holder.attribute(attribute)?;
            let (id, old) = (known.id().to_owned(), known.slug().to_owned());
            let object_id = holder.id.clone();
            for known in holder.attributes.iter_mut().filter(|known| known.slug() == old) {
                known.json["api_slug"] = slug.into();
            }
            for record in world.things.iter_mut().filter(|thing| thing.holder == object_id) {
                let values = record.values.remove(&old).unwrap_or_default();
                record.values.insert(slug.to_owned(), values);
            }
            let ids = json!({"object_id": object_id, "attribute_id": id});
            world.tell("object-attribute.updated", ids, json!({}), by);
            Ok(())
        })
    }

    /// Gives a list another slug.
    pub fn rename_list(&self, list: &str, slug: &str) -> Result<(), Refusal> {
        self.edit(|world, by| {
            let holder = world.holder_mut(Kind::List, list)?;
            slug.clone_into(&mut holder.slug);
            let id = json!({"list_id": holder.id});
            world.tell("list.updated", id, json!({}), by);
            Ok(())
        })
    }
}
