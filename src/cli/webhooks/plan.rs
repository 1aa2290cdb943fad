//! `attio-relay webhooks plan`: what the routes need, and what differs from it in Attio.

use std::process::ExitCode;

use clap::Args;

use super::{For, desk::Desk, show};
use crate::{cli::Output, config::Config};

/// The exit code of a check that found something.
const FOUND: u8 = 3;

#[derive(Debug, Args)]
pub(super) struct Plan {
    #[command(flatten)]
    scope: For,
    /// The form of what is printed.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

impl Plan {
    pub(super) async fn run(&self, config: &Config) -> anyhow::Result<ExitCode> {
        let desk = Desk::new(config)?;
        let carrier = desk.carrier(self.scope.source.as_deref())?;
        let survey = desk.survey().await?;
        let comparison = survey.compare(&desk.targets, carrier);
        let text = match self.output {
            Output::Table => show::report(&survey, &comparison),
            Output::Json => show::report_json(&survey, &comparison),
        };
        show::print(&text)?;
        let is_settled = comparison.is_settled() && survey.plan.unknown.is_empty();
        Ok(if is_settled { ExitCode::SUCCESS } else { ExitCode::from(FOUND) })
    }
}
