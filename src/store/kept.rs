//! What was looked up in Attio and is kept: snapshots of events' records, and names.

use bytes::Bytes;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Lane, StoreError};
use crate::{
    attio::{catalog::Catalog, event::Event},
    job::Values,
    name::SourceName,
    routing::Needs,
};

/// Something that was looked up for an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The event.
    pub event_id: Uuid,
    /// What it is.
    pub kind: SnapshotKind,
    /// When the look-up started.
    pub looked_up_at: OffsetDateTime,
    /// JSON, made plain.
    pub value: Bytes,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident $word:literal),* $(,)?) => {
        /// What a snapshot is of; see [`Values`](crate::job::Values).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum SnapshotKind {
            $($(#[$doc])* $kind,)*
        }

        impl SnapshotKind {
            /// All of them.
            pub const ALL: [Self; 9] = [$(Self::$kind),*];

            /// `snapshots.kind`.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $word,)*
                }
            }
        }
    };
}

kinds! {
    /// The record of the event's subject.
    Record "record",
    /// The list entry of the event's subject.
    Entry "entry",
    /// The record or entry as it was before the change.
    Previous "previous",
    /// The actor.
    Actor "actor",
    /// The workspace.
    Workspace "workspace",
    /// The note.
    Note "note",
    /// The task.
    Task "task",
    /// The comment.
    Comment "comment",
    /// The call recording, with its meeting.
    Meeting "meeting",
}

impl Snapshot {
    /// Puts what was kept among the values of its event. What cannot be read any more is as if it
    /// had not been looked up.
    pub fn place(&self, values: &mut Values) {
        if let Ok(value) = serde_json::from_slice(&self.value) {
            *self.kind.slot(values) = Some(value);
        }
    }
}

impl SnapshotKind {
    /// Where it belongs among the values of an event.
    pub fn slot(self, values: &mut Values) -> &mut Option<serde_json::Value> {
        match self {
            Self::Record => &mut values.record,
            Self::Entry => &mut values.entry,
            Self::Previous => &mut values.previous,
            Self::Actor => &mut values.actor,
            Self::Workspace => &mut values.workspace,
            Self::Note => &mut values.note,
            Self::Task => &mut values.task,
            Self::Comment => &mut values.comment,
            Self::Meeting => &mut values.meeting,
        }
    }

    /// What must be looked up for these needs.
    pub fn needed(needs: Needs) -> impl Iterator<Item = Self> {
        needs.names().into_iter().filter_map(Self::of_row)
    }

    /// The kind of a row.
    pub(super) fn of_row(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// The names of a workspace, as they were learnt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCatalog {
    /// The workspace's id.
    pub workspace: String,
    /// When Attio was asked.
    pub learnt_at: OffsetDateTime,
    /// What it said.
    pub catalog: Catalog,
}

/// An event that was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its id.
    pub id: Uuid,
    /// The source of its message.
    pub source: SourceName,
    /// When its message arrived.
    pub received_at: OffsetDateTime,
    /// What is known of it; its span is that of `json`.
    pub event: Event,
    /// Its JSON, as Attio sent it.
    pub json: Bytes,
}

/// The catalog in a row. One that another version wrote and this one cannot read is no catalog: it
/// is learnt again.
pub(super) fn read_catalog(json: &[u8]) -> Option<Catalog> {
    serde_json::from_slice(json).ok()
}

/// A catalog as it goes into a row.
pub(super) fn write_catalog(catalog: &Catalog) -> Vec<u8> {
    serde_json::to_vec(catalog).expect("texts and lists are always JSON")
}

impl Lane {
    /// What is kept for the events.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn snapshots(&mut self, events: &[Uuid]) -> Result<Vec<Snapshot>, StoreError> {
        match self {
            Self::Postgres(lane) => lane.snapshots(events).await,
            Self::Sqlite(lane) => lane.snapshots(events).await,
        }
    }

    /// Keeps what was looked up, unless something is kept already: the first one stays. Returns
    /// what stands, for each event and kind that was given.
    ///
    /// # Errors
    /// Any [`StoreError`]; the same may be given again.
    pub async fn keep_snapshots(
        &mut self,
        snapshots: &[Snapshot],
    ) -> Result<Vec<Snapshot>, StoreError> {
        match self {
            Self::Postgres(lane) => lane.keep_snapshots(snapshots).await,
            Self::Sqlite(lane) => lane.keep_snapshots(snapshots).await,
        }
    }

    /// The names of a workspace; without one, of the workspace that was asked last.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn catalog(
        &mut self,
        workspace: Option<&str>,
    ) -> Result<Option<StoredCatalog>, StoreError> {
        match self {
            Self::Postgres(lane) => lane.catalog(workspace, None).await,
            Self::Sqlite(lane) => lane.catalog(workspace, None).await,
        }
    }

    /// The names that were learnt last, where that was after `than`: cheap enough to be asked for
    /// all the time.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn newer_catalog(
        &mut self,
        than: Option<OffsetDateTime>,
    ) -> Result<Option<StoredCatalog>, StoreError> {
        match self {
            Self::Postgres(lane) => lane.catalog(None, than).await,
            Self::Sqlite(lane) => lane.catalog(None, than).await,
        }
    }

    /// Keeps the names of a workspace, unless newer ones are kept already. Says whether it did.
    ///
    /// # Errors
    /// Any [`StoreError`]; the same may be given again.
    pub async fn keep_catalog(&mut self, catalog: &StoredCatalog) -> Result<bool, StoreError> {
        match self {
            Self::Postgres(lane) => lane.keep_catalog(catalog).await,
            Self::Sqlite(lane) => lane.keep_catalog(catalog).await,
        }
    }

    /// The event of that id.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn event(&mut self, id: Uuid) -> Result<Option<StoredEvent>, StoreError> {
        match self {
            Self::Postgres(lane) => lane.event(id).await,
            Self::Sqlite(lane) => lane.event(id).await,
        }
    }
}
