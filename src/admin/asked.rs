//! What is to be done, as it is written in the body of a request: in JSON by programs, in fields by
//! forms. One vocabulary for both; what it does not know is refused, so that a filter that is
//! misspelt never means everything.

use serde_json::{Map, Value};
use time::OffsetDateTime;
use url::Url;

use crate::{
    act::Which,
    config::suggest::nearest,
    look::ask,
    store::{DeliveryState, ReplayMode},
};

/// What says which deliveries are meant.
const WHICH: [&str; 13] = [
    "ids",
    "since",
    "until",
    "route",
    "action",
    "states",
    "source",
    "type",
    "object",
    "record",
    "error",
    "alike",
    "ended_until",
];

/// What can be said of each deed beyond that.
pub const REPLAY: &[&str] = &["as_new", "fresh", "to", "dry_run"];
/// The same.
pub const DISCARD: &[&str] = &["reason", "dry_run"];

/// What can be said of a pause.
pub const PAUSE: &[&str] = &["kind", "name", "reason"];
/// What can be said of its end.
pub const RESUME: &[&str] = &["kind", "name"];

/// Everything that was asked for.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) which: Which,
    pub(super) mode: ReplayMode,
    pub(super) to: Option<Url>,
    pub(super) dry_run: bool,
    pub(super) reason: String,
    pub(super) kind: String,
    pub(super) name: String,
}

/// What can be said in the body for a deed.
#[must_use]
pub fn words(own: &'static [&'static str]) -> Vec<&'static str> {
    let is_about_deliveries = own.contains(&"dry_run");
    let which = WHICH.into_iter().filter(|_| is_about_deliveries);
    which.chain(own.iter().copied()).collect()
}

impl Asked {
    /// Reads an object of JSON.
    pub(super) fn of_json(own: &'static [&'static str], body: &[u8]) -> Result<Self, String> {
        let object: Map<String, Value> =
            serde_json::from_slice(body).map_err(|_| "send an object in JSON".to_owned())?;
        let mut pairs = Vec::new();
        for (name, value) in object {
            match value {
                Value::Null => {}
                Value::Array(items) => {
                    let texts = items.into_iter().map(text);
                    let texts = texts.collect::<Option<Vec<_>>>().ok_or_else(|| wrong(&name))?;
                    pairs.extend(texts.into_iter().map(|text| (name.clone(), text)));
                }
                value => {
                    let text = text(value).ok_or_else(|| wrong(&name))?;
                    pairs.push((name, text));
                }
            }
        }
        Self::of_pairs(own, pairs.iter().map(|(name, value)| (&**name, &**value)))
    }

    /// Reads the fields of a form; those that are empty say nothing.
    pub(super) fn of_pairs<'a>(
        own: &'static [&'static str],
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, String> {
        let (known, now) = (words(own), OffsetDateTime::now_utc());
        let mut asked = Self::default();
        for (name, value) in pairs {
            if !known.contains(&name) {
                return Err(match nearest(name, known.iter().copied()) {
                    Some(meant) => format!("`{name}` is not known; did you mean `{meant}`?"),
                    None => format!("`{name}` is not known; what is: {}", known.join(", ")),
                });
            }
            if !value.trim().is_empty() {
                asked.take(name, value.trim(), now)?;
            }
        }
        Ok(asked)
    }

    fn take(&mut self, name: &str, value: &str, now: OffsetDateTime) -> Result<(), String> {
        let text = || Some(value.to_owned());
        let id = || value.parse().map_err(|_| format!("`{value}` is no id"));
        let which = &mut self.which;
        match name {
            "ids" => which.ids.push(id()?),
            "since" => which.since = Some(ask::moment(value, now)?),
            "until" => which.until = Some(ask::moment(value, now)?),
            "route" => which.route = text(),
            "action" => which.action = text(),
            "states" => which.states.push(state(value)?),
            "source" => which.source = text(),
            "type" => which.event_type = text(),
            "object" => which.object = text(),
            "record" => which.record = Some(id()?),
            "error" => which.error = text(),
            "alike" => which.alike = text(),
            "ended_until" => which.ended_until = Some(ask::moment(value, now)?),
            "as_new" => self.mode.as_new = flag(name, value)?,
            "fresh" => self.mode.fresh = flag(name, value)?,
            "dry_run" => self.dry_run = flag(name, value)?,
            "to" => self.to = Some(value.parse().map_err(|_| wrong(name))?),
            "reason" => value.clone_into(&mut self.reason),
            "kind" => value.clone_into(&mut self.kind),
            _ => value.clone_into(&mut self.name),
        }
        Ok(())
    }
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn state(word: &str) -> Result<DeliveryState, String> {
    let known: Vec<_> = DeliveryState::ALL.iter().map(|state| state.as_str()).collect();
    DeliveryState::of(word)
        .ok_or_else(|| format!("`{word}` is no state: it is one of {}", known.join(", ")))
}

fn flag(name: &str, value: &str) -> Result<bool, String> {
    value.parse().map_err(|_| format!("`{name}` is true or false"))
}

fn wrong(name: &str) -> String {
    format!("the value of `{name}` cannot be used")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(own: &'static [&'static str], body: &str) -> String {
        Asked::of_json(own, body.as_bytes()).unwrap_err()
    }

    #[test]
    fn what_is_not_known_is_refused() {
        assert!(error(REPLAY, r#"{"acton": "billing"}"#).contains("did you mean `action`?"));
        assert!(error(REPLAY, r#"{"reason": "x"}"#).contains("not known"));
        assert!(error(PAUSE, r#"{"ids": ["x"]}"#).contains("not known"));
        assert!(error(REPLAY, r#"{"states": ["lost"]}"#).contains("discarded"));
        assert!(error(REPLAY, r#"{"dry_run": "yes"}"#).contains("true or false"));
        assert!(error(REPLAY, r#"{"ids": ["1"]}"#).contains("no id"));
        assert!(error(REPLAY, r#"{"route": 1}"#).contains("`route`"));
        assert!(error(REPLAY, "[]").contains("object"));
    }

    #[test]
    fn what_is_empty_says_nothing() {
        let asked = Asked::of_json(REPLAY, br#"{"ids": [], "route": "", "action": null}"#).unwrap();
        assert!(asked.which.is_nothing());
        let asked = Asked::of_pairs(DISCARD, [("action", "billing"), ("states", "")]).unwrap();
        assert_eq!(asked.which, Which { action: Some("billing".to_owned()), ..Which::default() });
    }
}
