//! Loops beside the way of the data, each begun with what it needs.

use std::sync::Arc;

use super::{
    QUEUE_DEADLINE,
    tasks::{Ends, Tasks},
};
use crate::{
    alerts,
    attio::{client::Client, watch},
    dispatch::{Dispatch, Limits},
    enrich::Names,
    reconcile::Schedule,
    reload::Standing,
    routing, sampling,
    sights::Sights,
    store::{LaneKind, Store},
    telemetry::{Metrics, Pulse},
};

/// What somebody has to be told of.
pub fn spawn_alerts(
    tasks: &mut Tasks,
    ends: &Ends,
    store: &Store,
    limits: &Arc<Limits>,
    alerts: &alerts::Settings,
    (metrics, sights): (&Arc<Metrics>, &Arc<Sights>),
) {
    let watch = alerts::Watch::new(
        store.lane(LaneKind::Alerts, QUEUE_DEADLINE),
        alerts.clone(),
        Arc::clone(sights),
        Arc::clone(limits),
        Arc::clone(metrics),
    );
    tasks.spawn_prepared("alerts", &ends.rest, watch.run(ends.rest.clone()));
}

/// What is counted and sampled, for the gauges and for whoever looks.
pub fn spawn_counting(
    tasks: &mut Tasks,
    ends: &Ends,
    store: &Store,
    dispatch: &Dispatch,
    routes: routing::Shared,
    (metrics, pulse): (&Arc<Metrics>, Arc<Pulse>),
) {
    tasks.spawn_prepared("tally", &ends.rest, dispatch.tell_counts(ends.rest.clone()));
    let lane = store.lane(LaneKind::Sample, QUEUE_DEADLINE);
    let (limits, end) = (Arc::clone(dispatch.limits()), ends.rest.clone());
    let sampling = sampling::run(lane, limits, routes, (Arc::clone(metrics), pulse), end);
    tasks.spawn_prepared("sampling", &ends.rest, sampling);
}

/// What is learnt from Attio while serving, where there is access to it.
pub fn spawn_attio(
    tasks: &mut Tasks,
    ends: &Ends,
    standing: &Standing,
    (client, names, watched): (Option<Client>, Option<Names>, watch::Watched),
    store: &Store,
    (metrics, sights, seen): (&Arc<Metrics>, &Arc<Sights>, watch::Seen),
) {
    if let Some(schedule) = Schedule::new(standing, client.as_ref(), store, metrics) {
        let run = schedule.run(ends.claims.clone());
        tasks.spawn_prepared("reconcile", &ends.claims, run);
    }
    if let Some(client) = client.filter(|_| standing.config().server.public_url.is_some()) {
        let (told, end) = ((Arc::clone(metrics), Arc::clone(sights), seen), ends.rest.clone());
        tasks.spawn("webhooks", watch::watch(client, watched, watch::EVERY, told, end));
    }
    if let Some(names) = names {
        tasks.spawn_prepared("names", &ends.rest, names.run(ends.rest.clone()));
    }
}
