//! `[actions.NAME]`: what all kinds have in common.

use std::{collections::BTreeMap, time::Duration};

use super::{Check, attio_action, http, postgres, slack};
use crate::{
    config::{
        document::Place,
        file,
        meant::{self, ActionKind, AttioWrite, Config, LogAction},
        units::{Count, Frequency, Interval},
    },
    name::ActionName,
};

const LONGEST_TIMEOUT: Duration = Duration::from_mins(5);

/// What every kind has.
struct Common<'f> {
    timeout: Option<&'f Interval>,
    concurrency: Option<Count>,
    rate: Option<&'f Frequency>,
    retry: &'f file::Retry,
}

pub(super) fn actions(
    check: &mut Check<'_, '_>,
    typed: &BTreeMap<String, file::Action>,
    worker_concurrency: usize,
) -> Vec<meant::Action> {
    let table = Place::root().key("actions");
    let mut in_order: Vec<_> = typed.iter().collect();
    in_order.sort_by_key(|(name, _)| check.document.span_of(&table.key(name).key("kind")).start);
    in_order
        .into_iter()
        .filter_map(|(name, typed)| {
            let place = table.key(name);
            check.name(&place, name);
            let action = action(check, &place, name, typed, worker_concurrency)?;
            for (key, why) in (check.outside.templates)(&action) {
                check.error(&place.key(key), why);
            }
            Some(action)
        })
        .collect()
}

fn action(
    check: &mut Check<'_, '_>,
    place: &Place,
    name: &str,
    typed: &file::Action,
    worker_concurrency: usize,
) -> Option<meant::Action> {
    let common = common(typed);
    let most = (LONGEST_TIMEOUT, "5m");
    let timeout =
        check.interval(&place.key("timeout"), common.timeout, Duration::from_secs(10), Some(most));
    let concurrency = concurrency(check, place, common.concurrency, worker_concurrency);
    let retry = retry(check, &place.key("retry"), common.retry);
    Some(meant::Action {
        name: ActionName::from(name),
        kind: kind(check, place, typed)?,
        timeout,
        concurrency,
        rate: common.rate.map(|rate| rate.0),
        retry,
    })
}

fn common(typed: &file::Action) -> Common<'_> {
    macro_rules! of {
        ($one:ident) => {
            Common {
                timeout: $one.timeout.as_ref(),
                concurrency: $one.concurrency,
                rate: $one.rate.as_ref(),
                retry: &$one.retry,
            }
        };
    }
    match typed {
        file::Action::Http(http) => of!(http),
        file::Action::Slack(slack) => of!(slack),
        file::Action::Postgres(postgres) => of!(postgres),
        file::Action::Attio(attio) => of!(attio),
        file::Action::Log(log) => of!(log),
    }
}

fn kind(check: &mut Check<'_, '_>, place: &Place, typed: &file::Action) -> Option<ActionKind> {
    match typed {
        file::Action::Http(typed) => http::http(check, place, typed).map(ActionKind::Http),
        file::Action::Slack(typed) => slack::slack(check, place, typed).map(ActionKind::Slack),
        file::Action::Postgres(typed) => {
            postgres::postgres(check, place, typed).map(ActionKind::Postgres)
        }
        file::Action::Attio(typed) => {
            attio_action::attio_action(check, place, typed).map(ActionKind::Attio)
        }
        file::Action::Log(typed) => Some(ActionKind::Log(LogAction { text: typed.text.clone() })),
    }
}

// Half, so that one bad destination never holds all the slots.
fn concurrency(
    check: &mut Check<'_, '_>,
    place: &Place,
    typed: Option<Count>,
    worker_concurrency: usize,
) -> usize {
    let most = (worker_concurrency / 2).max(1);
    let Some(Count(concurrency)) = typed else {
        return most.min(8);
    };
    if concurrency as usize > most {
        let message = format!("at most {most}: half of worker.concurrency ({worker_concurrency})");
        check
            .error(&place.key("concurrency"), message)
            .help("one destination that hangs must leave slots to the others");
    }
    concurrency as usize
}

fn retry(check: &mut Check<'_, '_>, place: &Place, typed: &file::Retry) -> meant::Retry {
    let (default_first, default_max) = (Duration::from_secs(2), Duration::from_hours(1));
    let first = check.interval(&place.key("first"), typed.first.as_ref(), default_first, None);
    let max = check.interval(&place.key("max"), typed.max.as_ref(), default_max, None);
    let factor = typed.factor.unwrap_or(2.0);
    if !factor.is_finite() || factor < 1.0 {
        check.error(&place.key("factor"), "must be 1 or more");
    }
    if first > max {
        let key = if typed.max.is_some() { "max" } else { "first" };
        check.error(&place.key(key), "`first` may not be longer than `max`");
    }
    meant::Retry { attempts: typed.attempts.map_or(15, |count| count.0), first, factor, max }
}

/// Reports templates that ask for values where there is no way to look them up.
pub(super) fn needs(check: &mut Check<'_, '_>, config: &Config) {
    let is_reached =
        |action: &&meant::Action| config.routes.iter().any(|route| route.to.contains(&action.name));
    for action in config.actions.iter().filter(is_reached) {
        let table = Place::root().key("actions").key(action.name.as_str());
        for written in action.templates() {
            if !written.needs().is_empty() {
                let place = written.keys.iter().fold(table.clone(), |place, key| place.key(key));
                check.needs_attio(&place, "the template asks for values that are looked up");
            }
        }
    }
}

/// Warns of actions that nothing leads to.
pub(super) fn unused(check: &mut Check<'_, '_>, config: &Config) {
    for action in &config.actions {
        let name = &action.name;
        let is_used = config.alerts.to.contains(name)
            || config.routes.iter().any(|route| route.to.contains(name));
        if !is_used {
            let place = Place::root().key("actions").key(name.as_str());
            check.warning(&place, format!("no route leads to the action `{name}`"));
        }
    }
}

/// Warns of comments that may be written twice. Attio takes no key for them and lists them nowhere,
/// so after a lost answer nobody can tell whether one is there:
/// <https://docs.attio.com/rest-api/endpoint-reference/comments/create-a-comment>.
pub(super) fn repeatable(check: &mut Check<'_, '_>, config: &Config) {
    for action in config.actions.iter().filter(|action| action.retry.attempts > 1) {
        let ActionKind::Attio(attio) = &action.kind else { continue };
        if matches!(attio.write, AttioWrite::Comment { .. }) {
            let place = Place::root().key("actions").key(action.name.as_str()).key("write");
            let message =
                "a comment whose answer is lost is tried again, and may stand there twice";
            check.warning(&place, message).help(
                "`write = \"note\"` with {{ id }} in it is found again; or set \
                 `retry = { attempts = 1 }`, and some will be dead letters instead",
            );
        }
    }
}
