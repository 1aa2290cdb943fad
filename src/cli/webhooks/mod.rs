//! `attio-relay webhooks`: Attio's subscriptions, as the routes need them.
//!
//! These commands are there to get a signing secret in the first place, so they read the
//! configuration also when that secret is not there yet.

mod adopt;
mod apply;
mod desk;
mod list;
mod plan;
mod probe;
mod rotate;
mod show;
mod slot;

use std::{path::Path, process::ExitCode};

use clap::{Args, Subcommand};

use super::{OUTSIDE, check, confirm};
use crate::config::{self, Config};

/// What to do about Attio's webhooks.
#[derive(Debug, Args)]
pub(super) struct Webhooks {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the webhooks of the workspace.
    List(list::List),
    /// Show what the routes need, and what differs from it in Attio; exits with 3 when something does.
    Plan(plan::Plan),
    /// Make or change the webhook so that it brings what the routes need.
    Apply(apply::Apply),
    /// Take over a webhook that somebody made by hand.
    Adopt(adopt::Adopt),
    /// Change the signing secret without loss: a second webhook, then an end to the first.
    Rotate(rotate::Rotate),
}

/// What all subcommands but `list` share.
#[derive(Debug, Args)]
struct For {
    /// The source whose webhook carries what the routes need. Default: the first of the file; a
    /// second webhook with the same subscriptions would bring every event twice.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
}

/// Exits with 0, with 1 when it failed or was not agreed to, with 3 when `plan` found a difference.
pub(super) fn run(webhooks: &Webhooks, path: &Path) -> ExitCode {
    match config::load_before_secrets(path, &OUTSIDE) {
        Ok((config, warnings)) => {
            check::show(&warnings);
            super::block_on(perform(&webhooks.command, &config))
        }
        Err(problems) => check::refuse(&problems),
    }
}

async fn perform(command: &Command, config: &Config) -> anyhow::Result<ExitCode> {
    match command {
        Command::List(list) => list.run(config).await,
        Command::Plan(plan) => plan.run(config).await,
        Command::Apply(apply) => apply.run(config).await,
        Command::Adopt(adopt) => adopt.run(config).await,
        Command::Rotate(rotate) => rotate.run(config).await,
    }
}
