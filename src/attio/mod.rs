//! What Attio defines: its event types, the shape of its messages, its API and its values.

pub mod catalog;
pub mod client;
pub mod envelope;
pub mod event;
pub mod learn;
pub mod sample;
pub mod scopes;
pub mod subscription;
pub mod value;
pub mod watch;
