//! Which changes nothing was heard of. Pure.
//!
//! Events carry no time, and Attio may send one for three days. So each arrival accounts for one
//! change: first for the one that it came right after, then for the oldest that is left.

use std::time::Duration;

use time::OffsetDateTime;

/// Attio's clock and ours may differ by so much.
const SKEW: Duration = Duration::from_mins(2);

/// Most events arrive so soon.
const PROMPT: Duration = Duration::from_mins(5);

/// Attio tries for about three days; later ones are held up here.
/// <https://docs.attio.com/rest-api/guides/webhooks>
pub(super) const LATE: Duration = Duration::from_hours(4 * 24);

/// For each change of one attribute of one thing, whether nothing was heard of it. Both lists may
/// be in any order.
pub(super) fn unheard(changes: &[OffsetDateTime], arrivals: &[OffsetDateTime]) -> Vec<bool> {
    let mut missing = vec![true; changes.len()];
    let mut arrivals = arrivals.to_vec();
    arrivals.sort_unstable();
    let left: Vec<_> = arrivals
        .into_iter()
        .filter(|&arrival| {
            let nearest = (0..changes.len())
                .filter(|&at| missing[at] && is_prompt(changes[at], arrival))
                .min_by_key(|&at| (changes[at] - arrival).abs());
            nearest.is_none_or(|at| {
                missing[at] = false;
                false
            })
        })
        .collect();
    for arrival in left {
        let oldest = (0..changes.len())
            .filter(|&at| missing[at] && may_be(changes[at], arrival))
            .min_by_key(|&at| changes[at]);
        if let Some(at) = oldest {
            missing[at] = false;
        }
    }
    missing
}

fn is_prompt(change: OffsetDateTime, arrival: OffsetDateTime) -> bool {
    change - SKEW <= arrival && arrival <= change + PROMPT
}

fn may_be(change: OffsetDateTime, arrival: OffsetDateTime) -> bool {
    change - SKEW <= arrival && arrival <= change + LATE
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 60;

    /// Minutes after some moment.
    fn moments(minutes: &[i64]) -> Vec<OffsetDateTime> {
        let at = |minute: &i64| OffsetDateTime::UNIX_EPOCH + time::Duration::minutes(*minute);
        minutes.iter().map(at).collect()
    }

    /// The changes that nothing was heard of.
    fn missing(changes: &[i64], arrivals: &[i64]) -> Vec<i64> {
        let unheard = unheard(&moments(changes), &moments(arrivals));
        changes.iter().zip(unheard).filter(|(_, missing)| *missing).map(|(at, _)| *at).collect()
    }

    #[test]
    fn each_arrival_accounts_for_the_change_that_it_came_right_after() {
        assert_eq!(missing(&[10], &[]), [10]);
        assert_eq!(missing(&[10], &[10]), [0_i64; 0]);
        assert_eq!(missing(&[10, 100], &[101]), [10]);
        assert_eq!(missing(&[100, 10], &[11]), [100]);
        assert_eq!(missing(&[10, 11, 12], &[11]), [10, 12]);
    }

    #[test]
    fn a_late_arrival_accounts_for_the_oldest_change_that_is_left() {
        assert_eq!(missing(&[10, 500], &[501, 2 * DAY]), [0_i64; 0]);
        assert_eq!(missing(&[10, 500], &[2 * DAY]), [500]);
        assert_eq!(missing(&[10], &[10 + 5 * DAY]), [10]);
    }

    #[test]
    fn what_arrived_before_tells_of_something_else() {
        assert_eq!(missing(&[10], &[7]), [10]);
        assert_eq!(missing(&[10], &[8]), [0_i64; 0], "clocks differ");
    }

    #[test]
    fn no_more_changes_are_heard_of_than_events_arrived() {
        for arrivals in 0..5_usize {
            let all: Vec<i64> = (0..i64::try_from(arrivals).unwrap()).map(|n| 20 + n).collect();
            assert_eq!(missing(&[10, 11, 12, 13, 14], &all).len(), 5 - arrivals);
        }
    }
}
