//! `attio-relay discard`: ends deliveries that nobody wants.

use std::{
    io::{Write, stdout},
    process::ExitCode,
};

use clap::Args;
use serde_json::Value;

use super::{Consent, deliveries, open, which::Which, who};
use crate::{
    cli::{
        WRONG_USAGE, again,
        confirm::agreed,
        progress::Progress,
        steps::{End, in_steps, patiently},
    },
    config::Config,
    store::{Act, Deed, DeliveryState, Selected},
};

/// End open or dead deliveries that nobody wants. An attempt that runs meanwhile may still have its
/// effect; what it comes to is not recorded.
#[derive(Debug, Args)]
pub(in crate::cli) struct Discard {
    #[command(flatten)]
    which: Which,
    /// Why; kept with each.
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: String,
    #[command(flatten)]
    consent: Consent,
}

fn reason(text: &str) -> Result<String, String> {
    let text: String = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.is_empty() { Err("say why".to_owned()) } else { Ok(text) }
}

fn can_be_discarded(one: &Selected) -> bool {
    match one.state {
        DeliveryState::Open => true,
        DeliveryState::Dead => one.replayed_by.is_none(),
        DeliveryState::Succeeded | DeliveryState::Skipped | DeliveryState::Discarded => false,
    }
}

/// Exits with 0 when all that was meant is ended, with 1 when something could not be.
pub(in crate::cli) fn run(discard: &Discard, config: &Config) -> ExitCode {
    if discard.which.is_nothing() {
        eprintln!("error: say which deliveries: ids, or filters such as --state dead");
        return ExitCode::from(WRONG_USAGE);
    }
    crate::cli::block_on(discard.perform(config))
}

impl Discard {
    async fn perform(&self, config: &Config) -> anyhow::Result<ExitCode> {
        let mut lane = open(config).await?;
        let mut filter = self.which.filter(&mut lane).await?;
        if self.which.ids.is_empty() && filter.states.is_empty() {
            filter.states = vec![DeliveryState::Open, DeliveryState::Dead];
        }
        let (meant, others): (Vec<_>, Vec<_>) =
            lane.select(&filter).await?.into_iter().partition(can_be_discarded);
        let mut is_all_well = true;
        for id in &self.which.ids {
            let why = match others.iter().find(|one| one.id == *id) {
                Some(one) if one.replayed_by.is_some() => "was replayed".to_owned(),
                Some(one) => format!("is {} already", one.state.as_str()),
                None if meant.iter().any(|one| one.id == *id) => continue,
                None => "is not among what is meant".to_owned(),
            };
            eprintln!("delivery {id} {why}");
            is_all_well = false;
        }
        let open = meant.iter().filter(|one| one.state == DeliveryState::Open).count();
        let all = deliveries(meant.len() as u64);
        writeln!(stdout(), "{all} to discard: {open} open, {} dead", meant.len() - open)?;
        let asks = self.which.ids.len() != 1 && !meant.is_empty();
        if self.consent.dry_run || meant.is_empty() {
            return Ok(if is_all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        if asks && !agreed(&format!("Discard {all}?"), self.consent.yes)? {
            return Ok(ExitCode::FAILURE);
        }
        let mut details = self.which.details();
        details.insert("reason".to_owned(), self.reason.clone().into());
        let act = Act::new(who(), Deed::Discard, &Value::from(details));
        let mut discarded = 0;
        let mut progress = Progress::of(meant.len() as u64, "discarded");
        let end = in_steps(&meant, None, None, &mut progress, async |some, _| {
            let ids: Vec<_> = some.iter().map(|one| one.id).collect();
            discarded += patiently(async || lane.discard(&ids, &self.reason, &act).await).await?;
            Ok(())
        });
        let end = end.await?;
        progress.end();
        writeln!(stdout(), "discarded {}", deliveries(discarded))?;
        if end == End::Stopped {
            eprintln!(
                "stopped; this goes on with the rest: {}",
                again::command(&self.which.times())
            );
        }
        let is_well = is_all_well && end == End::Done;
        Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
