//! The file as TOML, where every value knows its place in the text.
//!
//! Problems are found by what a value means, long after it was read; a [`Place`] is how they find
//! back to the line that was typed.

use std::{fmt, ops::Range};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// Where in the file something stands: `routes[2].to[0]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

impl Place {
    /// The whole file.
    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    /// The value of `key` in the table at this place.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        self.then(Step::Key(key.to_owned()))
    }

    /// The element `index` of the list at this place, counted from zero.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.then(Step::Index(index))
    }

    fn then(&self, step: Step) -> Self {
        Self(self.0.iter().cloned().chain([step]).collect())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if at == 0 => write!(out, "{key}")?,
                Step::Key(key) => write!(out, ".{key}")?,
                Step::Index(index) => write!(out, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// A TOML text whose syntax is right.
#[derive(Debug)]
pub struct Document<'t> {
    root: Spanned<DeValue<'t>>,
}

/// A place where the text is not TOML.
#[derive(Debug)]
pub struct SyntaxError {
    /// What is wrong; never quotes the text.
    pub message: String,
    /// The bytes it is about.
    pub span: Range<usize>,
}

impl<'t> Document<'t> {
    /// Reads the text.
    ///
    /// # Errors
    /// Every place where the text is not TOML.
    pub fn parse(text: &'t str) -> Result<Self, Vec<SyntaxError>> {
        let (table, errors) = DeTable::parse_recoverable(text);
        if errors.is_empty() {
            let span = table.span();
            let root = Spanned::new(span, DeValue::Table(table.into_inner()));
            return Ok(Self { root });
        }
        Err(errors
            .iter()
            .map(|error| SyntaxError {
                message: error.message().to_owned(),
                span: error.span().unwrap_or(0..0),
            })
            .collect())
    }

    /// What was typed at a place, if anything.
    #[must_use]
    pub fn value(&self, place: &Place) -> Option<&Spanned<DeValue<'t>>> {
        place.0.iter().try_fold(&self.root, |value, step| child(value, step))
    }

    /// The bytes of a place; of the nearest thing around it when nothing was typed there.
    #[must_use]
    pub fn span_of(&self, place: &Place) -> Range<usize> {
        let (mut value, mut span) = (&self.root, 0..0);
        for step in &place.0 {
            let Some(next) = child(value, step) else {
                break;
            };
            value = next;
            span = next.span();
        }
        span
    }
}

fn child<'v, 't>(value: &'v Spanned<DeValue<'t>>, step: &Step) -> Option<&'v Spanned<DeValue<'t>>> {
    match step {
        Step::Key(key) => value.get_ref().get(key.as_str()),
        Step::Index(index) => value.get_ref().get(*index),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[server]\nlisten = \"a\"\n\n[actions.billing]\nretry = { max = \"1h\" }\n\n\
                        [[routes]]\nto = [\"x\"]\n\n[[routes]]\nto = [\"y\", \"z\"]\n";

    fn found(place: &Place) -> &'static str {
        let document = Document::parse(TEXT).unwrap();
        &TEXT[document.span_of(place)]
    }

    #[test]
    fn a_value_is_found_in_tables_and_lists() {
        let root = Place::root();
        assert_eq!(found(&root.key("server").key("listen")), "\"a\"");
        assert_eq!(found(&root.key("routes").index(1).key("to").index(1)), "\"z\"");
        let retry = root.key("actions").key("billing").key("retry");
        assert_eq!(found(&retry.key("max")), "\"1h\"");
    }

    #[test]
    fn a_missing_value_is_found_at_the_nearest_thing_around_it() {
        let root = Place::root();
        assert_eq!(found(&root.key("server").key("nothing")), "[server]");
        assert_eq!(found(&root.key("routes").index(1).key("name")), "[[routes]]");
        let retry = root.key("actions").key("billing").key("retry");
        assert_eq!(found(&retry.key("first")), "{ max = \"1h\" }");
    }

    #[test]
    fn a_place_reads_as_people_write_it() {
        let place = Place::root().key("routes").index(2).key("to").index(0);
        assert_eq!(place.to_string(), "routes[2].to[0]");
    }

    #[test]
    fn every_syntax_error_has_its_place() {
        let errors = Document::parse("[server\nlisten = \"a\"\n[store]\nurl = \n").unwrap_err();
        assert!(errors.len() >= 2, "{errors:?}");
    }
}
