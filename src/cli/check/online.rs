//! `check --online`: asks whoever the configuration names, and changes nothing anywhere.
//!
//! Attio, the store and the destinations are asked at the same time, and all that any of them
//! shows to be wrong is told together.

mod attio;

use std::{path::Path, process::ExitCode};

use uuid::Uuid;

use super::{WRONG_CONFIGURATION, counted, show};
use crate::{
    action::Action,
    config::{self, ActionKind, Config},
    store::{SchemaStatus, Store},
    telemetry::error_text,
};

/// What one of those who were asked had to say.
#[derive(Default)]
struct Answer {
    /// What is right, or worth knowing; for standard output.
    said: Vec<String>,
    /// Why it cannot be used as it is configured.
    failed: Vec<String>,
}

/// Exits with 0, with 64 when the configuration does not fit to what is in Attio, with 1 when
/// somebody cannot be asked or used.
pub(super) async fn run(path: &Path, config: &Config) -> ExitCode {
    let ((attio, told), store, destinations) =
        tokio::join!(attio::ask(config), store(config), destinations(config));
    let problems = config::online::against(path, config, &told);
    show(&problems);
    let mut code = ExitCode::SUCCESS;
    for Answer { said, failed } in [attio, store, destinations] {
        for line in said {
            println!("{line}");
        }
        for why in failed {
            eprintln!("error: {why}");
            code = ExitCode::FAILURE;
        }
    }
    if problems.has_errors() { ExitCode::from(WRONG_CONFIGURATION) } else { code }
}

async fn store(config: &Config) -> Answer {
    let checked = async { Store::new(&config.store, Uuid::now_v7())?.check().await };
    match checked.await {
        Ok((status, remarks)) => of_schema(config, &status, &remarks),
        Err(error) => Answer { failed: vec![error_text(&error)], ..Answer::default() },
    }
}

fn of_schema(config: &Config, status: &SchemaStatus, remarks: &[&str]) -> Answer {
    if let Err(newer) = super::migrate::refuse_newer(status) {
        return Answer { failed: vec![newer.to_string()], ..Answer::default() };
    }
    let pending = status.steps.iter().filter(|(_, is_applied)| !is_applied).count();
    let lacks = counted(pending, "migration");
    if pending > 0 && !config.store.migrate {
        let why = format!("the store lacks {lacks}: run `attio-relay migrate`");
        return Answer { failed: vec![why], ..Answer::default() };
    }
    let mut said = vec![format!("store ok: {lacks} to apply")];
    said.extend(remarks.iter().map(|remark| format!("note: {remark}")));
    Answer { said, ..Answer::default() }
}

/// Only databases: an HTTP destination that is asked has been sent something.
async fn destinations(config: &Config) -> Answer {
    let mut answer = Answer::default();
    for action in &config.actions {
        if !matches!(action.kind, ActionKind::Postgres(_)) {
            continue;
        }
        let name = &action.name;
        let checked = match Action::build(action, None) {
            Ok(built) => built.check_online().await,
            Err(problem) => Err(problem.to_string()),
        };
        match checked {
            Ok(()) => answer.said.push(format!("destination ok: `{name}`")),
            Err(why) => answer.failed.push(format!("the destination `{name}`: {why}")),
        }
    }
    answer
}
