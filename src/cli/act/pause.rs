//! `attio-relay pause` and `resume`: deliveries wait, and go on.

use std::{
    io::{Write, stdout},
    process::ExitCode,
};

use anyhow::bail;
use clap::Args;

use super::{deliveries, open, who};
use crate::{act::Target, config::Config, store::PauseKind};

/// Let the deliveries of an action or a route wait. Nothing is lost; running attempts end.
#[derive(Debug, Args)]
pub(in crate::cli) struct Pause {
    /// What: action/NAME or route/NAME.
    #[arg(value_parser = Target::parse)]
    target: Target,
    /// Why; shown to whoever looks.
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
}

/// Let what was paused go on.
///
/// An action takes one delivery at a time until one is answered well, then as many as it may.
#[derive(Debug, Args)]
pub(in crate::cli) struct Resume {
    /// What: action/NAME or route/NAME.
    #[arg(value_parser = Target::parse)]
    target: Target,
}

fn is_configured(target: &Target, config: &Config) -> bool {
    match target.kind {
        PauseKind::Action => config.actions.iter().any(|it| it.name.as_str() == target.name),
        PauseKind::Route => config.routes.iter().any(|it| it.name.as_str() == target.name),
    }
}

/// Exits with 0 when it is paused now.
pub(in crate::cli) fn pause(asked: &Pause, config: &Config) -> ExitCode {
    crate::cli::block_on(async {
        let target = &asked.target;
        if !is_configured(target, config) {
            bail!("no {} `{}` is configured", target.kind.as_str(), target.name);
        }
        let mut lane = open(config).await?;
        let paused = target.pause(&mut lane, &who(), &asked.reason, None).await?;
        if paused.is_new {
            let held = match target.kind {
                PauseKind::Action => String::new(),
                PauseKind::Route => format!("; {} held", deliveries(paused.held)),
            };
            writeln!(stdout(), "paused {target}: its deliveries wait{held}")?;
        } else {
            writeln!(stdout(), "{target} is paused already")?;
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// Exits with 0 when it is not paused now.
pub(in crate::cli) fn resume(asked: &Resume, config: &Config) -> ExitCode {
    crate::cli::block_on(async {
        let target = &asked.target;
        let mut lane = open(config).await?;
        if target.resume(&mut lane, &who()).await? {
            writeln!(stdout(), "resumed {target}: its deliveries go on")?;
        } else if is_configured(target, config) {
            writeln!(stdout(), "{target} was not paused")?;
        } else {
            bail!("no {} `{}` is configured or paused", target.kind.as_str(), target.name);
        }
        Ok(ExitCode::SUCCESS)
    })
}
