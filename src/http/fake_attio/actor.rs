//! Who does something in the workspace (<https://docs.attio.com/docs/actors>).

use serde_json::{Value, json};

/// An actor, as events and values name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// `workspace-member`, `api-token`, `app` or `system`.
    pub kind: &'static str,
    /// Its id; none for `system`.
    pub id: Option<String>,
}

impl Actor {
    /// A person of the workspace.
    #[must_use]
    pub fn member(id: &str) -> Self {
        Self { kind: "workspace-member", id: Some(id.to_owned()) }
    }

    /// Attio itself.
    #[must_use]
    pub fn system() -> Self {
        Self { kind: "system", id: None }
    }

    pub(super) fn json(&self) -> Value {
        json!({"type": self.kind, "id": self.id})
    }
}

/// One change: who makes it, and when.
#[derive(Debug, Clone)]
pub(super) struct By {
    pub(super) actor: Actor,
    pub(super) at: String,
}
