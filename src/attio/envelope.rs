//! Splitting a message into its events, leniently.
//!
//! Nothing that Attio may send is refused: unknown types, missing or null actors, `\u0000`, lone
//! surrogates, a byte order mark, deep nesting and duplicate keys (the last one counts) are all
//! read. What cannot be read is told apart, so that it can be kept aside.

use std::{borrow::Cow, fmt, ops::Range};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::event::{Event, Subject};

/// Texts taken out of an event are cut at so many characters; the event itself is not.
const TEXT_LIMIT: usize = 256;

/// A message, split.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// The webhook that sent it.
    pub webhook_id: Option<String>,
    /// An id of the message in its body. Attio sends none today; one serves where no key came.
    pub event_id: Option<String>,
    /// What happened.
    pub events: Vec<Event>,
}

/// Why a body is not readable as Attio's envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// There is no body.
    #[error("the body is empty")]
    Empty,
    /// It is not UTF-8.
    #[error("the body is not UTF-8")]
    NotUtf8,
    /// It is not a JSON object.
    #[error("the body is not a JSON object")]
    NotAnObject,
    /// It has neither `events` nor `event_type`.
    #[error("the body has neither events nor an event type")]
    NoEvents,
    /// `events` is not an array.
    #[error("events is not an array")]
    EventsNotAnArray,
    /// An entry of `events` is not an object with an event type.
    #[error("an entry of events is not an object with an event type")]
    NotAnEvent,
}

impl Unreadable {
    /// The same as a fixed text, to be stored with the message.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Empty => "the body is empty",
            Self::NotUtf8 => "the body is not UTF-8",
            Self::NotAnObject => "the body is not a JSON object",
            Self::NoEvents => "the body has neither events nor an event type",
            Self::EventsNotAnArray => "events is not an array",
            Self::NotAnEvent => "an entry of events is not an object with an event type",
        }
    }
}

impl Envelope {
    /// Reads a message: `{"webhook_id", "events": […]}`, or a bare event.
    ///
    /// # Errors
    /// [`Unreadable`] says what is wrong with the body.
    pub fn read(body: &[u8]) -> Result<Self, Unreadable> {
        let text = std::str::from_utf8(body).map_err(|_| Unreadable::NotUtf8)?;
        let json = text.strip_prefix('\u{feff}').unwrap_or(text).trim_ascii();
        if json.is_empty() {
            return Err(Unreadable::Empty);
        }
        let object: Object = serde_json::from_str(json).map_err(|_| Unreadable::NotAnObject)?;
        let events = match object.raw("events") {
            Some(events) => serde_json::from_str::<Vec<&RawValue>>(events.get())
                .map_err(|_| Unreadable::EventsNotAnArray)?
                .into_iter()
                .map(|event| read_event(event.get(), text).ok_or(Unreadable::NotAnEvent))
                .collect::<Result<_, _>>()?,
            None => vec![read_event(json, text).ok_or(Unreadable::NoEvents)?],
        };
        Ok(Self {
            webhook_id: object.text("webhook_id"),
            event_id: object.text("event_id"),
            events,
        })
    }
}

/// Reads one event; `json` is a part of `whole`.
fn read_event(json: &str, whole: &str) -> Option<Event> {
    let object: Object = serde_json::from_str(json).ok()?;
    let event_type = object.text("event_type")?;
    let id = object.object("id").unwrap_or_default();
    let actor = object.object("actor").unwrap_or_default();
    let start = json.as_ptr() as usize - whole.as_ptr() as usize;
    Some(Event {
        subject: subject(&event_type, &object, &id),
        actor_type: actor.text("type"),
        actor_id: actor.text("id"),
        workspace_id: id.text("workspace_id"),
        attribute_id: id.text("attribute_id"),
        span: Range { start, end: start + json.len() },
        event_type,
    })
}

/// What an event is about: decided by its type, since the same key means different things in
/// different types (`activity-record.*` has a `record_id` that is no record's).
fn subject(event_type: &str, event: &Object<'_>, id: &Object<'_>) -> Subject {
    let family = event_type.split('.').next().unwrap_or_default();
    match family {
        "record" => Subject {
            object_id: id.text("object_id"),
            record_id: id.text("record_id"),
            ..Subject::default()
        },
        "list-entry" => Subject {
            list_id: id.text("list_id"),
            entry_id: id.text("entry_id"),
            object_id: event.text("parent_object_id"),
            record_id: event.text("parent_record_id"),
        },
        "note" | "note-content" => Subject {
            object_id: event.text("parent_object_id"),
            record_id: event.text("parent_record_id"),
            ..Subject::default()
        },
        "comment" => Subject {
            object_id: event.text("object_id"),
            record_id: event.text("record_id"),
            list_id: event.text("list_id"),
            entry_id: event.text("entry_id"),
        },
        "object-attribute" => Subject { object_id: id.text("object_id"), ..Subject::default() },
        "list-attribute" => Subject { list_id: id.text("list_id"), ..Subject::default() },
        _ => Subject::default(),
    }
}

/// A JSON object whose values are left as they are.
#[derive(Default)]
struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Object<'a> {
    /// The last value of that name, as most JSON readers take it.
    fn raw(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().rev().find(|(key, _)| key == name).map(|(_, value)| *value)
    }

    fn text(&self, name: &str) -> Option<String> {
        self.raw(name).and_then(|value| clean_text(value.get()))
    }

    fn object(&self, name: &str) -> Option<Object<'a>> {
        serde_json::from_str(self.raw(name)?.get()).ok()
    }
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = Object<'de>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::with_capacity(8);
                while let Some(Key(key)) = map.next_key()? {
                    entries.push((key, map.next_value()?));
                }
                Ok(Object(entries))
            }
        }

        from.deserialize_map(Entries)
    }
}

/// A key, borrowed where it holds no escape.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Text;

        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }

        from.deserialize_str(Text)
    }
}

/// A JSON string's text, fit for a text column: U+0000 and lone surrogates replaced, cut. `None`
/// for anything that is not a string.
fn clean_text(json: &str) -> Option<String> {
    let text: Cow<'_, str> = match serde_json::from_str::<Cow<'_, str>>(json) {
        Ok(text) => text,
        Err(_) if json.starts_with('"') => {
            Cow::Owned(serde_json::from_str(&without_lone_surrogates(json)).ok()?)
        }
        Err(_) => return None,
    };
    if text.is_ascii() && text.len() <= TEXT_LIMIT && !text.contains('\0') {
        return Some(text.into_owned());
    }
    Some(text.chars().take(TEXT_LIMIT).map(|c| if c == '\0' { '\u{fffd}' } else { c }).collect())
}

/// The same JSON with each `\uD800`–`\uDFFF` escape that has no partner made `\ufffd`.
///
/// JSON allows lone surrogates (RFC 8259, section 8.2), Rust's strings do not.
#[must_use]
pub fn without_lone_surrogates(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let unit = code_unit(rest);
        let pair = unit.is_some_and(|unit| (0xd800..0xdc00).contains(&unit))
            && code_unit(&rest[6..]).is_some_and(|unit| (0xdc00..0xe000).contains(&unit));
        let (taken, replaced) = match unit {
            Some(_) if pair => (12, false),
            Some(unit) => (6, (0xd800..0xe000).contains(&unit)),
            None => (rest.char_indices().nth(2).map_or(rest.len(), |(at, _)| at), false),
        };
        out.push_str(if replaced { "\\ufffd" } else { &rest[..taken] });
        rest = &rest[taken..];
    }
    out.push_str(rest);
    out
}

/// The code unit of a `\uXXXX` escape that `json` starts with.
fn code_unit(json: &str) -> Option<u16> {
    let digits = json.strip_prefix("\\u")?.get(..4)?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attio::event::KNOWN_TYPES;

    fn only(body: &str) -> Event {
        let mut events = Envelope::read(body.as_bytes()).unwrap().events;
        assert_eq!(events.len(), 1);
        events.remove(0)
    }

    fn fixture(event_type: &str) -> String {
        let path = format!("{}/tests/data/events/{event_type}.json", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn every_known_type_is_read_with_its_actor_and_workspace() {
        for event_type in KNOWN_TYPES {
            let body = fixture(event_type);
            let envelope = Envelope::read(body.as_bytes()).unwrap();
            assert_eq!(
                envelope.webhook_id.as_deref(),
                Some("7bca51fc-3281-4b13-ab5b-190c901ed426")
            );
            for event in envelope.events {
                assert_eq!(event.event_type, event_type);
                assert!(event.actor_type.is_some() && event.workspace_id.is_some());
                assert!(
                    body[event.span.clone()].starts_with('{') && body[event.span].ends_with('}')
                );
            }
        }
    }

    #[test]
    fn the_subject_is_the_record_the_entry_with_its_parent_or_nothing() {
        let subject = |name| only(&fixture(name)).subject;
        assert!(subject("record.updated").record_id.is_some());
        let entry = subject("list-entry.created");
        assert!(entry.list_id.is_some() && entry.entry_id.is_some() && entry.record_id.is_some());
        assert!(subject("note-content.updated").record_id.is_some());
        assert!(subject("comment.created").entry_id.is_none());
        assert!(subject("comment.deleted").entry_id.is_some());
        assert!(subject("list-attribute.created").list_id.is_some());
        assert!(subject("object-attribute.updated").object_id.is_some());
        assert_eq!(subject("activity-record.created"), Subject::default());
        assert_eq!(subject("list.created"), Subject::default());
    }

    #[test]
    fn a_bare_event_is_read_like_one_in_an_envelope() {
        let event = only(r#" {"event_type":"task.created","id":{"task_id":"t"}} "#);
        assert_eq!((event.event_type.as_str(), event.actor_type), ("task.created", None));
        assert_eq!(event.span, 1..51);
    }

    #[test]
    fn a_byte_order_mark_nulls_and_lone_surrogates_are_read() {
        let event = only(concat!(
            "\u{feff}",
            r#"{"event_type":"a\u0000b","actor":{"type":"x\ud800y","id":null}}"#
        ));
        assert_eq!(event.event_type, "a\u{fffd}b");
        assert_eq!(event.actor_type.as_deref(), Some("x\u{fffd}y"));
        assert_eq!((event.actor_id, event.span.start), (None, 3));
    }

    #[test]
    fn of_duplicate_keys_the_last_counts() {
        let event = only(r#"{"event_type":"a","event_type":"b","actor":{"type":"c","type":"d"}}"#);
        assert_eq!((event.event_type.as_str(), event.actor_type.as_deref()), ("b", Some("d")));
    }

    #[test]
    fn depth_does_not_matter() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(only(&format!(r#"{{"event_type":"a","x":{deep}}}"#)).event_type, "a");
    }

    #[test]
    fn no_events_is_a_message_too_and_long_texts_are_cut() {
        assert!(Envelope::read(br#"{"webhook_id":"w","events":[]}"#).unwrap().events.is_empty());
        let long = "é".repeat(300);
        let event = only(&format!(r#"{{"events":[{{"event_type":"{long}"}}]}}"#));
        assert_eq!(event.event_type.chars().count(), 256);
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let why = |body: &[u8]| Envelope::read(body).unwrap_err();
        assert_eq!(why(b""), Unreadable::Empty);
        assert_eq!(why(b" \n"), Unreadable::Empty);
        assert_eq!(why(b"\xff"), Unreadable::NotUtf8);
        assert_eq!(why(b"[1]"), Unreadable::NotAnObject);
        assert_eq!(why(b"{} x"), Unreadable::NotAnObject);
        assert_eq!(why(b"{}"), Unreadable::NoEvents);
        assert_eq!(why(br#"{"events":{}}"#), Unreadable::EventsNotAnArray);
        assert_eq!(why(br#"{"events":[1]}"#), Unreadable::NotAnEvent);
    }

    #[test]
    fn surrogate_pairs_and_other_escapes_stay_as_they_are() {
        let json = r#""\ud83d\ude00 \\ud800 \n \"""#;
        assert_eq!(without_lone_surrogates(json), json);
        assert_eq!(
            without_lone_surrogates(r#""\udc00\ud800\ud83d\ude00""#),
            r#""\ufffd\ufffd\ud83d\ude00""#
        );
    }
}
