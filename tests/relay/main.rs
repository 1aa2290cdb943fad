//! The one integration test: the whole program from outside, its store on both engines.
#![expect(clippy::disallowed_methods, reason = "a test's servers end with its runtime")]

mod actions;
mod commands;
mod dispatch;
mod door;
mod faults;
mod house;
mod intake;
mod metrics;
mod routes;
mod store;
mod support;
