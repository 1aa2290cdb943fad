//! What people do in Attio's app: the same changes and events as over the API, in their name.
#![expect(clippy::missing_errors_doc, reason = "all of it refuses what Attio's API refuses")]

use serde_json::{Value, json};

use super::{
    Actor, FakeAttio, Refusal,
    actor::By,
    world::{Kind, Parent, World},
    write::Multi,
};

/// Somebody at work in Attio.
#[derive(Debug)]
pub struct Hand<'f> {
    pub(super) fake: &'f FakeAttio,
    actor: Actor,
}

impl FakeAttio {
    /// What this actor does, a member of the workspace as a rule.
    #[must_use]
    pub fn by(&self, actor: Actor) -> Hand<'_> {
        Hand { fake: self, actor }
    }
}

impl Hand<'_> {
    /// Sets the values of one attribute of a record, in any form that the API takes.
    pub fn set_value(
        &self,
        object: &str,
        record: &str,
        attribute: &str,
        value: impl Into<Value>,
    ) -> Result<(), Refusal> {
        self.edit(|world, by| {
            world.set(Kind::Object, object, record, &json!({attribute: value.into()}), by)
        })
    }

    /// Sets the values of one attribute of a list entry.
    pub fn set_entry_value(
        &self,
        list: &str,
        entry: &str,
        attribute: &str,
        value: impl Into<Value>,
    ) -> Result<(), Refusal> {
        self.edit(|world, by| {
            world.set(Kind::List, list, entry, &json!({attribute: value.into()}), by)
        })
    }

    /// Makes a record; its id.
    pub fn create_record(&self, object: &str, values: &Value) -> Result<String, Refusal> {
        self.edit(|world, by| {
            let written = world.read_values(Kind::Object, object, values)?;
            world.create(Kind::Object, object, None, written, by)
        })
    }

    /// Deletes a record, and with it its list entries.
    pub fn delete_record(&self, object: &str, record: &str) -> Result<(), Refusal> {
        self.edit(|world, by| {
            let place = world.place(Kind::Object, object, record)?;
            world.remove(place, by);
            Ok(())
        })
    }

    /// Makes one new record of two; its id.
    pub fn merge_records(
        &self,
        object: &str,
        first: &str,
        second: &str,
    ) -> Result<String, Refusal> {
        self.edit(|world, by| world.merge(object, first, second, by))
    }

    /// Puts a record on a list; the entry's id.
    pub fn add_to_list(
        &self,
        list: &str,
        object: &str,
        record: &str,
        values: &Value,
    ) -> Result<String, Refusal> {
        self.edit(|world, by| {
            let written = world.read_values(Kind::List, list, values)?;
            let parent = world.thing(Kind::Object, object, record)?;
            let parent = Parent { object: parent.holder.clone(), record: parent.id.clone() };
            world.create(Kind::List, list, Some(parent), written, by)
        })
    }

    /// Takes a record off a list.
    pub fn remove_from_list(&self, list: &str, entry: &str) -> Result<(), Refusal> {
        self.edit(|world, by| {
            let place = world.place(Kind::List, list, entry)?;
            world.remove(place, by);
            Ok(())
        })
    }

    /// Writes a note in plain text; its id.
    pub fn write_note(
        &self,
        object: &str,
        record: &str,
        title: &str,
        content: &str,
    ) -> Result<String, Refusal> {
        let given = json!({
            "parent_object": object, "parent_record_id": record, "title": title,
            "format": "plaintext", "content": content,
        });
        self.edit(|world, by| Ok(id_of(&world.create_note(&given, by)?, "note_id")))
    }

    /// Makes a task about a record, for nobody and with no deadline; its id.
    pub fn add_task(&self, object: &str, record: &str, content: &str) -> Result<String, Refusal> {
        let given = json!({
            "content": content, "format": "plaintext", "deadline_at": null,
            "is_completed": false, "assignees": [],
            "linked_records": [{"target_object": object, "target_record_id": record}],
        });
        self.edit(|world, by| Ok(id_of(&world.create_task(&given, by)?, "task_id")))
    }

    /// Ticks a task off.
    pub fn complete_task(&self, task: &str) -> Result<(), Refusal> {
        let given = json!({"is_completed": true});
        self.edit(|world, by| world.update_task(task, &given, by).map(drop))
    }

    /// Comments on a record, as the person who is the actor; the comment's id.
    pub fn add_comment(
        &self,
        object: &str,
        record: &str,
        content: &str,
    ) -> Result<String, Refusal> {
        let given = json!({
            "format": "plaintext", "content": content, "author": self.actor.json(),
            "record": {"object": object, "record_id": record},
        });
        self.edit(|world, by| Ok(id_of(&world.create_comment(&given, by)?, "comment_id")))
    }

    /// Marks a comment's thread as resolved.
    pub fn resolve_comment(&self, comment: &str) -> Result<(), Refusal> {
        self.edit(|world, by| {
            let known =
                world.comments.iter_mut().find(|known| known["id"]["comment_id"] == comment);
            let known = known.ok_or_else(|| Refusal::not_found("comment", comment))?;
            known["resolved_at"] = by.at.as_str().into();
            known["resolved_by"] = by.actor.json();
            let known = known.clone();
            world.tell_of_comment("comment.resolved", &known, by);
            Ok(())
        })
    }

    /// Makes an event of any type, for what the fake cannot do itself: the fields of `id` beside
    /// the workspace's, and what stands beside `id`.
    pub fn report(&self, event_type: &str, id: Value, beside: Value) -> Result<(), Refusal> {
        self.edit(|world, by| {
            world.tell(event_type, id, beside, by);
            Ok(())
        })
    }

    pub(super) fn edit<T>(
        &self,
        change: impl FnOnce(&mut World, &By) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        self.fake.desk.change(self.actor.clone(), change)
    }
}

impl World {
    fn set(
        &mut self,
        kind: Kind,
        holder: &str,
        id: &str,
        values: &Value,
        by: &By,
    ) -> Result<(), Refusal> {
        let place = self.place(kind, holder, id)?;
        let written = self.read_values(kind, holder, values)?;
        self.update(place, written, Multi::Replace, by)
    }
}

fn id_of(made: &Value, field: &str) -> String {
    made["id"][field].as_str().unwrap_or_default().to_owned()
}
