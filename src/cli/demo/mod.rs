//! `attio-relay demo`: all of it on this machine, with nothing to install.
//!
//! It is the real program behind its real door; only Attio and the destinations are played.

mod general;
mod pattern;
mod report;
mod script;
mod stage;

use std::{
    io::{Write, stdout},
    pin::pin,
    process::ExitCode,
};

pub(super) use self::pattern::Pattern;
use self::stage::{ANY, Props, Stage};
use crate::{action::postgres::sandbox::Sandbox, config::Config, shutdown::Stop, telemetry};

/// What is played.
#[derive(Debug, Clone, Copy)]
enum Play<'w> {
    /// Everything a little; with `once` it ends by itself.
    General { once: bool },
    /// One of the files in `config/examples`, with the warehouse that it needs.
    Pattern(Pattern, Option<&'w Sandbox>),
}

/// Plays the demo, or one of the patterns. Ends with 0 when everything was as it should be.
pub(super) fn run(pattern: Option<Pattern>, once: bool) -> ExitCode {
    // The destination's one 503 would be a warning in the middle of the table.
    let _logs = telemetry::logs::start_at("error");
    super::block_on(async move {
        let Some(pattern) = pattern else { return demo(Play::General { once }).await };
        let warehouse = pattern::warehouse::make(pattern).await?;
        let outcome = demo(Play::Pattern(pattern, warehouse.as_ref())).await;
        if let Some(warehouse) = warehouse {
            warehouse.remove().await?;
        }
        outcome
    })
}

async fn demo(play: Play<'_>) -> anyhow::Result<ExitCode> {
    let stop = Stop::new();
    let (mut stage, running) = Stage::set(play, stop.clone()).await?;
    let mut ended = pin!(running.ended());
    let mut signals = pin!(stop.clone().on_signals());
    let is_complete = tokio::select! {
        complete = play.perform(&mut stage) => complete?,
        () = stop.soon.cancelled() => !play.ends_by_itself(),
        listening = &mut signals => listening.map(|()| false)?,
        ended = &mut ended => return ended.map(|()| ExitCode::FAILURE).map_err(Into::into),
    };
    stop.soon.cancel();
    tokio::select! {
        ended = ended => ended?,
        listening = signals => listening?,
    }
    stage.clear().await?;
    Ok(if is_complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Play<'_> {
    fn ends_by_itself(self) -> bool {
        !matches!(self, Self::General { once: false })
    }

    /// The event type whose first delivery the destination answers 503.
    fn refused_once(self) -> &'static str {
        match self {
            Self::General { .. } => script::REFUSED_ONCE,
            Self::Pattern(..) => "no type at all",
        }
    }

    fn configuration(self, props: &Props) -> anyhow::Result<Config> {
        match self {
            Self::General { .. } => general::read(&general::configuration(props, ANY, ANY)),
            Self::Pattern(pattern, warehouse) => {
                pattern::example::configuration(pattern, props, warehouse)
            }
        }
    }

    async fn perform(self, stage: &mut Stage) -> anyhow::Result<bool> {
        match self {
            Self::General { once } => general::play(stage, once).await,
            Self::Pattern(pattern, warehouse) => pattern::play(pattern, stage, warehouse).await,
        }
    }
}

/// Prints a paragraph; fails when nobody reads any more.
fn say(text: &str) -> anyhow::Result<()> {
    let mut out = stdout().lock();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}
