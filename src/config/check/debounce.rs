//! `debounce`: waits that end, for events that are about something.
//!
//! It goes together with `order_by`: those that wait behind an earlier delivery are merged like any
//! other, and one that was let go still waits for its own time.

use std::time::Duration;

use super::{Check, event_type};
use crate::config::{document::Place, file, meant::Debounce};

const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_hours(1);
const LONGEST_IN_ALL: Duration = Duration::from_hours(24);

/// How many times the wait the longest one is, unless told otherwise.
const TIMES: u32 = 10;

pub(super) fn debounce(
    check: &mut Check<'_, '_>,
    place: &Place,
    typed: &file::Route,
) -> Option<Debounce> {
    let at = place.key("debounce");
    let at_most = place.key("debounce_max");
    let Some(wait) = typed.debounce.as_ref().map(|typed| typed.0) else {
        if typed.debounce_max.is_some() && !check.is_typed(&at) {
            check.error(&at_most, "`debounce_max` goes with `debounce`");
        }
        return None;
    };
    if !(SHORTEST..=LONGEST).contains(&wait) {
        check.error(&at, "at least 1s, at most 1h");
    }
    let longest = typed.debounce_max.as_ref().map_or(wait * TIMES, |typed| typed.0);
    if longest < wait {
        check.error(&at_most, "at least as long as `debounce`");
    }
    if longest > LONGEST_IN_ALL {
        check.error(&at_most, "at most 1d");
    }
    let on = typed.on.as_deref().unwrap_or_default();
    if !on.is_empty() && !event_type::has_some_subject(on) {
        let message =
            "none of these events has a record or an entry, so there is nothing to wait for";
        check.warning(&at, message);
    }
    Some(Debounce { wait, longest })
}
