//! A webhook as Attio keeps it. Its secret is no part of it: Attio shows that once, when it is made.

use serde::Serialize;

use super::Subscription;
use crate::attio::client;

/// A webhook of the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its id.
    pub id: String,
    /// Where it posts to.
    pub target_url: String,
    /// What it brings.
    pub subscriptions: Vec<Subscription>,
    /// Whether it still delivers.
    pub status: Status,
    /// When it was made: RFC 3339 in UTC, always with as many digits, so that the text sorts.
    pub created_at: String,
}

/// Whether a webhook still delivers: <https://docs.attio.com/rest-api/guides/webhooks>. The better
/// one is the greater one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It gets no events any more, and no call brings it back.
    Inactive,
    /// Deliveries failed for three days. It still gets events, and turns inactive 7 days after it
    /// became so.
    Degraded,
    /// A status that this version does not know; taken to deliver.
    Unknown,
    /// It delivers.
    Active,
}

impl Status {
    /// Reads Attio's word.
    #[must_use]
    pub fn read(word: &str) -> Self {
        match word {
            "inactive" => Self::Inactive,
            "degraded" => Self::Degraded,
            "active" => Self::Active,
            _ => Self::Unknown,
        }
    }

    /// Attio's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inactive => "inactive",
            Self::Degraded => "degraded",
            Self::Unknown => "unknown",
            Self::Active => "active",
        }
    }
}

impl Webhook {
    /// Whether it gets events.
    #[must_use]
    pub fn delivers(&self) -> bool {
        self.status != Status::Inactive
    }
}

impl From<client::Webhook> for Webhook {
    fn from(webhook: client::Webhook) -> Self {
        let read = |one: client::Subscription| Subscription {
            event_type: one.event_type,
            // The form of last resort takes anything.
            filter: one.filter.and_then(|filter| serde_json::from_value(filter).ok()),
        };
        Self {
            id: webhook.id,
            target_url: webhook.target_url,
            subscriptions: webhook.subscriptions.into_iter().map(read).collect(),
            status: Status::read(&webhook.status),
            created_at: webhook.created_at,
        }
    }
}

impl From<&Subscription> for client::Subscription {
    fn from(subscription: &Subscription) -> Self {
        let filter = subscription.filter.as_ref().map(|filter| {
            serde_json::to_value(filter).expect("texts and lists of texts are always JSON")
        });
        Self { event_type: subscription.event_type.clone(), filter }
    }
}
