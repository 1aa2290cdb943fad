//! `attio-relay explain`: what each route makes of an event that was received, and why.
//!
//! Nothing is run, sent or written, and nobody is asked: the event, the names, what was looked up
//! and what became of the deliveries come from the store. With another configuration file it tells
//! what that one would do.

mod show;
mod when;

use std::{
    io::{Write, stdout},
    process::ExitCode,
    time::Duration,
};

use anyhow::bail;
use clap::Args;
use uuid::Uuid;

use self::when::Told;
use super::{Output, migrate};
use crate::{
    attio::catalog::Catalog,
    config::Config,
    job::Values,
    routing::{Judged, RouteTable, Rule, Seen},
    store::{DeliveryRow, LaneKind, Snapshot, StoredCatalog, StoredEvent},
};

/// Each question to the store takes so long at the most.
const DEADLINE: Duration = Duration::from_secs(5);

/// Show what each route makes of an event: every condition, the value it saw, the verdict, and
/// what became of its deliveries. Runs nothing.
#[derive(Debug, Args)]
pub(super) struct Explain {
    /// The event's id, as it stands in logs and in what destinations are sent.
    event_id: Uuid,
    /// The form of what is printed.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// What the store knows of the event.
struct Known {
    event: StoredEvent,
    names: Option<StoredCatalog>,
    looked_up: Vec<Snapshot>,
    /// In the order in which they were made.
    deliveries: Vec<DeliveryRow>,
    /// Whether what is looked up for the event's source is kept.
    keeps_values: bool,
}

/// What one route makes of it.
struct Explained {
    route: String,
    conditions: Vec<Condition>,
    verdict: &'static str,
    reason: Option<String>,
}

/// One condition beside what it met.
struct Condition {
    key: &'static str,
    wants: String,
    saw: Option<String>,
    /// The values that it names, each with what it was; only of `when`.
    values: Option<serde_json::Value>,
    /// What it needs and was not looked up.
    missing: Vec<&'static str>,
    holds: Option<bool>,
}

/// Exits with 0 when the event is there, with 1 when it is not.
pub(super) fn run(explain: &Explain, config: &Config) -> ExitCode {
    super::block_on(async {
        let known = ask(config, explain.event_id).await?;
        let routes = explained(config, &known);
        let text = match explain.output {
            Output::Table => show::for_people(&known, &routes),
            Output::Json => format!("{:#}", show::for_programs(&known, &routes)),
        };
        writeln!(stdout(), "{text}")?;
        Ok(ExitCode::SUCCESS)
    })
}

async fn ask(config: &Config, id: Uuid) -> anyhow::Result<Known> {
    let store = migrate::ready(config).await?;
    let mut lane = store.lane(LaneKind::Look, DEADLINE);
    let Some(event) = lane.event(id).await? else {
        bail!("there is no event {id} in the store");
    };
    let workspace = event.event.workspace_id.as_deref();
    let names = lane.catalog(workspace).await?;
    let looked_up = lane.snapshots(&[id]).await?;
    let order = lane.deliveries_of(&[id]).await?;
    let mut deliveries = lane.delivery_rows(&order).await?;
    deliveries.sort_by_key(|row| order.iter().position(|id| *id == row.id));
    let source = config.sources.iter().find(|source| source.name == event.source);
    let keeps_values = source.is_none_or(|source| source.keep_values);
    Ok(Known { event, names, looked_up, deliveries, keeps_values })
}

fn explained(config: &Config, known: &Known) -> Vec<Explained> {
    let none = Catalog::default();
    let names = known.names.as_ref().map_or(&none, |names| &names.catalog);
    let mut values = Values::default();
    known.looked_up.iter().for_each(|snapshot| snapshot.place(&mut values));
    let table = RouteTable::new(&config.routes);
    let verdicts = table.verdicts(&known.event.event, names).into_iter();
    let each = verdicts.zip(table.rules());
    each.map(|(verdict, rule)| {
        let mut conditions: Vec<_> = verdict.filters.into_iter().map(Condition::of).collect();
        let told = when::told(rule, &known.event, &values);
        conditions.extend(told.iter().map(Told::condition));
        let (verdict, reason) = concluded(verdict.judged, rule, told.as_ref());
        Explained { route: rule.name().to_string(), conditions, verdict, reason }
    })
    .collect()
}

/// What the filters and the condition come to, as the worker would say it.
fn concluded(
    judged: Judged,
    rule: &Rule,
    told: Option<&Told<'_>>,
) -> (&'static str, Option<String>) {
    match judged {
        Judged::Unwanted(reason) => ("unwanted", Some(reason)),
        Judged::Foreign(why) => ("dead", Some(why)),
        Judged::Unknown(what) => ("not known", Some(format!("not known: {what}"))),
        Judged::Wanted => match told {
            Some(told) => told.concluded(rule),
            None => ("wanted", None),
        },
    }
}

impl Condition {
    fn of(seen: Seen) -> Self {
        let Seen { filter, wants, saw, held } = seen;
        Self {
            key: filter.as_str(),
            wants,
            saw: Some(saw),
            values: None,
            missing: Vec::new(),
            holds: held,
        }
    }
}
