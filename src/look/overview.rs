//! Is it healthy, and if not, what is wrong since when and where to look: the first page.

use serde::Serialize;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    Lookout,
    lookout::Kept,
    problems::{Seen, problems},
    standing::{Day, RouteStanding},
};
use crate::{
    config::Config,
    inventory::Inventory,
    store::{PauseKind, StoreError, some_time, time},
    telemetry::pulse::Beat,
};

/// All that the first page shows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Overview {
    /// No problem is [`Weight::Trouble`].
    pub is_healthy: bool,
    /// What somebody should see to, the worst first.
    pub problems: Vec<Problem>,
    /// What happens a minute, in this process.
    pub rates: Rates,
    /// How long Attio waits for its answer, at this process; none when nothing was answered lately.
    pub ack: Option<AckTime>,
    /// How long the oldest due delivery of an action that is not paused has waited, in seconds.
    pub oldest_due_seconds: f64,
    /// Deliveries that have not ended, of the whole fleet.
    pub open: Open,
    /// Dead deliveries that nobody has replayed or discarded.
    pub dead_letters: u64,
    /// Which configuration is in effect in this process.
    pub configuration: Configuration,
    /// The process that answers.
    pub process: Process,
    /// The last day of every route that is configured, in the order of the file.
    pub routes: Vec<RouteDay>,
}

/// Something that somebody should see to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Problem {
    /// How bad it is.
    pub weight: Weight,
    /// What it is, from a closed set, such as `failing`.
    pub what: &'static str,
    /// It in a sentence.
    pub text: String,
    /// Since when, where that is known.
    #[serde(serialize_with = "some_time")]
    pub since: Option<OffsetDateTime>,
    /// Where to look.
    pub place: Place,
    /// The route, action or source that it is about.
    pub name: Option<String>,
}

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// Something does not arrive, or soon will not.
    Trouble,
    /// Good to know.
    Notice,
}

/// The page that tells more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// This one.
    Overview,
    /// The search.
    Events,
    /// Dead letters.
    DeadLetters,
    /// Routes and actions; the name is a route's.
    Routes,
    /// Routes and actions; the name is an action's.
    Actions,
    /// The inventory.
    Integrations,
    /// What is Attio's.
    Attio,
}

/// What happens a minute, counted by this process alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Rates {
    /// Over so many seconds, up to now.
    pub window_seconds: f64,
    /// Messages that were new.
    pub accepted: f64,
    /// Requests that were sent away with an error.
    pub refused: f64,
    /// Deliveries that ended well.
    pub delivered: f64,
}

/// From the end of a request's head to its answer, for messages that were stored. Taken from the
/// buckets of a histogram, so good to a factor of about 1.5.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct AckTime {
    /// Half of them took less, in seconds.
    pub p50_seconds: f64,
    /// All but one in a hundred took less, in seconds.
    pub p99_seconds: f64,
    /// So many messages.
    pub count: u64,
}

/// Deliveries that have not ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Open {
    /// Due, waiting for their time, or waiting for an earlier one of their key.
    pub due: u64,
    /// Some process has them.
    pub leased: u64,
    /// Their route or action is paused.
    pub paused: u64,
    /// Their route or action is configured no longer.
    pub orphaned: u64,
}

/// Which configuration is in effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Configuration {
    /// Counts the configurations that took effect in this process; 1 after the start.
    pub generation: u64,
    /// The start of the hash of what was read; the same on all replicas that have read the same.
    pub fingerprint: String,
    /// The file was changed and cannot be used: since when.
    #[serde(serialize_with = "some_time")]
    pub refused_since: Option<OffsetDateTime>,
    /// What is wrong with it.
    pub refused: Option<String>,
}

/// The process that answers. Of the other replicas only what is in the store is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Process {
    /// Its id, as `deliveries.owner` names it.
    pub id: Uuid,
    /// The version that runs.
    pub version: &'static str,
    /// Since when it runs.
    #[serde(serialize_with = "time")]
    pub started_at: OffsetDateTime,
}

/// The last day of a route.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RouteDay {
    /// The route.
    pub route: String,
    /// Its deliveries, quarter hour by quarter hour.
    pub day: Day,
}

impl Lookout {
    /// The first page.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn overview(&self) -> Result<Overview, StoreError> {
        let now = OffsetDateTime::now_utc();
        let (config, kept) = (self.config(), self.kept(now).await?);
        let attio = self.attio().await?;
        let (routes, actions) = (self.routes_of(&kept, now), self.actions_of(&kept, now));
        let beat = self.beat();
        let rates = Rates::from(&beat);
        let refused = self.parts.standing.refused();
        let inventory = Inventory::new(&config, None, now.date());
        let unreviewed = inventory.entries.iter().filter(|it| !it.findings().is_empty()).count();
        let alerts = self.look().alerts().await?.items;
        let problems = problems(&Seen {
            routes: &routes,
            actions: &actions,
            attio: &attio,
            rates,
            refused: refused.as_ref(),
            unreviewed,
            alerts: &alerts,
            now,
        });
        let (generation, fingerprint) = self.parts.standing.current();
        Ok(Overview {
            is_healthy: problems.iter().all(|problem| problem.weight != Weight::Trouble),
            problems,
            rates,
            ack: AckTime::of(&beat),
            oldest_due_seconds: kept.oldest_due().map_or(0.0, |waited| waited.as_secs_f64()),
            open: Open::of(&config, &kept),
            dead_letters: kept.backlog.iter().map(|row| row.dead).sum(),
            configuration: Configuration {
                generation,
                fingerprint,
                refused_since: refused.as_ref().map(|refused| refused.since),
                refused: refused.map(|refused| refused.problems),
            },
            process: Process {
                id: self.parts.process,
                version: env!("CARGO_PKG_VERSION"),
                started_at: self.started_at,
            },
            routes: routes.into_iter().take(config.routes.len()).map(RouteDay::from).collect(),
        })
    }
}

impl From<&Beat> for Rates {
    fn from(beat: &Beat) -> Self {
        Self {
            window_seconds: beat.window.as_secs_f64(),
            accepted: beat.accepted,
            refused: beat.refused,
            delivered: beat.delivered,
        }
    }
}

impl AckTime {
    fn of(beat: &Beat) -> Option<Self> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
        let count = beat.answers() as u64;
        let (p50_seconds, p99_seconds) = (beat.quantile(0.5)?, beat.quantile(0.99)?);
        Some(Self { p50_seconds, p99_seconds, count })
    }
}

impl Open {
    /// As the gauges tell it: what is due for an action that is paused, is paused; what waits for
    /// one that is configured no longer, is orphaned.
    fn of(config: &Config, kept: &Kept) -> Self {
        let mut open = Self::default();
        for row in &kept.backlog {
            if !config.actions.iter().any(|action| action.name.as_str() == row.action) {
                open.orphaned += row.open();
                continue;
            }
            let is_paused = kept.pause(PauseKind::Action, &row.action).is_some();
            *(if is_paused { &mut open.paused } else { &mut open.due }) += row.due;
            open.leased += row.leased;
            open.paused += row.paused;
            open.orphaned += row.orphaned;
        }
        open
    }
}

impl From<RouteStanding> for RouteDay {
    fn from(route: RouteStanding) -> Self {
        Self { route: route.name, day: route.fares.day }
    }
}
