//! Whole files: what is right comes out as it is meant, what is wrong is reported in one go.

use super::*;

mod actions;
mod attio_actions;
mod reading;
mod routes;
mod samples;
mod secrets;
mod sections;

const SIGNING_KEY: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz";
const UUID: &str = "0fcb1c4e-9d2a-4b7e-8c11-2f6d1f0a9b3c";

fn env(name: &str) -> Option<String> {
    let value = match name {
        "UNSET" => return None,
        "SHORT" => "short",
        "SIGNING_KEY" | "BILLING_SECRET" => SIGNING_KEY,
        "DATABASE_URL" | "WAREHOUSE_URL" => "postgres://relay:password@db/relay",
        "MISSPELT_URL" => "postgres://relay@db/relay?passwort=canary",
        "SLACK_WEBHOOK" => "https://hooks.slack.com/services/T/B/X",
        _ => "0123456789abcdef",
    };
    Some(value.to_owned())
}

fn read(text: &str) -> Result<(Config, Problems), Problems> {
    parse(text, "relay.toml", &Outside { env: &env, templates: &|_| Vec::new() })
}

/// A file that is right, but for what a test adds at its start.
fn with(added: &str) -> String {
    format!(
        "{added}\n[[sources]]\nname = \"crm\"\npath = \"/webhooks/attio\"\n\
         secrets = [\"env:ATTIO_WEBHOOK_SECRET\"]\n"
    )
}

/// A file with one action and one route that has these keys.
fn route(keys: &str) -> String {
    with(&format!(
        "[actions.log]\nkind = \"log\"\n[[routes]]\nname = \"all\"\nto = [\"log\"]\n{keys}\n"
    ))
}

/// A file with one route and one action that has these keys.
fn action(keys: &str) -> String {
    route("on = [\"*\"]").replace("kind = \"log\"", keys)
}

fn right(text: &str) -> Config {
    read(text).unwrap_or_else(|problems| panic!("{problems}")).0
}

/// Severity, place, message and help of each problem.
fn wrong(text: &str) -> Vec<String> {
    let problems = match read(text) {
        Ok((_, warnings)) => warnings,
        Err(problems) => problems,
    };
    problems
        .iter()
        .filter(|one| !one.message.starts_with("no route is configured"))
        .map(|one| {
            let help = one.help.as_deref().map(|help| format!(" ({help})")).unwrap_or_default();
            format!("{:?} {}:{} {}{help}", one.severity, one.line, one.column, one.message)
        })
        .collect()
}

/// The text has exactly one problem, which says `message`.
#[track_caller]
fn one_problem(text: &str, message: &str) {
    let found = wrong(text);
    assert!(found.len() == 1 && found[0].contains(message), "{found:#?} in\n{text}");
}

/// What is added makes exactly one problem, which says `message`.
#[track_caller]
fn one(added: &str, message: &str) {
    one_problem(&with(added), message);
}
