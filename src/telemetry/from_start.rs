//! Shows every series that the configuration can cause, as 0, before anything happened.
//!
//! A counter that appears only with its first event has no increase for Prometheus to see, and an
//! alert on a series that is not there never fires. Those of Attio are shown by its client.

use super::Metrics;
use crate::{attio::event::KNOWN_TYPES, config::Config};

/// What can become of a request: the label of `messages_total`.
const REQUESTS: [&str; 11] = [
    "accepted",
    "duplicate",
    "quarantined",
    "signature_missing",
    "signature_malformed",
    "signature_wrong",
    "signature_conflict",
    "too_large",
    "encoding",
    "timeout",
    "unavailable",
];

/// What can become of an attempt.
const ATTEMPTS: [&str; 5] = ["succeeded", "failed", "refused", "timeout", "cut_off"];

/// What can become of a delivery.
const DELIVERIES: [&str; 4] = ["succeeded", "skipped", "dead", "discarded"];

/// Why any delivery can be put off.
const POSTPONED: [&str; 4] = ["lease", "paused", "stopping", "store"];

/// Why one can be put off that needs something of Attio.
const POSTPONED_BY_ATTIO: [&str; 4] = ["attio", "names", "limits", "loop"];

/// Of what rows are removed when they are old; bodies are those of messages that stay.
const REMOVED: [&str; 8] =
    ["messages", "bodies", "events", "deliveries", "attempts", "snapshots", "acts", "tallies"];

impl Metrics {
    /// Shows the series of this configuration; those that are there already stay as they are.
    pub fn show(&self, config: &Config) {
        self.build_info.with([env!("CARGO_PKG_VERSION")]).set(1.0);
        for histogram in
            [&self.ack_seconds, &self.batch_size, &self.commit_seconds, &self.end_to_end_seconds]
        {
            drop(histogram.with([]));
        }
        drop(self.leases_lost.with([]));
        for result in ["ok", "failed"] {
            drop(self.config_reload.with([result]));
        }
        for event_type in KNOWN_TYPES.into_iter().chain(["other"]) {
            drop(self.events.with([event_type]));
            drop(self.unrouted_events.with([event_type]));
        }
        for table in REMOVED {
            drop(self.removed.with([table]));
        }
        self.show_sources(config);
        self.show_actions(config);
        for route in &config.routes {
            for action in &route.to {
                for result in DELIVERIES {
                    drop(self.deliveries.with([route.name.as_str(), action.as_str(), result]));
                }
            }
        }
    }

    fn show_sources(&self, config: &Config) {
        for source in &config.sources {
            let name = source.name.as_str();
            for result in REQUESTS {
                drop(self.messages.with([name, result]));
            }
            drop(self.same_body_new_key.with([name]));
            drop(self.missing_key.with([name]));
            for slot in 0..source.secrets.len() {
                drop(self.secret_used.with([name, &slot.to_string()]));
            }
        }
    }

    fn show_actions(&self, config: &Config) {
        let by_attio: &[&str] = if config.attio.is_some() { &POSTPONED_BY_ATTIO } else { &[] };
        for action in &config.actions {
            let name = action.name.as_str();
            for result in ATTEMPTS {
                drop(self.attempts.with([name, result]));
            }
            drop(self.attempt_seconds.with([name]));
            for reason in POSTPONED.iter().chain(by_attio) {
                drop(self.postponed.with([name, reason]));
            }
        }
    }
}
