//! `attio-relay completions`: what a shell needs to complete our commands.

use std::{
    io::{Write, stdout},
    process::ExitCode,
};

use clap::CommandFactory;
use clap_complete::Shell;

/// Prints the script for a shell; exits with 1 when nobody takes it.
pub(super) fn run(shell: Shell) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut super::Cli::command(), "attio-relay", &mut script);
    stdout().write_all(&script).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}
