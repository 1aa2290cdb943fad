//! `attio-relay messages release`: lets a quarantined message in.

use std::{
    io::{Write, stdout},
    process::ExitCode,
};

use clap::Args;
use uuid::Uuid;

use super::{deliveries, open, who};
use crate::{act, config::Config, routing::RouteTable};

/// Let a quarantined message in: its events are delivered as if it had come now.
#[derive(Debug, Args)]
pub(in crate::cli) struct Release {
    /// The message's id.
    id: Uuid,
}

/// Exits with 0 when the message is in now.
pub(in crate::cli) fn run(release: &Release, config: &Config) -> ExitCode {
    crate::cli::block_on(async {
        let id = release.id;
        let mut lane = open(config).await?;
        let routes = RouteTable::new(&config.routes);
        let released = act::release::release(&mut lane, id, &routes, who()).await?;
        writeln!(
            stdout(),
            "released message {id}: events: {}; {} caused",
            released.events,
            deliveries(released.deliveries as u64)
        )?;
        Ok(ExitCode::SUCCESS)
    })
}
