//! `attio-relay discard`: ends deliveries that nobody wants.

use std::{
    io::{Write, stdout},
    process::ExitCode,
};

use clap::Args;

use super::{deliveries, open, which::Which, who};
use crate::{
    act,
    cli::{
        WRONG_USAGE, again,
        confirm::{Consent, agreed},
        progress::Progress,
        steps::{End, in_steps},
    },
    config::Config,
    store::DeliveryState,
};

/// End open or dead deliveries that nobody wants. An attempt that runs meanwhile may still have its
/// effect; what it comes to is not recorded.
#[derive(Debug, Args)]
pub(in crate::cli) struct Discard {
    #[command(flatten)]
    which: Which,
    /// Why; kept with each.
    #[arg(long, value_name = "TEXT", value_parser = act::discard::reason)]
    reason: String,
    #[command(flatten)]
    consent: Consent,
}

/// Exits with 0 when all that was meant is ended, with 1 when something could not be.
pub(in crate::cli) fn run(discard: &Discard, config: &Config) -> ExitCode {
    if discard.which.meant().is_nothing() {
        eprintln!("error: say which deliveries: ids, or filters such as --state dead");
        return ExitCode::from(WRONG_USAGE);
    }
    crate::cli::block_on(discard.perform(config))
}

impl Discard {
    async fn perform(&self, config: &Config) -> anyhow::Result<ExitCode> {
        let mut lane = open(config).await?;
        let asked = act::Discard { which: self.which.meant(), reason: self.reason.clone() };
        let act::Chosen { meant, others, .. } = asked.choose(&mut lane, None).await?;
        for (id, why) in &others {
            eprintln!("delivery {id} {why}");
        }
        let is_all_well = others.is_empty();
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
        let act = asked.act(who());
        let mut discarded = 0;
        let mut progress = Progress::of(meant.len() as u64, "discarded");
        let end = in_steps(&meant, None, None, &mut progress, async |some, _| {
            discarded += asked.step(&mut lane, some, &act).await?.len() as u64;
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
