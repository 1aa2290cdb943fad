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

use super::{Shared, attempt::clean, roster::Runner};
use crate::{
    action::Job,
    attio::{envelope::Envelope, event::Event},
    enrich::{About, Setback},
    job::Values,
    routing::{Condition, Judged, Needs, Rule, condition},
    store::{Claimed, Merged, Verdict},
    telemetry::error_text,
};

/// A delivery that waits for something of our own is looked at again after so long.
const SOON: Duration = Duration::from_secs(1);

/// What changed, over all events that a delivery stands for.
struct Changes {
    attributes: Vec<String>,
    since: OffsetDateTime,
}

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
    let needs = rule.when().map_or(Needs::default(), Condition::needs) | runner.needs;
    let is_plain = rule.when().is_none() && !rule.needs_catalog() && claimed.debounce_key.is_none();
    if is_plain && needs.is_empty() {
        return Ok(job);
    }
    let event = event(claimed)?;
    judge(shared, runner, rule, &event)?;
    let changes = match claimed.debounce_key {
        Some(key) => {
            // Of a route that waits no longer, what waited goes at once.
            let longest = rule.debounce().map_or(Duration::ZERO, |debounce| debounce.longest);
            merge(shared, runner, claimed, longest, key).await?
        }
        None => Changes {
            attributes: event.attribute_id.iter().cloned().collect(),
            since: claimed.event.received_at,
        },
    };
    if !needs.is_empty() {
        let values = look_up(shared, runner, claimed, (&event, &changes), needs, until).await?;
        job.values = Arc::new(values);
    }
    evaluate(rule, &job)?;
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
fn judge(shared: &Shared, runner: &Runner, rule: &Rule, event: &Event) -> Result<(), Verdict> {
    let names = shared.enrich.catalog();
    match rule.judge(event, &names.current()) {
        Judged::Wanted => Ok(()),
        Judged::Unwanted(reason) => {
            info!(%reason, "skipped");
            Err(Verdict::Skipped(clean(&reason)))
        }
        Judged::Foreign(reason) => {
            error!(%reason, "dead");
            Err(Verdict::Dead(clean(&reason)))
        }
        Judged::Unknown(what) => {
            names.ask(event.holder());
            debug!(%what, "not known yet; put off");
            Err(postponed(shared, runner, "names", SOON))
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
) -> Result<Changes, Verdict> {
    let merged = shared.desk.merge(claimed.id, claimed.lease_no, key, longest).await;
    match merged {
        Ok(Merged::Last { changes, since, ended }) => {
            count_merged(shared, claimed, ended);
            let attributes = changes.into_iter().filter_map(|change| change.attribute_id);
            Ok(Changes { attributes: attributes.collect(), since })
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
    (event, changes): (&Event, &Changes),
    needs: Needs,
    until: Instant,
) -> Result<Values, Verdict> {
    let about = About {
        id: claimed.event.id,
        event,
        json: &claimed.event.json,
        source: &claimed.event.source,
        received_at: claimed.event.received_at,
        since: changes.since,
        changed: &changes.attributes,
    };
    let latest = until.checked_sub(runner.timeout).unwrap_or(until);
    let looked_up = tokio::select! {
        found = tokio::time::timeout_at(latest.into(), shared.enrich.look_up(about, needs)) => found,
        () = shared.cut_off.cancelled() => {
            return Err(postponed(shared, runner, "stopping", Duration::ZERO));
        }
    };
    match looked_up {
        Ok(Ok(values)) => Ok(values),
        // The look-up goes on, and what it finds is there for the next time.
        Err(_) => Err(postponed(shared, runner, "attio", SOON)),
        Ok(Err(Setback::Later { reason, what, wait })) => {
            debug!(%what, "cannot be looked up now; put off");
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

fn postponed(shared: &Shared, runner: &Runner, reason: &str, wait: Duration) -> Verdict {
    shared.metrics.postponed.with([runner.name.as_str(), reason]).increment(1);
    Verdict::Postponed(wait)
}
