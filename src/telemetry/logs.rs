//! Logs: text on a terminal, JSON otherwise. Bodies and secrets never appear.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// The default level; `RUST_LOG` overrides it.
const DEFAULT: &str = "info";

/// Starts logging to standard error, for the whole process. A second call changes nothing.
pub fn start() {
    start_at(DEFAULT);
}

/// As [`start`], with another default level.
pub fn start_at(default: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let registry = tracing_subscriber::registry().with(filter);
    let started = if stderr().is_terminal() {
        registry.with(fmt::layer().with_writer(stderr).with_target(false)).try_init()
    } else {
        registry
            .with(
                fmt::layer()
                    .json()
                    .flatten_event(true)
                    .with_current_span(true)
                    .with_span_list(false)
                    .with_writer(stderr),
            )
            .try_init()
    };
    if started.is_err() {
        tracing::debug!("logging was started before");
    }
}
