//! From where all that stands and goes on is seen: what is kept, and what this process alone knows.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use time::OffsetDateTime;
use uuid::Uuid;

use super::{Look, standing::QUARTERS};
use crate::{
    attio::{client::Client, watch::Seen},
    config::Config,
    dispatch::Limits,
    inventory::{self, Inventory},
    reload,
    store::{
        Backlog, DeadTally, Fared, MOST_COUNTED, OpenTally, PauseKind, QUARTER, StandingPause,
        StoreError, Tally, quarter_of,
    },
    telemetry::{Metrics, Pulse, pulse::Beat},
};

/// Dead letters of which it is known of what route they are.
const MOST_DEAD: usize = 1_000;

/// Answers questions about how everything stands. Built by the program that serves: commands know
/// only what is kept.
#[derive(Debug)]
pub struct Lookout {
    pub(super) parts: Parts,
    pub(super) started_at: OffsetDateTime,
}

/// What there is to be seen.
#[derive(Debug)]
pub struct Parts {
    /// What is kept.
    pub look: Arc<Look>,
    /// Which configuration is in effect.
    pub standing: reload::Standing,
    /// What may run at once, and what not.
    pub limits: Arc<Limits>,
    /// What was counted.
    pub metrics: Arc<Metrics>,
    /// How fast it goes.
    pub pulse: Arc<Pulse>,
    /// Access to Attio, where configured.
    pub client: Option<Client>,
    /// The webhooks as they were seen last.
    pub seen: Seen,
    /// This process, as the store knows it.
    pub process: Uuid,
}

impl Parts {
    /// What `process` sees; of itself it has seen nothing yet.
    #[must_use]
    pub fn new(
        look: Look,
        standing: reload::Standing,
        limits: &Arc<Limits>,
        (metrics, client): (&Arc<Metrics>, Option<&Client>),
        process: Uuid,
    ) -> Self {
        Self {
            look: Arc::new(look),
            standing,
            limits: Arc::clone(limits),
            metrics: Arc::clone(metrics),
            pulse: Arc::new(Pulse::new(Instant::now())),
            client: client.cloned(),
            seen: Seen::default(),
            process,
        }
    }
}

/// What is kept of how things stand, at about one moment.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) tallies: Vec<Tally>,
    pub(super) fared: Vec<Fared>,
    pub(super) open: Vec<OpenTally>,
    /// The newest of them.
    pub(super) dead: Vec<DeadTally>,
    pub(super) backlog: Vec<Backlog>,
    pub(super) pauses: Vec<StandingPause>,
}

impl Lookout {
    /// Sees from now on.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self { parts, started_at: OffsetDateTime::now_utc() }
    }

    /// Who reads the counters now and then, and who looks at the webhooks, tells it here.
    #[must_use]
    pub fn fed_by(&self) -> (Arc<Pulse>, Seen) {
        (Arc::clone(&self.parts.pulse), self.parts.seen.clone())
    }

    /// What is kept, for stories and lists.
    #[must_use]
    pub fn look(&self) -> &Arc<Look> {
        &self.parts.look
    }

    /// Every source, route and action that is configured now, and how it fares.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn inventory(&self, now: OffsetDateTime) -> Result<Inventory, StoreError> {
        let config = self.config();
        let mut lane = self.parts.look.readers().reader().await?;
        let activity = lane.activity(inventory::span(&config.store, now)).await?;
        Ok(Inventory::new(&config, Some(&activity), now.date()))
    }

    pub(super) fn config(&self) -> Arc<Config> {
        self.parts.standing.config()
    }

    pub(super) fn beat(&self) -> Beat {
        self.parts.pulse.beat(&self.parts.metrics, Instant::now())
    }

    /// The actions whose breakers are open in this process.
    pub(super) fn open_breakers(&self) -> Vec<String> {
        let standing = self.parts.limits.standing().into_iter();
        standing.filter(|(_, is_open, _)| *is_open).map(|(name, ..)| name.to_string()).collect()
    }

    pub(super) async fn kept(&self, now: OffsetDateTime) -> Result<Kept, StoreError> {
        let mut lane = self.parts.look.readers().reader().await?;
        // What fails meanwhile is then seen to be left, open or dead: in this order.
        let (fared, open) = (lane.fared().await?, lane.open_tallies(MOST_COUNTED).await?);
        let backlog = lane.backlog().await?;
        let has_dead = backlog.iter().any(|row| row.dead > 0);
        Ok(Kept {
            tallies: lane.tallies(begin_of_day(now)).await?,
            fared,
            open,
            dead: if has_dead { lane.dead_tallies(MOST_DEAD).await? } else { Vec::new() },
            backlog,
            pauses: lane.pauses().await?,
        })
    }
}

/// When the first of a day's quarters of an hour began.
pub(super) fn begin_of_day(now: OffsetDateTime) -> OffsetDateTime {
    let quarters = i64::try_from(QUARTERS).unwrap_or(i64::MAX) - 1;
    quarter_of(now) - time::Duration::seconds(quarters * QUARTER)
}

impl Kept {
    pub(super) fn pause(&self, kind: PauseKind, name: &str) -> Option<&StandingPause> {
        self.pauses.iter().find(|one| one.pause.kind == kind && one.pause.name == name)
    }

    /// Whether something of a route to an action that failed is not done with: it is open, or dead
    /// and neither replayed nor discarded. Where not all of that was counted, it is taken to be so.
    pub(super) fn is_left(&self, route: &str, action: &str) -> bool {
        let is_open =
            |one: &OpenTally| one.failing > 0 && one.route == route && one.action == action;
        let is_dead = |one: &DeadTally| one.route == route && one.action == action;
        let newest: u64 = self.dead.iter().map(|one| one.count).sum();
        let has_dead = |row: &Backlog| row.dead > 0 && row.action == action;
        self.open.iter().any(is_open)
            || self.dead.iter().any(is_dead)
            || self.is_cut()
            || (newest >= MOST_DEAD as u64 && self.backlog.iter().any(has_dead))
    }

    /// Whether open deliveries were not all counted.
    pub(super) fn is_cut(&self) -> bool {
        let counted: u64 = self.open.iter().map(|one| one.count).sum();
        let all: u64 = self.backlog.iter().map(Backlog::open).sum();
        counted < all
    }

    /// How long the oldest due delivery of an action that is not paused has waited.
    pub(super) fn oldest_due(&self) -> Option<Duration> {
        let waits = |row: &&Backlog| self.pause(PauseKind::Action, &row.action).is_none();
        self.backlog.iter().filter(waits).map(|row| row.oldest_due).max()
    }
}
