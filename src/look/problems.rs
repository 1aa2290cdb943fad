//! What somebody should see to, in sentences, the worst first.
//!
//! Pure: what stands is given, problems come out.

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    AlertShown,
    attio::AttioStanding,
    overview::{Place, Problem, Rates, Weight},
    standing::{ActionStanding, RouteStanding, State},
};
use crate::{attio::subscription::Status, reload::Refused};

/// What is due and not paused should not wait longer, in seconds.
const LATE_SECONDS: f64 = 60.0;

/// So many requests a minute that are sent away are no accident, where they are more than those that
/// are taken.
const MANY_REFUSED: f64 = 5.0;

/// All that problems are found in.
pub(super) struct Seen<'s> {
    pub(super) routes: &'s [RouteStanding],
    pub(super) actions: &'s [ActionStanding],
    pub(super) attio: &'s AttioStanding,
    pub(super) rates: Rates,
    pub(super) refused: Option<&'s Refused>,
    /// Routes that nobody answers for or nobody looked at for long.
    pub(super) unreviewed: usize,
    /// What the fleet told, or would have, if it could.
    pub(super) alerts: &'s [AlertShown],
    pub(super) now: OffsetDateTime,
}

/// Finds them.
pub(super) fn problems(seen: &Seen<'_>) -> Vec<Problem> {
    let mut found: Vec<Problem> = Vec::new();
    found.extend(seen.refused.map(refused));
    found.extend(seen.actions.iter().flat_map(|action| of_action(action, seen.now)));
    found.extend(seen.routes.iter().filter_map(of_route));
    found.extend(of_attio(seen.attio));
    found.extend(sent_away(seen.rates));
    found.extend(seen.alerts.iter().filter_map(of_alert));
    found.extend(unreviewed(seen.unreviewed));
    found.sort_by_key(|problem| problem.weight);
    found
}

fn refused(refused: &Refused) -> Problem {
    Problem {
        weight: Weight::Trouble,
        what: "configuration",
        text: format!(
            "the changed configuration cannot be used, the old one stays in effect: {}",
            refused.problems
        ),
        since: Some(refused.since),
        place: Place::Overview,
        name: None,
    }
}

fn of_action(action: &ActionStanding, now: OffsetDateTime) -> Vec<Problem> {
    let name = &action.name;
    let problem = |weight, what, text, since, place| {
        let name = Some(name.clone());
        Problem { weight, what, text, since, place, name }
    };
    let state = match action.state {
        State::BreakerOpen | State::Failing => {
            let what = if action.breaker_is_open_here { "breaker_open" } else { "failing" };
            let left_alone = if action.breaker_is_open_here {
                " again and again, and is left alone for a while"
            } else {
                ""
            };
            let error = action.fares.last_error.as_deref().unwrap_or_default();
            let text = format!("`{name}` fails{left_alone}: {error}");
            Some((Weight::Trouble, what, text, action.fares.failing_since))
        }
        State::Paused | State::LoopPaused => action.paused.as_ref().map(|paused| {
            let by_itself = ["410", "loop"].contains(&paused.by.as_str());
            let weight = if by_itself { Weight::Trouble } else { Weight::Notice };
            let text = format!("`{name}` is paused by {}: {}", paused.by, paused.reason);
            (weight, "paused", text, Some(paused.since))
        }),
        State::Orphaned if action.fares.open > 0 => {
            let text = format!(
                "{} deliveries wait for `{name}`, which is configured no longer",
                action.fares.open
            );
            Some((Weight::Notice, "orphaned", text, None))
        }
        State::Orphaned | State::Running => None,
    };
    let state =
        state.map(|(weight, what, text, since)| problem(weight, what, text, since, Place::Actions));
    let dead = (action.dead_letters > 0).then(|| {
        let text = match action.dead_letters {
            1 => format!("1 dead letter of `{name}` waits for somebody"),
            count => format!("{count} dead letters of `{name}` wait for somebody"),
        };
        problem(Weight::Trouble, "dead_letters", text, None, Place::DeadLetters)
    });
    let waited = action.fares.oldest_due_seconds;
    let is_late = waited > LATE_SECONDS && action.paused.is_none();
    let late = is_late.then(|| {
        let text = format!("a delivery to `{name}` is due since {waited:.0} seconds");
        let since = now - time::Duration::seconds_f64(waited);
        problem(Weight::Trouble, "late", text, Some(since), Place::Actions)
    });
    state.into_iter().chain(dead).chain(late).collect()
}

fn of_route(route: &RouteStanding) -> Option<Problem> {
    let name = &route.name;
    let (what, text, since) = match (&route.paused, route.state) {
        (Some(paused), _) => {
            let text = format!("the route `{name}` is paused by {}: {}", paused.by, paused.reason);
            ("paused", text, Some(paused.since))
        }
        (None, State::Orphaned) => {
            let open = route.fares.open;
            let text = format!("{open} deliveries wait for the route `{name}`, which is gone");
            ("orphaned", text, None)
        }
        (None, _) => return None,
    };
    let (weight, place, name) = (Weight::Notice, Place::Routes, Some(name.clone()));
    Some(Problem { weight, what, text, since, place, name })
}

fn of_attio(attio: &AttioStanding) -> Vec<Problem> {
    let problem = |weight, what, text, since, name: Option<&String>| {
        let name = name.cloned();
        Problem { weight, what, text, since, place: Place::Attio, name }
    };
    let mut found = Vec::new();
    for webhook in &attio.webhooks {
        let is = match webhook.status {
            Some(Status::Active | Status::Unknown) => None,
            Some(Status::Degraded) => Some("is degraded: Attio could not deliver for days"),
            Some(Status::Inactive) => Some("is inactive: Attio sends nothing any more"),
            None => Some("is missing: Attio sends nothing"),
        };
        let source = &webhook.source;
        if let Some(is) = is {
            let text = format!("the webhook of `{source}` {is}");
            let since = webhook.status_since;
            found.push(problem(Weight::Trouble, "webhook", text, since, Some(source)));
        } else if !webhook.drift.is_empty() {
            let text = format!("the webhook of `{source}` is not as the routes need it");
            found.push(problem(Weight::Trouble, "drift", text, attio.seen_at, Some(source)));
        }
    }
    let lacking = attio.scopes.iter().filter(|scope| scope.is_granted == Some(false));
    let lacking: Vec<&str> = lacking.map(|scope| scope.scope.as_str()).collect();
    if !lacking.is_empty() {
        let text = format!("the token for Attio lacks {}", lacking.join(", "));
        found.push(problem(Weight::Trouble, "scopes", text, None, None));
    }
    if let Some(error) = &attio.not_seen {
        let text = format!("the webhooks in Attio could not be looked at: {error}");
        found.push(problem(Weight::Notice, "not_seen", text, attio.seen_at, None));
    }
    found
}

fn sent_away(rates: Rates) -> Option<Problem> {
    let is_much = rates.refused >= MANY_REFUSED && rates.refused > rates.accepted;
    is_much.then(|| Problem {
        weight: Weight::Trouble,
        what: "refused",
        text: format!(
            "{:.0} requests a minute are sent away; `attio_relay_messages_total` says why",
            rates.refused
        ),
        since: None,
        place: Place::Overview,
        name: None,
    })
}

fn unreviewed(count: usize) -> Option<Problem> {
    (count > 0).then(|| Problem {
        weight: Weight::Notice,
        what: "review",
        text: format!("{count} routes have no owner or no review of late"),
        since: None,
        place: Place::Integrations,
        name: None,
    })
}

/// Alerts of what nothing else here tells of.
fn of_alert(alert: &AlertShown) -> Option<Problem> {
    let (weight, what, place) = match alert.alert.as_str() {
        "not_sent" => (Weight::Trouble, "not_sent", Place::Routes),
        "quiet" => (Weight::Trouble, "quiet", Place::Attio),
        "signatures" => (Weight::Trouble, "signatures", Place::Events),
        "reconciled" => (Weight::Notice, "reconciled", Place::Attio),
        _ => return None,
    };
    (alert.state == "firing").then(|| Problem {
        weight,
        what,
        text: format!("{}; {}", alert.title, alert.next),
        since: OffsetDateTime::parse(&alert.since, &Rfc3339).ok(),
        place,
        name: None,
    })
}
