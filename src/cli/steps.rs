//! Long work in steps: each is whole or not done at all, so that it can be interrupted anywhere and
//! begun again.

use std::{pin::pin, time::Duration};

use futures_util::FutureExt;

use super::progress::Progress;
use crate::store::StoreError;

/// The most things in one step: one transaction, during which others wait a little.
const STEP: usize = 500;

/// With a pace, so many steps a second.
const STEPS_A_SECOND: f64 = 5.0;

/// A step that others were in the way of is tried again so often.
const MOST_TRIES: u32 = 20;

/// How fast, in things a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pace(f64);

/// How the work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// All is done.
    Done,
    /// Somebody stopped it before.
    Stopped,
}

impl Pace {
    /// Reads `10/s`, `30/m` or `100/h`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let rate = text.split_once('/').and_then(|(number, unit)| {
            let seconds = match unit {
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                _ => return None,
            };
            number.parse::<u32>().ok().map(|number| f64::from(number) / seconds)
        });
        match rate {
            Some(rate) if rate > 0.0 => Ok(Self(rate)),
            _ => Err("write a rate such as 10/s or 30/m".to_owned()),
        }
    }

    /// How many go at once, and how long after them nothing does.
    fn step(self, most: usize) -> (usize, Duration) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "small, positive"
        )]
        let size = ((self.0 / STEPS_A_SECOND) as usize).clamp(1, most);
        #[expect(clippy::cast_precision_loss, reason = "at most a few hundred")]
        let pause = size as f64 / self.0;
        (size, Duration::from_secs_f64(pause))
    }
}

/// Does `step` to all things, at most `most` at a time, in their order, until somebody presses
/// Ctrl-C.
pub(super) async fn in_steps<T>(
    things: &[T],
    most: Option<usize>,
    pace: Option<Pace>,
    progress: &mut Progress,
    mut step: impl AsyncFnMut(&[T], &Progress) -> anyhow::Result<()>,
) -> anyhow::Result<End> {
    let most = most.unwrap_or(STEP);
    let (size, pause) = pace.map_or((most, Duration::ZERO), |pace| pace.step(most));
    let mut interrupt = pin!(tokio::signal::ctrl_c().fuse());
    for (number, some) in things.chunks(size).enumerate() {
        if number > 0 && !pause.is_zero() {
            tokio::select! {
                _ = &mut interrupt => return Ok(End::Stopped),
                () = tokio::time::sleep(pause) => {}
            }
        } else if (&mut interrupt).now_or_never().is_some() {
            return Ok(End::Stopped);
        }
        step(some, progress).await?;
        progress.advance(some.len() as u64);
    }
    Ok(End::Done)
}

/// Does the work unless somebody presses Ctrl-C first: then it is dropped where it is, and `None`.
/// For work that may be cut off anywhere.
pub(super) async fn unless_interrupted<T>(work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        done = work => Some(done),
        _ = tokio::signal::ctrl_c() => None,
    }
}

/// Asks the store again while others are in the way.
pub(super) async fn patiently<T>(
    mut ask: impl AsyncFnMut() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    for _ in 1..MOST_TRIES {
        match ask().await {
            Err(StoreError::Contended(_)) => {}
            told => return told,
        }
    }
    ask().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_so_many_in_a_time() {
        assert_eq!(Pace::parse("10/s"), Ok(Pace(10.0)));
        assert_eq!(Pace::parse("30/m"), Ok(Pace(0.5)));
        for wrong in ["", "10", "0/s", "-1/s", "x/s", "1/y"] {
            assert!(Pace::parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(Pace(50.0).step(500), (10, Duration::from_millis(200)));
        assert_eq!(Pace(0.5).step(500), (1, Duration::from_secs(2)));
        assert_eq!(Pace(1e6).step(500).0, 500);
    }
}
