//! How routes and actions stand: whether they run, and how they fared in the last day.
//!
//! What is counted is counted by the whole fleet, and up to two seconds late. Breakers are each
//! process's own: the answer knows those of the process that gives it.

use serde::Serialize;
use time::OffsetDateTime;

use super::{
    Lookout,
    lookout::{Kept, begin_of_day},
};
use crate::{
    config::{ActionKind, Config, Route},
    inventory,
    store::{
        Backlog, Counted, Fared, Pause, PauseKind, QUARTER, StandingPause, StoreError, Tally,
        some_time, time,
    },
};

/// Quarters of an hour in a day.
pub const QUARTERS: usize = 96;

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

/// How something fares.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fares {
    /// Its deliveries of the last day, quarter hour by quarter hour.
    pub day: Day,
    /// Of the deliveries that succeeded or died in the last day, the part that succeeded, from 0 to
    /// 1; none when there were none.
    pub success_rate: Option<f64>,
    /// When a delivery succeeded last.
    #[serde(serialize_with = "some_time")]
    pub last_success: Option<OffsetDateTime>,
    /// When an attempt failed, or a delivery died, last.
    #[serde(serialize_with = "some_time")]
    pub last_failure: Option<OffsetDateTime>,
    /// What went wrong then.
    pub last_error: Option<String>,
    /// Since when all attempts fail; none when the last one did not.
    #[serde(serialize_with = "some_time")]
    pub failing_since: Option<OffsetDateTime>,
    /// Deliveries that have not ended.
    pub open: u64,
    /// There are more: not all were counted.
    pub open_is_at_least: bool,
    /// How long the oldest one that is due has waited, in seconds; 0 when none is.
    pub oldest_due_seconds: f64,
}

/// The deliveries of a day up to now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Day {
    /// When the first quarter of an hour begins. The last one is the present one.
    #[serde(serialize_with = "time")]
    pub begins_at: OffsetDateTime,
    /// Deliveries that succeeded, for each of the [`QUARTERS`].
    pub delivered: Vec<u64>,
    /// Attempts that failed and are tried again, and deliveries that died, for each of them.
    pub failed: Vec<u64>,
    /// Deliveries that succeeded, in all.
    pub succeeded: u64,
    /// Deliveries that the route did not want after all.
    pub skipped: u64,
    /// Deliveries that ended without success.
    pub dead: u64,
    /// Deliveries that a person ended.
    pub discarded: u64,
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

impl Fares {
    /// Over all pairs of a route and an action that are meant.
    pub(super) fn new(
        kept: &Kept,
        is_meant: impl Fn(&str, &str) -> bool,
        now: OffsetDateTime,
    ) -> Self {
        let fared: Vec<&Fared> =
            kept.fared.iter().filter(|one| is_meant(&one.route, &one.action)).collect();
        let open: Vec<_> =
            kept.open.iter().filter(|one| is_meant(&one.route, &one.action)).collect();
        let day = Day::new(&kept.tallies, &is_meant, now);
        let last_success = fared.iter().filter_map(|one| one.last_success).max();
        let failed = fared.iter().filter(|one| one.last_failure.is_some());
        let failed = failed.max_by_key(|one| one.last_failure);
        let last_failure = failed.and_then(|one| one.last_failure);
        let since = fared.iter().filter_map(|one| one.failing_since);
        let since = since.filter(|since| Some(*since) > last_success).min();
        let due_since = open.iter().filter_map(|one| one.due_since).min();
        Self {
            success_rate: day.success_rate(),
            day,
            last_success,
            last_failure,
            last_error: failed.and_then(|one| one.last_error.clone()),
            failing_since: (last_failure > last_success)
                .then_some(since.or(last_failure))
                .flatten(),
            open: open.iter().map(|one| one.count).sum(),
            open_is_at_least: kept.is_cut(),
            oldest_due_seconds: due_since
                .map_or(0.0, |since| (now - since).as_seconds_f64())
                .max(0.0),
        }
    }
}

impl Day {
    pub(super) fn new(
        tallies: &[Tally],
        is_meant: impl Fn(&str, &str) -> bool,
        now: OffsetDateTime,
    ) -> Self {
        let begins_at = begin_of_day(now);
        let mut day = Self {
            begins_at,
            delivered: vec![0; QUARTERS],
            failed: vec![0; QUARTERS],
            succeeded: 0,
            skipped: 0,
            dead: 0,
            discarded: 0,
        };
        for tally in tallies.iter().filter(|one| is_meant(&one.route, &one.action)) {
            let quarter = (tally.bucket - begins_at).whole_seconds().div_euclid(QUARTER);
            // The clock of a replica may be a little ahead.
            let quarter = usize::try_from(quarter).unwrap_or(0).min(QUARTERS - 1);
            day.add(quarter, tally.result, tally.count);
        }
        day
    }

    fn add(&mut self, quarter: usize, result: Counted, count: u64) {
        match result {
            Counted::Succeeded => {
                self.delivered[quarter] += count;
                self.succeeded += count;
            }
            Counted::Failed => self.failed[quarter] += count,
            Counted::Dead => {
                self.failed[quarter] += count;
                self.dead += count;
            }
            Counted::Skipped => self.skipped += count,
            Counted::Discarded => self.discarded += count,
        }
    }

    fn success_rate(&self) -> Option<f64> {
        let all = self.succeeded + self.dead;
        #[expect(clippy::cast_precision_loss, reason = "a share")]
        let rate = self.succeeded as f64 / all as f64;
        (all > 0).then_some(rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(1_800_000_000 + seconds).unwrap()
    }

    fn tally(seconds: i64, result: Counted, count: u64) -> Tally {
        let (route, action) = ("r".to_owned(), "a".to_owned());
        Tally { bucket: at(seconds), route, action, result, count }
    }

    #[test]
    fn the_last_quarter_is_the_present_one_and_the_first_began_almost_a_day_before() {
        let tallies = [
            tally(0, Counted::Succeeded, 3),
            tally(-95 * QUARTER, Counted::Dead, 2),
            tally(0, Counted::Failed, 4),
            tally(0, Counted::Skipped, 5),
            tally(QUARTER, Counted::Discarded, 1),
        ];
        let day = Day::new(&tallies, |_, _| true, at(899));
        assert_eq!((day.delivered[95], day.failed[95], day.failed[0]), (3, 4, 2));
        assert_eq!((day.succeeded, day.dead, day.skipped, day.discarded), (3, 2, 5, 1));
        assert_eq!(day.success_rate(), Some(0.6));
        assert_eq!(Day::new(&tallies, |_, _| false, at(0)).success_rate(), None);
    }

    #[test]
    fn an_action_fails_since_the_first_failure_after_the_last_success_of_any_route() {
        let fared = |route: &str, success: Option<i64>, failing: Option<(i64, i64)>| Fared {
            route: route.to_owned(),
            action: "a".to_owned(),
            last_success: success.map(at),
            last_failure: failing.map(|(_, last)| at(last)),
            last_error: failing.map(|(_, last)| format!("error {last}")),
            failing_since: failing.map(|(since, _)| at(since)),
        };
        let of = |fared: Vec<Fared>| {
            Fares::new(&Kept { fared, ..Kept::default() }, |_, _| true, at(100))
        };
        let both = of(vec![fared("r", None, Some((1, 9))), fared("s", Some(4), Some((5, 8)))]);
        assert_eq!((both.failing_since, both.last_failure), (Some(at(5)), Some(at(9))));
        assert_eq!(both.last_error.as_deref(), Some("error 9"));
        let well = of(vec![fared("r", None, Some((1, 3))), fared("s", Some(4), None)]);
        assert_eq!((well.failing_since, well.last_success), (None, Some(at(4))));
    }
}
