//! Conditions: whether a route wants an event, for the values that were looked up for it.
//!
//! A condition is an expression of the templates' language, with the same rules for empty values
//! ([`super::template`]), and one more: a way through an empty value of `event` or `actor` ends at
//! `none` too. It is true only when it was evaluated to the end and its value counts as true in
//! Jinja: every error is another verdict. The values that it names are read again for the
//! verdict, so that whoever wonders sees what it saw.

mod saw;
#[cfg(test)]
mod tests;

use std::fmt;

pub use saw::{Saw, Seen};

use super::{
    Needs,
    template::{self, Compared, Kind, NAMES, Program, TemplateError, UsedAttribute},
};
use crate::job::Job;

/// The longest condition, in bytes: longer ones nest deeper than the engine can follow.
const LONGEST: usize = 4096;

/// How much of a condition is repeated in a reason, in characters.
const LONGEST_TOLD: usize = 300;

/// A condition that has passed every check that can be made without an event.
pub struct Condition {
    program: Program,
}

/// What became of a condition.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// The route wants the event.
    True {
        /// The values that the condition names.
        saw: Saw,
    },
    /// The route does not want it.
    False {
        /// The values that the condition names.
        saw: Saw,
    },
    /// An empty value was to be put in order or calculated with: not wanted, and nothing is wrong.
    Empty {
        /// Which value, such as "`record.value.amount` is empty".
        what: String,
        /// The values that the condition names.
        saw: Saw,
    },
    /// It cannot be evaluated for these values, and never could.
    Failed {
        /// Why, with the place in the condition.
        why: String,
        /// The values that the condition names.
        saw: Saw,
    },
}

impl Condition {
    /// Compiles a condition.
    ///
    /// # Errors
    ///
    /// The source is not an expression, or names something that does not exist.
    pub fn compile(source: &str) -> Result<Self, TemplateError> {
        if source.len() > LONGEST {
            let message =
                format!("a condition may have {LONGEST} bytes, this has {}", source.len());
            return Err(TemplateError::wrong(message));
        }
        Ok(Self { program: Program::of_expression(source, &NAMES)? })
    }

    /// What it says of `job`.
    #[must_use]
    pub fn evaluate(&self, job: &Job) -> Verdict {
        let values = match self.program.values(job) {
            Ok(values) => values,
            Err(error) => return Verdict::Failed { why: error.to_string(), saw: Saw::default() },
        };
        let saw = Saw::of(self.program.paths(), &values);
        match self.program.evaluate(values) {
            Ok(value) if value.is_undefined() => {
                Verdict::Failed { why: "its value is undefined".to_owned(), saw }
            }
            Ok(value) if value.is_true() => Verdict::True { saw },
            Ok(_) => Verdict::False { saw },
            Err(error) if error.kind == Kind::Empty => Verdict::Empty { what: error.message, saw },
            Err(error) => Verdict::Failed { why: error.to_string(), saw },
        }
    }

    /// What must be looked up before it can be evaluated.
    #[must_use]
    pub fn needs(&self) -> Needs {
        self.program.needs()
    }

    /// The attributes of `record`, `entry` and `previous` that it names, in its own order.
    #[must_use]
    pub fn attributes(&self) -> Vec<UsedAttribute> {
        self.program.attributes()
    }

    /// The words that it compares attributes with.
    #[must_use]
    pub fn compared(&self) -> Vec<Compared> {
        template::compared(self.source())
    }

    /// What was written in the file.
    #[must_use]
    pub fn source(&self) -> &str {
        self.program.source()
    }

    /// Why the event is not sent on, in one line with the condition and the values it saw; `None`
    /// when it is.
    #[must_use]
    pub fn reason(&self, verdict: &Verdict) -> Option<String> {
        let said = match verdict {
            Verdict::True { .. } => return None,
            Verdict::False { .. } => "is not true".to_owned(),
            Verdict::Empty { what, .. } => format!("cannot be decided, {what}"),
            Verdict::Failed { why, .. } => format!("failed, {why}"),
        };
        let source = saw::in_one_line(self.source(), LONGEST_TOLD);
        let saw = verdict.saw();
        Some(if saw.0.is_empty() {
            format!("the condition {said}: {source}")
        } else {
            format!("the condition {said}: {source} [{saw}]")
        })
    }
}

impl Verdict {
    /// Whether the route wants the event.
    #[must_use]
    pub fn is_true(&self) -> bool {
        matches!(self, Self::True { .. })
    }

    /// The values that the condition names.
    #[must_use]
    pub fn saw(&self) -> &Saw {
        match self {
            Self::True { saw }
            | Self::False { saw }
            | Self::Empty { saw, .. }
            | Self::Failed { saw, .. } => saw,
        }
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Condition({:?})", self.source())
    }
}
