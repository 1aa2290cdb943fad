//! What can be looked up in Attio, and how: one call each.

use std::{sync::Arc, time::Duration};

use serde_json::Value;

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
pub(super) type Found = Result<Arc<Option<Value>>, ApiError>;

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

    pub(super) async fn look_up(self, client: Client) -> Found {
        let deadline = Instant::now() + PATIENCE;
        let found = match &self {
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
        };
        found.map(Arc::new)
    }
}
