//! What the tests share.

pub mod app;
pub mod client;
pub mod database;
pub mod message;
pub mod sink;
