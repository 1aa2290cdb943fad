//! The operators of the language with the rules for empty values, as filters.
//!
//! The engine orders values of different kinds by their kind (`none < 1000` is true) and tells
//! an impossible operation by a text only. So `rewrite.rs` puts these filters where a
//! template has operators. Their names start with a dot, which no template can write.

use std::cmp::Ordering;

use minijinja::{
    Environment, Error, ErrorKind, State, Value, filters,
    value::{Kwargs, Rest, ValueKind},
};

use super::{names, strict};

/// `object`, `key` and, for what a record itself must have, the record's name.
pub(super) const ATTRIBUTE: &str = ".attribute";

/// The first value with its text, then of each comparison the operator, the value and its text.
pub(super) const COMPARE: &str = ".compare";

/// A value that must not be empty, and its text.
pub(super) const PRESENT: &str = ".present";

/// `none` as an empty text.
pub(super) const TEXT: &str = ".text";

/// `none` as an empty text in a list of values.
pub(super) const TEXTS: &str = ".texts";

/// `none` as an empty list.
pub(super) const MEMBERS: &str = ".members";

/// The tests that order, each with its operator.
const ORDERING_TESTS: [(&str, &str); 11] = [
    ("lt", "<"),
    ("lessthan", "<"),
    ("<", "<"),
    ("le", "<="),
    ("<=", "<="),
    ("gt", ">"),
    ("greaterthan", ">"),
    (">", ">"),
    ("ge", ">="),
    (">=", ">="),
    ("in", "in"),
];

/// What the engine's errors of ours carry, so that it need not be read from a text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Problem {
    /// A value is empty with which something was to be done.
    #[error("{0} is empty")]
    Empty(String),
    /// The template is wrong for these values.
    #[error("{0}")]
    Wrong(String),
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self::new(ErrorKind::InvalidOperation, problem.to_string()).with_source(problem)
    }
}

/// Adds the operators and the tests of the same meaning to `environment`.
pub(super) fn install(environment: &mut Environment<'static>) {
    environment.add_filter(ATTRIBUTE, attribute);
    environment.add_filter(COMPARE, |values: Rest<Value>| compare(&values));
    environment.add_filter(PRESENT, |value: &Value, text: &str| present(value, text).cloned());
    environment.add_filter(TEXT, |value: &Value| none_as(value, ""));
    environment.add_filter(TEXTS, texts);
    environment.add_filter(MEMBERS, |value: &Value| none_as(value, Vec::<Value>::new()));
    environment.add_filter("aslist", as_list);
    environment.add_filter("lenient default", filters::default);
    environment.add_filter("default", default);
    environment.add_filter("d", default);
    environment.add_filter("lenient sum", filters::sum);
    environment.add_filter("sum", of_numbers("lenient sum"));
    environment.add_filter("lenient min", filters::min);
    environment.add_filter("min", of_numbers("lenient min"));
    environment.add_filter("lenient max", filters::max);
    environment.add_filter("max", of_numbers("lenient max"));
    environment.add_filter("lenient int", filters::int);
    environment.add_filter("int", to_number("lenient int"));
    environment.add_filter("lenient float", filters::float);
    environment.add_filter("float", to_number("lenient float"));
    for (name, operator) in ORDERING_TESTS {
        environment.add_test(name, move |left: &Value, right: &Value| {
            holds(left, "the value", operator, right, "the other value")
        });
    }
}

fn attribute(object: &Value, key: &Value, of: Option<&str>) -> Result<Value, Error> {
    if object.is_none() {
        return Ok(Value::from(()));
    }
    let found = object.get_item(key)?;
    match of {
        Some(of) if found.is_undefined() => Err(unknown_attribute(object, key, of).into()),
        _ => Ok(found),
    }
}

fn unknown_attribute(object: &Value, key: &Value, of: &str) -> Problem {
    let keys: Vec<Value> = object.try_iter().into_iter().flatten().collect();
    let meant = names::closest(&key.to_string(), keys.iter().filter_map(Value::as_str));
    let meant = meant.map_or_else(String::new, |meant| format!("; did you mean `{meant}`?"));
    Problem::Wrong(format!("`{of}` has no attribute `{key}`{meant}"))
}

fn compare(arguments: &[Value]) -> Result<bool, Error> {
    let [first, first_text, rest @ ..] = arguments else {
        return Err(ErrorKind::MissingArgument.into());
    };
    let (mut left, mut left_text) = (first, first_text);
    for comparison in rest.chunks_exact(3) {
        let [operator, right, right_text] = comparison else { break };
        if !holds(left, text(left_text), text(operator), right, text(right_text))? {
            return Ok(false);
        }
        (left, left_text) = (right, right_text);
    }
    Ok(true)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn holds(
    left: &Value,
    left_text: &str,
    operator: &str,
    right: &Value,
    right_text: &str,
) -> Result<bool, Error> {
    if matches!(operator, "==" | "!=" | "in" | "not in") {
        defined(left, left_text)?;
        defined(right, right_text)?;
    }
    match operator {
        "==" => Ok(left == right),
        "!=" => Ok(left != right),
        "in" => contains(right, left),
        "not in" => contains(right, left).map(|contained| !contained),
        _ => {
            let ordering = order(present(left, left_text)?, present(right, right_text)?)?;
            Ok(match operator {
                "<" => ordering == Ordering::Less,
                "<=" => ordering != Ordering::Greater,
                ">" => ordering == Ordering::Greater,
                _ => ordering != Ordering::Less,
            })
        }
    }
}

fn defined(value: &Value, text: &str) -> Result<(), Error> {
    if value.is_undefined() {
        return Err(Problem::Wrong(format!("{text} is undefined")).into());
    }
    Ok(())
}

/// The order of two numbers or of two texts: values of different kinds have none.
fn order(left: &Value, right: &Value) -> Result<Ordering, Error> {
    match (left.kind(), right.kind()) {
        (ValueKind::Number, ValueKind::Number) | (ValueKind::String, ValueKind::String) => {
            Ok(left.cmp(right))
        }
        (left, right) => {
            Err(Problem::Wrong(format!("{left} and {right} cannot be put in order")).into())
        }
    }
}

/// As Jinja: a part of a text, an item of a list, a key of an object. Nothing is in `none`.
fn contains(container: &Value, value: &Value) -> Result<bool, Error> {
    match container.kind() {
        ValueKind::None => Ok(false),
        ValueKind::String => {
            let text = text(container);
            match value.as_str() {
                Some(part) => Ok(text.contains(part)),
                None if value.is_none() => Ok(false),
                None => Ok(text.contains(&value.to_string())),
            }
        }
        ValueKind::Map => Ok(!container.get_item(value)?.is_undefined()),
        ValueKind::Seq | ValueKind::Iterable => {
            Ok(container.try_iter()?.any(|item| item == *value))
        }
        kind => Err(Problem::Wrong(format!("nothing can be in a {kind}")).into()),
    }
}

fn present<'v>(value: &'v Value, text: &str) -> Result<&'v Value, Error> {
    if value.is_none() || value.is_undefined() {
        return Err(Problem::Empty(text.to_owned()).into());
    }
    Ok(value)
}

fn none_as(value: &Value, instead: impl Into<Value>) -> Value {
    if value.is_none() { instead.into() } else { value.clone() }
}

fn texts(values: &Value) -> Result<Value, Error> {
    if !matches!(values.kind(), ValueKind::Seq | ValueKind::Iterable) {
        return Ok(none_as(values, Vec::<Value>::new()));
    }
    Ok(values.try_iter()?.map(|value| none_as(&value, "")).collect())
}

/// `none` as no value, one value as a list of it, a list as itself.
fn as_list(value: &Value) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::Undefined => Err(ErrorKind::UndefinedError.into()),
        ValueKind::None => Ok(Value::from(Vec::<Value>::new())),
        ValueKind::Seq | ValueKind::Iterable => Ok(value.clone()),
        _ => Ok(Value::from(vec![value.clone()])),
    }
}

/// What stands for an empty value: `none` is one, which the engine does not think.
fn default(
    state: &mut State,
    value: Value,
    arguments: Rest<Value>,
    named: Kwargs,
) -> Result<Value, Error> {
    let value = if value.is_none() { Value::UNDEFINED } else { value };
    strict::apply(state, "lenient default", value, arguments, named)
}

/// A filter of several numbers, none of which may be empty.
fn of_numbers(
    lenient: &'static str,
) -> impl Fn(&mut State, Value, Rest<Value>, Kwargs) -> Result<Value, Error> + Send + Sync {
    move |state, values, arguments, named| {
        for value in values.try_iter().into_iter().flatten().filter(Value::is_none) {
            present(&value, "one of the values")?;
        }
        strict::apply(state, lenient, values, arguments, named)
    }
}

/// A filter that makes a number, of an empty value only where the template says which.
fn to_number(
    lenient: &'static str,
) -> impl Fn(&mut State, Value, Rest<Value>, Kwargs) -> Result<Value, Error> + Send + Sync {
    move |state, value, arguments, named| {
        if arguments.is_empty() && !named.has("default") {
            present(&value, "the value")?;
        }
        strict::apply(state, lenient, value, arguments, named)
    }
}
