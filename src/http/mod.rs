//! The public door: webhooks, `/healthz`, `/readyz`, and nothing else.
//!
//! Beside `admin`, the only place that knows HTTP servers. It knows signatures and the intake, and
//! never what becomes of a message afterwards.

mod activity;
mod answer;
mod body;
pub mod fake_attio;
pub mod health;
pub mod listener;
mod receive;
mod requests;
pub mod sink;
pub mod tls;

pub use health::Health;
pub use receive::{Door, DoorLimits};
