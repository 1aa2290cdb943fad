//! What the log is told of an attempt: one line, without bodies.

use std::time::Duration;

use time::OffsetDateTime;
use tracing::{error, info, warn};

use super::Shared;
use crate::{
    action::Failure,
    store::{Claimed, Verdict},
};

/// An error text is kept up to so many characters.
const ERROR_LIMIT: usize = 1024;

/// One line for what became of an attempt.
pub(super) fn log(
    verdict: &Verdict,
    failure: &Failure,
    claimed: &Claimed,
    shared: &Shared,
    duration: Duration,
) {
    let ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    match verdict {
        Verdict::Succeeded => {
            let age = OffsetDateTime::now_utc() - claimed.event.received_at;
            shared.metrics.end_to_end_seconds.with([]).record(age.as_seconds_f64().max(0.0));
            info!(ms, "delivered");
        }
        Verdict::Retry(wait) => {
            let again_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            warn!(ms, error = %clean(&failure.what), again_ms, "failed; will be tried again");
        }
        Verdict::Dead(reason) => error!(ms, %reason, "dead"),
        Verdict::Postponed(_) => info!(ms, reason = %clean(&failure.what), "given back"),
        Verdict::Skipped(reason) => info!(ms, %reason, "skipped"),
        Verdict::Merged(into) => info!(ms, %into, "merged"),
        Verdict::Orphaned | Verdict::Unplaced(_) | Verdict::Paused => {}
    }
}

/// A text that every store takes and every log shows in one line.
pub(super) fn clean(text: &str) -> String {
    text.chars().take(ERROR_LIMIT).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
