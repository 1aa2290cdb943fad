//! The public door as the contract's section 3 has it.

mod answers;
mod clocks;
mod connections;
mod framing;
mod signatures;
pub mod tls;

use crate::support::{app::TestApp, database::TestDatabase};

/// A relay with nothing behind its door, and the database that must outlive it.
async fn door(server: &str) -> (TestDatabase, TestApp) {
    let db = TestDatabase::sqlite();
    let app = TestApp::start(&db, &format!("[server]\n{server}\n")).await;
    (db, app)
}
