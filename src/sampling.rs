//! The gauges that tell of the store: sampled, so that `/metrics` never scans a table.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{
    dispatch::Limits,
    name::RouteName,
    routing,
    store::{Backlog, Lane},
    telemetry::{Metrics, Pulse, error_text, unix_seconds},
};

/// How often the store is sampled.
const EVERY: Duration = Duration::from_secs(10);

/// How often measurements are folded and the breakers looked at.
const UPKEEP: Duration = Duration::from_secs(1);

/// The label of actions that are configured no longer: names out of old rows are no closed set.
const REMOVED: &str = "removed";

/// Samples until `stop`.
pub async fn run(
    mut lane: Lane,
    limits: Arc<Limits>,
    routes: routing::Shared,
    (metrics, pulse): (Arc<Metrics>, Arc<Pulse>),
    stop: CancellationToken,
) {
    let (mut since_sample, mut shown) = (EVERY, HashSet::new());
    while !stop.is_cancelled() {
        let paused = show_standing(&limits, &metrics);
        show_routes(&limits, &routes, &mut shown, &metrics);
        metrics.upkeep();
        if since_sample >= EVERY {
            since_sample = Duration::ZERO;
            pulse.take(&metrics, Instant::now());
            match lane.backlog().await {
                Ok(backlog) => {
                    show_backlog(&backlog, &paused, &metrics);
                    metrics.last_success.with(["sample"]).set(unix_seconds());
                }
                Err(error) => {
                    metrics.store_errors.with(["sample"]).increment(1);
                    warn!(error = error_text(&error), "could not sample the store");
                }
            }
        }
        stop.run_until_cancelled(tokio::time::sleep(UPKEEP)).await;
        since_sample += UPKEEP;
    }
}

/// Shows breakers and pauses. Returns which actions are configured, and whether each is paused.
fn show_standing(limits: &Limits, metrics: &Metrics) -> HashMap<String, bool> {
    let show = |(action, is_open, is_paused): (crate::name::ActionName, bool, bool)| {
        metrics.breaker_open.with([action.as_str()]).set(flag(is_open));
        metrics.action_paused.with([action.as_str()]).set(flag(is_paused));
        (action.to_string(), is_paused)
    };
    limits.standing().into_iter().map(show).collect()
}

/// Shows which routes are paused. One that was taken out of the configuration is shown as not.
fn show_routes(
    limits: &Limits,
    routes: &routing::Shared,
    shown: &mut HashSet<RouteName>,
    metrics: &Metrics,
) {
    let set = |route: &RouteName, is: bool| {
        metrics.route_paused.with([route.as_str()]).set(flag(is));
    };
    let configured: HashSet<RouteName> = routes.current().names().map(RouteName::from).collect();
    for gone in shown.difference(&configured) {
        set(gone, false);
    }
    for route in &configured {
        set(route, limits.is_route_paused(route));
    }
    *shown = configured;
}

fn flag(is: bool) -> f64 {
    if is { 1.0 } else { 0.0 }
}

fn show_backlog(backlog: &[Backlog], paused: &HashMap<String, bool>, metrics: &Metrics) {
    #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
    let set = |action: &str, state: &str, count: u64| {
        metrics.deliveries_open.with([action, state]).set(count as f64);
    };
    let (mut removed, mut oldest) = (0, Duration::ZERO);
    let mut quiet: Vec<&String> = paused.keys().collect();
    for row in backlog {
        let Some(&is_paused) = paused.get(&row.action) else {
            removed += row.open();
            oldest = oldest.max(row.oldest_due);
            continue;
        };
        if !is_paused {
            oldest = oldest.max(row.oldest_due);
        }
        quiet.retain(|action| **action != row.action);
        let (due, held) = if is_paused { (0, row.due) } else { (row.due, 0) };
        set(&row.action, "due", due);
        set(&row.action, "paused", held + row.paused);
        set(&row.action, "leased", row.leased);
        set(&row.action, "orphaned", row.orphaned);
        #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
        metrics.dead_letters.with([&row.action]).set(row.dead as f64);
    }
    for action in quiet {
        for state in ["due", "paused", "leased", "orphaned"] {
            set(action, state, 0);
        }
        metrics.dead_letters.with([action]).set(0.0);
    }
    set(REMOVED, "orphaned", removed);
    metrics.oldest_due_seconds.with([]).set(oldest.as_secs_f64());
}
