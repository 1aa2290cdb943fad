//! Webhooks and which events they get (<https://docs.attio.com/rest-api/guides/webhooks>).

use serde_json::{Value, json};

use super::refusal::Refusal;
use crate::attio::event::KNOWN_TYPES;

/// One webhook.
#[derive(Debug, Clone)]
pub(super) struct Webhook {
    pub(super) id: String,
    pub(super) target_url: String,
    pub(super) secret: String,
    /// As they were given: `event_type` and `filter` each.
    pub(super) subscriptions: Vec<Value>,
    /// `active`, `degraded` or `inactive`.
    pub(super) status: &'static str,
    pub(super) created_at: String,
}

impl Webhook {
    /// As Attio answers it: without its secret.
    pub(super) fn show(&self, workspace_id: &str) -> Value {
        json!({
            "id": {"workspace_id": workspace_id, "webhook_id": self.id},
            "target_url": self.target_url,
            "subscriptions": self.subscriptions,
            "status": self.status,
            "created_at": self.created_at,
        })
    }

    /// Whether it gets the event.
    pub(super) fn wants(&self, event: &Value) -> bool {
        let is_wanted = |subscription: &Value| {
            subscription["event_type"] == event["event_type"]
                && passes(&subscription["filter"], event)
        };
        self.status != "inactive" && self.subscriptions.iter().any(is_wanted)
    }
}

/// One subscription to each type of event, without a filter.
pub(super) fn everything() -> Vec<Value> {
    KNOWN_TYPES.iter().map(|known| json!({"event_type": known, "filter": null})).collect()
}

/// Whether an event passes a filter that was checked.
fn passes(filter: &Value, event: &Value) -> bool {
    let all = filter["$and"].as_array();
    let any = filter["$or"].as_array();
    all.is_none_or(|conditions| conditions.iter().all(|condition| holds(condition, event)))
        && any.is_none_or(|conditions| conditions.iter().any(|condition| holds(condition, event)))
}

fn holds(condition: &Value, event: &Value) -> bool {
    let path = condition["field"].as_str().unwrap_or_default();
    let found = path.split('.').fold(event, |at, step| &at[step]);
    (*found == condition["value"]) == (condition["operator"] == "equals")
}

/// Reads the subscriptions of a request.
pub(super) fn subscriptions(given: &Value) -> Result<Vec<Value>, Refusal> {
    let path = ["data", "subscriptions"];
    let items =
        given.as_array().ok_or_else(|| Refusal::invalid(&path, "Required", "array", given))?;
    for item in items {
        check(item)?;
    }
    Ok(items.clone())
}

fn check(subscription: &Value) -> Result<(), Refusal> {
    let event_type = &subscription["event_type"];
    if !event_type.as_str().is_some_and(|known| KNOWN_TYPES.contains(&known)) {
        let path = ["data", "subscriptions", "event_type"];
        return Err(Refusal::invalid(&path, "Invalid event type", "event type", event_type));
    }
    let filter = subscription.get("filter");
    let is_right = filter.is_some_and(|filter| filter.is_null() || is_filter(filter));
    if is_right {
        return Ok(());
    }
    let path = ["data", "subscriptions", "filter"];
    Err(Refusal::invalid(&path, "Required", "filter", filter.unwrap_or(&Value::Null)))
}

fn is_filter(filter: &Value) -> bool {
    let Some(fields) = filter.as_object() else { return false };
    fields.len() == 1
        && fields.iter().all(|(word, conditions)| {
            matches!(word.as_str(), "$and" | "$or")
                && conditions.as_array().is_some_and(|all| all.iter().all(is_condition))
        })
}

fn is_condition(condition: &Value) -> bool {
    let is_operator = matches!(condition["operator"].as_str(), Some("equals" | "not_equals"));
    is_operator && condition["field"].is_string() && condition["value"].is_string()
}
