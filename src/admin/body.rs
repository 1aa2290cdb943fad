//! The body of a request that changes something: bounded in size and time, of the kind that was
//! agreed on.

use std::time::Duration;

use axum::{
    body::{Body, to_bytes},
    http::{HeaderMap, Response, StatusCode, header::CONTENT_TYPE},
};
use bytes::Bytes;

use super::answer::error;

/// The longest body: what the ids of one request need.
const LIMIT: usize = 256 * 1024;

/// A body is there after so long, or not read.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    /// It is of another kind.
    Kind(&'static str),
    /// It is too long, or broke off.
    TooLarge,
    /// It took too long.
    Late,
}

/// Reads a body of that content type.
pub(super) async fn read(
    headers: &HeaderMap,
    body: Body,
    kind: &'static str,
) -> Result<Bytes, Unread> {
    let sent = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let sent = sent.split(';').next().unwrap_or_default().trim();
    if !sent.eq_ignore_ascii_case(kind) {
        return Err(Unread::Kind(kind));
    }
    match tokio::time::timeout(PATIENCE, to_bytes(body, LIMIT)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => Err(Unread::TooLarge),
        Err(_) => Err(Unread::Late),
    }
}

impl Unread {
    /// What it is answered with.
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::Kind(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Late => StatusCode::REQUEST_TIMEOUT,
        }
    }

    /// What to do about it.
    pub(super) fn hint(self) -> String {
        match self {
            Self::Kind(kind) => format!("send it as {kind}"),
            Self::TooLarge => "it is longer than 256 KiB, or broke off".to_owned(),
            Self::Late => "it did not come within 10 s".to_owned(),
        }
    }

    /// The answer for programs.
    pub(super) fn answer(self) -> Response<Body> {
        let word = match self {
            Self::Kind(_) => "content_type",
            Self::TooLarge => "too_large",
            Self::Late => "timeout",
        };
        error(self.status(), word, &self.hint())
    }
}
