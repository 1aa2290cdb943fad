//! What every answer of pages and API has in common: nobody keeps it, guesses its type, frames it
//! or runs anything in it.

use axum::{
    body::Body,
    extract::Request,
    http::{
        HeaderName, HeaderValue, Response, StatusCode,
        header::{
            CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER,
            X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
        },
    },
    middleware::Next,
};
use serde::Serialize;
use serde_json::json;

/// Pages may load our own style and script, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The headers, beside those that an answer has by itself.
const HEADERS: [(HeaderName, &str); 6] = [
    (CACHE_CONTROL, "no-store"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_FRAME_OPTIONS, "DENY"),
    // Not `no-referrer`: with it, browsers say `Origin: null` for our own forms.
    (REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Adds the headers; a layer around everything but health and metrics.
pub async fn with_headers(request: Request, next: Next) -> Response<Body> {
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// An answer in JSON.
pub fn json_of(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    let text = serde_json::to_vec(value).expect("rows are always JSON");
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The answer while the store cannot be asked.
pub fn unavailable() -> Response<Body> {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    let mut response = error(status, "unavailable", "the store is away or busy");
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// An answer that says what went wrong: a word for programs, a hint for people.
pub fn error(status: StatusCode, word: &str, hint: &str) -> Response<Body> {
    json_of(status, &json!({"error": word, "hint": hint}))
}
