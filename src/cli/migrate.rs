//! `attio-relay migrate`: applies the store's migrations, or shows which are applied.

use std::{
    io::{Write, stdout},
    process::ExitCode,
};

use anyhow::bail;
use clap::Args;
use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use serde_json::json;
use uuid::Uuid;

use super::Output;
use crate::{
    config::Config,
    store::{SchemaStatus, Store},
};

/// What to do with the store's schema.
#[derive(Debug, Args)]
pub(super) struct Migrate {
    /// Show what is applied, change nothing.
    #[arg(long)]
    status: bool,
    /// The form of what is printed.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Exits with 0 when the schema fits or was brought up, with `--status` whenever it could be read
/// and is not newer than this program.
pub(super) fn run(migrate: &Migrate, config: &Config) -> ExitCode {
    super::block_on(async {
        let store = Store::new(&config.store, Uuid::now_v7())?;
        if !migrate.status {
            store.prepare(true).await?;
        }
        let status = store.schema_status().await?;
        show(&status, migrate.output)?;
        refuse_newer(&status)?;
        Ok(ExitCode::SUCCESS)
    })
}

/// A schema that a newer program made cannot be used.
pub(super) fn refuse_newer(status: &SchemaStatus) -> anyhow::Result<()> {
    if status.newest_applied > status.newest_known {
        bail!(
            "the store's schema is at version {}, newer than the {} that this attio-relay knows",
            status.newest_applied,
            status.newest_known
        );
    }
    Ok(())
}

fn show(status: &SchemaStatus, output: Output) -> anyhow::Result<()> {
    let text = match output {
        Output::Table => table(status),
        Output::Json => json(status),
    };
    Ok(writeln!(stdout(), "{text}")?)
}

fn table(status: &SchemaStatus) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header(["migration", "state"]);
    for (name, is_applied) in &status.steps {
        table.add_row([name.as_str(), if *is_applied { "applied" } else { "pending" }]);
    }
    table.to_string()
}

fn json(status: &SchemaStatus) -> String {
    let step = |(name, applied): &(String, bool)| json!({"name": name, "applied": applied});
    let value = json!({
        "newest_applied": status.newest_applied,
        "newest_known": status.newest_known,
        "migrations": status.steps.iter().map(step).collect::<Vec<_>>(),
    });
    format!("{value:#}")
}
