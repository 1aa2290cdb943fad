//! Debounce, from the worker's side: which delivery goes, and for what it stands.

use std::time::Duration;

use time::OffsetDateTime;
use tracing::{info, warn};

use super::{
    Shared,
    ready::{Changed, SOON, judge, postponed, put_off},
    roster::Runner,
};
use crate::{
    attio::event::Event,
    routing::{Judged, Rule},
    store::{Change, Claimed, Merged, Verdict},
    telemetry::error_text,
};

/// What a delivery stands for that others may have been merged into; wanted is all of it when
/// any of it is.
pub(super) async fn debounced(
    shared: &Shared,
    runner: &Runner,
    claimed: &Claimed,
    event: &Event,
    (rule, key): (&Rule, [u8; 32]),
) -> Result<Changed, Verdict> {
    let own = judge(shared, runner, claimed, (rule, event));
    let unwanted = match own {
        Ok(()) => None,
        Err(Verdict::Skipped(reason)) => Some(Verdict::Skipped(reason)),
        Err(undecided) => return Err(undecided),
    };
    // Of a route that waits no longer, what waited goes at once.
    let longest = rule.debounce().map_or(Duration::ZERO, |debounce| debounce.longest);
    let all = merge(shared, runner, claimed, longest, key).await?;
    if let Some(unwanted) = unwanted {
        let names = shared.enrich.catalog().current();
        let judge = |change| rule.judge(&told(event, change), &names);
        let judged: Vec<_> = all.iter().map(judge).collect();
        if !judged.contains(&Judged::Wanted) {
            let is_known = !judged.iter().any(|one| matches!(one, Judged::Unknown(_)));
            return Err(if is_known { unwanted } else { put_off(shared, runner, claimed, SOON) });
        }
    }
    let named = all.into_iter().filter_map(|it| Some((it.attribute_id?, it.since)));
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
    let now = OffsetDateTime::now_utc();
    shared.counts.merged((&claimed.route, &claimed.action), ended, now);
}
