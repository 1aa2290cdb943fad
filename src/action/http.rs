//! `kind = "http"`: the event as one HTTP request, signed after Standard Webhooks.
//!
//! Everything that does not differ between attempts is made once: an attempt clones a prepared
//! request and adds the delivery's own headers and body.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::{
    Body, Method, Request,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use secrecy::ExposeSecret;
use serde::de::IgnoredAny;
use sha2::Sha256;
use uuid::Uuid;

use super::{ActionError, Done, Failure, Job, TemplateProblem, client::Client, mask::Mask};
use crate::{
    config::{self, HttpAction, SigningKey},
    routing::{
        Needs,
        table::ALERTS,
        template::{Escape, NAMES, Template},
    },
};

/// After a status has come, the rest is a courtesy to the connection, or an error's text.
const BODY_PATIENCE: Duration = Duration::from_secs(1);

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// Headers that a configuration cannot set, because every request has its own.
const OWN_HEADERS: [&str; 7] = [
    "idempotency-key",
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
    "content-length",
    "transfer-encoding",
    "connection",
];

/// A destination that takes HTTP requests.
pub struct Http {
    client: Client,
    prototype: Request,
    signer: Option<Signer>,
    body: Option<BodyTemplate>,
}

struct BodyTemplate {
    template: Template,
    must_be_json: bool,
}

/// The fields before `event`, in the contract's order.
#[derive(serde::Serialize)]
struct Head<'a> {
    id: Uuid,
    #[serde(rename = "type")]
    event_type: &'a str,
    received_at: &'a str,
    source: &'a str,
    route: &'a str,
}

/// Signs requests: <https://github.com/standard-webhooks/standard-webhooks>.
struct Signer {
    keyed: Hmac<Sha256>,
}

impl Http {
    /// Prepares the action.
    ///
    /// # Errors
    ///
    /// A field of the configuration cannot be used.
    pub fn build(config: &config::Action, http: &HttpAction) -> Result<Self, TemplateProblem> {
        let method = method(http)?;
        let headers = headers(http)?;
        let body = body_template(http)?;
        let of_url = |message| TemplateProblem { field: "url", message };
        let mut client =
            Client::build(config, &http.url, http.allow_private, mask(http)).map_err(of_url)?;
        let prototype = client.prepare(method, &http.url, headers).map_err(of_url)?;
        let signer = http.signing_secret.as_ref().map(Signer::new);
        Ok(Self { client, prototype, signer, body })
    }

    /// Every problem of the configuration, as field and text.
    pub(super) fn check(http: &HttpAction) -> Vec<TemplateProblem> {
        [method(http).err(), headers(http).err(), body_template(http).err()]
            .into_iter()
            .flatten()
            .collect()
    }

    /// What the template needs to have looked up.
    pub(super) fn needs(&self) -> Needs {
        self.body.as_ref().map_or(Needs::default(), |body| body.template.needs())
    }

    /// Sends the event once.
    ///
    /// # Errors
    ///
    /// The destination did not take it.
    pub async fn perform(&self, job: &Job) -> Result<Done, ActionError> {
        let body = self.body(job)?;
        let answer = self.client.send(self.request(job, body), BODY_PATIENCE).await?;
        self.client.check(&answer)?;
        Ok(Done { status: Some(answer.status.as_u16()) })
    }

    fn body(&self, job: &Job) -> Result<Vec<u8>, ActionError> {
        let Some(BodyTemplate { template, must_be_json }) = &self.body else {
            return Ok(standard_body(job));
        };
        let body = template.render(job);
        // A template that knows events only is no reason not to tell of trouble.
        let is_alert = job.route.as_str() == ALERTS;
        let is_json = |body: &String| serde_json::from_str::<IgnoredAny>(body).is_ok();
        if is_alert && !body.as_ref().is_ok_and(|body| !must_be_json || is_json(body)) {
            return Ok(standard_body(job));
        }
        let body = body.map_err(|error| ActionError::of_template("body", &error))?;
        if *must_be_json && let Err(error) = serde_json::from_str::<IgnoredAny>(&body) {
            let what = format!("the body template did not make JSON: {error}");
            return Err(ActionError::Refused(Failure { what, ..Failure::default() }));
        }
        Ok(body.into_bytes())
    }

    fn request(&self, job: &Job, body: Vec<u8>) -> Request {
        let mut request =
            self.prototype.try_clone().expect("a request without a body can be cloned");
        let mut buffer = Uuid::encode_buffer();
        let key: &str = job.idempotency_key.hyphenated().encode_lower(&mut buffer);
        let key_value = ascii(key);
        let headers = request.headers_mut();
        headers.insert(IDEMPOTENCY_KEY, key_value.clone());
        headers.insert(WEBHOOK_ID, key_value);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        headers.insert(WEBHOOK_TIMESTAMP, HeaderValue::from(now));
        if let Some(signer) = &self.signer {
            headers.insert(WEBHOOK_SIGNATURE, ascii(&signer.sign(key, now, &body)));
        }
        *request.body_mut() = Some(Body::from(body));
        request
    }
}

impl Signer {
    fn new(key: &SigningKey) -> Self {
        let keyed = Hmac::new_from_slice(key.0.expose_secret());
        Self { keyed: keyed.expect("HMAC takes a key of any length") }
    }

    fn sign(&self, id: &str, timestamp: u64, body: &[u8]) -> String {
        let mut mac = self.keyed.clone();
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

/// The body of `CONTRACT.md` section 4, around the event's own bytes. The record and the entry
/// are in it only where they were looked up.
fn standard_body(job: &Job) -> Vec<u8> {
    let head = Head {
        id: job.event_id,
        event_type: &job.event_type,
        received_at: &job.received_at_text(),
        source: job.source.as_str(),
        route: job.route.as_str(),
    };
    let mut body = Vec::with_capacity(job.json.len() + 320);
    serde_json::to_writer(&mut body, &head).expect("plain text always becomes JSON");
    body.pop(); // the closing brace
    body.extend_from_slice(br#","event":"#);
    body.extend_from_slice(&job.json);
    for (field, value) in [("record", &job.values.record), ("entry", &job.values.entry)] {
        if let Some(value) = value {
            body.extend_from_slice(format!(r#","{field}":{value}"#).as_bytes());
        }
    }
    body.extend_from_slice(format!(r#","attempt":{}}}"#, job.attempt).as_bytes());
    body
}

fn method(http: &HttpAction) -> Result<Method, TemplateProblem> {
    let problem = |what: &str| TemplateProblem {
        field: "method",
        message: format!("`{}` {what}", http.method.escape_debug()),
    };
    if http.method.contains(|char: char| char.is_ascii_lowercase()) {
        return Err(problem("must be written in capitals"));
    }
    Method::from_bytes(http.method.as_bytes()).map_err(|_| problem("is not an HTTP method"))
}

fn headers(http: &HttpAction) -> Result<HeaderMap, TemplateProblem> {
    let problem = |message| TemplateProblem { field: "headers", message };
    let mut headers = HeaderMap::with_capacity(http.headers.len() + 8);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in &http.headers {
        let parsed = HeaderName::try_from(name.as_str())
            .map_err(|_| problem(format!("`{}` is not a header's name", name.escape_debug())))?;
        if OWN_HEADERS.contains(&parsed.as_str()) {
            return Err(problem(format!("`{name}` is set by attio-relay itself")));
        }
        let mut value = HeaderValue::try_from(value.expose_secret())
            .map_err(|_| problem(format!("the value of `{name}` cannot stand in a header")))?;
        value.set_sensitive(true);
        headers.insert(parsed, value);
    }
    Ok(headers)
}

fn body_template(http: &HttpAction) -> Result<Option<BodyTemplate>, TemplateProblem> {
    let Some(source) = &http.body else {
        return Ok(None);
    };
    let template = Template::compile(source, &NAMES, Escape::Nothing)
        .map_err(|error| TemplateProblem { field: "body", message: error.to_string() })?;
    let has_own_type =
        http.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    Ok(Some(BodyTemplate { template, must_be_json: !has_own_type }))
}

fn mask(http: &HttpAction) -> Mask {
    let mut mask = Mask::default();
    mask.add_url(&http.url);
    for (name, value) in &http.headers {
        // What kind of body is sent is no secret, and answers speak of it.
        if !name.eq_ignore_ascii_case(CONTENT_TYPE.as_str()) {
            mask.add_header(value.expose_secret());
        }
    }
    if let Some(SigningKey(key)) = &http.signing_secret {
        mask.add(key.expose_secret());
        mask.add(STANDARD.encode(key.expose_secret()));
    }
    mask
}

fn ascii(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("letters, digits and signs of ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_published_test_vector() {
        let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signer = Signer::new(&SigningKey(key.into()));
        let body = br#"{"test": 2432232314}"#;
        assert_eq!(
            signer.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }
}
