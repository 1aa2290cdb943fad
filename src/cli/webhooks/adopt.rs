//! `attio-relay webhooks adopt`: takes over a webhook that somebody made by hand.

use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;

use super::{
    For,
    confirm::{Consent, agreed},
    desk::{Carrier, Desk},
    show,
};
use crate::{attio::subscription::Webhook, config::Config};

#[derive(Debug, Args)]
pub(super) struct Adopt {
    /// The webhook. Default: the one that posts to the source already.
    webhook_id: Option<String>,
    #[command(flatten)]
    scope: For,
    #[command(flatten)]
    consent: Consent,
}

impl Adopt {
    pub(super) async fn run(&self, config: &Config) -> anyhow::Result<ExitCode> {
        let desk = Desk::new(config)?;
        let carrier = desk.carrier(self.scope.source.as_deref())?;
        let survey = desk.survey().await?;
        survey.refuse_unknown()?;
        let wanted = survey.compare(&desk.targets, carrier).wanted;
        let webhook = self.choose(&survey.webhooks, carrier)?;
        let moved = address(webhook, &survey.webhooks, carrier)?;
        match &moved {
            Some(moved) => println!("will let webhook {} post to {moved}", webhook.id),
            None => println!("will leave webhook {} at {}", webhook.id, webhook.target_url),
        }
        println!("will give it these subscriptions:");
        for one in &wanted {
            show::print(&format!("  {}", one.describe(&survey.catalog)))?;
        }
        if self.consent.dry_run {
            return Ok(ExitCode::SUCCESS);
        }
        if !agreed("Change Attio so?", self.consent.yes)? {
            return Ok(ExitCode::FAILURE);
        }
        desk.update(&webhook.id, moved.as_deref(), &wanted).await?;
        println!("{}", carrier.about_secret());
        Ok(ExitCode::SUCCESS)
    }

    fn choose<'w>(
        &self,
        webhooks: &'w [Webhook],
        carrier: Carrier<'_>,
    ) -> anyhow::Result<&'w Webhook> {
        if let Some(id) = &self.webhook_id {
            let found = webhooks.iter().find(|webhook| webhook.id == *id);
            return found.with_context(|| format!("there is no webhook {id}"));
        }
        match carrier.target.webhooks(webhooks).as_slice() {
            [(_, one)] => Ok(one),
            [] => bail!("no webhook posts to {}; name one", carrier.target.at(1)),
            _ => bail!("several webhooks post to {}; name one", carrier.target.at(1)),
        }
    }
}

/// Where the webhook has to post to, when that is not where it does.
fn address(
    webhook: &Webhook,
    webhooks: &[Webhook],
    carrier: Carrier<'_>,
) -> anyhow::Result<Option<String>> {
    if !webhook.delivers() {
        bail!(
            "webhook {} is inactive, and nothing brings it back; `webhooks apply` makes a new one",
            webhook.id
        );
    }
    let here = carrier.target.webhooks(webhooks);
    if here.iter().any(|(_, one)| *one == webhook) {
        return Ok(carrier.target.way_out(webhook, webhooks));
    }
    if let Some((_, other)) = here.iter().find(|(_, one)| one.delivers()) {
        bail!(
            "webhook {} posts to the source already; with a second one events would come twice",
            other.id
        );
    }
    Ok(Some(carrier.target.next_address(webhooks)))
}
