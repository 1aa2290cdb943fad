//! What the names of a template stand for: the job, the event, and what was looked up for it.

use std::collections::BTreeSet;

use minijinja::{Error, Value, value::Serde};
use serde_json::Value as Json;

use super::{TemplateError, event, operators::Problem};
use crate::job::Job;

/// The values of those `names` that are used.
///
/// # Errors
///
/// The event is used and cannot be read.
pub(super) fn of(job: &Job, names: &BTreeSet<String>) -> Result<Value, TemplateError> {
    let reads_event = names.contains("event") || names.contains("actor");
    let event = if reads_event { event::read(&job.json)? } else { Value::UNDEFINED };
    let pairs = names.iter().map(|name| (name.as_str(), one(job, &event, name)));
    Ok(Value::from_pairs(pairs))
}

fn one(job: &Job, event: &Value, name: &str) -> Value {
    let values = &*job.values;
    match name {
        "event" => event.clone(),
        "actor" => actor(event, values.actor.as_ref()),
        "id" => Value::from(job.event_id.to_string()),
        "type" => Value::from(job.event_type.as_str()),
        "received_at" => Value::from(job.received_at_text()),
        "source" => Value::from(job.source.as_str()),
        "route" => Value::from(job.route.as_str()),
        "attempt" => Value::from(job.attempt),
        "record" => looked_up(name, values.record.as_ref()),
        "entry" => looked_up(name, values.entry.as_ref()),
        "previous" => previous(job),
        "workspace" => looked_up(name, values.workspace.as_ref()),
        "note" => looked_up(name, values.note.as_ref()),
        "task" => looked_up(name, values.task.as_ref()),
        "comment" => looked_up(name, values.comment.as_ref()),
        "meeting" => looked_up(name, values.meeting.as_ref()),
        _ => Value::UNDEFINED,
    }
}

/// A value that was not looked up is an error where it is used: never an empty one.
fn looked_up(name: &str, value: Option<&Json>) -> Value {
    value.map_or_else(
        || Value::from(Error::from(Problem::Wrong(format!("`{name}` was not looked up")))),
        |value| Value::from(Serde(value)),
    )
}

/// The event's actor, with name and e-mail address where they were looked up.
fn actor(event: &Value, known: Option<&Json>) -> Value {
    let sent = event.get_attr("actor").ok().filter(|actor| !actor.is_undefined());
    let sent = sent.unwrap_or(Value::from(()));
    let Some(known) = known.filter(|_| !sent.is_none()) else {
        return sent;
    };
    let unknown = ["name", "email"].map(|key| (Value::from(key), Value::from(())));
    let known = known.as_object().into_iter().flatten();
    let known = known.map(|(key, value)| (Value::from(key.as_str()), Value::from(Serde(value))));
    let keys = sent.try_iter().into_iter().flatten();
    let sent = keys.map(|key| {
        let value = sent.get_item(&key).unwrap_or(Value::UNDEFINED);
        (key, value)
    });
    // Of equal keys, the last counts.
    Value::from_pairs(unknown.into_iter().chain(known).chain(sent))
}

/// The record or entry before the change: what did not change was as it is.
fn previous(job: &Job) -> Value {
    let values = &*job.values;
    let is_of_entry = job.event_type.starts_with("list-entry.");
    let now = if is_of_entry { &values.entry } else { &values.record }.as_ref();
    match (values.previous.as_ref(), now) {
        (Some(Json::Object(before)), Some(Json::Object(now))) => {
            let all = now.iter().chain(before);
            let all =
                all.map(|(key, value)| (Value::from(key.as_str()), Value::from(Serde(value))));
            Value::from_pairs(all)
        }
        (before, _) => looked_up("previous", before),
    }
}
