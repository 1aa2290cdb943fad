//! A template's value as the text that a column of the database reads.

use std::fmt::Write;

use serde_json::Value;

use crate::routing::template::Content;

/// What texts a column reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Its value, such as `12` or `2026-11-22`.
    Plain,
    /// JSON.
    Json,
    /// An array of anything but JSON: `{a,b}`.
    Array,
    /// An array of JSON.
    ArrayOfJson,
}

/// The text for a column; `None` is NULL.
///
/// A text stands for itself. Of an expression's value, none is NULL, a list becomes an array where
/// the column is one (and a single value an array of one), and what else is no plain value becomes
/// JSON.
pub(super) fn text_for(content: &Content, form: Form) -> Option<String> {
    let text = match (content, form) {
        (Content::Text(text), _) => text.clone(),
        (Content::Value(Value::Null), _) => return None,
        (Content::Value(value), Form::Plain) => plain(value),
        (Content::Value(value), Form::Json) => json(value),
        (Content::Value(Value::Array(list)), Form::Array) => array(list, &element),
        (Content::Value(one), Form::Array) => array(std::slice::from_ref(one), &element),
        (Content::Value(Value::Array(list)), Form::ArrayOfJson) => array(list, &element_of_json),
        (Content::Value(one), Form::ArrayOfJson) => {
            array(std::slice::from_ref(one), &element_of_json)
        }
    };
    // Postgres has no place for this one character, in texts and in JSON.
    Some(if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text })
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            json(value)
        }
    }
}

fn json(value: &Value) -> String {
    let mut value = value.clone();
    replace_nul(&mut value);
    value.to_string()
}

fn replace_nul(value: &mut Value) {
    match value {
        Value::String(text) if text.contains('\0') => *text = text.replace('\0', "\u{fffd}"),
        Value::Array(list) => list.iter_mut().for_each(replace_nul),
        Value::Object(fields) => {
            let with_nul = |name: &&String| name.contains('\0');
            for name in fields.keys().filter(with_nul).cloned().collect::<Vec<_>>() {
                let value = fields.remove(&name).expect("the name was just found");
                fields.insert(name.replace('\0', "\u{fffd}"), value);
            }
            fields.values_mut().for_each(replace_nul);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// <https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO>
fn array(list: &[Value], element: &impl Fn(&Value) -> String) -> String {
    let elements: Vec<_> = list.iter().map(element).collect();
    format!("{{{}}}", elements.join(","))
}

fn element(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Array(list) => array(list, &element),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            quoted(&plain(value))
        }
    }
}

fn element_of_json(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => quoted(&json(value)),
    }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for char in text.chars() {
        if matches!(char, '"' | '\\') {
            quoted.push('\\');
        }
        write!(quoted, "{char}").expect("writing to memory");
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn becomes(value: Value, form: Form, text: &str) {
        assert_eq!(text_for(&Content::Value(value), form).as_deref(), Some(text));
    }

    #[test]
    fn a_plain_value_is_itself_and_anything_else_is_json() {
        becomes(json!("a\"b"), Form::Plain, "a\"b");
        becomes(json!(1200.1), Form::Plain, "1200.1");
        becomes(json!(true), Form::Plain, "true");
        becomes(json!(["a", 1]), Form::Plain, r#"["a",1]"#);
        becomes(json!({"a": null}), Form::Plain, r#"{"a":null}"#);
    }

    #[test]
    fn a_column_of_json_gets_json() {
        becomes(json!("a\"b"), Form::Json, r#""a\"b""#);
        becomes(json!(["a", null]), Form::Json, r#"["a",null]"#);
    }

    #[test]
    fn a_list_becomes_an_array_and_one_value_an_array_of_one() {
        becomes(
            json!(["a,b", "c\"\\d", "NULL", "", null]),
            Form::Array,
            r#"{"a,b","c\"\\d","NULL","",NULL}"#,
        );
        becomes(json!([[1, 2], [3, 4]]), Form::Array, r#"{{"1","2"},{"3","4"}}"#);
        becomes(json!([]), Form::Array, "{}");
        becomes(json!("a"), Form::Array, r#"{"a"}"#);
        becomes(json!([["a"], "b"]), Form::ArrayOfJson, r#"{"[\"a\"]","\"b\""}"#);
    }

    #[test]
    fn none_is_null_and_a_text_stands_for_itself() {
        for form in [Form::Plain, Form::Json, Form::Array, Form::ArrayOfJson] {
            assert_eq!(text_for(&Content::Value(Value::Null), form), None);
            let text = Content::Text("{1,2}".to_owned());
            assert_eq!(text_for(&text, form).as_deref(), Some("{1,2}"));
        }
    }

    #[test]
    fn the_character_that_postgres_cannot_keep_is_replaced() {
        becomes(json!("a\0b"), Form::Plain, "a\u{fffd}b");
        becomes(json!({"a\0": ["\0"]}), Form::Json, "{\"a\u{fffd}\":[\"\u{fffd}\"]}");
        becomes(json!(["\0"]), Form::Array, "{\"\u{fffd}\"}");
    }
}
