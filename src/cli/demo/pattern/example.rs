//! An example file as it stands, with its addresses led to this machine.

use std::{net::SocketAddr, time::Duration};

use anyhow::anyhow;
use base64::{Engine, engine::general_purpose::STANDARD};
use secrecy::ExposeSecret;
use url::Url;

use super::Pattern;
use crate::{
    action::{Action, postgres::sandbox::Sandbox},
    cli::demo::stage::{ANY, Props},
    config::{self, ActionKind, Config, Outside, SlackTarget},
    http::fake_attio::TOKEN,
};

/// Where the file is.
pub(super) fn file(pattern: Pattern) -> &'static str {
    match pattern {
        Pattern::ClosedWon => "config/examples/closed-won-to-billing.toml",
        Pattern::PersonToWarehouse => "config/examples/person-to-warehouse.toml",
        Pattern::ListToSlack => "config/examples/list-entry-to-slack.toml",
    }
}

/// What is in it.
pub(super) fn text(pattern: Pattern) -> &'static str {
    match pattern {
        Pattern::ClosedWon => {
            include_str!("../../../../config/examples/closed-won-to-billing.toml")
        }
        Pattern::PersonToWarehouse => {
            include_str!("../../../../config/examples/person-to-warehouse.toml")
        }
        Pattern::ListToSlack => {
            include_str!("../../../../config/examples/list-entry-to-slack.toml")
        }
    }
}

/// The statement that makes the table, as the file's comment gives it.
pub(super) fn table(text: &str) -> String {
    let lines = text.lines().map(|line| line.trim_start_matches(['#', ' ']));
    let from_there = lines.skip_while(|line| !line.starts_with("CREATE TABLE"));
    let mut statement = String::new();
    for line in from_there {
        statement.push_str(line);
        statement.push('\n');
        if line == ");" {
            break;
        }
    }
    statement
}

/// The file as it stands; only where it listens, where it keeps things and where it sends to are
/// other places.
pub(in crate::cli::demo) fn configuration(
    pattern: Pattern,
    props: &Props,
    warehouse: Option<&Sandbox>,
) -> anyhow::Result<Config> {
    let env = |name: &str| value(name, props, warehouse);
    let outside = Outside { env: &env, templates: &Action::check };
    let (mut config, _warnings) = config::parse(text(pattern), file(pattern), &outside)
        .map_err(|problems| anyhow!("{problems}"))?;
    (config.server.listen, config.server.admin_listen) = (ANY, ANY);
    config.server.drain_delay = Duration::ZERO;
    config.store.url = props.store().into();
    if let Some(attio) = &mut config.attio {
        attio.base_url = props.attio.clone();
    }
    for action in &mut config.actions {
        lead_here(&mut action.kind, props.destination)?;
    }
    Ok(config)
}

/// What the file finds in the environment.
fn value(name: &str, props: &Props, warehouse: Option<&Sandbox>) -> Option<String> {
    Some(match name {
        "ATTIO_WEBHOOK_SECRET" => props.secret.expose_secret().to_owned(),
        "ATTIO_API_TOKEN" => TOKEN.to_owned(),
        "BILLING_SECRET" => {
            format!("whsec_{}", STANDARD.encode(&props.secret.expose_secret()[..32]))
        }
        "BILLING_AUTH" => "Bearer made-up".to_owned(),
        "SLACK_TOKEN" => "xoxb-made-up".to_owned(),
        "WAREHOUSE_URL" => warehouse?.url().expose_secret().to_owned(),
        _ => return None,
    })
}

fn lead_here(kind: &mut ActionKind, destination: SocketAddr) -> anyhow::Result<()> {
    let here = |url: &Url| Url::parse(&format!("http://{destination}{}", url.path()));
    match kind {
        ActionKind::Http(http) => {
            http.url = here(&http.url)?;
            http.allow_private = true;
        }
        ActionKind::Slack(slack) => {
            if let SlackTarget::Post { base_url, .. } = &mut slack.target {
                *base_url = here(base_url)?;
            }
            slack.allow_private = true;
        }
        ActionKind::Postgres(_) | ActionKind::Attio(_) | ActionKind::Log(_) => {}
    }
    Ok(())
}
