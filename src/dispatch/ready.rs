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

use super::{Shared, roster::Runner, telling::clean, together::debounced};
use crate::{
    action::Job,
    attio::{envelope::Envelope, event::Event},
    enrich::{About, Setback},
    job::Values,
    routing::{Judged, Needs, Rule, condition},
    store::{Claimed, Verdict},
};

/// A delivery that waits for something of our own is looked at again after so long.
pub(super) const SOON: Duration = Duration::from_secs(1);

/// A delivery that waits for Attio is looked at again the more seldom the older it is, up to this.
const SELDOM: Duration = Duration::from_mins(1);

/// Names that were asked for so long after an event hold what it is about, if anything does.
const SETTLING: Duration = Duration::from_secs(2);

/// The attributes that changed, over all events that a delivery stands for, each since when.
pub(super) type Changed = Vec<(String, OffsetDateTime)>;

/// The delivery with all that its action needs, or what becomes of it instead.
pub(super) async fn ready(
    shared: &Shared,
    runner: &Runner,
    claimed: &Claimed,
    until: Instant,
) -> Result<Job, Verdict> {
    let mut job = job(claimed);
    let routes = shared.routes.current();
    let Some(rule) = routes.rule(&claimed.route) else { return Ok(job) };
    let is_plain = rule.when().is_none() && !rule.needs_catalog() && claimed.debounce_key.is_none();
    if is_plain && runner.needs.is_empty() {
        return Ok(job);
    }
    let event = event(claimed)?;
    let changed = if let Some(key) = claimed.debounce_key {
        debounced(shared, runner, claimed, &event, (rule, key)).await?
    } else {
        // What was sent once was wanted, whatever things are called by now.
        if claimed.tries == 0 {
            judge(shared, runner, claimed, (rule, &event))?;
        }
        let own = event.attribute_id.iter();
        own.map(|id| (id.clone(), claimed.event.received_at)).collect()
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
pub(super) fn judge(
    shared: &Shared,
    runner: &Runner,
    claimed: &Claimed,
    (rule, event): (&Rule, &Event),
) -> Result<(), Verdict> {
    let names = shared.enrich.catalog();
    match rule.judge(event, &names.current()) {
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
            if names.is_learnt_after(claimed.event.received_at + SETTLING)
                && let Some(absent) = rule.absent(&names.current())
            {
                warn!(%absent, "held: asking again would not help");
                return Err(Verdict::Unplaced(clean(&absent)));
            }
            names.ask(event.holder(), event.attribute_id.as_deref());
            debug!(%what, "not known yet; put off");
            Err(put_off(shared, runner, claimed, SOON))
        }
    }
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
pub(super) fn put_off(
    shared: &Shared,
    runner: &Runner,
    claimed: &Claimed,
    wait: Duration,
) -> Verdict {
    postponed(shared, runner, "names", wait.max(seldom(claimed)))
}

fn seldom(claimed: &Claimed) -> Duration {
    let age = OffsetDateTime::now_utc() - claimed.event.received_at;
    Duration::try_from(age / 8).unwrap_or_default().min(SELDOM)
}

pub(super) fn postponed(shared: &Shared, runner: &Runner, reason: &str, wait: Duration) -> Verdict {
    shared.metrics.postponed.with([runner.name.as_str(), reason]).increment(1);
    Verdict::Postponed(wait)
}
