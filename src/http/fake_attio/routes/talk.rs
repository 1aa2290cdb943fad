//! Notes, tasks and comments.

use serde_json::Value;

use super::{data, found, no_such_path};
use crate::http::fake_attio::{actor::By, call::Call, refusal::Refusal, world::World};

impl World {
    pub(super) fn answer_notes(
        &mut self,
        rest: &[&str],
        call: &Call,
        _by: &By,
    ) -> Result<Value, Refusal> {
        match (call.method.as_str(), rest) {
            ("GET", []) => Ok(data(call.page(10, 50)?.of(self.notes.iter()))),
            ("GET", [id]) => found(&self.notes, "note_id", id, "note").map(data),
            _ => Err(no_such_path(call)),
        }
    }

    pub(super) fn answer_tasks(
        &mut self,
        rest: &[&str],
        call: &Call,
        _by: &By,
    ) -> Result<Value, Refusal> {
        match (call.method.as_str(), rest) {
            ("GET", []) => Ok(data(call.page(500, 500)?.of(self.tasks.iter()))),
            ("GET", [id]) => found(&self.tasks, "task_id", id, "task").map(data),
            _ => Err(no_such_path(call)),
        }
    }

    pub(super) fn answer_comments(
        &mut self,
        rest: &[&str],
        call: &Call,
        _by: &By,
    ) -> Result<Value, Refusal> {
        match (call.method.as_str(), rest) {
            ("GET", [id]) => found(&self.comments, "comment_id", id, "comment").map(data),
            _ => Err(no_such_path(call)),
        }
    }
}
