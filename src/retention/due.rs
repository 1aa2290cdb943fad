//! What is due to go, by its age.

use std::time::Duration;

use time::OffsetDateTime;
use uuid::Uuid;

use crate::store::first_id_at;

/// Acts are what is asked for when somebody wants to know who did that: a year at least.
const ACTS_KEPT: Duration = Duration::from_hours(365 * 24);

/// The inventory counts the deliveries of 30 days.
const TALLIES_KEPT: Duration = Duration::from_hours(31 * 24);

/// An event is looked at so much later than it could go, that what was delivered at once or after
/// the first few retries has ended long enough by then. What took longer is looked at the next day.
const MARGIN: Duration = Duration::from_hours(1);

/// What may go, by the ids that were made before that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Due {
    /// Events.
    pub events: Uuid,
    /// And only where everything ended before that.
    pub ended: OffsetDateTime,
    /// Bodies of messages whose events are gone; `None` where the whole message goes as early.
    pub bodies: Option<Uuid>,
    /// Messages whose events are gone.
    pub messages: Uuid,
    /// Acts.
    pub acts: Uuid,
    /// Tallies before that.
    pub tallies: OffsetDateTime,
}

impl Due {
    /// What is due now. A message stays for `dedup_window` at least: it is what a later copy of it
    /// is known by.
    pub fn at(now: OffsetDateTime, retention: Duration, dedup_window: Duration) -> Self {
        let margin = MARGIN.min(retention / 10);
        // Events first, and then what they were told by.
        let events_gone = retention + 2 * margin;
        let before = |age: Duration| first_id_at(now - age);
        Self {
            events: before(retention + margin),
            ended: now - retention,
            bodies: (dedup_window > events_gone).then(|| before(events_gone)),
            messages: before(dedup_window.max(events_gone)),
            acts: before(retention.max(ACTS_KEPT)),
            tallies: now - retention.max(TALLIES_KEPT),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_hours(24);

    #[test]
    fn a_message_stays_for_whichever_is_longer() {
        let now = OffsetDateTime::now_utc();
        let by_key = Due::at(now, 7 * DAY, 30 * DAY);
        assert_eq!(by_key.messages, first_id_at(now - 30 * DAY));
        assert!(by_key.bodies.unwrap() > by_key.messages && by_key.bodies.unwrap() < by_key.events);
        let by_event = Due::at(now, 90 * DAY, 30 * DAY);
        assert!(by_event.bodies.is_none() && by_event.messages < by_event.events);
        assert!(by_event.messages < first_id_at(now - 90 * DAY));
    }

    #[test]
    fn acts_stay_for_a_year_or_longer() {
        let now = OffsetDateTime::now_utc();
        assert_eq!(Due::at(now, DAY, 4 * DAY).acts, first_id_at(now - 365 * DAY));
        assert_eq!(Due::at(now, 700 * DAY, 4 * DAY).acts, first_id_at(now - 700 * DAY));
    }
}
