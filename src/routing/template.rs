//! The language of templates and conditions: strict, bounded, and checked name by name when it is
//! loaded.
//!
//! A template is the operator's, the values are anybody's: nothing undefined is ever printed as
//! nothing, values cannot become markup, and no value makes a template run or write without end.
//! No I/O happens here and no clock is read.
//!
//! An empty value is `none`, and a way that leads through one ends at `none`
//! (`record.company.name` of a record without a company). What that means:
//!
//! - `==`, `!=`, `is none`, `not`, `and`, `or` and `default` take it as it is; nothing is `in` it,
//!   and its `length` is 0.
//! - It prints as nothing: an empty date is a fact and no reason to withhold a message. Who wants
//!   a word there writes `{{ record.close_date|default("no date") }}`; as JSON it is `null`.
//! - `<`, `>`, `<=`, `>=` and arithmetic with it, or with an undefined value, end the rendering as
//!   [`Kind::Empty`]. So do `abs`, `round`, `sum`, `min`, `max`, and `int` and `float` without a
//!   default.
//! - Only numbers with numbers and texts with texts can be put in order; dates are texts that
//!   order as they should.
//!
//! Everything else that is undefined is an error where it is used. So is an attribute that
//! `record`, `entry` or `previous` does not have: it is misspelt, even within `default`. In a
//! template, a way through an empty value of `event` or `actor` stays undefined: what Attio did
//! not send is another thing than what a record does not hold.
//!
//! `in` is Jinja's: an item of a list, or a part of a text. A value that may be one or several
//! (`record.tags`) is made a list by `aslist`: `"Ent" in record.tags|aslist` is not true of the
//! one tag `Enterprise`.
//!
//! The engine has neither these rules nor a place to hang them in: it orders `none < 1000` by
//! kind, and its operators cannot be replaced. So a template's tree is written anew with filters
//! of ours in the place of operators (`rewrite.rs`), and the engine compiles and runs what was
//! written. Filters meet the values themselves, in every branch, loop and macro, which no check of
//! the values beforehand could promise; and places, limits and escaping stay the engine's.

mod compared;
mod event;
mod names;
mod operators;
mod path;
mod program;
mod rewrite;
mod strict;
#[cfg(test)]
mod tests;
mod value;
mod values;

pub use compared::Compared;
pub(in crate::routing) use compared::compared;
pub(in crate::routing) use path::Path;
pub use path::UsedAttribute;
pub(in crate::routing) use program::Program;

pub use self::value::{Content, ValueTemplate};
use super::Needs;
use crate::job::Job;

/// The names that every template and condition may use.
pub const NAMES: [&str; 16] = [
    "event",
    "actor",
    "id",
    "type",
    "received_at",
    "source",
    "route",
    "attempt",
    "record",
    "entry",
    "previous",
    "workspace",
    "note",
    "task",
    "comment",
    "meeting",
];

/// How values are escaped on their way into the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escape {
    /// Not at all; JSON is made with `tojson`.
    Nothing,
    /// `&`, `<` and `>`, after <https://docs.slack.dev/messaging/formatting-message-text>.
    Slack,
    /// Each value becomes JSON; only for templates that are one expression.
    Json,
}

/// A template that has passed every check that can be made without an event.
pub struct Template {
    program: Program,
}

/// Why a template cannot be used, or could not be rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct TemplateError {
    /// What it means for the delivery.
    pub kind: Kind,
    /// Where in the template, counted from 1.
    pub place: Option<Place>,
    /// What is wrong.
    pub message: String,
}

/// What an error means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The template is wrong, altogether or for these values.
    Wrong,
    /// It put an empty value in order or calculated with one: nothing is wrong, and nothing is to
    /// be sent.
    Empty,
}

/// A place in a template's source, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

impl Template {
    /// Compiles `source`, in which only `names` may stand for values.
    ///
    /// # Errors
    ///
    /// The source is not a template, or names something that does not exist.
    pub fn compile(source: &str, names: &[&str], escape: Escape) -> Result<Self, TemplateError> {
        Ok(Self { program: Program::of_template(source, names, escape)? })
    }

    /// The text for `job`.
    ///
    /// # Errors
    ///
    /// A value is undefined or empty, an operation is impossible, or a limit was reached. It would
    /// be so again.
    pub fn render(&self, job: &Job) -> Result<String, TemplateError> {
        self.program.write(self.program.values(job)?)
    }

    /// What must be looked up before it can be rendered.
    #[must_use]
    pub fn needs(&self) -> Needs {
        self.program.needs()
    }

    /// The attributes of `record`, `entry` and `previous` that it names, in its own order.
    #[must_use]
    pub fn attributes(&self) -> Vec<UsedAttribute> {
        self.program.attributes()
    }
}

impl std::fmt::Display for TemplateError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(Place { line, column }) = self.place {
            write!(out, "line {line}, column {column}: ")?;
        }
        out.write_str(&self.message)
    }
}

impl TemplateError {
    fn at(source: &str, offset: Option<usize>, message: String) -> Self {
        let place = offset.and_then(|offset| Place::of(source, offset));
        Self { kind: Kind::Wrong, place, message }
    }

    pub(super) fn wrong(message: String) -> Self {
        Self { kind: Kind::Wrong, place: None, message }
    }
}

impl Place {
    fn of(source: &str, offset: usize) -> Option<Self> {
        let before = source.get(..offset)?;
        let line = before.rsplit('\n').next().unwrap_or_default();
        Some(Self { line: before.matches('\n').count() + 1, column: line.chars().count() + 1 })
    }
}
