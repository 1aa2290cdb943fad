//! `/v2/notes`, `/v2/tasks`, `/v2/comments`.

use serde_json::{Value, json};

use super::{data, found, no_such_path};
use crate::http::fake_attio::{actor::By, call::Call, refusal::Refusal, world::World};

impl World {
    pub(super) fn answer_notes(
        &mut self,
        rest: &[&str],
        call: &Call,
        by: &By,
    ) -> Result<Value, Refusal> {
        match (call.method.as_str(), rest) {
            ("GET", []) => {
                let object = call.parameter("parent_object").map(|name| self.slug_of(name));
                let record = call.parameter("parent_record_id");
                let is_wanted = |note: &&Value| {
                    object.is_none_or(|slug| note["parent_object"] == slug)
                        && record.is_none_or(|id| note["parent_record_id"] == id)
                };
                Ok(data(call.page(10, 50)?.of(self.notes.iter().filter(is_wanted))))
            }
            ("GET", [id]) => found(&self.notes, "note_id", id, "note").map(data),
            ("POST", []) => self.create_note(call.data()?, by).map(data),
            _ => Err(no_such_path(call)),
        }
    }

    pub(super) fn answer_tasks(
        &mut self,
        rest: &[&str],
        call: &Call,
        by: &By,
    ) -> Result<Value, Refusal> {
        match (call.method.as_str(), rest) {
            ("GET", []) => {
                let record = call.parameter("linked_record_id");
                let is_wanted = |task: &&Value| {
                    let mut links = task["linked_records"].as_array().into_iter().flatten();
                    record.is_none_or(|id| links.any(|link| link["target_record_id"] == id))
                };
                let mut tasks: Vec<&Value> = self.tasks.iter().filter(is_wanted).collect();
                if call.parameter("sort") == Some("created_at:desc") {
                    tasks.reverse();
                }
                Ok(data(call.page(500, 500)?.of(tasks.into_iter())))
            }
            ("GET", [id]) => found(&self.tasks, "task_id", id, "task").map(data),
            ("POST", []) => self.create_task(call.data()?, by).map(data),
            ("PATCH", [id]) => self.update_task(id, call.data()?, by).map(data),
            _ => Err(no_such_path(call)),
        }
    }

    pub(super) fn answer_comments(
        &mut self,
        rest: &[&str],
        call: &Call,
        by: &By,
    ) -> Result<Value, Refusal> {
        match (call.method.as_str(), rest) {
            ("GET", [id]) => found(&self.comments, "comment_id", id, "comment").map(data),
            ("POST", []) => {
                let made = self.create_comment(call.data()?, by).map(data);
                made.map_err(|refusal| match refusal.status {
                    400 => refusal.in_camel_case(),
                    _ => refusal,
                })
            }
            ("DELETE", [id]) => {
                let comment = found(&self.comments, "comment_id", id, "comment")?.clone();
                self.comments.retain(|other| *other != comment);
                self.tell_of_comment("comment.deleted", &comment, by);
                Ok(json!({}))
            }
            _ => Err(no_such_path(call)),
        }
    }
}
