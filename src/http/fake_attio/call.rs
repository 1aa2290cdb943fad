//! One request, read as far as the routes need it.

use bytes::Bytes;
use hyper::{Method, header::AUTHORIZATION, http::request::Parts};
use serde_json::Value;

use super::refusal::Refusal;

/// What a call counts as, for Attio's limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// `GET`, and `POST …/query`. Whether Attio counts a query as a read is not documented.
    Read,
    /// Everything else.
    Write,
}

/// One request.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    /// With slugs for the ids of objects and lists.
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    /// `null` where there is none; an error where it is no JSON.
    pub(super) body: Result<Value, Refusal>,
    pub(super) token: Option<String>,
}

impl Call {
    pub(super) fn read(head: &Parts, body: &Bytes, path: String) -> Self {
        let query = head.uri.query().unwrap_or_default();
        let query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let header = head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(|value| value.strip_prefix("Bearer ")).map(str::to_owned);
        let body = if body.is_empty() {
            Ok(Value::Null)
        } else {
            serde_json::from_slice(body)
                .map_err(|_| Refusal::new(400, "validation_type", "The body is not JSON."))
        };
        Self { method: head.method.clone(), path, query, body, token }
    }

    pub(super) fn access(&self) -> Access {
        let is_read = self.method == Method::GET || self.path.ends_with("/query");
        if is_read { Access::Read } else { Access::Write }
    }

    /// The parts of the path after `/v2/`.
    pub(super) fn parts(&self) -> Vec<&str> {
        let path = self.path.strip_prefix("/v2/").unwrap_or_default();
        path.trim_end_matches('/').split('/').collect()
    }

    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.parameter(name) == Some("true")
    }

    /// `limit` and `offset` of the query string.
    pub(super) fn page(&self, usual: usize, most: usize) -> Result<Page, Refusal> {
        let number = |name: &str, usual: usize| match self.parameter(name) {
            None => Ok(usual),
            Some(text) => text.parse().map_err(|_| {
                Refusal::invalid(&["query", name], "Expected number", "number", &text.into())
            }),
        };
        Page::new(number("limit", usual)?, number("offset", 0)?, most)
    }

    /// The body itself.
    pub(super) fn json(&self) -> Result<&Value, Refusal> {
        self.body.as_ref().map_err(Clone::clone)
    }

    /// What the body wraps in `data`.
    pub(super) fn data(&self) -> Result<&Value, Refusal> {
        let data = &self.json()?["data"];
        if !data.is_object() {
            return Err(Refusal::invalid(&["data"], "Required", "object", data));
        }
        Ok(data)
    }
}

/// A part of a long answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page {
    limit: usize,
    offset: usize,
}

impl Page {
    pub(super) fn new(limit: usize, offset: usize, most: usize) -> Result<Self, Refusal> {
        if limit > most {
            let message = format!("The limit must not exceed {most}.");
            return Err(Refusal::new(400, "validation_type", message));
        }
        Ok(Self { limit, offset })
    }

    pub(super) fn of<T>(self, items: impl Iterator<Item = T>) -> Vec<T> {
        items.skip(self.offset).take(self.limit).collect()
    }
}
