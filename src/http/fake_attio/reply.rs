//! What is answered: a status, headers, a body.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Response, StatusCode,
    header::{CONTENT_TYPE, HeaderName, HeaderValue},
};
use serde_json::Value;

use super::refusal::Refusal;

/// An answer.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Reply {
    pub(super) fn error(status: u16, code: &'static str, message: &str) -> Self {
        Refusal::new(status, code, message).into()
    }

    /// As it goes over the wire; what cannot be said in a header is left out.
    pub(super) fn response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::from(self.body));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        let json = HeaderValue::from_static("application/json; charset=utf-8");
        headers.insert(CONTENT_TYPE, json);
        for (name, value) in self.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), value.try_into()) {
                headers.insert(name, value);
            }
        }
        response
    }
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        let body = refusal.body().to_string();
        Self { status: refusal.status, headers: Vec::new(), body }
    }
}

impl From<Value> for Reply {
    fn from(body: Value) -> Self {
        Self { status: 200, headers: Vec::new(), body: body.to_string() }
    }
}
