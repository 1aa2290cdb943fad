//! `attio-relay migrate`: applies the store's migrations, or shows which are applied.
//!
//! Each migration is whole or not at all: whoever interrupts it runs it again.

use std::{
    io::{Write, stdout},
    process::ExitCode,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::bail;
use clap::Args;
use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use serde_json::json;
use uuid::Uuid;

use super::{Output, again, progress::Progress, steps::unless_interrupted};
use crate::{
    config::Config,
    store::{Migrating, SchemaStatus, Store, StoreError},
    telemetry::error_text,
};

/// So long it is tried again while somebody else is in the way; the same for both engines.
const PATIENCE: Duration = Duration::from_mins(1);

/// The pause between two tries: whoever waited behind the first one comes first.
const PAUSE: Duration = Duration::from_secs(1);

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
        if !migrate.status && unless_interrupted(bring_up(&store)).await.transpose()?.is_none() {
            eprintln!("stopped; what was applied stays, and this goes on: {}", again::command(&[]));
            return Ok(ExitCode::FAILURE);
        }
        let status = store.schema_status().await?;
        show(&status, migrate.output)?;
        refuse_newer(&status)?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Applies what is missing and tells how far it is.
async fn bring_up(store: &Store) -> anyhow::Result<()> {
    let progress = Mutex::new(Progress::uncounted());
    let show = |words: String| {
        progress.lock().unwrap_or_else(PoisonError::into_inner).show(words);
    };
    let began = Instant::now();
    let work = async {
        loop {
            match store.migrate(&mut |step| show(words(step))).await {
                Err(StoreError::Contended(why)) if began.elapsed() < PATIENCE => {
                    show(format!("waiting, {}", error_text(&*why)));
                }
                Err(StoreError::Contended(why)) => bail!(
                    "gave up after {PATIENCE:?}, {}; end that, and run this again: {}",
                    error_text(&*why),
                    again::command(&[])
                ),
                told => return Ok(told?),
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    let ticking = async {
        loop {
            tokio::time::sleep(PAUSE).await;
            progress.lock().unwrap_or_else(PoisonError::into_inner).still();
        }
    };
    tokio::select! {
        done = work => done,
        () = ticking => Ok(()),
    }
}

fn words(step: Migrating<'_>) -> String {
    match step {
        Migrating::Applying { name, done, of } => {
            format!("applying {name}, {} of {of}", done + 1)
        }
        Migrating::Waiting(why) => format!("waiting, {why}"),
    }
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

/// The store, whose schema must fit already: it is never changed behind somebody's back.
pub(super) async fn ready(config: &Config) -> anyhow::Result<Store> {
    let store = Store::new(&config.store, Uuid::now_v7())?;
    let status = store.schema_status().await?;
    refuse_newer(&status)?;
    if status.newest_applied < status.newest_known {
        bail!("the store is not ready: run `attio-relay migrate`");
    }
    Ok(store)
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
