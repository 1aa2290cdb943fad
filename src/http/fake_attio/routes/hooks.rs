//! `/v2/webhooks` (<https://docs.attio.com/rest-api/endpoint-reference/webhooks/create-a-webhook>).

use serde_json::{Value, json};
use uuid::Uuid;

use super::{data, no_such_path};
use crate::http::fake_attio::{
    actor::By,
    call::Call,
    message,
    refusal::Refusal,
    webhook::{Webhook, subscriptions},
    world::World,
};

impl World {
    pub(super) fn answer_webhooks(
        &mut self,
        rest: &[&str],
        call: &Call,
        by: &By,
    ) -> Result<Value, Refusal> {
        let shown = |webhook: &Webhook, world: &Self| data(webhook.show(&world.workspace_id));
        match (call.method.as_str(), rest) {
            ("GET", []) => {
                if call.parameter("limit").is_some_and(|limit| limit.len() < 2) {
                    let message = "The limit must be at least 10.";
                    return Err(Refusal::new(400, "validation_type", message));
                }
                let all = self.webhooks.iter().map(|each| each.show(&self.workspace_id));
                Ok(data(call.page(10, 100)?.of(all)))
            }
            ("GET", [id]) => Ok(shown(&self.webhooks[self.webhook(id)?], self)),
            ("POST", []) => self.create_webhook(call.data()?, by),
            ("PATCH", [id]) => {
                let place = self.webhook(id)?;
                self.update_webhook(place, call.data()?)?;
                Ok(shown(&self.webhooks[place], self))
            }
            ("DELETE", [id]) => {
                let place = self.webhook(id)?;
                self.webhooks.remove(place);
                Ok(json!({}))
            }
            _ => Err(no_such_path(call)),
        }
    }

    /// Where a webhook stands.
    pub(in crate::http::fake_attio) fn webhook(&self, id: &str) -> Result<usize, Refusal> {
        let place = self.webhooks.iter().position(|webhook| webhook.id == id);
        place.ok_or_else(|| Refusal::not_found("webhook", id))
    }

    fn create_webhook(&mut self, given: &Value, by: &By) -> Result<Value, Refusal> {
        let webhook = Webhook {
            id: Uuid::now_v7().to_string(),
            target_url: target_url(&given["target_url"])?,
            secret: secret(),
            subscriptions: subscriptions(&given["subscriptions"])?,
            status: "active",
            created_at: by.at.clone(),
        };
        self.check_triples(&webhook)?;
        let mut shown = webhook.show(&self.workspace_id);
        shown["secret"] = webhook.secret.as_str().into();
        self.webhooks.push(webhook);
        Ok(data(shown))
    }

    fn update_webhook(&mut self, place: usize, given: &Value) -> Result<(), Refusal> {
        let mut changed = self.webhooks[place].clone();
        if let Some(url) = given.get("target_url") {
            changed.target_url = target_url(url)?;
        }
        if let Some(wanted) = given.get("subscriptions") {
            changed.subscriptions = subscriptions(wanted)?;
        }
        self.check_triples(&changed)?;
        self.webhooks[place] = changed;
        Ok(())
    }

    /// Target URL, event type and filter together are unique in a workspace.
    fn check_triples(&self, new: &Webhook) -> Result<(), Refusal> {
        let others = self.webhooks.iter();
        let others =
            others.filter(|known| known.id != new.id && known.target_url == new.target_url);
        let mut taken: Vec<&Value> = others.flat_map(|known| &known.subscriptions).collect();
        for subscription in &new.subscriptions {
            let same = |known: &&Value| {
                known["event_type"] == subscription["event_type"]
                    && known["filter"] == subscription["filter"]
            };
            if taken.iter().any(same) {
                let message = "Two subscriptions share target URL, event type and filter.";
                return Err(Refusal::new(409, "uniqueness_conflict", message));
            }
            taken.push(subscription);
        }
        Ok(())
    }
}

/// Attio sends to `https` only; this machine is excused.
fn target_url(given: &Value) -> Result<String, Refusal> {
    let invalid = || {
        let path = ["data", "target_url"];
        Refusal::invalid(&path, "Must start with https://", "string", given)
    };
    let text = given.as_str().ok_or_else(invalid)?;
    let url = url::Url::parse(text).map_err(|_| invalid())?;
    let is_allowed = url.scheme() == "https" || message::is_here(&url);
    if is_allowed { Ok(text.to_owned()) } else { Err(invalid()) }
}

/// 64 hexadecimal digits, as Attio's. It guards nothing but made-up data.
fn secret() -> String {
    let bytes: [u8; 32] = std::array::from_fn(|_| fastrand::u8(..));
    hex::encode(bytes)
}
