//! One attempt: from a leased delivery to its outcome.

use std::{
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::FutureExt;
use tracing::{Instrument, error, info, info_span, warn};

use super::{
    Leased, Shared, Slot,
    outcome::{Origin, Report},
    pausing::{pause_gone, pause_looping, tell_of_pauses},
    ready::ready,
    retry,
    roster::Runner,
    telling::{clean, log},
};
use crate::{
    action::{ActionError, Done, Failure, Job},
    routing::table::ALERTS,
    store::{Attempt, Claimed, MOST_LOST_LEASES, Outcome, Verdict},
};

/// How long after its own deadline an action is taken to hang.
const GRACE: Duration = Duration::from_millis(500);

/// What runs in circles is left alone for so long, by processes that do not know of it too.
const LOOP: Duration = Duration::from_mins(1);

/// How an attempt ended.
enum Ending {
    Done(Done),
    Failed(ActionError),
    Panicked,
    CutOff,
}

/// Performs a delivery and reports what became of it. The slot is free when the outcome is on its
/// way, so that a slow store holds back attempts.
pub(super) async fn run(shared: Arc<Shared>, leased: Leased, slot: Slot) {
    let gate = slot.gate();
    let claimed = leased.claimed;
    let span = info_span!(
        "attempt",
        event_id = %claimed.event.id,
        delivery_id = %claimed.id,
        route = %claimed.route,
        action = %claimed.action,
        number = claimed.tries + 1,
    );
    let roster = shared.roster.load_full();
    let goes = match roster.runner(gate) {
        Some(runner) => {
            reason_not_to(&shared, runner, &claimed, leased.until).map_or(Ok(runner), Err)
        }
        // It went while this one was on its way: kept until the action comes back.
        None => Err(Verdict::Postponed(Duration::ZERO)),
    };
    let (verdict, attempt) = match goes {
        Ok(runner) => {
            ready_or_not(&shared, runner, &claimed, leased.until, slot).instrument(span).await
        }
        Err(verdict) => {
            slot.unused();
            (verdict, None)
        }
    };
    let outcome = Outcome {
        id: claimed.id,
        lease_no: claimed.lease_no,
        verdict,
        order_key: claimed.order_key,
        attempt,
    };
    let origin = Origin { route: claimed.route, action: claimed.action, gate };
    if shared.reports.send(Report { outcome, origin }).await.is_err() {
        warn!(delivery_id = %claimed.id, "the outcome could not be reported; the lease will run out");
    }
}

/// Why no attempt is made.
fn reason_not_to(
    shared: &Shared,
    runner: &Runner,
    claimed: &Claimed,
    until: Instant,
) -> Option<Verdict> {
    let count = |reason| {
        shared.metrics.postponed.with([runner.name.as_str(), reason]).increment(1);
    };
    let postponed = |reason| {
        count(reason);
        Some(Verdict::Postponed(Duration::ZERO))
    };
    if claimed.lost >= MOST_LOST_LEASES {
        error!(event_id = %claimed.event.id, delivery_id = %claimed.id, action = %runner.name,
            "dead: poison, its lease was lost {} times in a row", claimed.lost);
        let reason = format!("poison: {} leases in a row were lost", claimed.lost);
        return Some(Verdict::Dead(reason));
    }
    if !shared.routes.current().has(&claimed.route) {
        warn!(delivery_id = %claimed.id, route = %claimed.route,
            "its route is not configured; kept until the route comes back");
        return Some(Verdict::Orphaned);
    }
    if shared.limits.is_route_paused(&claimed.route) {
        count("paused");
        return Some(Verdict::Paused);
    }
    let gate = shared.roster.load().gate(&claimed.action);
    if gate.is_some_and(|gate| shared.limits.is_paused(gate)) {
        return postponed("paused");
    }
    if shared.cut_off.is_cancelled() {
        return postponed("stopping");
    }
    if until < Instant::now() + runner.timeout {
        return postponed("lease");
    }
    None
}

/// Makes the attempt when everything for it is there; the lease must still outlast it then.
async fn ready_or_not(
    shared: &Shared,
    runner: &Runner,
    claimed: &Claimed,
    until: Instant,
    slot: Slot,
) -> (Verdict, Option<Attempt>) {
    let verdict = match ready(shared, runner, claimed, until).await {
        Ok(job) => match reason_not_to(shared, runner, claimed, until) {
            None => return attempt(shared, runner, claimed, &job, slot).await,
            Some(verdict) => verdict,
        },
        Err(verdict) => verdict,
    };
    slot.unused();
    (verdict, None)
}

async fn attempt(
    shared: &Shared,
    runner: &Runner,
    claimed: &Claimed,
    job: &Job,
    slot: Slot,
) -> (Verdict, Option<Attempt>) {
    let started = Instant::now();
    let perform = AssertUnwindSafe(runner.action.perform(job)).catch_unwind();
    let ending = tokio::select! {
        done = tokio::time::timeout(runner.timeout + GRACE, perform) => match done {
            Ok(Ok(Ok(done))) => Ending::Done(done),
            Ok(Ok(Err(error))) => Ending::Failed(error),
            Ok(Err(_panic)) => Ending::Panicked,
            Err(_) => Ending::Failed(ActionError::Retry(Failure {
                what: "no answer in time".to_owned(),
                timed_out: true,
                ..Failure::default()
            })),
        },
        () = shared.cut_off.cancelled() => Ending::CutOff,
    };
    let duration = started.elapsed();
    let (verdict, result, failure) = judge(shared, runner, claimed, slot, &ending);
    log(&verdict, &failure, claimed, shared, duration);
    tell_of_pauses(shared).await;
    if matches!(result, "skipped" | "postponed") {
        return (verdict, None); // the destination was not asked
    }
    tell_of_result(shared, claimed, result, &failure);
    let metrics = &shared.metrics;
    metrics.attempts.with([runner.name.as_str(), result]).increment(1);
    metrics.attempt_seconds.with([runner.name.as_str()]).record(duration.as_secs_f64());
    let attempt = Attempt {
        number: claimed.tries + 1,
        started_ago: duration,
        duration,
        result,
        status: failure.status,
        error: (!failure.what.is_empty()).then(|| clean(&failure.what)),
        answer: failure.answer,
    };
    (verdict, Some(attempt))
}

/// Failures in a row make an alert; those of alerts are seen in another way, or they would make
/// more of themselves. What was cut off says nothing of the destination.
fn tell_of_result(shared: &Shared, claimed: &Claimed, result: &str, failure: &Failure) {
    if claimed.route.as_str() != ALERTS && result != "cut_off" {
        let error = clean(&failure.what);
        let failed = (result != "succeeded").then_some(error.as_str());
        shared.sights.attempted(&claimed.action, failed);
    }
}

/// What becomes of the delivery, the attempt's result, and what went wrong.
type Judgement = (Verdict, &'static str, Failure);

/// Decides what becomes of the delivery, and tells the breaker.
fn judge(
    shared: &Shared,
    runner: &Runner,
    claimed: &Claimed,
    slot: Slot,
    ending: &Ending,
) -> Judgement {
    let gate = slot.gate();
    let retry = |failure: &Failure| {
        if shared.limits.failed(gate) {
            warn!(action = %runner.name, "breaker open: the destination keeps failing");
        }
        let random = fastrand::f64();
        match retry::wait(&runner.retry, claimed.tries + 1, failure.retry_after, random) {
            Some(wait) => Verdict::Retry(wait),
            None => Verdict::Dead(format!("no try left: {}", clean(&failure.what))),
        }
    };
    match ending {
        Ending::Done(done) => {
            tell_if_closed(runner, shared.limits.succeeded(gate));
            let failure = Failure { status: done.status, ..Failure::default() };
            (Verdict::Succeeded, "succeeded", failure)
        }
        Ending::Failed(ActionError::Retry(failure)) => {
            let result = if failure.timed_out { "timeout" } else { "failed" };
            (retry(failure), result, failure.clone())
        }
        Ending::Failed(ActionError::Refused(failure)) => {
            tell_if_closed(runner, shared.limits.answered(gate));
            let verdict = Verdict::Dead(format!("refused: {}", clean(&failure.what)));
            (verdict, "refused", failure.clone())
        }
        Ending::Failed(ActionError::Gone(failure)) => {
            pause_gone(shared, runner, gate, failure);
            // Only now: what waits must not find room in between.
            tell_if_closed(runner, shared.limits.answered(gate));
            let verdict = Verdict::Dead(format!("gone: {}", clean(&failure.what)));
            (verdict, "refused", failure.clone())
        }
        Ending::Failed(ActionError::Skipped(reason)) => {
            slot.unused();
            (Verdict::Skipped(clean(reason)), "skipped", Failure::default())
        }
        Ending::Failed(ActionError::Later { reason, what, wait }) => {
            not_asked(shared, runner, slot, (reason, what), *wait)
        }
        Ending::Failed(ActionError::Loop(what)) => {
            pause_looping(shared, runner, gate, what);
            not_asked(shared, runner, slot, ("loop", what), LOOP)
        }
        Ending::Panicked => {
            let failure = Failure { what: "the action panicked".to_owned(), ..Failure::default() };
            (retry(&failure), "failed", failure)
        }
        Ending::CutOff => {
            let why = ("stopping", "cut off by a stop");
            let (verdict, _, failure) = not_asked(shared, runner, slot, why, Duration::ZERO);
            (verdict, "cut_off", failure)
        }
    }
}

fn tell_if_closed(runner: &Runner, closed: bool) {
    if closed {
        info!(action = %runner.name, "breaker closed: the destination answers again");
    }
}

/// The delivery waits, and another may go in its place.
fn not_asked(
    shared: &Shared,
    runner: &Runner,
    slot: Slot,
    (reason, what): (&str, &str),
    wait: Duration,
) -> Judgement {
    slot.unused();
    shared.metrics.postponed.with([runner.name.as_str(), reason]).increment(1);
    let failure = Failure { what: what.to_owned(), ..Failure::default() };
    (Verdict::Postponed(wait), "postponed", failure)
}
