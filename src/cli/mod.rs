//! The commands: one file each, thin.

mod check;
mod schema;
mod serve;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::{
    action::Action,
    config::{self, Config, Outside},
};

/// Receives Attio webhooks, records each event once, and delivers it to the systems that must know.
#[derive(Debug, Parser)]
#[command(name = "attio-relay", version, about, max_term_width = 100)]
pub struct Cli {
    /// The configuration file.
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        env = "ATTIO_RELAY_CONFIG",
        default_value = "config/relay.toml"
    )]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Receive and deliver.
    Serve,
    /// Read the configuration and report every problem.
    Check,
    /// Print the JSON Schema of the configuration file, for editors.
    Schema,
}

/// What every command is judged by: the environment, and the templates' compiler.
const OUTSIDE: Outside<'static> = Outside { env: &config::environment, templates: &Action::check };

impl Cli {
    /// Runs the command.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let Self { config, command } = self;
        match command {
            Command::Serve => with_config(&config, serve::run),
            Command::Check => check::run(&config, &OUTSIDE),
            Command::Schema => schema::run(),
        }
    }
}

/// Reads the configuration for a command that needs it; warnings are shown, errors end it with 64.
fn with_config(path: &std::path::Path, command: impl FnOnce(Config) -> ExitCode) -> ExitCode {
    match config::load(path, &OUTSIDE) {
        Ok((config, warnings)) => {
            check::show(&warnings);
            command(config)
        }
        Err(problems) => check::refuse(&problems),
    }
}

/// Runs a command that waits for things.
fn block_on(command: impl Future<Output = anyhow::Result<ExitCode>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime.map_err(anyhow::Error::from).and_then(|runtime| runtime.block_on(command)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
