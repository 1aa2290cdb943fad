//! The program's own fake Attio, as the tests speak to it: over HTTP, and behind its back.

use std::ops::Deref;

use attio_relay::http::fake_attio::{FakeAttio, Options};
use serde_json::Value;
use tokio::time::timeout;

use super::client::PATIENCE;

/// The fake; what waits here fails the test when it waits too long.
pub struct TestAttio {
    fake: FakeAttio,
    http: reqwest::Client,
}

/// What it answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub json: Value,
}

impl Answer {
    /// The body, of an answer 200.
    pub fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        self.json
    }

    /// What the body of an answer 200 wraps.
    pub fn data(self) -> Value {
        self.ok()["data"].take()
    }

    /// Status and code of an error.
    pub fn error(&self) -> (u16, &str) {
        (self.status, self.json["code"].as_str().unwrap_or_default())
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        Some(self.headers.get(name)?.to_str().unwrap())
    }
}

impl TestAttio {
    pub async fn start() -> Self {
        Self::with(Options::default()).await
    }

    pub async fn with(options: Options) -> Self {
        let _installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        Self { fake: FakeAttio::start(options).await.unwrap(), http }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call("POST", path, Some(body)).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.call("PUT", path, Some(body)).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.call("PATCH", path, Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.call("DELETE", path, None).await
    }

    /// A call with the right token.
    pub async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let token = self.token().to_owned();
        self.try_call(method, path, body, Some(&token)).await.unwrap()
    }

    /// A call that may fail, with any token or none.
    pub async fn try_call(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        token: Option<&str>,
    ) -> Result<Answer, reqwest::Error> {
        let url = format!("{}{path}", self.base_url());
        let mut request = self.http.request(method.parse().unwrap(), url);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await?;
        let json = serde_json::from_slice(&bytes).unwrap_or_default();
        Ok(Answer { status, headers, json })
    }

    /// Waits until so many such requests were seen.
    pub async fn until_requested(&self, method: &str, path: &str, count: usize) {
        let seen = timeout(PATIENCE, self.wait_for_requests(method, path, count)).await;
        assert!(seen.is_ok(), "waited in vain for {count} {method} {path}: {:?}", self.requests());
    }
}

impl Deref for TestAttio {
    type Target = FakeAttio;

    fn deref(&self) -> &FakeAttio {
        &self.fake
    }
}
