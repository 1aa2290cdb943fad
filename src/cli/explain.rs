//! `attio-relay explain`: what each route makes of an event that was received, and why.
//!
//! Nothing is run, sent or written: the event, the names and what was looked up come from the
//! store. With another configuration file it tells what that one would do.

use std::{
    io::{Write, stdout},
    process::ExitCode,
    time::Duration,
};

use anyhow::bail;
use clap::Args;
use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use serde_json::{Value, json};
use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};
use uuid::Uuid;

use super::{Output, migrate};
use crate::{
    attio::catalog::Catalog,
    config::Config,
    routing::{Judged, RouteTable, Seen},
    store::{LaneKind, Snapshot, Store, StoredCatalog, StoredEvent},
};

/// Each question to the store takes so long at the most.
const DEADLINE: Duration = Duration::from_secs(5);

/// Show what each route makes of an event: every condition, the value it saw, the verdict. Runs
/// nothing.
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
    holds: Option<bool>,
}

/// Exits with 0 when the event is there, with 1 when it is not.
pub(super) fn run(explain: &Explain, config: &Config) -> ExitCode {
    super::block_on(async {
        let known = ask(config, explain.event_id).await?;
        let routes = explained(config, &known);
        let text = match explain.output {
            Output::Table => for_people(&known, &routes),
            Output::Json => format!("{:#}", for_programs(&known, &routes)),
        };
        writeln!(stdout(), "{text}")?;
        Ok(ExitCode::SUCCESS)
    })
}

async fn ask(config: &Config, id: Uuid) -> anyhow::Result<Known> {
    let store = Store::new(&config.store, Uuid::now_v7())?;
    let status = store.schema_status().await?;
    migrate::refuse_newer(&status)?;
    if status.newest_applied < status.newest_known {
        bail!("the store is not ready: run `attio-relay migrate`");
    }
    let mut lane = store.lane(LaneKind::Look, DEADLINE);
    let Some(event) = lane.event(id).await? else {
        bail!("there is no event {id} in the store");
    };
    let workspace = event.event.workspace_id.as_deref();
    let names = lane.catalog(workspace).await?;
    let looked_up = lane.snapshots(&[id]).await?;
    Ok(Known { event, names, looked_up })
}

fn explained(config: &Config, known: &Known) -> Vec<Explained> {
    let none = Catalog::default();
    let names = known.names.as_ref().map_or(&none, |names| &names.catalog);
    let table = RouteTable::new(&config.routes);
    let verdicts = table.verdicts(&known.event.event, names).into_iter();
    verdicts
        .zip(table.rules())
        .map(|(verdict, rule)| {
            let mut conditions: Vec<_> = verdict.filters.into_iter().map(Condition::of).collect();
            conditions.extend(rule.when().map(|when| Condition::on_values(when.source())));
            let (verdict, reason) = match verdict.judged {
                Judged::Unwanted(reason) => ("unwanted", Some(reason)),
                Judged::Foreign(why) => ("dead", Some(why)),
                Judged::Unknown(what) => ("not known", Some(format!("not known: {what}"))),
                Judged::Wanted if rule.when().is_some() => {
                    ("not known", Some("wanted where `when` holds".to_owned()))
                }
                Judged::Wanted => ("wanted", None),
            };
            Explained { route: rule.name().to_string(), conditions, verdict, reason }
        })
        .collect()
}

impl Condition {
    fn of(seen: Seen) -> Self {
        let Seen { filter, wants, saw, held } = seen;
        Self { key: filter.as_str(), wants, saw: Some(saw), holds: held }
    }

    /// Conditions on values are not evaluated here.
    fn on_values(when: &str) -> Self {
        Self { key: "when", wants: when.to_owned(), saw: None, holds: None }
    }
}

fn for_people(known: &Known, routes: &[Explained]) -> String {
    let StoredEvent { id, source, received_at, event, .. } = &known.event;
    let names = match &known.names {
        Some(names) => format!("names: learnt at {}", text(names.learnt_at)),
        None => "names: none were learnt, so slugs and `self` stand for nothing yet".to_owned(),
    };
    let mut lines = vec![
        format!("event {id}: {}, received at {} by {source}", event.event_type, text(*received_at)),
        names,
    ];
    lines.extend(known.looked_up.iter().map(|one| {
        format!("kept: the {}, looked up at {}", one.kind.as_str(), text(one.looked_up_at))
    }));
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header(["route", "condition", "asks for", "saw", "holds", "verdict"]);
    for route in routes {
        let mut first = (route.route.as_str(), route.reason.as_deref().unwrap_or(route.verdict));
        for condition in &route.conditions {
            let holds = match condition.holds {
                Some(true) => "yes",
                Some(false) => "no",
                None => "not known",
            };
            let saw = condition.saw.as_deref().unwrap_or_default();
            let (route, verdict) = std::mem::take(&mut first);
            table.add_row([route, condition.key, &condition.wants, saw, holds, verdict]);
        }
    }
    lines.push(table.to_string());
    lines.join("\n")
}

fn for_programs(known: &Known, routes: &[Explained]) -> Value {
    let StoredEvent { id, source, received_at, event, .. } = &known.event;
    let condition = |one: &Condition| json!({"condition": one.key, "wants": one.wants, "saw": one.saw, "holds": one.holds});
    let route = |one: &Explained| {
        let conditions: Vec<_> = one.conditions.iter().map(condition).collect();
        json!({
            "route": one.route,
            "verdict": one.verdict,
            "reason": one.reason,
            "conditions": conditions,
        })
    };
    let kept =
        |one: &Snapshot| json!({"kind": one.kind.as_str(), "looked_up_at": text(one.looked_up_at)});
    json!({
        "event": {
            "id": id,
            "type": event.event_type,
            "source": source.as_str(),
            "received_at": text(*received_at),
        },
        "names_learnt_at": known.names.as_ref().map(|names| text(names.learnt_at)),
        "kept": known.looked_up.iter().map(kept).collect::<Vec<_>>(),
        "routes": routes.iter().map(route).collect::<Vec<_>>(),
    })
}

fn text(moment: OffsetDateTime) -> String {
    let text = moment.to_offset(UtcOffset::UTC).format(&Rfc3339);
    text.unwrap_or_else(|_| moment.to_string())
}
