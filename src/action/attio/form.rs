//! The forms of what is written: compiled once, filled for each event, sent by one call.

use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    place::{Place, Record, Text},
    value::Values,
};
use crate::{
    action::{ActionError, Job, TemplateProblem},
    attio::{
        client::{ApiError, Client, Update},
        event::Event,
    },
    config::AttioWrite,
    routing::Needs,
};

/// What an action writes, compiled.
pub(super) enum Form {
    Record { object: String, matching: String, values: Values },
    Update { place: Place, values: Values, update: Update },
    Entry { list: String, place: Place, values: Values },
    Note { place: Place, title: Text, content: Text, format: &'static str },
    Task { place: Place, content: Text, deadline: Option<Text>, assignees: Vec<Text> },
    Comment { place: Place, content: Text, author: Text },
}

/// One write, with everything in it that differs between events.
#[derive(Debug)]
pub(super) enum Write<'f> {
    Record { object: &'f str, matching: &'f str, values: Value },
    Update { record: Record, values: Value, update: Update },
    Entry { list: &'f str, record: Record, values: Value },
    Note { record: Record, data: Value },
    Task { record: Option<Record>, data: Value },
    Comment { record: Record, data: Value },
}

impl Form {
    /// Compiles every template.
    ///
    /// # Errors
    /// All that is wrong with them; at least one problem.
    pub(super) fn compile(write: &AttioWrite) -> Result<Self, Vec<TemplateProblem>> {
        let mut problems = Vec::new();
        let form = Self::read(write, &mut problems);
        form.filter(|_| problems.is_empty()).ok_or(problems)
    }

    /// `None` only where there is a problem.
    fn read(write: &AttioWrite, problems: &mut Vec<TemplateProblem>) -> Option<Self> {
        Some(match write {
            AttioWrite::Record { object, matching, values } => Self::Record {
                object: object.to_string(),
                matching: matching.to_string(),
                values: Values::compile(values, problems),
            },
            AttioWrite::Update { target, values, adds } => Self::Update {
                place: Place::compile(target, problems),
                values: Values::compile(values, problems),
                update: if *adds { Update::Add } else { Update::Replace },
            },
            AttioWrite::Entry { list, target, values } => Self::Entry {
                list: list.to_string(),
                place: Place::compile(target, problems),
                values: Values::compile(values, problems),
            },
            AttioWrite::Note { target, title, content, is_markdown } => {
                let place = Place::compile(target, problems);
                let title = Text::compile("title", title, problems);
                let content = Text::compile("content", content, problems);
                let format = if *is_markdown { "markdown" } else { "plaintext" };
                Self::Note { place, title: title?, content: content?, format }
            }
            AttioWrite::Task { target, content, deadline, assignees } => {
                let place = Place::compile(target, problems);
                let content = Text::compile("content", content, problems);
                let deadline = deadline.as_ref();
                let deadline = deadline.and_then(|it| Text::compile("deadline", it, problems));
                let mut text = |source: &String| Text::compile("assignees", source, problems);
                let assignees = assignees.iter().filter_map(&mut text).collect();
                Self::Task { place, content: content?, deadline, assignees }
            }
            AttioWrite::Comment { target, content, author } => {
                let place = Place::compile(target, problems);
                let content = Text::compile("content", content, problems);
                let author = Text::compile("author", author, problems);
                Self::Comment { place, content: content?, author: author? }
            }
        })
    }

    /// What must be looked up before it can be filled.
    pub(super) fn needs(&self) -> Needs {
        match self {
            Self::Record { values, .. } => values.needs(),
            Self::Update { place, values, .. } | Self::Entry { place, values, .. } => {
                place.needs() | values.needs()
            }
            Self::Note { place, title, content, .. } => {
                place.needs() | title.needs() | content.needs()
            }
            Self::Task { place, content, deadline, assignees } => {
                let rest = deadline.iter().chain(assignees).chain([content]);
                rest.fold(place.needs(), |needs, text| needs | text.needs())
            }
            Self::Comment { place, content, author } => {
                place.needs() | content.needs() | author.needs()
            }
        }
    }

    /// What is to be written for `job`.
    ///
    /// # Errors
    /// A template cannot be filled, or there is no record to write to.
    pub(super) fn write(&self, job: &Job, event: &Event) -> Result<Write<'_>, ActionError> {
        Ok(match self {
            Self::Record { object, matching, values } => {
                let values = values.write(job)?;
                if values[matching].as_array().is_none_or(Vec::is_empty) {
                    let what =
                        format!("there is nothing to find a record by: `{matching}` is empty");
                    return Err(ActionError::Skipped(what));
                }
                Write::Record { object, matching, values }
            }
            Self::Update { place, values, update } => Write::Update {
                record: place.need(job, event)?,
                values: values.write(job)?,
                update: *update,
            },
            Self::Entry { list, place, values } => {
                Write::Entry { list, record: place.need(job, event)?, values: values.write(job)? }
            }
            Self::Note { place, title, content, format } => {
                let record = place.need(job, event)?;
                let data = json!({
                    "parent_object": record.object, "parent_record_id": record.id,
                    "title": title.write(job)?, "format": format, "content": content.write(job)?,
                });
                Write::Note { record, data }
            }
            Self::Task { place, content, deadline, assignees } => {
                let record = place.find(job, event)?;
                let data = task(job, record.as_ref(), content, deadline.as_ref(), assignees)?;
                Write::Task { record, data }
            }
            Self::Comment { place, content, author } => {
                let record = place.need(job, event)?;
                let data = json!({
                    "format": "plaintext", "content": content.write(job)?,
                    "author": {"type": "workspace-member", "id": author.write(job)?},
                    "record": {"object": record.object, "record_id": record.id},
                });
                Write::Comment { record, data }
            }
        })
    }
}

/// Every key must be there, empty lists and null included:
/// <https://docs.attio.com/rest-api/endpoint-reference/tasks/create-a-task>.
fn task(
    job: &Job,
    record: Option<&Record>,
    content: &Text,
    deadline: Option<&Text>,
    assignees: &[Text],
) -> Result<Value, ActionError> {
    let links = record
        .iter()
        .map(|record| json!({"target_object": record.object, "target_record_id": record.id}));
    let deadline = deadline.map(|text| text.write(job)).transpose()?;
    let mut members = Vec::new();
    for text in assignees {
        let who = text.write(job)?;
        if who.contains('@') {
            members.push(json!({"workspace_member_email_address": who}));
        } else if !who.is_empty() {
            members.push(json!({
                "referenced_actor_type": "workspace-member", "referenced_actor_id": who,
            }));
        }
    }
    Ok(json!({
        "content": content.write(job)?,
        "format": "plaintext",
        "deadline_at": deadline.filter(|text| !text.is_empty()),
        "is_completed": false,
        "linked_records": links.collect::<Vec<_>>(),
        "assignees": members,
    }))
}

impl Write<'_> {
    /// What is written to, told apart from all others.
    pub(super) fn key(&self) -> String {
        let subject = self.subject();
        match self {
            Self::Record { matching, values, .. } => format!("{subject} {}", values[matching]),
            Self::Update { .. }
            | Self::Entry { .. }
            | Self::Note { .. }
            | Self::Task { .. }
            | Self::Comment { .. } => subject,
        }
    }

    /// The same in words, without what people wrote.
    pub(super) fn subject(&self) -> String {
        match self {
            Self::Record { object, matching, .. } => format!("a record of {object} by {matching}"),
            Self::Update { record, .. } => record.to_string(),
            Self::Entry { list, record, .. } => format!("{list} of {record}"),
            Self::Note { record, .. } => format!("notes of {record}"),
            Self::Task { record: Some(record), .. } => format!("tasks of {record}"),
            Self::Task { record: None, .. } => "tasks of no record".to_owned(),
            Self::Comment { record, .. } => format!("comments on {record}"),
        }
    }

    /// Sends it.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub(super) async fn send(&self, client: &Client, deadline: Instant) -> Result<(), ApiError> {
        match self {
            Self::Record { object, matching, values } => {
                client.assert_record(object, matching, values, deadline).await
            }
            Self::Update { record: Record { object, id }, values, update } => {
                client.update_record(object, id, values, *update, deadline).await
            }
            Self::Entry { list, record, values } => {
                let data = json!({
                    "parent_object": record.object, "parent_record_id": record.id,
                    "entry_values": values,
                });
                client.assert_entry(list, &data, deadline).await
            }
            Self::Note { data, .. } => client.create_note(data, deadline).await,
            Self::Task { data, .. } => client.create_task(data, deadline).await,
            Self::Comment { data, .. } => client.create_comment(data, deadline).await,
        }
        .map(drop)
    }
}
