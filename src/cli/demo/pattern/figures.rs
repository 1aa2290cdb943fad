//! What the relay's own metrics say became of its messages.

use super::Outcome;
use crate::{cli::demo::report::count, telemetry::Metrics};

/// Counters at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Figures {
    delivered: u64,
    skipped: u64,
    dead: u64,
    unwanted: u64,
    duplicate: u64,
}

impl Figures {
    pub(super) fn of(metrics: &Metrics) -> Self {
        let delivery = |label: &str| count(metrics, "attio_relay_deliveries_total", label);
        Self {
            delivered: delivery(r#"result="succeeded""#),
            skipped: delivery(r#"result="skipped""#),
            dead: delivery(r#"result="dead""#),
            unwanted: count(metrics, "attio_relay_unrouted_events_total", ""),
            duplicate: count(metrics, "attio_relay_messages_total", r#"result="duplicate""#),
        }
    }

    /// Each with what it stands for.
    fn all(&self) -> [(Outcome, u64); 5] {
        [
            (Outcome::Delivered, self.delivered),
            (Outcome::Skipped, self.skipped),
            (Outcome::Dead, self.dead),
            (Outcome::Unwanted, self.unwanted),
            (Outcome::Duplicate, self.duplicate),
        ]
    }

    /// What came of the one message that was sent since.
    pub(super) fn outcome_since(&self, before: &Self) -> Option<Outcome> {
        let changed = self.all().into_iter().zip(before.all());
        changed.into_iter().find(|((_, now), (_, then))| now > then).map(|((which, _), _)| which)
    }

    /// Of how many messages something came since: with one route and one action, once of each.
    pub(super) fn events_since(&self, before: &Self) -> usize {
        let sum = |figures: &Self| figures.all().iter().map(|(_, number)| number).sum::<u64>();
        usize::try_from(sum(self) - sum(before)).unwrap_or(usize::MAX)
    }
}
