//! The one integration test: the whole program from outside, its store on both engines.
#![expect(clippy::disallowed_methods, reason = "a test's servers end with its runtime")]

mod door;
mod faults;
mod routes;
mod store;
mod support;
