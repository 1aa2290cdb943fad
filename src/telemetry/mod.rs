//! What the program says about itself: logs and metrics.

pub mod logs;
pub mod metrics;
pub mod pulse;

pub use metrics::Metrics;
pub use pulse::Pulse;

/// An error with its causes, in one line.
#[must_use]
pub fn error_text(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// Now, for the gauges that tell when something last succeeded.
#[must_use]
pub fn unix_seconds() -> f64 {
    let now = std::time::SystemTime::now();
    now.duration_since(std::time::UNIX_EPOCH).map_or(0.0, |elapsed| elapsed.as_secs_f64())
}
