//! Stories, in the order in which things happened.

use clap::Args;
use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use super::list::{about, cut, waits};
use crate::{
    cli::Output,
    look::{DeliveryStory, EventStory, MessageStory, Tried},
    store::{AttemptRow, EventRow, MessageRow, text_of},
};

/// More of an answer is in `--output json`.
const LONGEST_ANSWER: usize = 200;

/// What to show.
#[derive(Debug, Args)]
pub(in crate::cli) struct Show {
    /// Its id.
    pub(super) id: Uuid,
    /// Show what Attio sent, too.
    #[arg(long)]
    pub(super) body: bool,
    /// The form of what is shown.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

impl Show {
    /// The story in the form that was asked for.
    pub(super) fn text(&self, story: &impl Serialize, lines: impl Fn() -> Vec<String>) -> String {
        match self.output {
            Output::Table => lines().join("\n"),
            Output::Json => serde_json::to_string_pretty(story).expect("rows are always JSON"),
        }
    }
}

pub(super) fn message(story: &MessageStory) -> Vec<String> {
    let mut lines = received(&story.message);
    for event in &story.events {
        lines.push(format!("  event {}  {}{}", event.id, event.event_type, about(&event.subject)));
    }
    if story.events.is_empty() {
        lines.push("  no events".to_owned());
    }
    if let Some(body) = &story.body {
        lines.push("body:".to_owned());
        lines.push(body.clone());
    }
    lines
}

pub(super) fn event(story: &EventStory) -> Vec<String> {
    let mut lines = received(&story.message);
    lines.extend(happened(&story.event));
    for decision in &story.routes {
        let why = decision.reason.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        lines.push(format!("route {}: {}{why}", decision.route, decision.verdict));
    }
    for tried in &story.deliveries {
        lines.extend(delivered(tried));
    }
    if story.deliveries.is_empty() {
        lines.push("no route wanted it when it arrived: nothing was delivered".to_owned());
    }
    lines.extend(body(story.body.as_ref()));
    lines
}

pub(super) fn delivery(story: &DeliveryStory) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(event) = &story.event {
        let when = text_of(event.received_at);
        lines.push(format!("{when}  received by {}: message {}", event.source, event.message_id));
        lines.extend(happened(event));
    }
    lines.extend(delivered(&story.tried));
    lines.push(format!("  idempotency key {}", story.tried.delivery.idempotency_key));
    lines.extend(body(story.body.as_ref()));
    lines
}

fn received(message: &MessageRow) -> Vec<String> {
    let MessageRow { id, received_at, source, status, .. } = message;
    let mut lines =
        vec![format!("{}  received by {source}: message {id}: {status}", text_of(*received_at))];
    if message.origin != "attio" {
        lines.push(format!("  made here: {}", message.origin));
    }
    lines.extend(message.reason.as_ref().map(|reason| format!("  {reason}")));
    lines.extend(message.key.as_ref().map(|key| format!("  key {key}")));
    lines
}

fn happened(event: &EventRow) -> Vec<String> {
    let mut lines = vec![
        format!("event {}: {}", event.id, event.event_type),
        format!("{}", about(&event.subject)),
    ];
    lines.retain(|line| !line.is_empty());
    lines.extend(event.attribute_id.as_ref().map(|id| format!("  attribute {id}")));
    if let Some(kind) = &event.actor_type {
        lines.push(format!("  by {kind} {}", event.actor_id.as_deref().unwrap_or_default()));
    }
    lines
}

fn delivered(tried: &Tried) -> Vec<String> {
    let row = &tried.delivery;
    let mut lines =
        vec![format!("delivery {}: {} → {}: {}", row.id, row.route, row.action, row.state)];
    lines.extend(tried.attempts.iter().flat_map(attempt));
    lines.extend(waits(row, OffsetDateTime::now_utc()).map(|waits| format!("  {waits}")));
    if let Some(ended) = row.ended_at {
        let why = row.reason.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        lines.push(format!("  {}  {}{why}", text_of(ended), row.state));
    }
    lines
}

fn attempt(attempt: &AttemptRow) -> Vec<String> {
    let AttemptRow { number, result, .. } = attempt;
    let Some(started) = attempt.started_at else {
        return vec![format!("  attempt {number}: its process was lost, its end is not known")];
    };
    let status = attempt.status.map(|status| format!(" {status}")).unwrap_or_default();
    let took = attempt.duration_us.map(|us| format!(" after {} ms", us / 1000)).unwrap_or_default();
    let mut lines =
        vec![format!("  {}  attempt {number}: {result}{status}{took}", text_of(started))];
    lines.extend(attempt.error.as_ref().map(|error| format!("    {}", cut(error, LONGEST_ANSWER))));
    let answer = attempt.answer.as_ref().filter(|answer| !answer.trim().is_empty());
    lines
        .extend(answer.map(|answer| format!("    answer: {}", cut(answer.trim(), LONGEST_ANSWER))));
    lines
}

fn body(body: Option<&Value>) -> Vec<String> {
    body.map(|body| vec!["body:".to_owned(), format!("{body:#}")]).unwrap_or_default()
}
