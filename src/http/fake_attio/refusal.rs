//! Errors in Attio's shape (<https://docs.attio.com/rest-api/guides/errors>).

use serde_json::{Value, json};

/// Why the fake did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{status} {code}: {message}")]
pub struct Refusal {
    /// The status of the answer.
    pub status: u16,
    /// Attio's code, such as `not_found`.
    pub code: &'static str,
    /// What a person reads.
    pub message: String,
    errors: Option<Value>,
    is_camel_case: bool,
}

impl Refusal {
    /// An error with Attio's code for it.
    #[must_use]
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), errors: None, is_camel_case: false }
    }

    pub(super) fn not_found(what: &str, id: &str) -> Self {
        Self::new(404, "not_found", format!("No {what} has the ID {id}."))
    }

    pub(super) fn unknown_value(message: impl Into<String>) -> Self {
        Self::new(400, "value_not_found", message)
    }

    pub(super) fn filter(message: impl Into<String>) -> Self {
        Self::new(400, "filter_error", message)
    }

    /// A body that is not what the endpoint wants, at this path.
    pub(super) fn invalid(path: &[&str], message: &str, expected: &str, found: &Value) -> Self {
        let received = match found {
            Value::Null => "undefined",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        let mut refusal = Self::new(400, "validation_type", "The request body failed validation.");
        refusal.errors = Some(json!([{
            "code": "invalid_type", "path": path, "message": message,
            "expected": expected, "received": received,
        }]));
        refusal
    }

    /// The same, as the comments endpoint spells it: `statusCode`.
    pub(super) fn in_camel_case(mut self) -> Self {
        self.is_camel_case = true;
        self
    }

    /// The body of the answer.
    pub(super) fn body(&self) -> Value {
        let kind = match self.status {
            401 | 403 => "auth_error",
            429 => "rate_limit_error",
            500.. => "api_error",
            _ => "invalid_request_error",
        };
        let status = if self.is_camel_case { "statusCode" } else { "status_code" };
        let mut body = json!({
            status: self.status, "type": kind, "code": self.code, "message": self.message,
        });
        if let Some(errors) = &self.errors {
            body["validation_errors"] = errors.clone();
        }
        body
    }
}
