//! Which record is written to, or about: the one that is named, or that of the event's subject.

use std::fmt;

use super::refused;
use crate::{
    action::{ActionError, Job, TemplateProblem},
    attio::event::Event,
    config::Target,
    routing::{
        Needs,
        template::{Escape, NAMES, Template},
    },
};

/// A template of one field.
pub(super) struct Text {
    field: &'static str,
    template: Template,
}

/// Where the record is named.
pub(super) struct Place {
    object: Option<String>,
    record: Option<Text>,
}

/// A record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    /// Its object, by slug or id.
    pub(super) object: String,
    /// Its id.
    pub(super) id: String,
}

impl Text {
    pub(super) fn compile(
        field: &'static str,
        source: &str,
        problems: &mut Vec<TemplateProblem>,
    ) -> Option<Self> {
        match Template::compile(source, &NAMES, Escape::Nothing) {
            Ok(template) => Some(Self { field, template }),
            Err(error) => {
                problems.push(TemplateProblem { field, message: error.to_string() });
                None
            }
        }
    }

    /// The text for `job`, without space around it.
    pub(super) fn write(&self, job: &Job) -> Result<String, ActionError> {
        let text = self.template.render(job);
        let text = text.map_err(|error| ActionError::of_template(self.field, &error))?;
        Ok(text.trim().to_owned())
    }

    pub(super) fn needs(&self) -> Needs {
        self.template.needs()
    }
}

impl Place {
    pub(super) fn compile(target: &Target, problems: &mut Vec<TemplateProblem>) -> Self {
        let record = target.record.as_ref();
        Self {
            object: target.object.as_ref().map(ToString::to_string),
            record: record.and_then(|source| Text::compile("record", source, problems)),
        }
    }

    /// The record; `None` where neither the configuration nor the event names one.
    pub(super) fn find(&self, job: &Job, event: &Event) -> Result<Option<Record>, ActionError> {
        let id = match &self.record {
            Some(template) => {
                let id = template.write(job)?;
                if id.is_empty() {
                    let what = "there is nothing to write to: `record` is empty".to_owned();
                    return Err(ActionError::Skipped(what));
                }
                Some(id)
            }
            None => event.subject.record_id.clone(),
        };
        let object = self.object.clone().or_else(|| event.subject.object_id.clone());
        Ok(object.zip(id).map(|(object, id)| Record { object, id }))
    }

    /// The record, which must be there.
    pub(super) fn need(&self, job: &Job, event: &Event) -> Result<Record, ActionError> {
        self.find(job, event)?.ok_or_else(|| {
            let event_type = event.event_type.escape_debug();
            refused(format!(
                "`{event_type}` names no record: the action needs `object` and `record`"
            ))
        })
    }

    pub(super) fn needs(&self) -> Needs {
        self.record.as_ref().map(Text::needs).unwrap_or_default()
    }
}

impl fmt::Display for Record {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.object, self.id)
    }
}
