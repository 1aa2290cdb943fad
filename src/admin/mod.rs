//! The private door: `/metrics`, health again, and what is kept, as pages and as JSON. Never on the
//! public port.
//!
//! Health and metrics are for anyone who can reach it; everything else goes through `access`.

pub mod access;
pub mod acting;
mod answer;
pub mod api;
pub mod asked;
mod body;
pub mod forms;
pub mod pages;

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    http::{
        HeaderValue, Response,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    middleware::{from_fn, from_fn_with_state},
    routing::get,
};

use self::{access::Access, acting::Acting};
use crate::{http::Health, look::Lookout, reload::Standing, telemetry::Metrics};

/// The content type of the Prometheus text format, version 0.0.4:
/// <https://prometheus.io/docs/instrumenting/exposition_formats/>.
const METRICS_TYPE: HeaderValue =
    HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// What the private listener serves.
pub fn router(
    health: &Health,
    standing: Standing,
    metrics: Arc<Metrics>,
    access: Access,
    lookout: Arc<Lookout>,
    acting: Acting,
) -> Router {
    let acting = Arc::new(acting);
    let pages = pages::router(Arc::clone(&lookout), access.clone(), standing.clone());
    let look = Arc::clone(lookout.look());
    let guarded = api::acts::router(Arc::clone(&acting), look, access.clone())
        .merge(api::router(lookout))
        .layer(from_fn_with_state(access.clone(), access::guard))
        .merge(forms::router(acting, access))
        .merge(pages)
        .layer(from_fn(answer::with_headers));
    let more = move || {
        let (generation, fingerprint) = standing.current();
        format!(
            r#","version":"{}","generation":{generation},"fingerprint":"{fingerprint}""#,
            env!("CARGO_PKG_VERSION")
        )
    };
    health
        .router_that_tells(more)
        .route("/metrics", get(async move || exposition(&metrics)))
        .merge(guarded)
}

fn exposition(metrics: &Metrics) -> Response<Body> {
    let mut response = Response::new(Body::from(metrics.render()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, METRICS_TYPE);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
