//! `kind = "http"`: headers that are valid, ours to give away, and no secret in clear.

use reqwest::header::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::Check;
use crate::config::{
    document::Place,
    file,
    meant::HttpAction,
    secret::{ReferenceOrText, Typed, signing_key},
    units::WebUrl,
};

/// Headers that the relay or the connection sets.
const OURS: [&str; 14] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "idempotency-key",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "webhook-id",
    "webhook-signature",
    "webhook-timestamp",
];

pub(super) fn http(
    check: &mut Check<'_, '_>,
    place: &Place,
    typed: &file::Http,
) -> Option<HttpAction> {
    let url = check.required(place, "url", typed.url.as_ref());
    let at = place.key("signing_secret");
    let secret = check.optional_secret(&at, typed.signing_secret.as_ref());
    let signing_secret = secret.and_then(|secret| match signing_key(&secret) {
        Ok(key) => Some(key),
        Err(why) => {
            check.error(&at, why);
            None
        }
    });
    let headers = headers(check, &place.key("headers"), typed);
    let method = match typed.method.unwrap_or(file::Method::Post) {
        file::Method::Post => "POST",
        file::Method::Put => "PUT",
        file::Method::Patch => "PATCH",
        file::Method::Delete => "DELETE",
    };
    Some(HttpAction {
        url: url?.0.clone(),
        method: method.to_owned(),
        signing_secret,
        headers,
        body: typed.body.clone(),
        allow_private: typed.allow_private.unwrap_or(false),
    })
}

/// The address that was typed, or `default`.
pub(super) fn url_or(typed: Option<&WebUrl>, default: &str) -> Url {
    let default = || Url::parse(default).expect("a default is a valid address");
    typed.map_or_else(default, |url| url.0.clone())
}

fn headers(
    check: &mut Check<'_, '_>,
    place: &Place,
    typed: &file::Http,
) -> Vec<(String, SecretString)> {
    let mut headers: Vec<(String, SecretString)> = Vec::new();
    for (name, ReferenceOrText(value)) in &typed.headers {
        let at = place.key(name);
        check_name(check, &at, name);
        if headers.iter().any(|(earlier, _)| earlier.eq_ignore_ascii_case(name)) {
            check.error(&at, format!("the header `{name}` stands here twice"));
        }
        match value_of(check, name, value) {
            Ok(value) => headers.push((name.clone(), value)),
            Err(why) => {
                check.error(&at, why);
            }
        }
    }
    headers
}

fn check_name(check: &mut Check<'_, '_>, place: &Place, name: &str) {
    let Ok(header) = HeaderName::from_bytes(name.as_bytes()) else {
        check.error(place, format!("`{name}` is no name of a header"));
        return;
    };
    if OURS.contains(&header.as_str()) {
        check.error(place, format!("the relay itself sets the header `{name}`"));
    }
}

fn value_of(check: &Check<'_, '_>, name: &str, typed: &Typed) -> Result<SecretString, String> {
    let value = match typed {
        Typed::Literal(_) if carries_secret(name) => {
            return Err(format!(
                "the header `{name}` carries a secret, which may not stand in the file; {}",
                crate::config::secret::EXPECTED
            ));
        }
        Typed::Literal(text) => text.clone(),
        Typed::Env(_) | Typed::File(_) => typed.resolve(check.outside.env)?,
    };
    HeaderValue::from_str(value.expose_secret())
        .map_err(|_| format!("{typed} holds characters that no header can carry"))?;
    Ok(value)
}

fn carries_secret(header: &str) -> bool {
    let name = header.to_ascii_lowercase();
    let parts = ["token", "secret", "api-key", "apikey", "api_key", "password", "auth", "cookie"];
    parts.iter().any(|part| name.contains(part))
}
