//! What Attio defines: its event types and the shape of its messages.

pub mod catalog;
pub mod envelope;
pub mod event;
pub mod sample;
