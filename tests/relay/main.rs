//! The one integration test: the whole program from outside, its store on both engines.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and its servers end with its runtime"
)]
#![expect(clippy::float_cmp, reason = "counters count in whole numbers, which floats hold exactly")]

mod act;
mod actions;
mod admin;
mod alerts;
mod attio;
mod browser;
mod commands;
mod dispatch;
mod door;
mod fake_attio;
mod faults;
mod house;
mod intake;
mod knows;
mod look;
mod metrics;
mod pages;
mod patterns;
mod reconcile;
mod reload;
mod retention;
mod routes;
mod store;
mod support;
mod webhooks;
