//! Keeps undefined values out of texts where the engine would let them pass, escapes values,
//! and counts what is written.

use std::{
    borrow::Cow,
    error::Error as _,
    fmt::{self, Write},
};

use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, Output, State, Value, filters,
    value::{Kwargs, Rest, ValueKind},
};

use super::{Kind, TemplateError, operators::Problem, program::FUEL};

/// The longest text that is made, in bytes.
pub(super) const LONGEST: usize = 256 * 1024;

/// The most that is written on the way there, in bytes: what a macro makes is written twice.
const MOST_WRITTEN: usize = 4 * LONGEST;

/// More levels than any event has.
const DEEPEST: usize = 200;

/// The mode in which values are escaped for Slack.
pub(super) fn slack() -> AutoEscape {
    AutoEscape::Custom("slack".into())
}

/// Makes `environment` print and filter defined values only.
///
/// These filters take an undefined value for an empty one.
pub(super) fn install(environment: &mut Environment<'static>) {
    environment.remove_filter("pprint");
    environment.set_formatter(format);
    environment.add_filter("lenient escape", filters::escape);
    environment.add_filter("escape", strict("lenient escape"));
    environment.add_filter("e", strict("lenient escape"));
    environment.add_filter("lenient tojson", filters::tojson);
    environment.add_filter("tojson", strict("lenient tojson"));
    environment.add_filter("lenient join", filters::join);
    environment.add_filter("join", strict("lenient join"));
    environment.add_filter("lenient groupby", filters::groupby);
    environment.add_filter("groupby", strict("lenient groupby"));
    environment.add_filter("lenient chain", filters::chain);
    environment.add_filter("chain", strict("lenient chain"));
    environment.add_filter("lenient zip", filters::zip);
    environment.add_filter("zip", strict("lenient zip"));
}

fn strict(
    lenient: &'static str,
) -> impl Fn(&mut State, Value, Rest<Value>, Kwargs) -> Result<Value, Error> + Send + Sync {
    move |state, value, arguments, named| {
        refuse_undefined(&value, 0)?;
        arguments.iter().try_for_each(|argument| refuse_undefined(argument, 0))?;
        refuse_undefined(&Value::from(named.clone()), 0)?;
        apply(state, lenient, value, arguments, named)
    }
}

/// Applies the engine's own filter to what one of ours was given.
pub(super) fn apply(
    state: &mut State,
    lenient: &str,
    value: Value,
    arguments: Rest<Value>,
    named: Kwargs,
) -> Result<Value, Error> {
    let has_named = named.args().next().is_some();
    let named = has_named.then(|| Value::from(named));
    let all: Vec<Value> = std::iter::once(value).chain(arguments.0).chain(named).collect();
    state.apply_filter(lenient, &all)
}

/// How much a run has written, in bytes.
struct Written(usize);

/// Writes until it is too much.
struct Counting<'o, 'w> {
    out: &'o mut Output<'w>,
    written: usize,
}

impl Write for Counting<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.written += text.len();
        if self.written > MOST_WRITTEN {
            return Err(fmt::Error);
        }
        self.out.write_str(text)
    }
}

fn format(out: &mut Output, state: &mut State, value: &Value) -> Result<(), Error> {
    // What the engine hands over as undefined is the missing `else` of an expression: empty.
    if value.is_undefined() || value.is_none() {
        return Ok(());
    }
    refuse_undefined(value, 0)?;
    let written = state.get_or_insert_extension(Written(0)).0;
    let mut out = Counting { out, written };
    if value.is_safe() || !matches!(state.auto_escape(), AutoEscape::Custom(_)) {
        write!(out, "{value}")?;
    } else {
        let text = value.as_str().map_or_else(|| Cow::Owned(value.to_string()), Cow::Borrowed);
        escape_for_slack(&mut out, &text)?;
    }
    state.get_or_insert_extension(Written(0)).0 = out.written;
    Ok(())
}

/// Writes a value as JSON; JSON that a filter such as `tojson` made stays as it is.
pub(super) fn format_as_json(
    out: &mut Output,
    state: &mut State,
    value: &Value,
) -> Result<(), Error> {
    let written = state.get_or_insert_extension(Written(0)).0;
    let mut out = Counting { out, written };
    if value.is_undefined() {
        return Ok(out.write_str("null")?);
    }
    refuse_undefined(value, 0)?;
    let made = value.as_str().filter(|text| value.is_safe() && is_json(text));
    if let Some(json) = made {
        return Ok(out.write_str(json)?);
    }
    let json = serde_json::to_string(value).map_err(|error| {
        Error::new(ErrorKind::BadSerialization, "the value cannot stand in JSON").with_source(error)
    })?;
    Ok(out.write_str(&json)?)
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

fn escape_for_slack(out: &mut impl Write, text: &str) -> fmt::Result {
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<', '>']) {
        out.write_str(&rest[..at])?;
        out.write_str(match rest.as_bytes()[at] {
            b'&' => "&amp;",
            b'<' => "&lt;",
            _ => "&gt;",
        })?;
        rest = &rest[at + 1..];
    }
    out.write_str(rest)
}

/// The engine's error, told in our words.
pub(super) fn told(error: &Error, source: &str) -> TemplateError {
    let offset = error.range().map(|range| range.start);
    let problem = problem(error.source());
    let message = match (problem, error.kind(), error.detail()) {
        (Some(problem), ..) => problem.to_string(),
        (_, ErrorKind::OutOfFuel, _) => format!("takes more than {FUEL} steps"),
        (_, ErrorKind::WriteFailure, _) => too_long(),
        (_, kind, Some(detail)) => format!("{kind}: {detail}"),
        (_, kind, None) => kind.to_string(),
    };
    let told = TemplateError::at(source, offset, message);
    match problem {
        Some(Problem::Empty(_)) => TemplateError { kind: Kind::Empty, ..told },
        _ => told,
    }
}

/// Our own problem among the causes.
fn problem<'e>(mut cause: Option<&'e (dyn std::error::Error + 'static)>) -> Option<&'e Problem> {
    while let Some(error) = cause {
        if let Some(problem) = error.downcast_ref() {
            return Some(problem);
        }
        cause = error.source();
    }
    None
}

/// What is said of a text that gets too long.
pub(super) fn too_long() -> String {
    format!("makes more than {LONGEST} bytes")
}

fn refuse_undefined(value: &Value, depth: usize) -> Result<(), Error> {
    match value.kind() {
        ValueKind::Undefined => Err(ErrorKind::UndefinedError.into()),
        ValueKind::Seq | ValueKind::Map | ValueKind::Iterable if depth == DEEPEST => {
            Err(Error::new(ErrorKind::InvalidOperation, "the value is nested too deep"))
        }
        ValueKind::Map => value
            .try_iter()?
            .try_for_each(|key| refuse_undefined(&value.get_item(&key)?, depth + 1)),
        ValueKind::Seq | ValueKind::Iterable => {
            value.try_iter()?.try_for_each(|item| refuse_undefined(&item, depth + 1))
        }
        _ => Ok(()),
    }
}
