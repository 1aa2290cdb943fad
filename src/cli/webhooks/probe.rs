//! Asks the relay at its public address whether it believes a secret, by a signed message without
//! any event.

use std::time::Duration;

use secrecy::SecretString;
use url::Url;
use uuid::Uuid;

use crate::{
    cli::client::{self, Trust},
    signature,
};

/// How long to wait for the answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What the relay makes of a secret.
pub(super) enum Verdict {
    /// It takes what is signed with it.
    Believed,
    /// It answers 401: it does not have it yet.
    Refused,
    /// It could not be asked, with the reason.
    Unknown(String),
}

/// Asks.
pub(super) async fn ask(target_url: &str, webhook_id: &str, secret: &SecretString) -> Verdict {
    match post(target_url, webhook_id, secret).await {
        Ok(200) => Verdict::Believed,
        Ok(401) => Verdict::Refused,
        Ok(status) => Verdict::Unknown(format!("it answered {status}")),
        Err(error) => Verdict::Unknown(format!("{error:#}")),
    }
}

async fn post(target_url: &str, webhook_id: &str, secret: &SecretString) -> anyhow::Result<u16> {
    let url = Url::parse(target_url)?;
    let client = client::client(&url, Trust::Proven, TIMEOUT)?;
    let body = format!(r#"{{"webhook_id":"{webhook_id}","events":[]}}"#);
    let signature = signature::sign(secret, body.as_bytes());
    let key = format!("attio-relay-rotate-{}", Uuid::now_v7());
    Ok(client::post(&client, &url, &key, &signature, body).await?.status)
}
