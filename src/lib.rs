//! attio-relay: checks, records and delivers Attio's webhooks.
//!
//! Data flows one way: `http` → `signature` → `intake` → `store` → `dispatch` → `routing` →
//! `action`; a stage knows only the stages after it. Who may name which crate is read off the
//! `use` lines by `tests/relay/house.rs`.

pub mod act;
pub mod action;
pub mod admin;
pub mod alerts;
pub mod app;
pub mod attio;
pub mod cli;
pub mod config;
pub mod dispatch;
pub mod enrich;
pub mod http;
pub mod intake;
pub mod inventory;
pub mod job;
pub mod look;
mod mask;
pub mod name;
pub mod reconcile;
pub mod reload;
pub mod retention;
pub mod retry_after;
pub mod routing;
pub mod sampling;
pub mod shutdown;
pub mod sights;
pub mod signature;
pub mod store;
pub mod telemetry;
