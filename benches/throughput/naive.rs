//! The receiver that everybody writes first: one `INSERT` a request, through a pool of ten.

use std::net::SocketAddr;

use attio_relay::signature::Keyring;
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use sqlx::{Executor, PgPool, postgres::PgPoolOptions};
use uuid::Uuid;

use crate::{
    floor::{answer, is_signed, keyring, listen},
    message::PATH,
};

/// Serves until it is killed.
///
/// # Errors
/// When it cannot listen, or the database is away.
pub async fn serve(address: SocketAddr, database: &str) -> anyhow::Result<()> {
    let pool =
        PgPoolOptions::new().min_connections(10).max_connections(10).connect(database).await?;
    pool.execute(
        "CREATE TABLE messages (
             id uuid PRIMARY KEY,
             key text NOT NULL UNIQUE,
             received_at timestamptz NOT NULL DEFAULT now(),
             body bytea NOT NULL
         )",
    )
    .await?;
    listen(address, Router::new().route(PATH, post(receive)).with_state((keyring(), pool))).await
}

async fn receive(
    State((keyring, pool)): State<(Keyring, PgPool)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !is_signed(&keyring, &headers, body.clone()) {
        return answer(false);
    }
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok()).unwrap_or_default();
    let stored = sqlx::query(
        "INSERT INTO messages (id, key, body) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
    )
    .bind(Uuid::now_v7())
    .bind(key)
    .bind(&body[..])
    .execute(&pool)
    .await;
    match stored {
        Ok(_) => answer(true),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}
