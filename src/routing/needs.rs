//! What must be looked up before a condition or a template can be evaluated.

use std::ops::BitOr;

/// Which of the values that no event carries are needed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "a set, each member with a name")]
pub struct Needs {
    /// The record of the event's subject.
    pub record: bool,
    /// The list entry of the event's subject.
    pub entry: bool,
    /// The record or entry as it was before the change.
    pub previous: bool,
    /// Name and e-mail address of the actor.
    pub actor: bool,
    /// Name and slug of the workspace.
    pub workspace: bool,
    /// The note that the event is about.
    pub note: bool,
    /// The task that the event is about.
    pub task: bool,
    /// The comment that the event is about.
    pub comment: bool,
    /// The meeting's recording that the event is about.
    pub meeting: bool,
}

impl Needs {
    /// Whether nothing is needed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What conditions and templates call what is needed.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        let all = [
            (self.record, "record"),
            (self.entry, "entry"),
            (self.previous, "previous"),
            (self.actor, "actor"),
            (self.workspace, "workspace"),
            (self.note, "note"),
            (self.task, "task"),
            (self.comment, "comment"),
            (self.meeting, "meeting"),
        ];
        all.into_iter().filter_map(|(is_needed, name)| is_needed.then_some(name)).collect()
    }
}

impl BitOr for Needs {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self {
            record: self.record | other.record,
            entry: self.entry | other.entry,
            previous: self.previous | other.previous,
            actor: self.actor | other.actor,
            workspace: self.workspace | other.workspace,
            note: self.note | other.note,
            task: self.task | other.task,
            comment: self.comment | other.comment,
            meeting: self.meeting | other.meeting,
        }
    }
}
