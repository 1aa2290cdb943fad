//! `/healthz` and `/readyz`, on both doors.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{
    Router,
    body::Body,
    http::{Response, StatusCode},
    routing::get,
};

use super::answer::json;

/// Whether the process can accept messages. Cheap to clone.
#[derive(Clone)]
pub struct Health {
    draining: Arc<AtomicBool>,
    is_able: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl Health {
    /// `is_able` says whether the store takes messages; it must answer at once.
    pub fn new(
        draining: Arc<AtomicBool>,
        is_able: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Self {
        Self { draining, is_able: Arc::new(is_able) }
    }

    /// Whether a load balancer should send messages here.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.is_draining() && (self.is_able)()
    }

    /// Whether the process is about to stop.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// The two paths.
    pub fn router(&self) -> Router {
        let health = self.clone();
        Router::new()
            .route("/healthz", get(async || json(StatusCode::OK, r#"{"status":"alive"}"#)))
            .route("/readyz", get(async move || health.answer()))
    }

    fn answer(&self) -> Response<Body> {
        if self.is_draining() {
            json(StatusCode::SERVICE_UNAVAILABLE, r#"{"status":"draining"}"#)
        } else if self.is_ready() {
            json(StatusCode::OK, r#"{"status":"ready"}"#)
        } else {
            json(StatusCode::SERVICE_UNAVAILABLE, r#"{"status":"store_away"}"#)
        }
    }
}
