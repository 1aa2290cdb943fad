//! The second half of routing: what names and values decide, before an attempt is made.
//!
//! Whatever is in the way puts the delivery off and costs no try. What cannot be evaluated is dead:
//! it is never sent all the same, and never dropped.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use time::OffsetDateTime;
use tracing::{debug, error, info, warn};

use super::{Runner, Shared, attempt::clean};
use crate::{
    action::Job,
    attio::{envelope::Envelope, event::Event},
    enrich::{About, Setback},
    job::Values,
    routing::{Judged, Needs, Rule, condition},
    store::{Change, Claimed, Merged, Verdict},
    telemetry::error_text,
};

/// A delivery that waits for something of our own is looked at again after so long.
const SOON: Duration = Duration::from_secs(1);

/// A delivery that waits for Attio is looked at again the more seldom the older it is, up to this.
const SELDOM: Duration = Duration::from_mins(1);

/// The attributes that changed, over all events that a delivery stands for, each since when.
type Changed = Vec<(String, OffsetDateTime)>;

/// The delivery with all that its action needs, or what becomes of it instead.
pub(super) async fn ready(
    shared: &Shared,
    runner: &Runner,
    claimed: &Claimed,
    until: Instant,
) -> Result<Job, Verdict> {
    let mut job = job(claimed);
    let Some(rule) = shared.routes.rule(&claimed.route) else { return Ok(job) };
    let is_plain = rule.when().is_none() && !rule.needs_catalog() && claimed.debounce_key.is_none();
    if is_plain && runner.needs.is_empty() {
        return Ok(job);
    }
    let event = event(claimed)?;
    let changed = match claimed.debounce_key {
        Some(key) => debounced(shared, runner, claimed, &event, (rule, key)).await?,
        None => {
            // What was sent once was wanted, whatever things are called by now.
            if claimed.tries == 0 {
                judge(shared, runner, claimed, &event)?;
            }
            let own = event.attribute_id.iter();
            own.map(|id| (id.clone(), claimed.event.received_at)).collect()
        }
    };
    let seen = (&event, &changed);
    // What only the action needs is looked up for those that go.
    if let Some(condition) = rule.when() {
        look_up(shared, runner, claimed, seen, (condition.needs(), &mut job), until).await?;
        evaluate(rule, &job)?;
    }
    look_up(shared, runner, claimed, seen, (runner.needs, &mut job), until).await?;
    Ok(job)
}

/// What a delivery stands for that others may have been merged into; wanted is all of it when
/// any of it is.
async fn debounced(
    shared: &Shared,
    runner: &Runner,
    claimed: &Claimed,
    event: &Event,
    (rule, key): (&Rule, [u8; 32]),
) -> Result<Changed, Verdict> {
    let own = judge(shared, runner, claimed, event);
    let unwanted = match own {
        Ok(()) => None,
        Err(Verdict::Skipped(reason)) => Some(Verdict::Skipped(reason)),
        Err(undecided) => return Err(undecided),
    };
    // Of a route that waits no longer, what waited goes at once.
    let longest = rule.debounce().map_or(Duration::ZERO, |debounce| debounce.longest);
    let changes = merge(shared, runner, claimed, longest, key).await?;
    if let Some(unwanted) = unwanted {
        let names = shared.enrich.catalog().current();
        let judged = |change| shared.routes.judge(&claimed.route, &told(event, change), &names);
        let all: Vec<_> = changes.iter().map(judged).collect();
        if !all.contains(&Judged::Wanted) {
            let is_known = !all.iter().any(|one| matches!(one, Judged::Unknown(_)));
            return Err(if is_known { unwanted } else { put_off(shared, runner, claimed, SOON) });
        }
    }
    let named = changes.into_iter().filter_map(|it| Some((it.attribute_id?, it.since)));
    let mut changed = Changed::new();
    for (id, since) in named {
        match changed.iter_mut().find(|(known, _)| *known == id) {
            Some((_, first)) => *first = since.min(*first),
            None => changed.push((id, since)),
        }
    }
    Ok(changed)
}

/// The event that told of a change of the same record or entry.
fn told(event: &Event, change: &Change) -> Event {
    Event {
        event_type: change.event_type.clone(),
        attribute_id: change.attribute_id.clone(),
        actor_type: change.actor_type.clone(),
        actor_id: change.actor_id.clone(),
        ..event.clone()
    }
}

fn job(claimed: &Claimed) -> Job {
    Job {
        idempotency_key: claimed.idempotency_key,
        route: claimed.route.clone(),
        event_id: claimed.event.id,
        event_type: claimed.event.event_type.clone(),
        source: claimed.event.source.clone(),
        received_at: claimed.event.received_at,
        json: claimed.event.json.clone(),
        attempt: claimed.tries + 1,
        values: Arc::default(),
    }
}

/// The event, read as it was at intake.
fn event(claimed: &Claimed) -> Result<Event, Verdict> {
    let read = Envelope::read(&claimed.event.json).ok();
    read.and_then(|envelope| envelope.events.into_iter().next())
        .ok_or_else(|| Verdict::Dead("the event cannot be read".to_owned()))
}

/// The filters that names decide.
fn judge(
    shared: &Shared,
    runner: &Runner,
    claimed: &Claimed,
    event: &Event,
) -> Result<(), Verdict> {
    let names = shared.enrich.catalog();
    match shared.routes.judge(&claimed.route, event, &names.current()) {
        Judged::Wanted => Ok(()),
        Judged::Unwanted(reason) => {
            debug!(%reason, "not wanted");
            Err(Verdict::Skipped(clean(&reason)))
        }
        Judged::Foreign(reason) => {
            error!(%reason, "dead");
            Err(Verdict::Dead(clean(&reason)))
        }
        Judged::Unknown(what) => {
            names.ask(event.holder(), event.attribute_id.as_deref());
            debug!(%what, "not known yet; put off");
            Err(put_off(shared, runner, claimed, SOON))
        }
    }
}

/// Whether it goes, and what it stands for.
async fn merge(
    shared: &Shared,
    runner: &Runner,
    claimed: &Claimed,
    longest: Duration,
    key: [u8; 32],
) -> Result<Vec<Change>, Verdict> {
    let merged = shared.desk.merge(claimed.id, claimed.lease_no, key, longest).await;
    match merged {
        Ok(Merged::Last { changes, ended }) => {
            count_merged(shared, claimed, ended);
            Ok(changes)
        }
        Ok(Merged::Into { id, ended }) => {
            count_merged(shared, claimed, ended);
            info!(into = %id, "merged");
            Err(Verdict::Merged(id))
        }
        Ok(Merged::Lost) => Err(postponed(shared, runner, "lease", Duration::ZERO)),
        Err(error) => {
            warn!(error = error_text(&error), "the store cannot be asked; put off");
            Err(postponed(shared, runner, "store", SOON))
        }
    }
}

/// Those that ended beside this one are told of nowhere else.
fn count_merged(shared: &Shared, claimed: &Claimed, ended: u64) {
    let labels = [claimed.route.as_str(), claimed.action.as_str(), "skipped"];
    shared.metrics.deliveries.with(labels).increment(ended);
}

/// What is needed, within the time that the lease leaves before the attempt itself.
async fn look_up(
    shared: &Shared,
    runner: &Runner,
    claimed: &Claimed,
    (event, changed): (&Event, &Changed),
    (needs, job): (Needs, &mut Job),
    until: Instant,
) -> Result<(), Verdict> {
    if needs.is_empty() {
        return Ok(());
    }
    let about = About {
        id: claimed.event.id,
        event,
        json: &claimed.event.json,
        source: &claimed.event.source,
        received_at: claimed.event.received_at,
        changed,
    };
    let known = Values::clone(&job.values);
    let asked = shared.enrich.look_up(about, needs, known);
    let latest = until.checked_sub(runner.timeout).unwrap_or(until);
    let looked_up = tokio::select! {
        found = tokio::time::timeout_at(latest.into(), asked) => found,
        () = shared.cut_off.cancelled() => {
            return Err(postponed(shared, runner, "stopping", Duration::ZERO));
        }
    };
    match looked_up {
        Ok(Ok(values)) => {
            job.values = Arc::new(values);
            Ok(())
        }
        // The look-up goes on, and what it finds is there for the next time.
        Err(_) => Err(postponed(shared, runner, "attio", SOON)),
        Ok(Err(Setback::Later { reason, what, wait })) => {
            debug!(%what, "cannot be looked up now; put off");
            let wait = if reason == "store" { wait } else { wait.max(seldom(claimed)) };
            Err(postponed(shared, runner, reason, wait))
        }
        Ok(Err(Setback::Never(what))) => {
            error!(reason = %what, "dead");
            Err(Verdict::Dead(clean(&format!("cannot be looked up: {what}"))))
        }
    }
}

/// The condition. What it saw is kept with the delivery and not logged: it is what people typed.
fn evaluate(rule: &Rule, job: &Job) -> Result<(), Verdict> {
    let Some(condition) = rule.when() else { return Ok(()) };
    let verdict = condition.evaluate(job);
    let Some(reason) = condition.reason(&verdict).map(|reason| clean(&reason)) else {
        return Ok(());
    };
    debug!(%reason, "the condition does not hold");
    match verdict {
        condition::Verdict::True { .. } => Ok(()),
        condition::Verdict::False { .. } => {
            info!("skipped: the condition is not true");
            Err(Verdict::Skipped(reason))
        }
        condition::Verdict::Empty { .. } => {
            info!("skipped: the condition met an empty value");
            Err(Verdict::Skipped(reason))
        }
        condition::Verdict::Failed { .. } => {
            error!("dead: the condition failed");
            Err(Verdict::Dead(reason))
        }
    }
}

/// Names are missing.
fn put_off(shared: &Shared, runner: &Runner, claimed: &Claimed, wait: Duration) -> Verdict {
    postponed(shared, runner, "names", wait.max(seldom(claimed)))
}

fn seldom(claimed: &Claimed) -> Duration {
    let age = OffsetDateTime::now_utc() - claimed.event.received_at;
    Duration::try_from(age / 8).unwrap_or_default().min(SELDOM)
}

fn postponed(shared: &Shared, runner: &Runner, reason: &str, wait: Duration) -> Verdict {
    shared.metrics.postponed.with([runner.name.as_str(), reason]).increment(1);
    Verdict::Postponed(wait)
}
