//! `attio-relay webhooks rotate`: changes a signing secret without losing an event.
//!
//! Attio cannot change a webhook's secret. So a second webhook is made at the same path, and the
//! first one goes only when the relay has the second one's secret: at no moment is there none.

use std::{
    io::{IsTerminal, stdin},
    process::ExitCode,
};

use anyhow::bail;
use clap::Args;
use secrecy::{ExposeSecret, SecretString};

use super::{
    For,
    confirm::{Consent, agreed},
    desk::{Carrier, Desk},
    probe::{self, Verdict},
    slot::Slot,
};
use crate::{
    attio::subscription::Webhook,
    config::{self, Config, SecretPlace},
};

/// What two webhooks at one path mean.
const TWICE: &str = "While both are there, every event comes twice, once from each and under \
                     different keys, and so is delivered twice.";

#[derive(Debug, Args)]
pub(super) struct Rotate {
    #[command(flatten)]
    scope: For,
    #[command(flatten)]
    consent: Consent,
    /// End the rotation: delete the first webhook, once the relay takes the new secret.
    #[arg(long)]
    finish: bool,
    /// Let the new secret take the place of the one that stands in the second file.
    #[arg(long)]
    replace_secret: bool,
}

impl Rotate {
    pub(super) async fn run(&self, config: &Config) -> anyhow::Result<ExitCode> {
        let desk = Desk::new(config)?;
        let carrier = desk.carrier(self.scope.source.as_deref())?;
        let webhooks = desk.webhooks().await?;
        let here = in_order(carrier, &webhooks);
        match here.as_slice() {
            [] => {
                bail!("no webhook delivers to {}: `webhooks apply` makes one", carrier.target.at(1))
            }
            [_] if self.finish => bail!("no rotation is under way: there is one webhook only"),
            [first] => self.begin(&desk, carrier, first, &webhooks).await,
            [firsts @ .., new] if self.finish || stdin().is_terminal() => {
                self.end(&desk, carrier, firsts, new).await
            }
            _ => bail!("a rotation is under way; end it with --finish"),
        }
    }

    async fn begin(
        &self,
        desk: &Desk<'_>,
        carrier: Carrier<'_>,
        first: &Webhook,
        webhooks: &[Webhook],
    ) -> anyhow::Result<ExitCode> {
        let target_url = carrier.target.next_address(webhooks);
        let slot = self.slot(carrier)?;
        println!("will make a second webhook at {target_url}, beside {}. {TWICE}", first.id);
        if self.consent.dry_run {
            return Ok(ExitCode::SUCCESS);
        }
        if !agreed("Make it?", self.consent.yes)? {
            return Ok(ExitCode::FAILURE);
        }
        desk.create(&target_url, &first.subscriptions, slot).await?;
        println!(
            "Until the relay has the new secret beside the old one, it refuses what the new \
             webhook sends; the old one delivers it, and Attio tries again. {}, and then run \
             `attio-relay webhooks rotate --finish`.",
            how_it_is_taken_over(carrier.source.places.get(1))
        );
        Ok(ExitCode::SUCCESS)
    }

    /// Where the new secret goes: beside the first.
    fn slot(&self, carrier: Carrier<'_>) -> anyhow::Result<Slot> {
        let env = &config::environment;
        match carrier.source.places.as_slice() {
            [first, second, ..] => {
                let same =
                    |a: SecretString, b: SecretString| a.expose_secret() == b.expose_secret();
                let is_copy = first.read(env).ok().zip(second.read(env).ok());
                let is_copy = is_copy.is_some_and(|(first, second)| same(first, second));
                Slot::prepare(second, self.replace_secret || is_copy)
            }
            _ => Ok(Slot::print(
                "a second entry of the source's `secrets`, beside the first one: as \"file:/path\" \
                 it is taken over without a restart",
            )),
        }
    }

    async fn end(
        &self,
        desk: &Desk<'_>,
        carrier: Carrier<'_>,
        firsts: &[&Webhook],
        new: &Webhook,
    ) -> anyhow::Result<ExitCode> {
        for first in firsts {
            println!("will delete webhook {}; {} stays", first.id, new.id);
        }
        println!("What is in flight now may still come twice.");
        if self.consent.dry_run {
            return Ok(ExitCode::SUCCESS);
        }
        if !self.may_end(carrier, new).await? {
            return Ok(ExitCode::FAILURE);
        }
        for first in firsts {
            desk.delete(&first.id).await?;
        }
        settle(carrier)?;
        Ok(ExitCode::SUCCESS)
    }

    /// Whether the relay takes the new secret, by proof or by somebody's word.
    async fn may_end(&self, carrier: Carrier<'_>, new: &Webhook) -> anyhow::Result<bool> {
        let second = carrier.source.places.get(1);
        let verdict = match second.map(|place| place.read(&config::environment)) {
            Some(Ok(secret)) => probe::ask(&new.target_url, &new.id, &secret).await,
            Some(Err(why)) => Verdict::Unknown(why),
            None => Verdict::Unknown("the source has one secret only".to_owned()),
        };
        match verdict {
            Verdict::Refused => bail!(
                "the relay at {} does not take the new secret yet. {}, first. Nothing was deleted",
                new.target_url,
                how_it_is_taken_over(second)
            ),
            Verdict::Believed => {
                println!("the relay takes the new secret");
                agreed("Delete the first webhook?", self.finish || self.consent.yes)
            }
            Verdict::Unknown(why) => {
                eprintln!("whether the relay takes the new secret could not be seen: {why}");
                agreed("Does it, and may the first webhook be deleted?", self.consent.yes)
            }
        }
    }
}

/// What makes a running relay take over what stands in the second place: a changed file is read
/// again by itself, the environment of a process cannot change.
fn how_it_is_taken_over(second: Option<&SecretPlace>) -> String {
    match second {
        Some(place @ SecretPlace::File(_)) => {
            format!("No restart is needed: `serve` reads {place} within seconds. Wait for that")
        }
        Some(place @ SecretPlace::Variable(_)) => {
            format!("Restart `serve` with the new secret in {place}: only a file is read again")
        }
        None => "Name the new secret as a second entry of the source's `secrets` (\"file:/path\" \
                 is taken over without a restart, \"env:NAME\" with one)"
            .to_owned(),
    }
}

/// The webhooks that deliver to the source, the newest last.
fn in_order<'w>(carrier: Carrier<'_>, webhooks: &'w [Webhook]) -> Vec<&'w Webhook> {
    let mut here = carrier.target.webhooks(webhooks);
    here.retain(|(_, webhook)| webhook.delivers());
    here.sort_by_key(|(version, webhook)| (*version, webhook.created_at.clone()));
    here.into_iter().map(|(_, webhook)| webhook).collect()
}

/// The new secret is the current one now. Where both stand in files it goes into the first one too,
/// so that the second is free for the next rotation, and neither is ever missing.
fn settle(carrier: Carrier<'_>) -> anyhow::Result<()> {
    if let [first @ SecretPlace::File(_), second @ SecretPlace::File(_), ..] =
        carrier.source.places.as_slice()
    {
        let secret = second.read(&config::environment).map_err(anyhow::Error::msg)?;
        return Slot::prepare(first, true)?.keep(&secret);
    }
    println!(
        "Now make the new secret the first of the source's `secrets`, and take the old one away."
    );
    Ok(())
}
