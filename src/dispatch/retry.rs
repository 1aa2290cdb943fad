//! When a failed delivery is tried again. Pure: chance is an argument.

use std::time::Duration;

use crate::config::Retry;

/// The wait before the next try, or `None` when there is none left.
///
/// Exponential back-off with full jitter: anything between nothing and the ceiling, so that what
/// failed together does not come back together. What the destination asked for is a lower bound,
/// up to `max`. `random` is between 0 and 1; `tries` counts the one that just failed.
#[must_use]
pub fn wait(retry: &Retry, tries: u32, asked: Option<Duration>, random: f64) -> Option<Duration> {
    if tries >= retry.attempts {
        return None;
    }
    let doublings = i32::try_from(tries.saturating_sub(1)).unwrap_or(i32::MAX);
    let ceiling = retry.first.as_secs_f64() * retry.factor.powi(doublings);
    let ceiling = ceiling.min(retry.max.as_secs_f64());
    let jittered = Duration::from_secs_f64(ceiling * random.clamp(0.0, 1.0));
    Some(jittered.max(asked.unwrap_or_default().min(retry.max)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETRY: Retry = Retry {
        attempts: 5,
        first: Duration::from_secs(2),
        factor: 3.0,
        max: Duration::from_secs(15),
    };

    fn seconds(tries: u32, asked: Option<u64>, random: f64) -> Option<u64> {
        wait(&RETRY, tries, asked.map(Duration::from_secs), random).map(|wait| wait.as_secs())
    }

    #[test]
    fn the_ceiling_grows_by_the_factor_up_to_the_maximum() {
        let ceilings: Vec<_> = (1..5).map(|tries| seconds(tries, None, 1.0).unwrap()).collect();
        assert_eq!(ceilings, [2, 6, 15, 15]);
    }

    #[test]
    fn jitter_reaches_down_to_nothing() {
        assert_eq!(seconds(3, None, 0.0), Some(0));
        assert_eq!(seconds(2, None, 0.5), Some(3));
    }

    #[test]
    fn no_try_is_left_after_the_last() {
        assert_eq!(seconds(5, None, 1.0), None);
        assert_eq!(seconds(6, Some(1), 1.0), None);
    }

    #[test]
    fn what_the_destination_asked_for_is_kept_up_to_the_maximum() {
        assert_eq!(seconds(1, Some(9), 0.0), Some(9));
        assert_eq!(seconds(1, Some(900), 0.0), Some(15));
        assert_eq!(seconds(2, Some(1), 1.0), Some(6));
    }

    #[test]
    fn huge_numbers_of_tries_do_not_overflow() {
        let retry = Retry { attempts: u32::MAX, ..RETRY };
        assert_eq!(wait(&retry, u32::MAX - 1, None, 1.0), Some(RETRY.max));
    }
}
