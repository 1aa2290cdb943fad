//! How fast things go in this process: its own counters, read again every few seconds.
//!
//! Read off the same text as `/metrics`, so that pages and dashboards cannot tell different things.

use std::{
    collections::VecDeque,
    sync::Mutex,
    time::{Duration, Instant},
};

use super::Metrics;

/// Rates are those of so long at the most.
const WINDOW: Duration = Duration::from_mins(5);

/// Nothing is called a rate that was watched for less: one message in the first second is not
/// sixty a minute.
const LEAST: Duration = Duration::from_mins(1);

/// Results of messages that were taken; all others were sent away.
const TAKEN: [&str; 3] = ["accepted", "duplicate", "quarantined"];

/// The readings of the last minutes.
#[derive(Debug)]
pub struct Pulse(Mutex<VecDeque<(Instant, Reading)>>);

/// What counters said at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
struct Reading {
    accepted: f64,
    refused: f64,
    delivered: f64,
    /// Upper bounds, and how many were below.
    acks: Vec<(f64, f64)>,
}

/// What happened since the first of the readings.
#[derive(Debug, Clone, PartialEq)]
pub struct Beat {
    /// How long that is ago.
    pub window: Duration,
    /// New messages, a minute.
    pub accepted: f64,
    /// Requests that were sent away, a minute.
    pub refused: f64,
    /// Deliveries that succeeded, a minute.
    pub delivered: f64,
    /// Upper bounds in seconds, and how many answers took no longer.
    acks: Vec<(f64, f64)>,
}

impl Pulse {
    /// Begins to watch now, when nothing has happened yet.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self(Mutex::new(VecDeque::from([(now, Reading::default())])))
    }

    /// Reads the counters; to be called every ten seconds or so.
    pub fn take(&self, metrics: &Metrics, now: Instant) {
        let reading = Reading::of(&metrics.render());
        let mut readings = self.0.lock().expect("no one panics while holding it");
        readings.push_back((now, reading));
        while readings.get(1).is_some_and(|(at, _)| now.duration_since(*at) >= WINDOW) {
            readings.pop_front();
        }
    }

    /// What happened in the last minutes, up to now.
    #[must_use]
    pub fn beat(&self, metrics: &Metrics, now: Instant) -> Beat {
        let reading = Reading::of(&metrics.render());
        let readings = self.0.lock().expect("no one panics while holding it");
        let (began, first) = readings.front().cloned().unwrap_or((now, Reading::default()));
        drop(readings);
        let window = now.duration_since(began);
        let minutes = window.max(LEAST).as_secs_f64() / 60.0;
        let rate = |of: fn(&Reading) -> f64| (of(&reading) - of(&first)).max(0.0) / minutes;
        let before = |bound: f64| first.acks.iter().find(|(at, _)| at.total_cmp(&bound).is_eq());
        let since =
            |(bound, count): &(f64, f64)| (*bound, count - before(*bound).map_or(0.0, |it| it.1));
        Beat {
            window,
            accepted: rate(|reading| reading.accepted),
            refused: rate(|reading| reading.refused),
            delivered: rate(|reading| reading.delivered),
            acks: reading.acks.iter().map(since).collect(),
        }
    }
}

impl Beat {
    /// How many answers the times are of.
    #[must_use]
    pub fn answers(&self) -> f64 {
        self.acks.last().map_or(0.0, |(_, count)| *count)
    }

    /// So much of the answers took no longer, in seconds; none when there were none. Between two
    /// bounds of the histogram they are taken to lie evenly.
    #[must_use]
    pub fn quantile(&self, part: f64) -> Option<f64> {
        let rank = self.answers() * part;
        let mut below = (0.0, 0.0);
        for (bound, count) in &self.acks {
            if *count > 0.0 && *count >= rank {
                if bound.is_infinite() {
                    return Some(below.0);
                }
                let share =
                    if *count > below.1 { (rank - below.1) / (count - below.1) } else { 1.0 };
                return Some(below.0 + (bound - below.0) * share);
            }
            below = (*bound, *count);
        }
        None
    }
}

impl Reading {
    fn of(text: &str) -> Self {
        let mut reading = Self::default();
        let lines = text.lines().filter_map(|line| line.strip_prefix("attio_relay_"));
        for (sample, value) in lines.filter_map(|line| line.rsplit_once(' ')) {
            let (name, labels) = sample.split_once('{').unwrap_or((sample, ""));
            let Ok(value) = value.parse::<f64>() else { continue };
            match name {
                "messages_total" => match label(labels, "result") {
                    Some("accepted") => reading.accepted += value,
                    Some(result) if TAKEN.contains(&result) => {}
                    Some(_) | None => reading.refused += value,
                },
                "deliveries_total" if label(labels, "result") == Some("succeeded") => {
                    reading.delivered += value;
                }
                "ack_seconds_bucket" => {
                    let bound = label(labels, "le").and_then(|bound| match bound {
                        "+Inf" => Some(f64::INFINITY),
                        bound => bound.parse().ok(),
                    });
                    reading.acks.extend(bound.map(|bound| (bound, value)));
                }
                _ => {}
            }
        }
        reading
    }
}

fn label<'l>(labels: &'l str, name: &str) -> Option<&'l str> {
    let at = labels.find(&format!("{name}=\""))?;
    labels[at + name.len() + 2..].split('"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(seconds: u64, from: Instant) -> Instant {
        from + Duration::from_secs(seconds)
    }

    #[test]
    fn rates_are_those_of_the_last_minutes() {
        let (metrics, begun) = (Metrics::new(), Instant::now());
        let pulse = Pulse::new(begun);
        metrics.messages.with(["crm", "accepted"]).increment(600);
        for minute in 1..=10 {
            pulse.take(&metrics, after(minute * 60, begun));
        }
        metrics.messages.with(["crm", "accepted"]).increment(10);
        metrics.messages.with(["crm", "signature_wrong"]).increment(5);
        metrics.messages.with(["crm", "duplicate"]).increment(5);
        metrics.deliveries.with(["r", "a", "succeeded"]).increment(20);
        metrics.deliveries.with(["r", "a", "dead"]).increment(20);
        let beat = pulse.beat(&metrics, after(600, begun));
        assert_eq!(beat.window, WINDOW);
        assert!((beat.accepted - 2.0).abs() < 1e-9 && (beat.refused - 1.0).abs() < 1e-9);
        assert!((beat.delivered - 4.0).abs() < 1e-9);
    }

    #[test]
    fn one_message_in_the_first_second_is_one_a_minute() {
        let (metrics, begun) = (Metrics::new(), Instant::now());
        let pulse = Pulse::new(begun);
        metrics.messages.with(["crm", "accepted"]).increment(1);
        assert!((pulse.beat(&metrics, after(1, begun)).accepted - 1.0).abs() < 1e-9);
    }

    #[test]
    fn the_times_of_answers_are_those_since_the_window_began() {
        let (metrics, begun) = (Metrics::new(), Instant::now());
        let pulse = Pulse::new(begun);
        let record = |seconds: f64, times: usize| {
            (0..times).for_each(|_| metrics.ack_seconds.with([]).record(seconds));
        };
        assert_eq!(pulse.beat(&metrics, begun).quantile(0.5), None);
        record(200.0, 1000);
        for minute in 1..=10 {
            pulse.take(&metrics, after(minute * 60, begun));
        }
        record(0.0015, 99);
        record(0.4, 1);
        let beat = pulse.beat(&metrics, after(600, begun));
        assert!((beat.answers() - 100.0).abs() < 1e-9);
        let (half, most) = (beat.quantile(0.5).unwrap(), beat.quantile(0.995).unwrap());
        assert!((0.001..=0.002).contains(&half) && (0.25..=0.5).contains(&most), "{half} {most}");
    }
}
