//! The values that a condition saw, cut to a length that a person reads.

use std::fmt;

use minijinja::{Value, value::ValueKind};
use serde::Serialize;
use serde_json::Value as Json;

use super::super::template::Path;

/// The longest text of one value, in characters.
const LONGEST: usize = 80;

/// How many values are shown.
const MOST: usize = 16;

/// The values that a condition names, each once, in the order of the condition.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Saw(pub Vec<Seen>);

/// One value.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Seen {
    /// How the condition names it, such as `record.stage`.
    pub path: String,
    /// What it was: a long text is cut, and a list or an object that is long is a cut text.
    pub value: Json,
    /// There was no such thing at all; `value` is null then.
    #[serde(skip_serializing_if = "is_false")]
    pub is_undefined: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
fn is_false(is: &bool) -> bool {
    !is
}

impl Saw {
    /// What `paths` lead to in `values`.
    pub(super) fn of(paths: &[Path], values: &Value) -> Self {
        let mut seen: Vec<Seen> = Vec::new();
        for path in paths {
            let name = path.to_string();
            if seen.len() < MOST && !seen.iter().any(|seen| seen.path == name) {
                seen.push(Seen::of(name, &path.follow(values)));
            }
        }
        Self(seen)
    }
}

impl Seen {
    fn of(path: String, value: &Value) -> Self {
        let is_undefined = matches!(value.kind(), ValueKind::Undefined | ValueKind::Invalid);
        let json = if is_undefined { None } else { serde_json::to_value(value).ok() };
        Self { path, value: cut(json.unwrap_or_default()), is_undefined }
    }
}

impl fmt::Display for Saw {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, seen) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(out, "{comma}{seen}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.value, self.is_undefined) {
            (_, true) => write!(out, "{} is undefined", self.path),
            (Json::Null, _) => write!(out, "{} = none", self.path),
            (value, _) => write!(out, "{} = {value}", self.path),
        }
    }
}

/// A value of a readable length.
fn cut(value: Json) -> Json {
    match value {
        Json::String(text) => Json::String(in_one_line(&text, LONGEST)),
        Json::Array(_) | Json::Object(_) => {
            let text = value.to_string();
            if text.chars().count() > LONGEST {
                Json::String(in_one_line(&text, LONGEST))
            } else {
                value
            }
        }
        value => value,
    }
}

/// `text` without what would end a line, and with an ellipsis where it was cut.
pub(super) fn in_one_line(text: &str, longest: usize) -> String {
    let mut chars = text.chars().map(|char| if char.is_control() { ' ' } else { char });
    let mut line: String = chars.by_ref().take(longest).collect();
    if chars.next().is_some() {
        line.push('…');
    }
    line
}
