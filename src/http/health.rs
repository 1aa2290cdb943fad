//! `/healthz` and `/readyz`, on both doors.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{
    Router,
    body::Body,
    extract::RawQuery,
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
        self.router_that_tells(String::new)
    }

    /// The same; `/readyz?verbose` tells more: further members of a JSON object, each with a comma
    /// before it.
    pub fn router_that_tells(
        &self,
        more: impl Fn() -> String + Clone + Send + Sync + 'static,
    ) -> Router {
        let health = self.clone();
        Router::new()
            .route("/healthz", get(async || json(StatusCode::OK, r#"{"status":"alive"}"#)))
            .route(
                "/readyz",
                get(async move |RawQuery(query): RawQuery| {
                    let is_verbose = query.is_some_and(|query| query.starts_with("verbose"));
                    health.answer(&if is_verbose { more() } else { String::new() })
                }),
            )
    }

    fn answer(&self, more: &str) -> Response<Body> {
        let (code, status) = if self.is_draining() {
            (StatusCode::SERVICE_UNAVAILABLE, "draining")
        } else if self.is_ready() {
            (StatusCode::OK, "ready")
        } else {
            (StatusCode::SERVICE_UNAVAILABLE, "store_away")
        };
        json(code, format!(r#"{{"status":"{status}"{more}}}"#))
    }
}
