//! `attio-relay messages release`: lets a quarantined message in.

use std::{
    io::{Write, stdout},
    process::ExitCode,
};

use anyhow::{anyhow, bail};
use clap::Args;
use serde_json::json;
use uuid::Uuid;

use super::{deliveries, open, who};
use crate::{
    attio::catalog::Catalog,
    cli::steps::patiently,
    config::Config,
    intake,
    routing::RouteTable,
    store::{Act, Deed},
};

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
        let Some(message) = lane.message(id).await? else {
            bail!("there is no message {id} in the store");
        };
        let Some(reason) = &message.quarantined else {
            bail!("message {id} is not quarantined: it was accepted");
        };
        let names = lane.catalog(None).await?;
        let none = Catalog::default();
        let catalog = names.as_ref().map_or(&none, |names| &names.catalog);
        let routes = RouteTable::new(&config.routes);
        let planned = intake::readmit(&message, &routes, catalog).map_err(|unreadable| {
            anyhow!(
                "message {id} cannot be let in, because nothing can be read in it: {unreadable}"
            )
        })?;
        let details = json!({"message": id, "was": reason});
        let act = Act::new(who(), Deed::Release, &details);
        if !patiently(async || lane.release(&planned, &act).await).await? {
            bail!("message {id} is not quarantined any more");
        }
        let caused: usize = planned.events.iter().map(|event| event.deliveries.len()).sum();
        writeln!(
            stdout(),
            "released message {id}: events: {}; {} caused",
            planned.events.len(),
            deliveries(caused as u64)
        )?;
        Ok(ExitCode::SUCCESS)
    })
}
