//! The one integration test: the whole program from outside, its store on both engines.

mod commands;
mod store;
mod support;
