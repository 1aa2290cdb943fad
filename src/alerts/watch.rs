//! The loop of each process: notes what it saw, and judges when it is its turn.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{Kind, Meant, Settings, about_whom, judge, judge::is_stuck, state::step, tell::tell};
use crate::{
    dispatch::Limits,
    sights::Sights,
    store::{
        ALERTS_TASK, AlertRow, Findings, Judgement, Lane, Notes, Sight, StoreError, StreakChange,
    },
    telemetry::{Metrics, error_text, unix_seconds},
};

/// The shortest pause between two looks; the longest is half as much again.
const LOOK: Duration = Duration::from_secs(1);

/// One judgement in the fleet takes place so often.
const TURN: Duration = Duration::from_secs(2);

/// What a process sees counts for half a minute: it is said again in good time.
const SAY_AGAIN: Duration = Duration::from_secs(10);

/// A look that took long is not taken again for so many times as long, up to a limit.
const REST: u32 = 10;
const LONGEST_REST: Duration = Duration::from_secs(20);

/// What this loop needs.
#[derive(Debug)]
pub struct Watch {
    lane: Lane,
    settings: Settings,
    sights: Arc<Sights>,
    limits: Arc<Limits>,
    metrics: Arc<Metrics>,
    said: Option<(Instant, Vec<Sight>)>,
}

impl Watch {
    /// Nothing is looked at yet.
    #[must_use]
    pub fn new(
        lane: Lane,
        settings: Settings,
        sights: Arc<Sights>,
        limits: Arc<Limits>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { lane, settings, sights, limits, metrics, said: None }
    }

    /// Looks until `stop`. What this process saw is over then, as far as it knows.
    pub async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let started = Instant::now();
            let rest = match self.look().await {
                Ok(()) => {
                    self.metrics.last_success.with(["alerts"]).set(unix_seconds());
                    (started.elapsed() * REST).clamp(LOOK, LONGEST_REST)
                }
                Err(error) => {
                    self.metrics.store_errors.with(["alerts"]).increment(1);
                    warn!(error = error_text(&error), "could not look for what is wrong");
                    LOOK
                }
            };
            let rest = rest.mul_f64(1.0 + fastrand::f64() / 2.0);
            stop.run_until_cancelled(tokio::time::sleep(rest)).await;
        }
        if let Err(error) = self.note(&self.meant(), true).await {
            warn!(error = error_text(&error), "what was seen last could not be noted");
        }
    }

    fn meant(&self) -> Arc<Meant> {
        self.settings.0.load_full()
    }

    async fn look(&mut self) -> Result<(), StoreError> {
        let meant = self.meant();
        self.note(&meant, false).await?;
        let rows = if self.lane.begin_turn(ALERTS_TASK, TURN).await? {
            self.judge(&meant).await?
        } else {
            self.lane.alerts().await?
        };
        self.show(&rows);
        Ok(())
    }

    /// Takes to the store what this process saw since the last time, if anything.
    async fn note(&mut self, meant: &Meant, is_last: bool) -> Result<(), StoreError> {
        let sights = if is_last { Vec::new() } else { self.sees(meant) };
        let is_said = match &self.said {
            Some((at, said)) => *said == sights && (sights.is_empty() || at.elapsed() < SAY_AGAIN),
            None => sights.is_empty(),
        };
        let (streaks, arrivals) = self.sights.take();
        if is_said && streaks.is_empty() && arrivals.is_empty() {
            return Ok(());
        }
        let change =
            |(action, streak): (&crate::name::ActionName, &crate::sights::Streak)| StreakChange {
                action: action.to_string(),
                succeeded: streak.succeeded,
                failures: streak.failures.into(),
                error: streak.error.clone(),
            };
        let notes = Notes {
            sights: (!is_said).then(|| sights.clone()),
            happened: Vec::new(),
            streaks: sorted(streaks.iter().map(change), |it| it.action.clone()),
            arrivals: sorted(arrivals.iter().map(|(source, at)| (source.to_string(), *at)), |it| {
                it.0.clone()
            }),
        };
        if let Err(error) = self.lane.note_for_alerts(&notes).await {
            self.sights.give_back(streaks, arrivals);
            return Err(error);
        }
        if !is_said {
            self.said = Some((Instant::now(), sights));
        }
        Ok(())
    }

    /// What goes on in this process.
    fn sees(&self, meant: &Meant) -> Vec<Sight> {
        let open = self.limits.standing().into_iter().filter(|(_, is_open, _)| *is_open);
        let open = open.map(|(action, ..)| Sight {
            what: Kind::BreakerOpen.as_str().to_owned(),
            about: format!("action/{action}"),
            count: 0,
            detail: String::new(),
        });
        let standing = self.sights.standing(meant.alerts.signature_window, Instant::now());
        let standing = standing.into_iter().map(|it| Sight {
            what: it.kind.as_str().to_owned(),
            about: it.about,
            count: it.count.into(),
            detail: it.detail,
        });
        standing.chain(open).collect()
    }

    /// Judges for the fleet. Returns the alerts as they are then.
    async fn judge(&mut self, meant: &Meant) -> Result<Vec<AlertRow>, StoreError> {
        let actions: Vec<&str> = meant.actions.iter().map(String::as_str).collect();
        let findings = self.lane.findings(&actions).await?;
        let (mut judgement, rows) = judged(&findings, meant);
        let ended = settle(&findings, &mut judgement);
        if judgement.is_empty() {
            return Ok(rows);
        }
        if !self.lane.write_judgement(&judgement).await? {
            return self.lane.alerts().await; // another process has the turn now
        }
        for row in &judgement.alerts {
            log(row, &findings);
        }
        for (action, result) in ended {
            self.metrics.alerts_sent.with([&action, result]).increment(1);
        }
        Ok(rows)
    }

    fn show(&self, rows: &[AlertRow]) {
        for kind in Kind::ALL {
            let stands = |row: &&AlertRow| row.what == kind.as_str() && row.ended_at.is_none();
            #[expect(clippy::cast_precision_loss, reason = "a handful")]
            let count = rows.iter().filter(stands).count() as f64;
            self.metrics.alerts_firing.with([kind.as_str()]).set(count);
        }
    }
}

fn sorted<T, K: Ord>(all: impl Iterator<Item = T>, key: impl FnMut(&T) -> K) -> Vec<T> {
    let mut all: Vec<T> = all.collect();
    all.sort_by_key(key);
    all
}

/// What is to be written, and all alerts as they are then.
fn judged(findings: &Findings, meant: &Meant) -> (Judgement, Vec<AlertRow>) {
    let troubles = judge::judge(findings, meant);
    let changed = step(&findings.alerts, &troubles, findings.now, meant.alerts.calm);
    let is_new =
        |row: &AlertRow| !changed.iter().any(|it| it.what == row.what && it.about == row.about);
    let mut rows: Vec<AlertRow> =
        findings.alerts.iter().filter(|row| is_new(row)).cloned().collect();
    rows.extend(changed);
    let tellings = tell(&mut rows, findings.now, &meant.alerts);
    let alerts = rows.iter().filter(|row| !findings.alerts.contains(row)).cloned().collect();
    let awaited = judge::awaited(findings, meant);
    (Judgement { alerts, tellings, awaited, ..Judgement::default() }, rows)
}

/// What became of the deliveries of alerts: notes what is done with, and returns what is to be
/// counted.
fn settle(findings: &Findings, judgement: &mut Judgement) -> Vec<(String, &'static str)> {
    let mut ended = Vec::new();
    let results = ["succeeded", "dead", "skipped", "discarded"];
    for unsent in &findings.unsent {
        let state = unsent.state.as_deref().unwrap_or_default();
        if state == "open" {
            continue;
        }
        let result = results.into_iter().find(|result| *result == state);
        if let Some(result) = result.filter(|_| !unsent.counted) {
            ended.push((unsent.action.clone(), result));
        }
        if let Some(again) = unsent.replayed_by {
            judgement.replayed.push((unsent.delivery, again));
        } else if !is_stuck(unsent, findings.now) {
            judgement.settled.push(unsent.delivery);
        } else if !unsent.counted {
            judgement.counted.push(unsent.delivery);
        }
    }
    ended
}

/// One line when it begins, and one when it is over.
fn log(row: &AlertRow, findings: &Findings) {
    let before = findings.alerts.iter().find(|it| it.what == row.what && it.about == row.about);
    let began = before.is_none_or(|before| before.since != row.since);
    let (alert, about) = (&row.what, about_whom(&row.about));
    if began {
        let what = Kind::of(&row.what).map(|kind| super::title(kind, &row.about, row.count));
        error!(alert, about, detail = row.detail, "alert: {}", what.unwrap_or_default());
    } else if row.ended_at.is_some() && before.is_some_and(|before| before.ended_at.is_none()) {
        info!(alert, about, "alert over");
    }
}
