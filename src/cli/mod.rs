//! The commands: one file each, thin.

mod act;
mod again;
mod check;
mod client;
mod completions;
mod confirm;
mod demo;
mod explain;
mod healthcheck;
mod inventory;
mod look;
mod migrate;
mod progress;
mod reconcile;
mod schema;
mod send;
mod serve;
mod steps;
mod webhooks;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand, ValueEnum};

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
    /// See all of it work on this machine, with nothing to install.
    Demo {
        /// Play one of the files in config/examples instead; such a play ends by itself.
        pattern: Option<demo::Pattern>,
        /// End when everything was delivered: with 0, or with 1 when something was not.
        #[arg(long)]
        once: bool,
    },
    /// Read the configuration and report every problem.
    Check {
        /// Ask Attio too (whether the token lives and may do what the routes need, and whether the
        /// names in them are there), the store and the databases that rows are written to.
        #[arg(long)]
        online: bool,
    },
    /// Print the JSON Schema of the configuration file, for editors.
    Schema,
    /// Send a signed test message of any known type.
    Send(send::Send),
    /// Apply the store's migrations, or show them.
    Migrate(migrate::Migrate),
    /// Ask whether the local server lives, for containers.
    Healthcheck {
        /// Ask whether it can accept messages.
        #[arg(long)]
        ready: bool,
    },
    /// See and change Attio's subscriptions, so that it sends what the routes need.
    Webhooks(webhooks::Webhooks),
    Explain(explain::Explain),
    /// Look at what was received.
    #[command(subcommand)]
    Messages(look::Messages),
    /// Look at what happened in Attio, and what became of it.
    #[command(subcommand)]
    Events(look::Events),
    /// Look at what was delivered, what waits and what failed.
    #[command(subcommand)]
    Deliveries(look::Deliveries),
    /// Follow live what is received and what becomes of it, until Ctrl-C.
    Tail(look::Tail),
    /// See what is wrong now, and what was lately.
    #[command(subcommand)]
    Alerts(look::Alerts),
    Replay(act::replay::Replay),
    Discard(act::discard::Discard),
    Pause(act::pause::Pause),
    Resume(act::pause::Resume),
    /// See who did what.
    #[command(subcommand)]
    Acts(look::Acts),
    Inventory(inventory::Stocktake),
    Reconcile(reconcile::Reconcile),
    /// Print completions for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// The form of a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
}

/// The exit code for an argument that cannot be used, as clap's own.
const WRONG_USAGE: u8 = 2;

/// What every command is judged by: the environment, and the templates' compiler.
const OUTSIDE: Outside<'static> = Outside { env: &config::environment, templates: &Action::check };

impl Cli {
    /// Runs the command.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let Self { config, command } = self;
        match command {
            Command::Serve => with_config(&config, |meant| {
                let origin = crate::reload::Origin { path: config.clone(), outside: OUTSIDE };
                serve::run(meant, origin)
            }),
            Command::Demo { pattern, once } => demo::run(pattern, once),
            Command::Check { online } => check::run(&config, online, &OUTSIDE),
            Command::Schema => schema::run(),
            Command::Send(send) => send::run(&send, &config),
            Command::Migrate(migrate) => {
                with_config(&config, |config| migrate::run(&migrate, &config))
            }
            Command::Healthcheck { ready } => healthcheck::run(&config, ready),
            Command::Webhooks(webhooks) => webhooks::run(&webhooks, &config),
            Command::Explain(explain) => {
                with_config(&config, |config| explain::run(&explain, &config))
            }
            Command::Messages(messages) => with_config(&config, |config| messages.run(&config)),
            Command::Events(events) => with_config(&config, |config| events.run(&config)),
            Command::Deliveries(deliveries) => {
                with_config(&config, |config| deliveries.run(&config))
            }
            Command::Tail(tail) => with_config(&config, |config| tail.run(&config)),
            Command::Alerts(alerts) => with_config(&config, |config| alerts.run(&config)),
            Command::Replay(replay) => {
                with_config(&config, |config| act::replay::run(&replay, &config))
            }
            Command::Discard(discard) => {
                with_config(&config, |config| act::discard::run(&discard, &config))
            }
            Command::Pause(pause) => {
                with_config(&config, |config| act::pause::pause(&pause, &config))
            }
            Command::Resume(resume) => {
                with_config(&config, |config| act::pause::resume(&resume, &config))
            }
            Command::Acts(acts) => with_config(&config, |config| acts.run(&config)),
            Command::Inventory(stocktake) => {
                with_config(&config, |config| inventory::run(&stocktake, &config))
            }
            Command::Reconcile(reconcile) => {
                with_config(&config, |config| reconcile::run(&reconcile, &config))
            }
            Command::Completions { shell } => completions::run(shell),
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

/// Runs a command that waits for things, on a thread for each processor: with fewer, the commits of
/// a server that gets more than it can take wait behind the requests that it has to refuse.
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
