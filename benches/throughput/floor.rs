//! The floor: the same HTTP stack, which checks the signature and answers. Nothing is kept.

use std::net::SocketAddr;

use attio_relay::{
    http::listener::Listener,
    signature::{ClaimedSignature, Keyring, SIGNATURE_HEADERS},
};
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use secrecy::SecretString;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use crate::message::{PATH, SECRET};

/// As many as attio-relay takes by default.
const MOST_CONNECTIONS: usize = 8192;

/// Serves until it is killed.
///
/// # Errors
/// When it cannot listen.
pub async fn serve(address: SocketAddr) -> anyhow::Result<()> {
    let router = Router::new().route(PATH, post(receive)).with_state(keyring());
    listen(address, router).await
}

/// The secret of the bench, ready to check with.
pub fn keyring() -> Keyring {
    Keyring::new("bench".into(), &[SecretString::from(SECRET)])
}

/// Whether the signature is right.
pub fn is_signed(keyring: &Keyring, headers: &HeaderMap, body: Bytes) -> bool {
    let copies = SIGNATURE_HEADERS.iter().flat_map(|&name| headers.get_all(name));
    ClaimedSignature::read(copies.map(axum::http::HeaderValue::as_bytes))
        .and_then(|claimed| keyring.verify(claimed, None, body, OffsetDateTime::UNIX_EPOCH))
        .is_ok()
}

/// The answer to what was taken, or was not.
pub fn answer(accepted: bool) -> Response {
    let (status, body) = if accepted {
        (StatusCode::OK, r#"{"status":"accepted"}"#)
    } else {
        (StatusCode::UNAUTHORIZED, r#"{"error":"signature"}"#)
    };
    (status, [(CONTENT_TYPE, "application/json")], body).into_response()
}

/// Serves the router, and `/readyz`, on attio-relay's own accept loop, with all its limits.
///
/// # Errors
/// When it cannot listen.
pub async fn listen(address: SocketAddr, router: Router) -> anyhow::Result<()> {
    let router = router.route("/readyz", get(|| async { StatusCode::OK }));
    Listener::bind(address, MOST_CONNECTIONS, router).await?.serve(CancellationToken::new()).await;
    Ok(())
}

async fn receive(State(keyring): State<Keyring>, headers: HeaderMap, body: Bytes) -> Response {
    answer(is_signed(&keyring, &headers, body))
}
