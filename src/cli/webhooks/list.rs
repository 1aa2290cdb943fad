//! `attio-relay webhooks list`: what the workspace has, ours and others'.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::{desk::Desk, show};
use crate::{
    attio::subscription::{Target, Webhook, Whereabouts, whereabouts},
    cli::Output,
    config::Config,
};

#[derive(Debug, Args)]
pub(super) struct List {
    /// The form of the list.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

impl List {
    pub(super) async fn run(&self, config: &Config) -> anyhow::Result<ExitCode> {
        let desk = Desk::new(config)?;
        let webhooks = desk.webhooks().await?;
        let text = match self.output {
            Output::Table => table(&webhooks, &desk.targets),
            Output::Json => json(&webhooks, &desk.targets),
        };
        show::print(&text)?;
        Ok(ExitCode::SUCCESS)
    }
}

fn source_of<'t>(webhook: &Webhook, targets: &'t [Target]) -> Option<&'t str> {
    match whereabouts(&webhook.target_url, targets) {
        Whereabouts::Source(target, _) => Some(target.source.as_str()),
        Whereabouts::NoSource | Whereabouts::Elsewhere => None,
    }
}

fn table(webhooks: &[Webhook], targets: &[Target]) -> String {
    let mut table = show::table(&["webhook", "posts to", "source", "status", "brings", "made"]);
    for webhook in webhooks {
        let types: Vec<_> =
            webhook.subscriptions.iter().map(|one| one.event_type.as_str()).collect();
        table.add_row([
            webhook.id.as_str(),
            &show::address(webhook, targets),
            source_of(webhook, targets).unwrap_or("–"),
            webhook.status.as_str(),
            &types.join("\n"),
            webhook.created_at.get(..19).unwrap_or(&webhook.created_at),
        ]);
    }
    table.to_string()
}

fn json(webhooks: &[Webhook], targets: &[Target]) -> String {
    let one = |webhook: &Webhook| {
        json!({
            "webhook_id": webhook.id,
            "target_url": show::address(webhook, targets),
            "source": source_of(webhook, targets),
            "status": webhook.status,
            "subscriptions": webhook.subscriptions,
            "created_at": webhook.created_at,
        })
    };
    format!("{:#}", serde_json::Value::from(webhooks.iter().map(one).collect::<Vec<_>>()))
}
