//! How routes and actions stand: whether they run, and how they fared in the last day.
//!
//! What is counted is counted by the whole fleet, and up to two seconds late. Breakers are each
//! process's own: the answer knows those of the process that gives it.

use serde::Serialize;
use time::OffsetDateTime;

pub use super::fares::{Day, Fares, QUARTERS};
use super::{Lookout, lookout::Kept};
use crate::{
    config::{ActionKind, Config, Route},
    inventory,
    store::{Backlog, Pause, PauseKind, StandingPause, StoreError, time},
};

/// How a route stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RouteStanding {
    /// Its name.
    pub name: String,
    /// What it is doing.
    pub state: State,
    /// Who paused it, where somebody did.
    pub paused: Option<Paused>,
    /// The types of events that it wants.
    pub on: Vec<String>,
    /// The actions that it leads to.
    pub to: Vec<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Why it exists.
    pub purpose: Option<String>,
    /// How it fares, over all of its actions.
    #[serde(flatten)]
    pub fares: Fares,
}

/// How an action stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ActionStanding {
    /// Its name.
    pub name: String,
    /// What it is doing.
    pub state: State,
    /// Who paused it, where somebody did.
    pub paused: Option<Paused>,
    /// `http`, `slack`, …; none when it is configured no longer.
    pub kind: Option<&'static str>,
    /// Where it sends to, without what may be secret; none when it is configured no longer.
    pub writes: Option<String>,
    /// The routes that lead to it.
    pub routes: Vec<String>,
    /// Whether this process leaves its destination alone for a while, because it failed again and
    /// again. Other processes find out for themselves.
    pub breaker_is_open_here: bool,
    /// Its dead deliveries that nobody has replayed or discarded.
    pub dead_letters: u64,
    /// How it fares, over all of its routes.
    #[serde(flatten)]
    pub fares: Fares,
}

/// What a route or an action is doing. Of several the one that is named first here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is configured no longer; its open deliveries wait until it comes back.
    Orphaned,
    /// The relay paused it, because it runs in circles.
    LoopPaused,
    /// It is paused.
    Paused,
    /// This process leaves its destination alone for a while.
    BreakerOpen,
    /// It works, and what it did last failed.
    Failing,
    /// It works.
    Running,
}

/// Why something is paused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Paused {
    /// Who paused it: a person, or what the relay met: `410` (the destination is gone) or `loop`.
    pub by: String,
    /// Since when.
    #[serde(serialize_with = "time")]
    pub since: OffsetDateTime,
    /// Why; empty when nobody said.
    pub reason: String,
}

impl Lookout {
    /// Every route that is configured, in the order of the file, and then those that still have
    /// open deliveries.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn routes(&self) -> Result<Vec<RouteStanding>, StoreError> {
        let now = OffsetDateTime::now_utc();
        Ok(self.routes_of(&self.kept(now).await?, now))
    }

    pub(super) fn routes_of(&self, kept: &Kept, now: OffsetDateTime) -> Vec<RouteStanding> {
        let config = self.config();
        let configured = config.routes.iter().map(|route| route.name.as_str());
        let gone = kept.open.iter().map(|one| one.route.as_str());
        let route = |name| self::route(&config, kept, name, now);
        each_once(configured, gone).into_iter().map(route).collect()
    }

    /// Every action that is configured, in the order of the file, and then those that still have
    /// open deliveries or dead letters.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn actions(&self) -> Result<Vec<ActionStanding>, StoreError> {
        let now = OffsetDateTime::now_utc();
        Ok(self.actions_of(&self.kept(now).await?, now))
    }

    pub(super) fn actions_of(&self, kept: &Kept, now: OffsetDateTime) -> Vec<ActionStanding> {
        let (config, breakers) = (self.config(), self.open_breakers());
        let configured = config.actions.iter().map(|action| action.name.as_str());
        let gone = kept.backlog.iter().map(|one| one.action.as_str());
        let action = |name| self::action(&config, kept, name, (&breakers, now));
        each_once(configured, gone).into_iter().map(action).collect()
    }
}

fn route(config: &Config, kept: &Kept, name: &str, now: OffsetDateTime) -> RouteStanding {
    let route = config.routes.iter().find(|route| route.name.as_str() == name);
    let fares = Fares::new(kept, |of_route, _| of_route == name, now);
    let paused = kept.pause(PauseKind::Route, name);
    RouteStanding {
        name: name.to_owned(),
        state: State::of(route.is_some(), paused, false, &fares),
        paused: paused.map(Paused::from),
        on: route.map(|route| route.on.clone()).unwrap_or_default(),
        to: route.into_iter().flat_map(|it| &it.to).map(ToString::to_string).collect(),
        owner: route.and_then(|route| route.owner.clone()),
        purpose: route.and_then(|route| route.purpose.clone()),
        fares,
    }
}

fn action(
    config: &Config,
    kept: &Kept,
    name: &str,
    (breakers, now): (&[String], OffsetDateTime),
) -> ActionStanding {
    let action = config.actions.iter().find(|action| action.name.as_str() == name);
    let row = kept.backlog.iter().find(|row| row.action == name);
    let mut fares = Fares::new(kept, |_, of_action| of_action == name, now);
    fares.open = row.map_or(0, Backlog::open);
    fares.open_is_at_least = false;
    fares.oldest_due_seconds = row.map_or(0.0, |row| row.oldest_due.as_secs_f64());
    let paused = kept.pause(PauseKind::Action, name);
    let breaker_is_open_here = breakers.iter().any(|open| open == name);
    let leads_here = |route: &&Route| route.to.iter().any(|to| to.as_str() == name);
    ActionStanding {
        name: name.to_owned(),
        state: State::of(action.is_some(), paused, breaker_is_open_here, &fares),
        paused: paused.map(Paused::from),
        kind: action.map(|action| kind(&action.kind)),
        writes: action.map(|action| inventory::written_by(action).join("; ")),
        routes: config.routes.iter().filter(leads_here).map(|it| it.name.to_string()).collect(),
        breaker_is_open_here,
        dead_letters: row.map_or(0, |row| row.dead),
        fares,
    }
}

fn kind(kind: &ActionKind) -> &'static str {
    match kind {
        ActionKind::Http(_) => "http",
        ActionKind::Slack(_) => "slack",
        ActionKind::Postgres(_) => "postgres",
        ActionKind::Attio(_) => "attio",
        ActionKind::Log(_) => "log",
    }
}

/// Those that are configured, then the others.
fn each_once<'n>(
    configured: impl Iterator<Item = &'n str>,
    others: impl Iterator<Item = &'n str>,
) -> Vec<&'n str> {
    let mut names: Vec<&str> = Vec::new();
    for name in configured.chain(others) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

impl State {
    fn of(
        is_configured: bool,
        paused: Option<&StandingPause>,
        breaker_is_open: bool,
        fares: &Fares,
    ) -> Self {
        match paused {
            _ if !is_configured => Self::Orphaned,
            Some(paused) if paused.pause.by == "loop" => Self::LoopPaused,
            Some(_) => Self::Paused,
            None if breaker_is_open => Self::BreakerOpen,
            None if fares.failing_since.is_some() => Self::Failing,
            None => Self::Running,
        }
    }
}

impl From<&StandingPause> for Paused {
    fn from(standing: &StandingPause) -> Self {
        let Pause { by, reason, .. } = &standing.pause;
        Self { by: by.clone(), since: standing.since, reason: reason.clone() }
    }
}
