//! Every source, route and action: what it reads and writes, what that takes, who answers for it
//! and how it fares. One model for the command and the pages.
//!
//! Pure: the day and what the store knows are arguments. Never holds a secret, nor a path of an
//! address, which may be one.

mod json;
mod reads;
mod review;
mod writes;

pub(crate) use self::writes::of_action as written_by;
pub use self::{json::moment, reads::Reads, review::Review};

use std::collections::BTreeSet;

use time::{Date, Duration, OffsetDateTime};

use crate::{
    attio::scopes::{self, Needed, Scope},
    config::{self, Action, Config, Route, SecretPlace, SecretUser, Source},
    store::{Activity, RouteActivity, SourceActivity, Span},
};

/// Deliveries and messages of so many days are counted.
pub const COUNTED_DAYS: i64 = 30;

/// All that is configured, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inventory {
    /// Sources, then routes, then actions.
    pub entries: Vec<Entry>,
}

/// What is looked at for an inventory that is taken `now`.
#[must_use]
pub fn span(store: &config::Store, now: OffsetDateTime) -> Span {
    let counted = Duration::days(COUNTED_DAYS);
    let retention = Duration::try_from(store.retention).unwrap_or(counted);
    Span {
        oldest: now.saturating_sub(retention.max(counted)),
        counted_since: now.saturating_sub(counted),
    }
}

/// A source, a route or an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Which of them.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// What it takes in.
    pub reads: Reads,
    /// Where what it makes of that goes.
    pub writes: Vec<String>,
    /// The scopes that the token for Attio needs for it.
    pub scopes: Vec<String>,
    /// The secrets that it needs, as the file refers to them: `env:NAME`, `file:/path`.
    pub secrets: Vec<String>,
    /// Who answers for it; of an action, those who answer for the routes that lead there.
    pub owner: Option<String>,
    /// Why it exists; only routes say so.
    pub purpose: Option<String>,
    /// When somebody looks at it; only routes are reviewed.
    pub review: Option<Review>,
    /// How it fares; `None` when the store could not be asked.
    pub figures: Option<Figures>,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A webhook of Attio.
    Source,
    /// A rule.
    Route,
    /// A destination.
    Action,
}

/// How an entry fares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Figures {
    /// Of a source.
    Messages(SourceActivity),
    /// Of a route over all of its actions, or of an action over all of its routes.
    Deliveries(RouteActivity),
}

impl Kind {
    /// The kind in a word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Route => "route",
            Self::Action => "action",
        }
    }
}

impl Figures {
    /// When a delivery succeeded, or a message was accepted, last.
    #[must_use]
    pub fn last_success(&self) -> Option<OffsetDateTime> {
        match self {
            Self::Messages(messages) => messages.last_accepted,
            Self::Deliveries(deliveries) => deliveries.last_success,
        }
    }

    /// When an attempt failed, or a message was kept aside, last.
    #[must_use]
    pub fn last_failure(&self) -> Option<OffsetDateTime> {
        match self {
            Self::Messages(messages) => messages.last_quarantined,
            Self::Deliveries(deliveries) => deliveries.last_failure,
        }
    }
}

impl Inventory {
    /// Takes stock. `activity` is `None` when the store could not be asked.
    #[must_use]
    pub fn new(config: &Config, activity: Option<&Activity>, today: Date) -> Self {
        let sources = config.sources.iter().map(|it| source(config, it, activity));
        let routes = config.routes.iter().map(|it| route(config, it, activity, today));
        let actions = config.actions.iter().map(|it| action(config, it, activity));
        Self { entries: sources.chain(routes).chain(actions).collect() }
    }

    /// Everything that somebody should see to, each with the entry that it is about.
    pub fn findings(&self) -> impl Iterator<Item = (&Entry, String)> {
        let of_one = |entry| Entry::findings(entry).into_iter().map(move |what| (entry, what));
        self.entries.iter().flat_map(of_one)
    }
}

impl Entry {
    /// What somebody should see to: a route that nobody answers for, or nobody looked at for long.
    #[must_use]
    pub fn findings(&self) -> Vec<String> {
        let unowned = self.kind == Kind::Route && self.owner.is_none();
        let unowned = unowned.then(|| "has no owner".to_owned());
        unowned.into_iter().chain(self.review.and_then(Review::finding)).collect()
    }
}

fn source(config: &Config, source: &Source, activity: Option<&Activity>) -> Entry {
    let figures = activity.map(|activity| {
        let of_it = activity.sources.iter().find(|one| one.source == source.name.as_str());
        Figures::Messages(of_it.cloned().unwrap_or_default())
    });
    // What no route needs: looking after the webhooks themselves.
    let of_routes =
        |one: &Needed| config.routes.iter().any(|it| scopes::of_route(config, it).contains(one));
    let needed = scopes::of_config(config).into_iter();
    let watched = needed.filter(|one| !of_routes(one)).map(|one| one.scope);
    Entry {
        kind: Kind::Source,
        name: source.name.to_string(),
        reads: Reads::Messages { path: source.path.clone() },
        writes: vec![writes::to_store(&config.store)],
        scopes: least(watched),
        secrets: secrets(config, &SecretUser::Source(source.name.clone())),
        owner: None,
        purpose: None,
        review: None,
        figures,
    }
}

fn route(config: &Config, route: &Route, activity: Option<&Activity>, today: Date) -> Entry {
    let needed = scopes::of_route(config, route);
    let asks_attio = !needed.is_empty() || reads::needs_names(route);
    Entry {
        kind: Kind::Route,
        name: route.name.to_string(),
        reads: Reads::of_route(route),
        writes: route.to.iter().map(|action| format!("action {action}")).collect(),
        scopes: least(needed.into_iter().map(|needed| needed.scope)),
        secrets: if asks_attio { secrets(config, &SecretUser::Attio) } else { Vec::new() },
        owner: said(route.owner.as_deref()),
        purpose: said(route.purpose.as_deref()),
        review: Some(Review::of(route.reviewed.as_deref(), today)),
        figures: figures(activity, |one| one.route == route.name.as_str()),
    }
}

fn action(config: &Config, action: &Action, activity: Option<&Activity>) -> Entry {
    let leads_here = |route: &&Route| route.to.contains(&action.name);
    let routes: Vec<&Route> = config.routes.iter().filter(leads_here).collect();
    let values = action.needs().names();
    let looks_up = routes.iter().flat_map(|route| scopes::of_values(&values, &route.on));
    let needed = least(looks_up.chain(scopes::of_action(action)));
    let own = secrets(config, &SecretUser::Action(action.name.clone()));
    let attio = secrets(config, &SecretUser::Attio);
    let owners = sorted(routes.iter().filter_map(|route| said(route.owner.as_deref())));
    Entry {
        kind: Kind::Action,
        name: action.name.to_string(),
        reads: Reads::of_action(action, &routes, config.alerts.to.contains(&action.name)),
        writes: writes::of_action(action),
        secrets: own.into_iter().chain(attio.into_iter().filter(|_| !needed.is_empty())).collect(),
        scopes: needed,
        owner: Some(owners.join(", ")).filter(|owners| !owners.is_empty()),
        purpose: None,
        review: None,
        figures: figures(activity, |one| one.action == action.name.as_str()),
    }
}

/// The sum of the rows that are about an entry.
fn figures(
    activity: Option<&Activity>,
    is_about_it: impl Fn(&RouteActivity) -> bool,
) -> Option<Figures> {
    let mut sum = RouteActivity::default();
    for one in activity?.deliveries.iter().filter(|one| is_about_it(one)) {
        sum.add(one);
    }
    Some(Figures::Deliveries(sum))
}

/// The references of one part of the configuration, each once.
fn secrets(config: &Config, of: &SecretUser) -> Vec<String> {
    let of_it = config.references.iter().filter(|reference| reference.of == *of);
    let mut names: Vec<String> = Vec::new();
    for reference in of_it {
        let name = match &reference.place {
            SecretPlace::Variable(name) => format!("env:{name}"),
            SecretPlace::File(path) => format!("file:{}", path.display()),
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The scopes, without those that others include: who may write may read.
fn least(scopes: impl Iterator<Item = Scope>) -> Vec<String> {
    let all = sorted(scopes.map(|scope| scope.to_string()));
    let is_included = |scope: &String| all.contains(&format!("{scope}-write"));
    all.iter().filter(|scope| !is_included(scope)).cloned().collect()
}

fn sorted(texts: impl Iterator<Item = String>) -> Vec<String> {
    texts.collect::<BTreeSet<_>>().into_iter().collect()
}

/// A text that says something.
fn said(text: Option<&str>) -> Option<String> {
    text.map(str::trim).filter(|text| !text.is_empty()).map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests;
