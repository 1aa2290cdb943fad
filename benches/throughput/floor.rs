//! The floor: the same HTTP stack, which checks the signature and answers. Nothing is kept.

use std::net::SocketAddr;

use attio_relay::signature::{ClaimedSignature, Keyring, SIGNATURE_HEADERS};
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use secrecy::SecretString;
use time::OffsetDateTime;
use tokio::{net::TcpListener, task::JoinSet};

use crate::message::{PATH, SECRET};

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

/// Accepts connections and serves the router, and `/readyz`, on each.
///
/// # Errors
/// When it cannot listen.
pub async fn listen(address: SocketAddr, router: Router) -> anyhow::Result<()> {
    let router = router.route("/readyz", get(|| async { StatusCode::OK }));
    let listener = TcpListener::bind(address).await?;
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let service = TowerToHyperService::new(router.clone());
        connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        while connections.try_join_next().is_some() {}
    }
}

async fn receive(State(keyring): State<Keyring>, headers: HeaderMap, body: Bytes) -> Response {
    answer(is_signed(&keyring, &headers, body))
}
