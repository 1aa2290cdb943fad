//! The templates of an action, one by one, each with the place where it stands.
//!
//! The action itself compiles them with what its kind needs; what they ask for is the same.

use super::{Action, ActionKind, AttioValue, AttioWrite};
use crate::routing::{
    Needs,
    template::{Escape, NAMES, Template, UsedAttribute},
};

/// A template as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written<'c> {
    /// The keys that lead to it from the action's table, such as `columns`, `email`.
    pub keys: Vec<&'c str>,
    /// The template.
    pub source: &'c str,
}

impl Action {
    /// Every template of the action.
    #[must_use]
    pub fn templates(&self) -> Vec<Written<'_>> {
        let one = |key, source| vec![Written { keys: vec![key], source }];
        match &self.kind {
            ActionKind::Http(http) => {
                http.body.iter().flat_map(|body| one("body", body.as_str())).collect()
            }
            ActionKind::Slack(slack) => one("text", &slack.text),
            ActionKind::Postgres(postgres) => postgres
                .columns
                .iter()
                .map(|(column, source)| Written { keys: vec!["columns", column], source })
                .collect(),
            ActionKind::Attio(attio) => of_writing(&attio.write),
            ActionKind::Log(log) => {
                log.text.iter().flat_map(|text| one("text", text.as_str())).collect()
            }
        }
    }

    /// What its templates need to have looked up.
    #[must_use]
    pub fn needs(&self) -> Needs {
        let templates = self.templates().into_iter();
        templates.fold(Needs::default(), |needs, written| needs | written.needs())
    }
}

fn of_writing(write: &AttioWrite) -> Vec<Written<'_>> {
    let mut found = Vec::new();
    for (name, value) in write.values() {
        of_value(&["values", name.as_str()], value, &mut found);
    }
    let texts: Vec<(&str, &String)> = match write {
        AttioWrite::Record { .. } => Vec::new(),
        AttioWrite::Update { target, .. } | AttioWrite::Entry { target, .. } => {
            target.record.iter().map(|record| ("record", record)).collect()
        }
        AttioWrite::Note { target, title, content, .. } => {
            let texts = [("title", title), ("content", content)];
            texts.into_iter().chain(target.record.iter().map(|it| ("record", it))).collect()
        }
        AttioWrite::Task { target, content, deadline, assignees } => {
            let texts = target.record.iter().map(|it| ("record", it));
            let texts = texts.chain(deadline.iter().map(|it| ("deadline", it)));
            let texts = texts.chain(assignees.iter().map(|it| ("assignees", it)));
            texts.chain([("content", content)]).collect()
        }
        AttioWrite::Comment { target, content, author } => {
            let texts = [("content", content), ("author", author)];
            texts.into_iter().chain(target.record.iter().map(|it| ("record", it))).collect()
        }
    };
    found.extend(texts.into_iter().map(|(key, source)| Written { keys: vec![key], source }));
    found
}

fn of_value<'c>(keys: &[&'c str], value: &'c AttioValue, found: &mut Vec<Written<'c>>) {
    match value {
        AttioValue::Template(source) => found.push(Written { keys: keys.to_vec(), source }),
        AttioValue::Fixed(_) => {}
        AttioValue::Several(values) => {
            for value in values {
                of_value(keys, value, found);
            }
        }
    }
}

impl Written<'_> {
    /// What must be looked up before it can be rendered; nothing for one that is wrong.
    #[must_use]
    pub fn needs(&self) -> Needs {
        self.compiled().map_or(Needs::default(), |template| template.needs())
    }

    /// The attributes of `record`, `entry` and `previous` that it names; none for one that is wrong.
    #[must_use]
    pub fn attributes(&self) -> Vec<UsedAttribute> {
        self.compiled().map_or_else(Vec::new, |template| template.attributes())
    }

    fn compiled(&self) -> Option<Template> {
        Template::compile(self.source, &NAMES, Escape::Nothing).ok()
    }
}
