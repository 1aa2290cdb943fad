//! `attio-relay serve`: receive and deliver until asked to stop.

use std::process::ExitCode;

use crate::{app, config::Config, reload::Origin, shutdown::Stop, telemetry};

/// Serves. Exits with 0 after a stop that was asked for, with 1 when it had to end by itself.
pub(super) fn run(config: Config, origin: Origin) -> ExitCode {
    let _logs = telemetry::logs::start();
    super::block_on(async {
        let stop = Stop::new();
        let running = app::start_from(config, Some(origin), stop.clone()).await?;
        let signals = stop.on_signals();
        tokio::select! {
            ended = running.ended() => ended?,
            listening = signals => listening?,
        }
        Ok(ExitCode::SUCCESS)
    })
}
