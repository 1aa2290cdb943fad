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
            ActionKind::Attio(attio) => of_write(&attio.write),
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

fn of_write(write: &AttioWrite) -> Vec<Written<'_>> {
    let one = |key, source| Written { keys: vec![key], source };
    let record = write.target().and_then(|target| target.record.as_deref());
    let mut all: Vec<_> = record.map(|source| one("record", source)).into_iter().collect();
    for (name, value) in write.values() {
        let keys = ["values", name.as_str()];
        of_value(value, &mut |source| all.push(Written { keys: keys.to_vec(), source }));
    }
    match write {
        AttioWrite::Record { .. } | AttioWrite::Update { .. } | AttioWrite::Entry { .. } => {}
        AttioWrite::Note { title, content, .. } => {
            all.extend([one("title", title), one("content", content)]);
        }
        AttioWrite::Task { content, deadline, assignees, .. } => {
            all.push(one("content", content));
            all.extend(deadline.iter().map(|it| one("deadline", it)));
            all.extend(assignees.iter().map(|it| one("assignees", it)));
        }
        AttioWrite::Comment { content, author, .. } => {
            all.extend([one("content", content), one("author", author)]);
        }
    }
    all
}

fn of_value<'c>(value: &'c AttioValue, found: &mut impl FnMut(&'c str)) {
    match value {
        AttioValue::Template(source) => found(source),
        AttioValue::Fixed(_) => {}
        AttioValue::Several(values) => values.iter().for_each(|value| of_value(value, found)),
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
