//! What people say about records: notes, tasks, comments.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    actor::By,
    refusal::Refusal,
    world::{Kind, World},
};

/// The longest text of a task
/// (<https://docs.attio.com/rest-api/endpoint-reference/tasks/create-a-task>).
const TASK_LENGTH: usize = 2000;

impl World {
    /// Writes a note; as it is answered.
    pub(super) fn create_note(&mut self, given: &Value, by: &By) -> Result<Value, Refusal> {
        let object = text(given, "parent_object")?;
        let record = text(given, "parent_record_id")?;
        let (title, content) = (text(given, "title")?, text(given, "content")?);
        let plain = match text(given, "format")? {
            "plaintext" => content.to_owned(),
            "markdown" => without_marks(content),
            _ => return Err(invalid(given, "format", "plaintext or markdown")),
        };
        let record = self.thing(Kind::Object, object, record)?;
        let (object_id, record_id) = (record.holder.clone(), record.id.clone());
        let note_id = Uuid::now_v7().to_string();
        let note = json!({
            "id": {"workspace_id": self.workspace_id, "note_id": note_id},
            "parent_object": self.slug_of(&object_id),
            "parent_record_id": record_id,
            "title": title,
            "meeting_id": given["meeting_id"],
            "content_plaintext": plain,
            "content_markdown": content,
            "tags": [],
            "created_by_actor": by.actor.json(),
            "created_at": given["created_at"].as_str().unwrap_or(&by.at),
        });
        let beside = json!({"parent_object_id": object_id, "parent_record_id": record_id});
        self.tell("note.created", json!({"note_id": note_id}), beside, by);
        self.notes.push(note.clone());
        Ok(note)
    }

    /// Makes a task; as it is answered. Every key is required.
    pub(super) fn create_task(&mut self, given: &Value, by: &By) -> Result<Value, Refusal> {
        let content = text(given, "content")?;
        if content.chars().count() > TASK_LENGTH {
            return Err(invalid(given, "content", "at most 2000 characters"));
        }
        if text(given, "format")? != "plaintext" {
            return Err(invalid(given, "format", "plaintext"));
        }
        if !given["is_completed"].is_boolean() {
            return Err(invalid(given, "is_completed", "boolean"));
        }
        if given.get("deadline_at").is_none() {
            return Err(invalid(given, "deadline_at", "string"));
        }
        let task_id = Uuid::now_v7().to_string();
        let task = json!({
            "id": {"workspace_id": self.workspace_id, "task_id": task_id},
            "content_plaintext": content,
            "deadline_at": given["deadline_at"],
            "is_completed": given["is_completed"],
            "completed_at": (given["is_completed"] == true).then_some(&by.at),
            "linked_records": self.linked_records(given)?,
            "assignees": self.assignees(given)?,
            "created_by_actor": by.actor.json(),
            "created_at": by.at,
        });
        self.tell("task.created", json!({"task_id": task_id}), json!({}), by);
        self.tasks.push(task.clone());
        Ok(task)
    }

    /// Changes a task; as it is answered.
    pub(super) fn update_task(
        &mut self,
        id: &str,
        given: &Value,
        by: &By,
    ) -> Result<Value, Refusal> {
        let mut changes = json!({});
        for field in ["deadline_at", "is_completed"] {
            if let Some(value) = given.get(field) {
                changes[field] = value.clone();
            }
        }
        if let Some(is_completed) = given["is_completed"].as_bool() {
            changes["completed_at"] = is_completed.then_some(&by.at).cloned().into();
        }
        if given.get("linked_records").is_some() {
            changes["linked_records"] = self.linked_records(given)?.into();
        }
        if given.get("assignees").is_some() {
            changes["assignees"] = self.assignees(given)?.into();
        }
        let task = self.tasks.iter_mut().find(|task| task["id"]["task_id"] == id);
        let task = task.ok_or_else(|| Refusal::not_found("task", id))?;
        for (field, value) in changes.as_object_mut().into_iter().flatten() {
            task[field] = value.take();
        }
        let task = task.clone();
        self.tell("task.updated", json!({"task_id": id}), json!({}), by);
        Ok(task)
    }

    /// Writes a comment on a record, on an entry or in a thread; as it is answered.
    pub(super) fn create_comment(&mut self, given: &Value, by: &By) -> Result<Value, Refusal> {
        let content = text(given, "content")?;
        if text(given, "format")? != "plaintext" {
            return Err(invalid(given, "format", "plaintext"));
        }
        let author = &given["author"];
        let is_author = |member: &Value| member["id"]["workspace_member_id"] == author["id"];
        if author["type"] != "workspace-member" || !self.members.iter().any(is_author) {
            return Err(Refusal::unknown_value("The author must be a workspace member."));
        }
        let (thread, record, entry) = self.place_of_comment(given)?;
        let comment_id = Uuid::now_v7().to_string();
        let comment = json!({
            "id": {"workspace_id": self.workspace_id, "comment_id": comment_id},
            "thread_id": thread,
            "content_plaintext": content,
            "entry": entry,
            "record": record,
            "resolved_at": null,
            "resolved_by": {"type": null, "id": null},
            "created_at": given["created_at"].as_str().unwrap_or(&by.at),
            "author": author,
        });
        self.tell_of_comment("comment.created", &comment, by);
        self.comments.push(comment.clone());
        Ok(comment)
    }

    pub(super) fn tell_of_comment(&mut self, event_type: &str, comment: &Value, by: &By) {
        let beside = json!({
            "thread_id": comment["thread_id"],
            "object_id": comment["record"]["object_id"],
            "record_id": comment["record"]["record_id"],
            "list_id": comment["entry"]["list_id"],
            "entry_id": comment["entry"]["entry_id"],
        });
        let id = json!({"comment_id": comment["id"]["comment_id"]});
        self.tell(event_type, id, beside, by);
    }

    /// Thread, record and entry; exactly one of them is given.
    fn place_of_comment(&self, given: &Value) -> Result<(Value, Value, Value), Refusal> {
        let (thread, record, entry) =
            (given.get("thread_id"), given.get("record"), given.get("entry"));
        let new_thread = || Value::from(Uuid::now_v7().to_string());
        let show = |object: &str, id: &str| json!({"record_id": id, "object_id": object});
        match (thread, record, entry) {
            (Some(thread), None, None) => {
                let of_thread =
                    self.comments.iter().find(|comment| comment["thread_id"] == *thread);
                let first = of_thread.ok_or_else(|| {
                    Refusal::unknown_value("The thread that was referred to does not exist.")
                })?;
                Ok((thread.clone(), first["record"].clone(), first["entry"].clone()))
            }
            (None, Some(record), None) => {
                let (object, id) = (text(record, "object")?, text(record, "record_id")?);
                let record = self.thing(Kind::Object, object, id)?;
                Ok((new_thread(), show(&record.holder, &record.id), Value::Null))
            }
            (None, None, Some(entry)) => {
                let (list, id) = (text(entry, "list")?, text(entry, "entry_id")?);
                let entry = self.thing(Kind::List, list, id)?;
                let parent = entry.parent.as_ref();
                let record = parent.map(|parent| show(&parent.object, &parent.record));
                let entry = json!({"entry_id": entry.id, "list_id": entry.holder});
                Ok((new_thread(), record.unwrap_or_default(), entry))
            }
            _ => Err(invalid(given, "record", "exactly one of thread_id, record and entry")),
        }
    }

    fn linked_records(&self, given: &Value) -> Result<Vec<Value>, Refusal> {
        let show = |link: &Value| {
            let (object, id) = (text(link, "target_object")?, text(link, "target_record_id")?);
            let record = self.thing(Kind::Object, object, id)?;
            Ok(json!({"target_object_id": record.holder, "target_record_id": record.id}))
        };
        array(given, "linked_records")?.iter().map(show).collect()
    }

    fn assignees(&self, given: &Value) -> Result<Vec<Value>, Refusal> {
        let show = |assignee: &Value| {
            let is_meant = |member: &&Value| {
                let id = &member["id"]["workspace_member_id"];
                *id == assignee["referenced_actor_id"]
                    || member["email_address"] == assignee["workspace_member_email_address"]
            };
            let member = self.members.iter().find(is_meant);
            let id = member.map(|member| &member["id"]["workspace_member_id"]);
            let id = id.ok_or_else(|| Refusal::unknown_value("There is no such assignee."))?;
            Ok(json!({"referenced_actor_type": "workspace-member", "referenced_actor_id": id}))
        };
        array(given, "assignees")?.iter().map(show).collect()
    }
}

fn text<'g>(given: &'g Value, field: &str) -> Result<&'g str, Refusal> {
    given[field].as_str().ok_or_else(|| invalid(given, field, "string"))
}

fn array<'g>(given: &'g Value, field: &str) -> Result<&'g Vec<Value>, Refusal> {
    given[field].as_array().ok_or_else(|| invalid(given, field, "array"))
}

fn invalid(given: &Value, field: &str, expected: &str) -> Refusal {
    let message = if given.get(field).is_some() { "Invalid input" } else { "Required" };
    Refusal::invalid(&["data", field], message, expected, &given[field])
}

/// Markdown's text, as far as people write it in notes.
fn without_marks(markdown: &str) -> String {
    let bare = |line: &str| {
        let line = line.trim_start_matches('#').trim_start();
        line.strip_prefix("- ").unwrap_or(line).replace("**", "")
    };
    markdown.lines().map(bare).collect::<Vec<_>>().join("\n")
}
