//! Something that is written to Attio.

use serde_json::Value;

use super::Name;

/// `kind = "attio"`.
#[derive(Debug, Clone)]
pub struct AttioAction {
    /// What is written.
    pub write: AttioWrite,
    /// Writes of this process to one record within a minute that events of our own token may cause;
    /// each replica counts its own.
    pub loop_limit: usize,
}

/// What is written to Attio. Texts are templates.
#[derive(Debug, Clone)]
pub enum AttioWrite {
    /// Create a record, or update the one that has the same value of a unique attribute.
    Record {
        /// The record's object.
        object: Name,
        /// The unique attribute; one of `values`.
        matching: Name,
        /// Attributes, each with what it gets.
        values: Vec<(Name, AttioValue)>,
    },
    /// Update a record that is there.
    Update {
        /// Which.
        target: Target,
        /// Attributes, each with what it gets. Never empty.
        values: Vec<(Name, AttioValue)>,
        /// Values of multi-value attributes join those that are there.
        adds: bool,
    },
    /// Put a record on a list, or update its entry there.
    Entry {
        /// The list.
        list: Name,
        /// The record.
        target: Target,
        /// Attributes of the list, each with what it gets.
        values: Vec<(Name, AttioValue)>,
    },
    /// Write a note.
    Note {
        /// About which record.
        target: Target,
        /// Its title.
        title: String,
        /// Its text.
        content: String,
        /// The text is Markdown.
        is_markdown: bool,
    },
    /// Make a task.
    Task {
        /// About which record, if any.
        target: Target,
        /// Its text.
        content: String,
        /// Until when, in ISO 8601.
        deadline: Option<String>,
        /// Whose it is: e-mail addresses or ids of members.
        assignees: Vec<String>,
    },
    /// Comment.
    Comment {
        /// On which record.
        target: Target,
        /// The text.
        content: String,
        /// The id of the member whose comment it is.
        author: String,
    },
}

/// The record that is written to, or about.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its object; without it, that of the event's subject.
    pub object: Option<Name>,
    /// A template that makes its id; without it, the record of the event's subject.
    pub record: Option<String>,
}

/// What an attribute gets.
#[derive(Debug, Clone, PartialEq)]
pub enum AttioValue {
    /// What a template makes.
    Template(String),
    /// Always the same: a number, true or false.
    Fixed(Value),
    /// Several values.
    Several(Vec<Self>),
}

impl AttioWrite {
    /// The form's name in the configuration.
    #[must_use]
    pub fn form(&self) -> &'static str {
        match self {
            Self::Record { .. } => "record",
            Self::Update { .. } => "update",
            Self::Entry { .. } => "entry",
            Self::Note { .. } => "note",
            Self::Task { .. } => "task",
            Self::Comment { .. } => "comment",
        }
    }

    /// The record that is written to, or about, where the event says which.
    #[must_use]
    pub fn target(&self) -> Option<&Target> {
        match self {
            Self::Record { .. } => None,
            Self::Update { target, .. }
            | Self::Entry { target, .. }
            | Self::Note { target, .. }
            | Self::Task { target, .. }
            | Self::Comment { target, .. } => Some(target),
        }
    }

    /// The object of the records that are written to, where that does not depend on the event.
    #[must_use]
    pub fn object(&self) -> Option<&Name> {
        match self {
            Self::Record { object, .. } => Some(object),
            other => other.target()?.object.as_ref(),
        }
    }

    /// The list that is written to.
    #[must_use]
    pub fn list(&self) -> Option<&Name> {
        match self {
            Self::Entry { list, .. } => Some(list),
            Self::Record { .. }
            | Self::Update { .. }
            | Self::Note { .. }
            | Self::Task { .. }
            | Self::Comment { .. } => None,
        }
    }

    /// The attributes that are written.
    #[must_use]
    pub fn values(&self) -> &[(Name, AttioValue)] {
        match self {
            Self::Record { values, .. }
            | Self::Update { values, .. }
            | Self::Entry { values, .. } => values,
            Self::Note { .. } | Self::Task { .. } | Self::Comment { .. } => &[],
        }
    }
}
