//! `attio-relay messages`: what Attio sent.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::act::release;
use crate::config::Config;

/// What to do with messages.
#[derive(Debug, Args)]
pub(super) struct Messages {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Release(release::Release),
}

/// Exits as the subcommand does.
pub(super) fn run(messages: &Messages, config: &Config) -> ExitCode {
    match &messages.command {
        Command::Release(release) => release::run(release, config),
    }
}
