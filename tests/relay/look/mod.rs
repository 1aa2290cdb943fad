//! Looking at what is kept, as programs and people do.

mod api;
mod attio;
mod commands;
pub mod description;
mod failing;
mod standing;

use serde_json::Value;

use crate::support::app::TestApp;

/// What the API answers; it must be there.
async fn get(app: &TestApp, path: &str) -> Value {
    let (status, value) = ask(app, path).await;
    assert_eq!(status, 200, "{path}: {value}");
    value
}

pub(super) async fn ask(app: &TestApp, path: &str) -> (u16, Value) {
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    let answer = app.admin.ask(request.as_bytes()).await;
    assert_eq!(answer.header("content-type"), Some("application/json"), "{answer:?}");
    (answer.status, serde_json::from_str(&answer.body).unwrap())
}
