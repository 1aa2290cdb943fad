//! `attio-relay healthcheck`: asks the server of this machine, for containers.
//!
//! Needs nothing of the configuration but the private address, so that a secret that cannot be
//! read does not make a server look dead that runs.

use std::{path::Path, process::ExitCode, time::Duration};

use anyhow::{Context, bail};
use url::Url;

use super::{
    client::{self, Trust},
    send::reachable,
};
use crate::config;

/// How long to wait for the answer.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Exits with 0 when the server lives (`ready`: can accept messages), with 1 otherwise.
pub(super) fn run(path: &Path, ready: bool) -> ExitCode {
    super::block_on(async {
        let listen = config::admin_listen(path).map_err(anyhow::Error::msg)?;
        let what = if ready { "readyz" } else { "healthz" };
        let url = Url::parse(&format!("http://{}/{what}", reachable(listen)))?;
        ask(&url).await.with_context(|| url.to_string())
    })
}

async fn ask(url: &Url) -> anyhow::Result<ExitCode> {
    let client = client::client(url, Trust::Own, TIMEOUT)?;
    let answer = client::answer(client.get(url.clone())).await?;
    if answer.status != 200 {
        bail!("{} {}", answer.status, answer.text);
    }
    println!("{}", answer.text);
    Ok(ExitCode::SUCCESS)
}
