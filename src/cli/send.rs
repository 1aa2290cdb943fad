//! `attio-relay send`: signed test messages, as Attio would send them.

use std::{
    io::{Write, stdout},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, anyhow};
use clap::{Args, builder::PossibleValuesParser, value_parser};
use reqwest::{Client, header::HeaderValue};
use secrecy::SecretString;
use serde_json::Value;
use url::Url;
use uuid::Uuid;

use super::{
    OUTSIDE, WRONG_USAGE, check,
    client::{self, Trust},
};
use crate::{
    attio::{event::KNOWN_TYPES, sample},
    config::{self, Config},
    signature,
};

/// As long as Attio waits for an answer: <https://docs.attio.com/rest-api/guides/webhooks>.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What is sent, and where to.
#[derive(Debug, Args)]
pub(super) struct Send {
    /// The type of the event, such as record.updated; a wrong one is answered with all of them.
    #[arg(value_parser = PossibleValuesParser::new(KNOWN_TYPES), hide_possible_values = true)]
    event_type: String,
    /// Where to; without it, the first source of the configuration.
    #[arg(long, value_name = "URL")]
    to: Option<Url>,
    /// A reference to the secret that signs, `env:NAME` or `file:/path`; without it, the first one
    /// of the first source.
    #[arg(long, value_name = "REF")]
    secret: Option<String>,
    /// The Idempotency-Key; without it, a new one for each message. The ids in a message follow
    /// from its key: the same key makes the same message again.
    #[arg(long, value_parser = key)]
    key: Option<String>,
    /// Set a field of the event, such as `id.record_id=VALUE` or `actor.type=system`. A value that
    /// is JSON is taken as JSON, any other as text.
    #[arg(long = "set", value_name = "PATH=VALUE", value_parser = assignment)]
    sets: Vec<(String, Value)>,
    /// How many messages.
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u32).range(1..))]
    count: u32,
}

/// Where messages go and what signs them.
struct Target {
    url: Url,
    secret: SecretString,
    trust: Trust,
}

/// Sends the messages, a line for each. Exits with 0 when every one was answered 200.
pub(super) fn run(send: &Send, path: &Path) -> ExitCode {
    // A path that leads nowhere would do so in every message.
    if let Err(why) = send.event("key") {
        return wrong_usage(&format!("--set: {why}"));
    }
    let given = match send.secret.as_deref().map(|secret| config::secret(secret, OUTSIDE.env)) {
        Some(Err(why)) => return wrong_usage(&format!("--secret: {why}")),
        Some(Ok(secret)) => Some(secret),
        None => None,
    };
    let target = match (send.to.clone(), given) {
        (Some(url), Some(secret)) => Ok(Target { url, secret, trust: Trust::Proven }),
        (to, given) => match config::load(path, &OUTSIDE) {
            Ok((config, _warnings)) => Target::of(&config, to, given),
            Err(problems) => return check::refuse(&problems),
        },
    };
    super::block_on(async { send.all(&target?).await })
}

fn wrong_usage(why: &str) -> ExitCode {
    eprintln!("error: {why}");
    ExitCode::from(WRONG_USAGE)
}

impl Target {
    fn of(config: &Config, to: Option<Url>, given: Option<SecretString>) -> anyhow::Result<Self> {
        let source = config.sources.first().context("no source is configured")?;
        let current = source.secrets.first().context("the source has no secret")?;
        let secret = given.unwrap_or_else(|| current.clone());
        let Some(url) = to else {
            let scheme = if config.server.tls.is_some() { "https" } else { "http" };
            let address = reachable(config.server.listen);
            let url = Url::parse(&format!("{scheme}://{address}{}", source.path))?;
            return Ok(Self { url, secret, trust: Trust::Own });
        };
        Ok(Self { url, secret, trust: Trust::Proven })
    }
}

impl Send {
    async fn all(&self, target: &Target) -> anyhow::Result<ExitCode> {
        let client = client::client(&target.url, target.trust, TIMEOUT)?;
        let mut is_all_well = true;
        for _ in 0..self.count {
            is_all_well &= self.one(&client, target).await?;
        }
        Ok(if is_all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// Sends one message; says whether the answer was 200.
    async fn one(&self, client: &Client, target: &Target) -> anyhow::Result<bool> {
        let key = self.key.clone().unwrap_or_else(|| Uuid::now_v7().to_string());
        let body = sample::body(&self.event(&key).map_err(anyhow::Error::msg)?);
        let signature = signature::sign(&target.secret, body.as_bytes());
        let mut out = stdout().lock();
        match client::post(client, &target.url, &key, &signature, body).await {
            Ok(answer) => {
                writeln!(out, "{} {} key {key}", answer.status, answer.text)?;
                Ok(answer.status == 200)
            }
            Err(error) => {
                writeln!(out, "failed: {error:#} key {key}")?;
                Ok(false)
            }
        }
    }

    fn event(&self, key: &str) -> Result<Value, String> {
        let mut event = sample::event(&self.event_type, key).ok_or("an unknown event type")?;
        for (path, value) in &self.sets {
            sample::set(&mut event, path, value.clone())?;
        }
        Ok(event)
    }
}

/// Where this machine reaches a listener.
pub(super) fn reachable(listen: SocketAddr) -> SocketAddr {
    let address = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(address, listen.port())
}

fn key(typed: &str) -> anyhow::Result<String> {
    HeaderValue::from_str(typed).map_err(|_| anyhow!("cannot stand in a header"))?;
    Ok(typed.to_owned())
}

fn assignment(typed: &str) -> anyhow::Result<(String, Value)> {
    let (path, value) = typed.split_once('=').context("expected PATH=VALUE")?;
    if path.split('.').any(str::is_empty) {
        return Err(anyhow!("expected a path such as id.record_id"));
    }
    let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
    Ok((path.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_json_if_it_can_be_and_text_otherwise() {
        let value = |typed| assignment(typed).unwrap().1;
        assert_eq!(value("actor=null"), Value::Null);
        assert_eq!(value("a.b=[1]"), serde_json::json!([1]));
        assert_eq!(value("a=b=c"), "b=c");
        assert!(assignment("no-value").is_err());
        assert!(assignment("a..b=1").is_err());
    }

    #[test]
    fn a_listener_of_all_addresses_is_reached_on_loopback() {
        let reached = |listen: &str| reachable(listen.parse().unwrap()).to_string();
        assert_eq!(reached("0.0.0.0:8080"), "127.0.0.1:8080");
        assert_eq!(reached("[::]:8080"), "[::1]:8080");
        assert_eq!(reached("10.0.0.1:80"), "10.0.0.1:80");
    }
}
