//! Whether a note or a task that is to be made is there already.
//!
//! Attio takes no key for them, but they can be listed: one whose text holds the id of the event
//! that it was written for is found again. Where the templates do not put it there nothing is
//! looked for: an equal text may well be meant twice.

use serde_json::Value;
use tokio::time::Instant;

use super::form::Write;
use crate::{
    action::Job,
    attio::client::{ApiError, Client},
};

/// Whether `write` was made for the event of `job` before.
///
/// # Errors
/// The look-up failed.
pub(super) async fn is_made(
    client: &Client,
    write: &Write<'_>,
    job: &Job,
    deadline: Instant,
) -> Result<bool, ApiError> {
    let key = job.event_id.to_string();
    let holds = |thing: &Value, fields: &[&str]| {
        fields.iter().any(|field| thing[field].as_str().is_some_and(|text| text.contains(&key)))
    };
    match write {
        Write::Note { record, data } if holds(data, &["title", "content"]) => {
            let notes = client.notes_about(&record.object, &record.id, deadline).await?;
            let fields = ["title", "content_plaintext", "content_markdown"];
            Ok(notes.iter().any(|note| holds(note, &fields)))
        }
        Write::Task { record, data } if holds(data, &["content"]) => {
            let about = record.as_ref().map(|record| (record.object.as_str(), record.id.as_str()));
            let tasks = client.newest_tasks(about, deadline).await?;
            Ok(tasks.iter().any(|task| holds(task, &["content_plaintext"])))
        }
        // There is no list of comments; the last three do the same when they are repeated.
        Write::Note { .. }
        | Write::Task { .. }
        | Write::Comment { .. }
        | Write::Record { .. }
        | Write::Update { .. }
        | Write::Entry { .. } => Ok(false),
    }
}
