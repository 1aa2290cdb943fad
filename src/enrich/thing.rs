//! What can be looked up in Attio, and how: one call each.

use std::{sync::Arc, time::Duration};

use serde_json::Value;

use super::{Setback, away::Away};
use crate::attio::{
    catalog::Holder,
    client::{ApiError, Client, Instant},
    event::Event,
};

/// One look-up takes so long at the most, waiting for Attio's limits included.
const PATIENCE: Duration = Duration::from_secs(10);

/// Something in Attio that has an id of its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Thing {
    Record { object: String, id: String },
    Entry { list: String, id: String },
    Note(String),
    Task(String),
    Comment(String),
    Recording { meeting: String, id: String },
    Member(String),
    History { of: Owner, id: String, attribute: String },
}

/// Whose attribute a history is of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Owner {
    Object(String),
    List(String),
}

/// What Attio said: `None` is the fact that there is no such thing.
pub(super) type Found = Result<Arc<Option<Value>>, Setback>;

/// What a token may see or not: things of one kind, of one object or list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Kind(&'static str, Option<String>);

impl Owner {
    pub(super) fn new(holder: Holder<'_>) -> Self {
        match holder {
            Holder::Object(id) => Self::Object(id.to_owned()),
            Holder::List(id) => Self::List(id.to_owned()),
        }
    }

    fn holder(&self) -> Holder<'_> {
        match self {
            Self::Object(id) => Holder::Object(id),
            Self::List(id) => Holder::List(id),
        }
    }
}

impl Thing {
    pub(super) fn record(event: &Event) -> Option<Self> {
        let (object, id) = (event.subject.object_id.clone()?, event.subject.record_id.clone()?);
        Some(Self::Record { object, id })
    }

    pub(super) fn entry(event: &Event) -> Option<Self> {
        let (list, id) = (event.subject.list_id.clone()?, event.subject.entry_id.clone()?);
        Some(Self::Entry { list, id })
    }

    /// What an event's own ids name, such as its note.
    pub(super) fn named(json: &Value, make: fn(String) -> Self, field: &str) -> Option<Self> {
        Some(make(json["id"][field].as_str()?.to_owned()))
    }

    pub(super) fn recording(json: &Value) -> Option<Self> {
        let text = |field: &str| json["id"][field].as_str().map(str::to_owned);
        Some(Self::Recording { meeting: text("meeting_id")?, id: text("call_recording_id")? })
    }

    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Record { object, .. } => Kind("record", Some(object.clone())),
            Self::Entry { list, .. } => Kind("entry", Some(list.clone())),
            Self::Note(_) => Kind("note", None),
            Self::Task(_) => Kind("task", None),
            Self::Comment(_) => Kind("comment", None),
            Self::Recording { .. } => Kind("recording", None),
            Self::Member(_) => Kind("member", None),
            Self::History { of: Owner::Object(id) | Owner::List(id), .. } => {
                Kind("history", Some(id.clone()))
            }
        }
    }

    /// Looks it up, unless Attio is to be left alone.
    pub(super) async fn look_up(self, client: Client, away: Arc<Away>) -> Found {
        let (kind, asked_at) = (self.kind(), std::time::Instant::now());
        away.check(&kind)?;
        let found = self.ask(&client).await;
        away.note(&kind, asked_at, found.map(Arc::new))
    }

    async fn ask(&self, client: &Client) -> Result<Option<Value>, ApiError> {
        let deadline = Instant::now() + PATIENCE;
        match self {
            Self::Record { object, id } => client.record(object, id, deadline).await,
            Self::Entry { list, id } => client.entry(list, id, deadline).await,
            Self::Note(id) => client.note(id, deadline).await,
            Self::Task(id) => client.task(id, deadline).await,
            Self::Comment(id) => client.comment(id, deadline).await,
            Self::Recording { meeting, id } => client.call_recording(meeting, id, deadline).await,
            Self::Member(id) => client.member(id, deadline).await,
            Self::History { of, id, attribute } => {
                let items = client.history(of.holder(), id, attribute, deadline).await;
                items.map(|items| Some(Value::Array(items)))
            }
        }
    }
}
