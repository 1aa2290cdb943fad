//! One event as Attio sent it, read leniently: nothing Attio may send is refused here.
//!
//! Only what routing and storage need is taken out; the event itself stays the bytes that were
//! signed. The schema is <https://api.attio.com/openapi/webhooks>; unknown types are ordinary.

use std::ops::Range;

use super::catalog::Holder;

/// The event types that Attio's webhook endpoints accept, as of October 2026.
///
/// Source: <https://api.attio.com/openapi/api>. New types come without notice, so this list serves
/// suggestions and metric labels and never decides whether an event is taken.
pub const KNOWN_TYPES: [&str; 34] = [
    "activity-attribute.created",
    "activity-attribute.updated",
    "activity-record.created",
    "activity-record.deleted",
    "activity.created",
    "activity.deleted",
    "activity.updated",
    "call-recording.created",
    "comment.created",
    "comment.deleted",
    "comment.resolved",
    "comment.unresolved",
    "list-attribute.created",
    "list-attribute.updated",
    "list-entry.created",
    "list-entry.deleted",
    "list-entry.updated",
    "list.created",
    "list.deleted",
    "list.updated",
    "note-content.updated",
    "note.created",
    "note.deleted",
    "note.updated",
    "object-attribute.created",
    "object-attribute.updated",
    "record.created",
    "record.deleted",
    "record.merged",
    "record.updated",
    "task.created",
    "task.deleted",
    "task.updated",
    "workspace-member.created",
];

/// One thing that happened in Attio: its type, its ids, its actor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// `record.updated`, `list-entry.created`, …; any string, empty when missing.
    pub event_type: String,
    /// Who did it: `workspace-member`, `api-token`, `system`, `app`, or something newer.
    pub actor_type: Option<String>,
    /// The actor's id; absent for `system`.
    pub actor_id: Option<String>,
    /// The workspace it happened in.
    pub workspace_id: Option<String>,
    /// The attribute that changed, for `*.updated` events that name one.
    pub attribute_id: Option<String>,
    /// What the event is about.
    pub subject: Subject,
    /// Where the event's own JSON lies in the message's body.
    pub span: Range<usize>,
}

/// What an event is about, for `object`, `list` and `order_by`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    /// The object's id.
    pub object_id: Option<String>,
    /// The record's id.
    pub record_id: Option<String>,
    /// The list's id.
    pub list_id: Option<String>,
    /// The list entry's id.
    pub entry_id: Option<String>,
}

impl Event {
    /// Whether it says that objects, lists or attributes are called otherwise than before.
    #[must_use]
    pub fn is_about_names(&self) -> bool {
        let stem = self.event_type.split('.').next();
        matches!(stem, Some("list" | "object-attribute" | "list-attribute"))
    }

    /// Whose attribute the event names, where it names one.
    #[must_use]
    pub fn holder(&self) -> Option<Holder<'_>> {
        match self.event_type.split('.').next() {
            Some("list-entry" | "list-attribute") => {
                self.subject.list_id.as_deref().map(Holder::List)
            }
            _ => self.subject.object_id.as_deref().map(Holder::Object),
        }
    }
}
