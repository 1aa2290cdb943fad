//! What the tests share.

pub mod age;
pub mod app;
pub mod browser;
pub mod client;
pub mod cluster;
pub mod database;
pub mod fake_attio;
pub mod message;
pub mod process;
pub mod proxy;
pub mod sink;
