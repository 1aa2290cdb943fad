//! The event that something is looked up for.

use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    attio::{catalog::Holder, event::Event},
    name::SourceName,
    routing::Needs,
};

/// The event that is to be understood.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// Its id.
    pub id: Uuid,
    /// What is known of it.
    pub event: &'a Event,
    /// Its JSON.
    pub json: &'a [u8],
    /// The source of its message.
    pub source: &'a SourceName,
    /// When its message arrived.
    pub received_at: OffsetDateTime,
    /// The attributes that changed, each with when the first message arrived that told of it: its
    /// own, and those of events that were merged into it.
    pub changed: &'a [(String, OffsetDateTime)],
}

impl About<'_> {
    /// Whether it stands for other events too.
    pub(super) fn is_merged(&self) -> bool {
        let own = self.event.attribute_id.as_ref();
        self.changed.iter().any(|(id, since)| Some(id) != own || *since != self.received_at)
    }

    /// What was before is told from what is now.
    pub(super) fn with_base(&self, mut needs: Needs) -> Needs {
        if needs.previous && !self.changed.is_empty() {
            let is_entry = matches!(self.event.holder(), Some(Holder::List(_)));
            needs.entry |= is_entry;
            needs.record |= !is_entry;
        }
        needs
    }
}
