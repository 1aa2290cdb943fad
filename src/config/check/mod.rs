//! From what was typed to what is meant: every rule that the struct of a section cannot express.
//!
//! A check never stops at its first problem. Where a value is wrong its default stands in, so that
//! the checks after it still find theirs; the result is used only when no error was reported.

use std::time::Duration;

use secrecy::SecretString;

use super::{
    Outside,
    document::{Document, Place},
    file,
    meant::{self, Config},
    problem::{Problem, Report},
    references::references,
    secret::Reference,
    units::Interval,
};

mod action;
mod address;
mod attio_action;
mod condition;
mod debounce;
mod event_type;
mod http;
mod name;
mod own_writes;
mod postgres;
mod reconcile;
mod route;
mod server;
mod slack;
mod source;
mod store;

/// Checks what was typed; whether it may be used, the report says. With `is_before_secrets` the
/// sources' signing secrets may not be there yet.
#[must_use]
pub fn check(
    typed: &file::File,
    document: &Document<'_>,
    outside: &Outside<'_>,
    is_before_secrets: bool,
    report: &mut Report,
) -> Config {
    let mut check = Check { document, outside, is_before_secrets, report };
    let worker = worker(&typed.worker);
    let config = Config {
        server: server::server(&mut check, &typed.server),
        store: store::store(&mut check, &typed.store),
        sources: source::sources(&mut check, &typed.sources),
        attio: typed.attio.as_ref().and_then(|typed| attio(&mut check, typed)),
        actions: action::actions(&mut check, &typed.actions, worker.concurrency),
        routes: route::routes(&mut check, &typed.routes),
        reconcile: reconcile::reconcile(&mut check, typed.reconcile.as_ref(), &typed.routes),
        alerts: alerts(&mut check, &typed.alerts),
        references: references(typed),
        worker,
    };
    action::needs(&mut check, &config);
    // A route that could not be read may well be the one that leads to an action.
    if config.routes.len() == typed.routes.len() {
        action::unused(&mut check, &config);
        action::repeatable(&mut check, &config);
        own_writes::check(&mut check, &config);
    }
    config
}

/// One run over one file.
struct Check<'c, 't> {
    document: &'c Document<'t>,
    outside: &'c Outside<'c>,
    /// Signing secrets may not be there yet.
    is_before_secrets: bool,
    report: &'c mut Report,
}

impl Check<'_, '_> {
    fn error(&mut self, place: &Place, message: impl Into<String>) -> &mut Problem {
        self.report.error(self.document.span_of(place), message)
    }

    fn warning(&mut self, place: &Place, message: impl Into<String>) -> &mut Problem {
        self.report.warning(self.document.span_of(place), message)
    }

    fn is_typed(&self, place: &Place) -> bool {
        self.document.value(place).is_some()
    }

    /// Nothing was typed here, or a list without elements.
    fn is_empty(&self, list: &Place) -> bool {
        self.document
            .value(list)
            .is_none_or(|value| value.get_ref().as_array().is_some_and(|list| list.is_empty()))
    }

    /// A table was typed here, and nothing in it.
    fn is_empty_table(&self, place: &Place) -> bool {
        let table = self.document.value(place).and_then(|value| value.get_ref().as_table());
        table.is_some_and(toml::de::DeTable::is_empty)
    }

    /// A key that must be there; one that is there and wrong has been reported already.
    fn required<'v, T>(&mut self, table: &Place, key: &str, value: Option<&'v T>) -> Option<&'v T> {
        if value.is_none() && !self.is_typed(&table.key(key)) {
            self.error(table, format!("`{key}` is missing"));
        }
        value
    }

    /// Reports what only Attio can tell, where there is no way to ask it.
    fn needs_attio(&mut self, place: &Place, what: &str) {
        if !self.is_typed(&Place::root().key("attio")) {
            self.error(place, format!("{what}, which takes an `[attio]` section"))
                .help("add `[attio]` with `token = \"env:ATTIO_API_TOKEN\"`");
        }
    }

    /// A name that metrics, commands and addresses can carry.
    fn name(&mut self, place: &Place, name: &str) {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.is_empty() || name.len() > 64 || !name.chars().all(is_plain) {
            self.error(place, "a name has 1 to 64 letters, digits, `-`, `_` or `.`");
        }
    }

    fn secret(&mut self, place: &Place, typed: &Reference) -> Option<SecretString> {
        match typed.0.resolve(self.outside.env) {
            Ok(secret) => Some(secret),
            Err(why) => {
                self.error(place, why);
                None
            }
        }
    }

    fn optional_secret(
        &mut self,
        place: &Place,
        typed: Option<&Reference>,
    ) -> Option<SecretString> {
        typed.and_then(|typed| self.secret(place, typed))
    }

    /// A duration above zero, and within `most` where there is one.
    fn interval(
        &mut self,
        place: &Place,
        typed: Option<&Interval>,
        default: Duration,
        most: Option<(Duration, &str)>,
    ) -> Duration {
        let Some(&Interval(interval)) = typed else {
            return default;
        };
        if interval.is_zero() {
            self.error(place, "must be above zero");
        }
        if let Some((_, text)) = most.filter(|(most, _)| interval > *most) {
            self.error(place, format!("at most {text}"));
        }
        interval
    }

    /// The names of the actions that the file has, wrong ones included.
    fn action_names(&self) -> Vec<String> {
        let actions = self.document.value(&Place::root().key("actions"));
        actions
            .and_then(|actions| actions.get_ref().as_table())
            .map(|actions| actions.keys().map(|name| name.get_ref().to_string()).collect())
            .unwrap_or_default()
    }

    /// A list of actions' names; each must be configured, none twice.
    fn action_list(&mut self, place: &Place, names: &[String]) {
        let known = self.action_names();
        for (index, name) in names.iter().enumerate() {
            let at = place.index(index);
            if !known.contains(name) {
                let meant = super::suggest::nearest(name, known.iter().map(String::as_str));
                let problem = self.error(&at, format!("there is no action `{name}`"));
                if known.is_empty() {
                    problem.help(format!("configure it in `[actions.{name}]`"));
                } else {
                    problem.help(format!("configured are: {}", known.join(", "))).suggest(meant);
                }
            }
            if names[..index].contains(name) {
                self.error(&at, format!("`{name}` stands here twice"));
            }
        }
    }
}

fn worker(typed: &file::Worker) -> meant::Worker {
    meant::Worker { concurrency: typed.concurrency.map_or(64, |count| count.0 as usize) }
}

fn attio(check: &mut Check<'_, '_>, typed: &file::Attio) -> Option<meant::Attio> {
    let place = Place::root().key("attio");
    let token = check.required(&place, "token", typed.token.as_ref());
    let token = check.optional_secret(&place.key("token"), token);
    let rate = |typed: Option<&super::units::Frequency>, default: f64| {
        typed.map_or(meant::Rate { per_second: default }, |typed| typed.0)
    };
    let (reads, writes) = (rate(typed.reads.as_ref(), 40.0), rate(typed.writes.as_ref(), 10.0));
    for (key, rate, most) in [("reads", reads, 100.0), ("writes", writes, 25.0)] {
        if rate.per_second > most {
            // <https://docs.attio.com/rest-api/guides/rate-limiting>
            let message = format!("Attio allows {most} {key} a second in all");
            check.warning(&place.key(key), message);
        }
    }
    Some(meant::Attio {
        token: token?,
        base_url: http::url_or(typed.base_url.as_ref(), "https://api.attio.com"),
        reads,
        writes,
    })
}

fn alerts(check: &mut Check<'_, '_>, typed: &file::Alerts) -> meant::Alerts {
    check.action_list(&Place::root().key("alerts").key("to"), &typed.to);
    meant::Alerts {
        to: typed.to.iter().map(|name| name.as_str().into()).collect(),
        after_failures: typed.after_failures.map_or(5, |count| count.0),
    }
}
