//! Which answer belongs to which path (<https://docs.attio.com/rest-api/endpoint-reference>).

mod hooks;
mod meetings;
mod names;
mod talk;
mod things;

use serde_json::{Value, json};

use super::{
    actor::By,
    call::Call,
    refusal::Refusal,
    world::{Kind, World},
};

impl World {
    /// Carries out a call that was let in; the answer is its whole body.
    pub(super) fn answer(&mut self, call: &Call, by: &By) -> Result<Value, Refusal> {
        let parts = call.parts();
        let (first, rest) = parts.split_first().ok_or_else(|| no_such_path(call))?;
        match *first {
            "objects" => self.answer_holders(Kind::Object, rest, call, by),
            "lists" => self.answer_holders(Kind::List, rest, call, by),
            "workspace_members" => self.answer_members(rest, call),
            "notes" => self.answer_notes(rest, call, by),
            "tasks" => self.answer_tasks(rest, call, by),
            "comments" => self.answer_comments(rest, call, by),
            "meetings" => self.answer_meetings(rest, call),
            "webhooks" => self.answer_webhooks(rest, call, by),
            "activities" => self.answer_activities(rest, call),
            _ => Err(no_such_path(call)),
        }
    }

    fn answer_members(&self, rest: &[&str], call: &Call) -> Result<Value, Refusal> {
        match (call.method.as_str(), rest) {
            ("GET", []) => Ok(data(&self.members)),
            ("GET", [id]) => {
                found(&self.members, "workspace_member_id", id, "workspace member").map(data)
            }
            _ => Err(no_such_path(call)),
        }
    }
}

/// The envelope of almost every answer.
fn data(inside: impl serde::Serialize) -> Value {
    json!({"data": inside})
}

/// The one of these whose id this is.
fn found<'w>(all: &'w [Value], field: &str, id: &str, what: &str) -> Result<&'w Value, Refusal> {
    let one = all.iter().find(|each| each["id"][field] == id);
    one.ok_or_else(|| Refusal::not_found(what, id))
}

fn no_such_path(call: &Call) -> Refusal {
    let message = format!("There is no endpoint {} {}.", call.method, call.path);
    Refusal::new(404, "not_found", message)
}
