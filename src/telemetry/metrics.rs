//! Every metric of the program: the doc comment is its help text.
//!
//! Labels come from the configuration and from closed sets only, so their number is bounded. Each
//! program has its own registry: nothing is global.

use std::sync::RwLock;

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Label, Metadata, Recorder, SharedString};
use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

/// Seconds, from the fastest acknowledgement to the longest attempt.
const SECONDS: [f64; 16] = [
    0.000_5, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0,
    300.0,
];

/// Messages in a batch.
const SIZES: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

static METADATA: Metadata<'static> =
    Metadata::new("attio_relay", metrics::Level::INFO, Some(module_path!()));

macro_rules! metrics {
    ($($(#[doc = $help:literal])+ $field:ident: $kind:ident = $name:literal [$($label:literal),*];)+) => {
        /// Every metric of one running program.
        pub struct Metrics {
            handle: PrometheusHandle,
            $($(#[doc = $help])+ pub $field: Family<$kind, { <[&str]>::len(&[$($label),*]) }>,)+
        }

        impl Metrics {
            /// A registry of its own, with every metric described.
            #[must_use]
            pub fn new() -> Self {
                let recorder = std::sync::Arc::new(recorder());
                Self {
                    handle: recorder.handle(),
                    $($field: {
                        let help = [$($help),+].concat();
                        $kind::describe(&recorder, concat!("attio_relay_", $name), help.trim().to_owned());
                        Family::new(&recorder, concat!("attio_relay_", $name), [$($label),*])
                    },)+
                }
            }
        }

        /// The name of every metric.
        pub const NAMES: &[&str] = &[$(concat!("attio_relay_", $name)),+];
    };
}

metrics! {
    /// Requests at the public door, by source and by what became of them.
    messages: Counter = "messages_total" ["source", "result"];
    /// New messages whose body equals that of the message before, under another key: two edits alike, or a key that changes between retries.
    same_body_new_key: Counter = "same_body_new_key_total" ["source"];
    /// Messages without an Idempotency-Key header.
    missing_key: Counter = "missing_key_total" ["source"];
    /// Verified messages, by the slot of the secret that signed them; 0 is the current one.
    secret_used: Counter = "secret_used_total" ["source", "slot"];
    /// From the end of a request's head to its answer, for messages that were stored.
    ack_seconds: Histogram = "ack_seconds" [];
    /// Messages in one commit.
    batch_size: Histogram = "batch_size" [];
    /// How long one commit of a batch took.
    commit_seconds: Histogram = "commit_seconds" [];
    /// Events stored, by type; unknown types are other.
    events: Counter = "events_total" ["type"];
    /// Events stored that no route wanted, by type; unknown types are other.
    unrouted_events: Counter = "unrouted_events_total" ["type"];
    /// Deliveries that ended; discarded ones only where the pages or the API of this process did it, not those that the command ended.
    deliveries: Counter = "deliveries_total" ["route", "action", "result"];
    /// Attempts that were made.
    attempts: Counter = "attempts_total" ["action", "result"];
    /// How long attempts took.
    attempt_seconds: Histogram = "attempt_seconds" ["action"];
    /// Deliveries put off without costing a try.
    postponed: Counter = "postponed_total" ["action", "reason"];
    /// From a message's arrival to a delivery's success.
    end_to_end_seconds: Histogram = "end_to_end_seconds" [];
    /// Open deliveries of the whole fleet, sampled; aggregate by max.
    deliveries_open: Gauge = "deliveries_open" ["action", "state"];
    /// How long the oldest due delivery of an action that is not paused has waited, sampled; aggregate by max.
    oldest_due_seconds: Gauge = "oldest_due_seconds" [];
    /// Dead deliveries of the whole fleet that nobody has replayed or discarded, sampled; aggregate by max.
    dead_letters: Gauge = "dead_letters" ["action"];
    /// Leases that ran out before their holder told what became of the attempt.
    leases_lost: Counter = "leases_lost_total" [];
    /// 1 while an action's breaker is open.
    breaker_open: Gauge = "breaker_open" ["action"];
    /// 1 while an action is paused.
    action_paused: Gauge = "action_paused" ["action"];
    /// Connections of the public listener.
    connections: Gauge = "connections" [];
    /// Connections that were closed because they were too slow, too silent or one too many.
    connections_closed: Counter = "connections_closed_total" ["reason"];
    /// Calls to the store that failed, by lane.
    store_errors: Counter = "store_errors_total" ["lane"];
    /// When each background loop last succeeded, in seconds since the Unix epoch.
    last_success: Gauge = "last_success_timestamp_seconds" ["loop"];
    /// Certificates that were read again.
    tls_reloads: Counter = "tls_reload_total" ["result"];
    /// Events that never arrived and were made up for by this process, by type.
    reconciled: Counter = "reconciled_total" ["type"];
    /// Counts the configurations that took effect; 1 after the start.
    config_generation: Gauge = "config_generation" [];
    /// The first 48 bits of the hash of what was read for the configuration, as a number: replicas
    /// with the same one have read the same.
    config_fingerprint: Gauge = "config_fingerprint" [];
    /// Rereadings of the configuration; one that was refused is tried again every few seconds.
    config_reload: Counter = "config_reload_total" ["result"];
    /// Requests to Attio.
    attio_requests: Counter = "attio_requests_total" ["result"];
    /// How long requests to Attio waited for its limits.
    attio_wait_seconds: Histogram = "attio_wait_seconds" [];
    /// 1 for the status that Attio tells of a source's webhook (active, degraded, inactive, missing, unknown), 0 for the others.
    webhook_status: Gauge = "webhook_status" ["source", "status"];
    /// 1, with the version that runs.
    build_info: Gauge = "build_info" ["version"];
    /// 1 while a route is paused.
    route_paused: Gauge = "route_paused" ["route"];
    /// About how many rows a table has, sampled; aggregate by max.
    store_rows: Gauge = "store_rows" ["table"];
    /// How many bytes a table takes with its indexes, sampled; aggregate by max. SQLite tells of
    /// its whole file only, and of what of it is free to be used again.
    store_bytes: Gauge = "store_bytes" ["table"];
    /// How long ago the oldest event arrived that is kept, sampled; aggregate by max.
    oldest_event_seconds: Gauge = "oldest_event_seconds" [];
    /// Rows that were removed because they were old, by table; bodies are those of messages that stay for their keys.
    removed: Counter = "removed_total" ["table"];
    /// Alerts of the whole fleet that stand, by kind; aggregate by max.
    alerts_firing: Gauge = "alerts_firing" ["alert"];
    /// Alerts whose delivery to an action ended, as far as this process noted it (succeeded, dead, skipped, discarded).
    alerts_sent: Counter = "alerts_sent_total" ["action", "result"];
}

fn recorder() -> PrometheusRecorder {
    let sizes = Matcher::Full("attio_relay_batch_size".to_owned());
    PrometheusBuilder::new()
        .set_buckets(&SECONDS)
        .and_then(|builder| builder.set_buckets_for_metric(sizes, &SIZES))
        .expect("the buckets are not empty")
        .build_recorder()
}

impl Metrics {
    /// All of them, as Prometheus reads them.
    #[must_use]
    pub fn render(&self) -> String {
        self.handle.render()
    }

    /// Folds what was measured since the last time; to be called every second or so.
    pub fn upkeep(&self) {
        self.handle.run_upkeep();
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Metrics")
    }
}

/// One metric, with one instrument for each combination of labels that was met.
pub struct Family<I, const N: usize> {
    recorder: std::sync::Arc<PrometheusRecorder>,
    name: &'static str,
    labels: [&'static str; N],
    met: RwLock<Vec<([Box<str>; N], I)>>,
}

/// What a [`Family`] is made of.
pub trait Instrument: Clone {
    /// Tells the registry what it means.
    fn describe(recorder: &PrometheusRecorder, name: &'static str, help: String);
    /// Makes one.
    fn register(recorder: &PrometheusRecorder, key: &Key) -> Self;
}

macro_rules! instrument {
    ($kind:ident, $describe:ident, $register:ident) => {
        impl Instrument for $kind {
            fn describe(recorder: &PrometheusRecorder, name: &'static str, help: String) {
                recorder.$describe(KeyName::from_const_str(name), None, SharedString::from(help));
            }

            fn register(recorder: &PrometheusRecorder, key: &Key) -> Self {
                recorder.$register(key, &METADATA)
            }
        }
    };
}

instrument!(Counter, describe_counter, register_counter);
instrument!(Gauge, describe_gauge, register_gauge);
instrument!(Histogram, describe_histogram, register_histogram);

impl<I: Instrument, const N: usize> Family<I, N> {
    fn new(
        recorder: &std::sync::Arc<PrometheusRecorder>,
        name: &'static str,
        labels: [&'static str; N],
    ) -> Self {
        let recorder = std::sync::Arc::clone(recorder);
        Self { recorder, name, labels, met: RwLock::default() }
    }

    /// The instrument for these labels.
    pub fn with(&self, values: [&str; N]) -> I {
        let same = |met: &[Box<str>; N]| met.iter().zip(values).all(|(met, value)| **met == *value);
        let met = self.met.read().expect("no one panics while holding it");
        if let Some((_, instrument)) = met.iter().find(|(labels, _)| same(labels)) {
            return instrument.clone();
        }
        drop(met);
        let labels =
            self.labels.iter().zip(values).map(|(&name, value)| Label::new(name, value.to_owned()));
        let key = Key::from_parts(self.name, labels.collect::<Vec<_>>());
        let instrument = I::register(&self.recorder, &key);
        let labels = values.map(Box::from);
        self.met
            .write()
            .expect("no one panics while holding it")
            .push((labels, instrument.clone()));
        instrument
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_shown_with_its_labels_and_help() {
        let metrics = Metrics::new();
        metrics.messages.with(["crm", "accepted"]).increment(2);
        metrics.messages.with(["crm", "accepted"]).increment(1);
        metrics.batch_size.with([]).record(3.0);
        let text = metrics.render();
        assert!(
            text.contains(r#"attio_relay_messages_total{source="crm",result="accepted"} 3"#),
            "{text}"
        );
        assert!(text.contains("# HELP attio_relay_messages_total Requests at the public door"));
        assert!(text.contains(r#"attio_relay_batch_size_bucket{le="4"} 1"#), "{text}");
    }

    #[test]
    fn names_keep_to_the_conventions_of_prometheus() {
        for name in NAMES {
            assert!(name.starts_with("attio_relay_") && !name.ends_with("_ms"), "{name}");
        }
    }
}
