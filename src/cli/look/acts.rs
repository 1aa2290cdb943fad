//! `attio-relay acts`: who did what.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use uuid::Uuid;

use super::{list, look_into, print};
use crate::{
    cli::Output,
    config::Config,
    look::ask,
    store::{ActRow, Page, text_of},
};

/// What to do with acts.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Acts {
    /// List them, newest first: replays, discards, pauses and releases, and whose they were.
    List(ListActs),
}

/// Which of them.
#[derive(Debug, Args)]
pub(in crate::cli) struct ListActs {
    /// As many at the most, up to 500.
    #[arg(long, value_name = "N", default_value_t = ask::USUAL as u16,
          value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
    /// Go on where a list ended.
    #[arg(long, value_name = "ID")]
    before: Option<Uuid>,
    /// The form of the list.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

impl Acts {
    pub(in crate::cli) fn run(&self, config: &Config) -> ExitCode {
        let Self::List(asked) = self;
        crate::cli::block_on(async {
            let look = look_into(config).await?;
            let page = Page { before: asked.before, limit: asked.limit.into() };
            let listed = look.acts(&page).await?;
            print(&list::text(&listed, asked.output, "acts", act))?;
            Ok(ExitCode::SUCCESS)
        })
    }
}

fn act(row: &ActRow) -> Vec<String> {
    let changed =
        if row.changed == 1 { "1 changed".to_owned() } else { format!("{} changed", row.changed) };
    vec![
        format!("{}  {:<8}  {}  {changed}", text_of(row.at), row.what, row.who),
        format!("  {}  {}", row.id, row.details),
    ]
}
