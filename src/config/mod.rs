//! The configuration: one TOML file, read as a whole or not at all.
//!
//! What was typed (`file`) is read leniently, checked, and turned into what is meant
//! ([`Config`]); every problem is found in one go, each with its place. Nothing outside this
//! folder sees what was typed.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
};

pub use self::{
    alone::{admin_listen, secret},
    meant::{
        Action, ActionKind, ActorPattern, Alerts, Attio, AttioAction, AttioValue, AttioWrite,
        Config, Debounce, HttpAction, LogAction, Name, OrderBy, PostgresAction, Rate, Reconcile,
        Retry, Route, SecretPlace, Server, SigningKey, SlackAction, SlackTarget, Source, Store,
        TableName, Target, Tls, Worker, Written,
    },
    problem::{Problem, Problems, Severity},
    references::{SecretReference, SecretUser},
    schema::json_schema,
    suggest::nearest,
    units::interval,
};

mod alone;
mod check;
mod document;
mod file;
mod meant;
pub mod online;
mod problem;
mod reader;
mod references;
mod schema;
mod secret;
pub mod suggest;
mod units;

/// Where the private listener listens, unless told otherwise.
const DEFAULT_ADMIN_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9090);

/// What lies outside the file and is needed to judge it.
#[derive(Clone, Copy)]
pub struct Outside<'a> {
    /// Looks up an environment variable.
    pub env: &'a (dyn Fn(&str) -> Option<String> + Sync),
    /// Looks at an action's templates; says for each wrong one its key (`body`, `text`) and why.
    pub templates: &'a (dyn Fn(&Action) -> Vec<(&'static str, String)> + Sync),
}

/// Reads a secret or a setting from this process's environment.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Reads the file: the configuration, and warnings about it.
///
/// # Errors
/// All that is wrong with it, warnings included; or that the file cannot be read.
pub fn load(path: &Path, outside: &Outside<'_>) -> Result<(Config, Problems), Problems> {
    load_with(path, outside, false)
}

/// The same for commands that are there to get the sources' signing secrets, which need not be
/// there yet: an unset variable, a missing or an empty file is no problem.
///
/// # Errors
/// As [`load`].
pub fn load_before_secrets(
    path: &Path,
    outside: &Outside<'_>,
) -> Result<(Config, Problems), Problems> {
    load_with(path, outside, true)
}

fn load_with(
    path: &Path,
    outside: &Outside<'_>,
    is_before_secrets: bool,
) -> Result<(Config, Problems), Problems> {
    let name = path.display().to_string();
    match fs::read_to_string(path) {
        Ok(text) => parse_with(&text, &name, outside, is_before_secrets),
        Err(error) => Err(Problems::unreadable(
            &name,
            format!("cannot read the configuration {name}: {error}"),
            "name another file with --config PATH or ATTIO_RELAY_CONFIG".to_owned(),
        )),
    }
}

/// Reads a text, which problems show under `name`.
///
/// # Errors
/// As [`load`].
pub fn parse(
    text: &str,
    name: &str,
    outside: &Outside<'_>,
) -> Result<(Config, Problems), Problems> {
    parse_with(text, name, outside, false)
}

fn parse_with(
    text: &str,
    name: &str,
    outside: &Outside<'_>,
    is_before_secrets: bool,
) -> Result<(Config, Problems), Problems> {
    let mut report = problem::Report::default();
    let config = match document::Document::parse(text) {
        Ok(document) => {
            let typed = reader::read(&document, &mut report);
            Some(check::check(&typed, &document, outside, is_before_secrets, &mut report))
        }
        Err(errors) => {
            for error in errors {
                broken(text, error, &mut report);
            }
            None
        }
    };
    let problems = Problems::new(name, text, report);
    match config {
        Some(config) if !problems.has_errors() => Ok((config, problems)),
        Some(_) | None => Err(problems),
    }
}

// Where the syntax is wrong nobody knows which values are secrets: of the lines that may be shown,
// only a known key at the start stays readable.
fn broken(text: &str, error: document::SyntaxError, report: &mut problem::Report) {
    // What is missing at the end of the file is missing after its last word.
    let last = text.trim_end().len();
    let span = error.span.start.min(last)..error.span.end.min(last);
    let start = text[..span.start].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[span.end..].find('\n').map_or(text.len(), |at| span.end + at);
    report.mask(start + schema::known_start(&text[start..end])..end);
    report.error(span, error.message);
}

#[cfg(test)]
mod tests;
