//! Webhooks: <https://docs.attio.com/rest-api/endpoint-reference/webhooks/create-a-webhook>.
//!
//! A webhook's secret is in one answer only, that to its creation.

use reqwest::Method;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{ApiError, Client, call::Call, setback::is_not_found};

/// Attio gives between 10 and 100.
const PAGE: usize = 100;

/// A webhook, as Attio has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Webhook {
    /// Its id.
    pub id: String,
    /// Where it sends.
    pub target_url: String,
    /// What it sends.
    pub subscriptions: Vec<Subscription>,
    /// `active`, `degraded` or `inactive`.
    pub status: String,
    /// When it was made, in RFC 3339.
    pub created_at: String,
}

/// One type of events that a webhook sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// The type.
    pub event_type: String,
    /// Which of them, as `{"$and": […]}` or `{"$or": […]}`; `None` for all. Always sent: the key
    /// is required.
    pub filter: Option<Value>,
}

/// A webhook that was made, with its secret: nobody will ever show it again.
#[derive(Debug)]
pub struct Created {
    /// The webhook.
    pub webhook: Webhook,
    /// What it signs with.
    pub secret: SecretString,
}

#[derive(Deserialize)]
struct Answer {
    id: Id,
    target_url: String,
    subscriptions: Vec<Subscription>,
    status: String,
    created_at: String,
    secret: Option<SecretText>,
}

#[derive(Deserialize)]
struct Id {
    webhook_id: String,
}

/// Keeps a secret out of every `Debug` on its way.
#[derive(Deserialize)]
#[serde(from = "String")]
struct SecretText(SecretString);

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl Client {
    /// Every webhook of the workspace that this token may see.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn webhooks(&self, deadline: Instant) -> Result<Vec<Webhook>, ApiError> {
        let rows = self.all_pages(Call::list(&["webhooks"]), PAGE, deadline).await?;
        rows.into_iter().map(|row| Ok(read(row)?.0)).collect()
    }

    /// One webhook; `None` when there is none of that id.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn webhook(
        &self,
        webhook_id: &str,
        deadline: Instant,
    ) -> Result<Option<Webhook>, ApiError> {
        let found = self.found(Call::get(&["webhooks", webhook_id]), deadline).await?;
        found.map(|row| Ok(read(row)?.0)).transpose()
    }

    /// Makes a webhook. A repeat makes none: Attio refuses the same target, type and filter twice
    /// with 409 `uniqueness_conflict`; but the secret of the first is then lost.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn create_webhook(
        &self,
        target_url: &str,
        subscriptions: &[Subscription],
        deadline: Instant,
    ) -> Result<Created, ApiError> {
        let data = json!({ "target_url": target_url, "subscriptions": subscriptions });
        let row = self.data(Call::write(Method::POST, &["webhooks"], &data), deadline).await?;
        let (webhook, secret) = read(row)?;
        let secret =
            secret.ok_or_else(|| ApiError::refused("Attio made a webhook and told no secret"))?;
        Ok(Created { webhook, secret })
    }

    /// Gives a webhook other subscriptions, and another target where there is one. `None` when
    /// there is no webhook of that id.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn update_webhook(
        &self,
        webhook_id: &str,
        target_url: Option<&str>,
        subscriptions: &[Subscription],
        deadline: Instant,
    ) -> Result<Option<Webhook>, ApiError> {
        let mut data = json!({ "subscriptions": subscriptions });
        if let Some(target_url) = target_url {
            data["target_url"] = target_url.into();
        }
        let call = Call::write(Method::PATCH, &["webhooks", webhook_id], &data);
        let found = self.found(call, deadline).await?;
        found.map(|row| Ok(read(row)?.0)).transpose()
    }

    /// Ends a webhook, at once. Good also when there is none of that id: the answer to an earlier
    /// try may have been lost.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn delete_webhook(
        &self,
        webhook_id: &str,
        deadline: Instant,
    ) -> Result<(), ApiError> {
        match self.whole(&Call::delete(&["webhooks", webhook_id]), deadline).await {
            Err(error) if !is_not_found(&error) => Err(error),
            _ => Ok(()),
        }
    }
}

fn read(row: Value) -> Result<(Webhook, Option<SecretString>), ApiError> {
    // The error of the reader would show values.
    let answer: Answer = serde_json::from_value(row)
        .map_err(|_| ApiError::refused("Attio's answer is no webhook"))?;
    let Answer { id, target_url, subscriptions, status, created_at, secret } = answer;
    let webhook = Webhook { id: id.webhook_id, target_url, subscriptions, status, created_at };
    Ok((webhook, secret.map(|SecretText(secret)| secret)))
}
