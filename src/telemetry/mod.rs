//! What the program says about itself: logs and metrics.

pub mod logs;
pub mod metrics;

pub use metrics::Metrics;
