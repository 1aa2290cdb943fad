//! `attio-relay inventory`: every integration, who answers for it, and how it fares.
//!
//! What is configured is always shown. When the store cannot be asked, the figures are "unknown".

mod csv;
mod markdown;
mod text;

use std::{
    io::{Write, stdout},
    process::ExitCode,
    time::Duration,
};

use clap::{Args, ValueEnum};
use time::OffsetDateTime;

use super::migrate;
use crate::{
    config::Config,
    inventory::{Inventory, span},
    store::{Activity, LaneKind},
};

/// The exit code when somebody should see to something.
const FOUND: u8 = 3;

/// Each question to the store takes so long at the most; a million rows take less than one.
const DEADLINE: Duration = Duration::from_mins(1);

/// List every source, route and action: what it reads and writes, which scopes and secrets it
/// needs, who answers for it, when it was reviewed, and what became of its deliveries.
///
/// Exits with 3 when a route has no owner or no review within 90 days, and with 1 when the store
/// could not be asked.
#[derive(Debug, Args)]
pub(super) struct Stocktake {
    /// The form of what is printed.
    #[arg(long, value_enum, default_value_t)]
    output: Form,
}

/// The form of the inventory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people.
    #[default]
    Markdown,
    /// For spreadsheets.
    Csv,
    /// For programs.
    Json,
}

/// Exits with 0, with 3 when somebody should see to something, with 1 when the store could not be
/// asked.
pub(super) fn run(stocktake: &Stocktake, config: &Config) -> ExitCode {
    super::block_on(async {
        let now = OffsetDateTime::now_utc();
        let activity = ask(config, now).await;
        let inventory = Inventory::new(config, activity.as_ref().ok(), now.date());
        let text = match stocktake.output {
            Form::Markdown => markdown::render(&inventory),
            Form::Csv => csv::render(&inventory),
            Form::Json => format!("{:#}\n", inventory.to_json()),
        };
        write!(stdout(), "{text}")?;
        let findings = text::findings(&inventory);
        for finding in &findings {
            eprintln!("warning: {finding}");
        }
        Ok(match activity {
            Err(error) => {
                eprintln!("note: the figures are unknown: {error:#}");
                ExitCode::FAILURE
            }
            Ok(_) if findings.is_empty() => ExitCode::SUCCESS,
            Ok(_) => ExitCode::from(FOUND),
        })
    })
}

async fn ask(config: &Config, now: OffsetDateTime) -> anyhow::Result<Activity> {
    let store = migrate::ready(config).await?;
    let span = span(&config.store, now);
    // The kind whose connection to a SQLite file is its own, so that nobody waits for this.
    Ok(store.lane(LaneKind::Sample, DEADLINE).activity(span).await?)
}
