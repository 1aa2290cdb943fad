//! `attio-relay pause` and `resume`: deliveries wait, and go on.

use std::{
    io::{Write, stdout},
    process::ExitCode,
};

use anyhow::bail;
use clap::Args;
use serde_json::json;

use super::{deliveries, open, who};
use crate::{
    cli::steps::patiently,
    config::Config,
    store::{Act, Deed, Lane, Pause as Wanted, PauseKind},
};

/// Deliveries that one transaction holds.
const HOLD: usize = 1000;

/// Let the deliveries of an action or a route wait. Nothing is lost; running attempts end.
#[derive(Debug, Args)]
pub(in crate::cli) struct Pause {
    /// What: action/NAME or route/NAME.
    #[arg(value_parser = target)]
    target: Target,
    /// Why; shown to whoever looks.
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
}

/// Let what was paused go on, as fast as its action may.
#[derive(Debug, Args)]
pub(in crate::cli) struct Resume {
    /// What: action/NAME or route/NAME.
    #[arg(value_parser = target)]
    target: Target,
}

/// An action or a route.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Target {
    kind: PauseKind,
    name: String,
}

fn target(text: &str) -> Result<Target, String> {
    text.split_once('/')
        .and_then(|(kind, name)| Some(Target { kind: PauseKind::of(kind)?, name: name.to_owned() }))
        .filter(|target| !target.name.is_empty())
        .ok_or_else(|| "write action/NAME or route/NAME".to_owned())
}

impl std::fmt::Display for Target {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}/{}", self.kind.as_str(), self.name)
    }
}

impl Target {
    fn is_configured(&self, config: &Config) -> bool {
        match self.kind {
            PauseKind::Action => config.actions.iter().any(|it| it.name.as_str() == self.name),
            PauseKind::Route => config.routes.iter().any(|it| it.name.as_str() == self.name),
        }
    }
}

/// Exits with 0 when it is paused now.
pub(in crate::cli) fn pause(asked: &Pause, config: &Config) -> ExitCode {
    crate::cli::block_on(async {
        let target = &asked.target;
        if !target.is_configured(config) {
            bail!("no {} `{}` is configured", target.kind.as_str(), target.name);
        }
        let mut lane = open(config).await?;
        let who = who();
        let details = json!({"name": target.to_string(), "reason": asked.reason});
        let act = Act::new(who.as_str(), Deed::Pause, &details);
        let (name, reason) = (target.name.clone(), asked.reason.clone());
        let wanted = Wanted { kind: target.kind, name, by: who, reason };
        if lane.pause(&wanted, &act).await? {
            let held = hold(&mut lane, target).await?;
            writeln!(stdout(), "paused {target}: its deliveries wait{held}")?;
        } else {
            writeln!(stdout(), "{target} is paused already")?;
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// What waits already is held here; what comes, where it is met.
async fn hold(lane: &mut Lane, target: &Target) -> anyhow::Result<String> {
    if target.kind == PauseKind::Action {
        return Ok(String::new());
    }
    let mut held = 0;
    loop {
        let some = patiently(async || lane.hold(&target.name, HOLD).await).await?;
        held += some;
        if some < HOLD as u64 {
            return Ok(format!("; {} held", deliveries(held)));
        }
    }
}

/// Exits with 0 when it is not paused now.
pub(in crate::cli) fn resume(asked: &Resume, config: &Config) -> ExitCode {
    crate::cli::block_on(async {
        let target = &asked.target;
        let mut lane = open(config).await?;
        let act = Act::new(who(), Deed::Resume, &json!({"name": target.to_string()}));
        if lane.resume(target.kind, &target.name, &act).await? {
            writeln!(stdout(), "resumed {target}: its deliveries go on")?;
        } else if target.is_configured(config) {
            writeln!(stdout(), "{target} was not paused")?;
        } else {
            bail!("no {} `{}` is configured or paused", target.kind.as_str(), target.name);
        }
        Ok(ExitCode::SUCCESS)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_an_action_or_a_route_by_name() {
        let action = Target { kind: PauseKind::Action, name: "a/b".to_owned() };
        assert_eq!(target("action/a/b"), Ok(action));
        for wrong in ["billing", "action/", "source/crm", ""] {
            assert!(target(wrong).is_err(), "{wrong}");
        }
    }
}
