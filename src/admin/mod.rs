//! The private door: `/metrics`, and health again. Never on the public port.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    http::{
        HeaderValue, Response,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    routing::get,
};

use crate::{http::Health, reload::Standing, telemetry::Metrics};

/// The content type of the Prometheus text format, version 0.0.4:
/// <https://prometheus.io/docs/instrumenting/exposition_formats/>.
const METRICS_TYPE: HeaderValue =
    HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// What the private listener serves.
pub fn router(health: &Health, standing: Standing, metrics: Arc<Metrics>) -> Router {
    let more = move || {
        let (generation, fingerprint) = standing.current();
        format!(
            r#","version":"{}","generation":{generation},"fingerprint":"{fingerprint}""#,
            env!("CARGO_PKG_VERSION")
        )
    };
    health.router_that_tells(more).route("/metrics", get(async move || exposition(&metrics)))
}

fn exposition(metrics: &Metrics) -> Response<Body> {
    let mut response = Response::new(Body::from(metrics.render()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, METRICS_TYPE);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
