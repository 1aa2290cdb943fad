//! The fixed answers of the public door. Nothing of a request is ever echoed.

use axum::{
    body::Body,
    http::{
        HeaderValue, Response, StatusCode,
        header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER},
    },
};

use crate::intake::Receipt;

/// Everything that the door may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Stored(Receipt),
    Signature,
    NotFound,
    MethodNotAllowed,
    Encoding,
    TooLarge,
    Timeout,
    Unavailable,
}

impl Answer {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::Stored(_) => StatusCode::OK,
            Self::Signature => StatusCode::UNAUTHORIZED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Encoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Timeout => StatusCode::REQUEST_TIMEOUT,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Stored(Receipt::Accepted) => r#"{"status":"accepted"}"#,
            Self::Stored(Receipt::Duplicate) => r#"{"status":"duplicate"}"#,
            Self::Stored(Receipt::Quarantined) => r#"{"status":"quarantined"}"#,
            Self::Signature => r#"{"error":"signature"}"#,
            Self::NotFound => r#"{"error":"not_found"}"#,
            Self::MethodNotAllowed => r#"{"error":"method"}"#,
            Self::Encoding => r#"{"error":"encoding"}"#,
            Self::TooLarge => r#"{"error":"too_large"}"#,
            Self::Timeout => r#"{"error":"timeout"}"#,
            Self::Unavailable => r#"{"error":"unavailable"}"#,
        }
    }

    pub(super) fn response(self) -> Response<Body> {
        let mut response = json(self.status(), self.text());
        let headers = response.headers_mut();
        match self {
            Self::MethodNotAllowed => {
                headers.insert(ALLOW, HeaderValue::from_static("POST"));
            }
            Self::Unavailable => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            Self::Stored(_)
            | Self::Signature
            | Self::NotFound
            | Self::Encoding
            | Self::TooLarge
            | Self::Timeout => {}
        }
        response
    }
}

/// A JSON answer that nobody keeps.
pub(super) fn json(status: StatusCode, text: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
