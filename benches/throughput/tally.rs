//! What came back: how often each status, how soon.

use std::{collections::BTreeMap, time::Duration};

/// The answers of one run. Status 0 stands for connections that failed.
#[derive(Debug, Default)]
pub struct Tally {
    micros: BTreeMap<u16, Vec<u32>>,
    without_retry_after: u64,
    elapsed: Duration,
}

impl Tally {
    /// Notes one answer.
    pub fn note(&mut self, status: u16, took: Duration) {
        self.micros.entry(status).or_default().push(micros(took));
    }

    /// Notes that a 503 did not say when to come back.
    pub fn note_without_retry_after(&mut self) {
        self.without_retry_after += 1;
    }

    /// Adds what another connection saw.
    pub fn add(&mut self, other: Self) {
        for (status, micros) in other.micros {
            self.micros.entry(status).or_default().extend(micros);
        }
        self.without_retry_after += other.without_retry_after;
    }

    /// Sorts, once all is noted.
    pub fn finish(mut self, elapsed: Duration) -> Self {
        self.micros.values_mut().for_each(|micros| micros.sort_unstable());
        self.elapsed = elapsed;
        self
    }

    /// Answers with this status.
    pub fn count(&self, status: u16) -> usize {
        self.micros.get(&status).map_or(0, Vec::len)
    }

    /// Answers with any status but those named.
    pub fn count_others(&self, known: &[u16]) -> usize {
        let others = self.micros.iter().filter(|(status, _)| !known.contains(status));
        others.map(|(_, micros)| micros.len()).sum()
    }

    /// 503s that did not say when to come back.
    pub fn without_retry_after(&self) -> u64 {
        self.without_retry_after
    }

    /// Answers with this status, a second.
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    pub fn rate(&self, status: u16) -> f64 {
        self.count(status) as f64 / self.elapsed.as_secs_f64()
    }

    /// The latency that this share of the answers with the status did not exceed, in milliseconds.
    pub fn percentile(&self, status: u16, share: f64) -> f64 {
        self.micros.get(&status).map_or(f64::NAN, |micros| percentile(micros, share))
    }
}

/// A duration in microseconds, the longest for what does not fit.
pub fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}

/// The value that this share of sorted microseconds does not exceed, in milliseconds.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an index into a vector of some millions"
)]
pub fn percentile(sorted: &[u32], share: f64) -> f64 {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted
        .get(rank.clamp(1, sorted.len().max(1)) - 1)
        .map_or(f64::NAN, |&micros| f64::from(micros) / 1e3)
}
