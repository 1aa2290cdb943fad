//! `alerts list`: what is wrong now, and what was lately.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::{look_into, print};
use crate::{
    cli::Output,
    config::Config,
    look::{AlertShown, Alerts as Listed},
};

/// What to do with alerts.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Alerts {
    /// List what is wrong now, and what was within the last week.
    List(List),
}

/// How they are listed.
#[derive(Debug, Args)]
pub(in crate::cli) struct List {
    /// The form of the list.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

impl Alerts {
    pub(in crate::cli) fn run(&self, config: &Config) -> ExitCode {
        let Self::List(List { output }) = self;
        crate::cli::block_on(async {
            let alerts = look_into(config).await?.alerts().await?;
            print(&match output {
                Output::Table => table(&alerts),
                Output::Json => format!("{}\n", serde_json::to_string_pretty(&alerts)?),
            })?;
            Ok(ExitCode::SUCCESS)
        })
    }
}

fn table(alerts: &Listed) -> String {
    if alerts.items.is_empty() {
        return "no alert stands, and none stood within the last week\n".to_owned();
    }
    alerts.items.iter().map(lines).collect()
}

fn lines(alert: &AlertShown) -> String {
    let AlertShown { alert: kind, state, title, since, detail, next, .. } = alert;
    let until = alert.ended.as_ref().map(|ended| format!(" until {ended}")).unwrap_or_default();
    let told = if alert.told.is_none() { "; nobody was told" } else { "" };
    let detail = if detail.is_empty() { String::new() } else { format!(": {detail}") };
    let next = if alert.ended.is_none() { format!("    {next}\n") } else { String::new() };
    format!("{state:<6} {kind:<17} since {since}{until}{told}\n    {title}{detail}\n{next}")
}
