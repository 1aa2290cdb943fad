//! Who may use pages and API, and from where.
//!
//! With a token: who sends it, or has logged in with it. Without one: only what comes to a loopback
//! listener under a loopback name, so that no web page reaches it under a name that it rebound.
//! Nothing here is ever on the public port.

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{
    body::Body,
    extract::{Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Uri,
        header::{AUTHORIZATION, COOKIE, HOST, ORIGIN, WWW_AUTHENTICATE},
        uri::Authority,
    },
    middleware::Next,
};
use hmac::{Hmac, KeyInit, Mac};
use rustls::crypto::aws_lc_rs;
use secrecy::ExposeSecret;
use sha2::Sha256;
use tokio::sync::Semaphore;

use super::answer;
use crate::config;

/// The cookie of who has logged in.
pub const SESSION_COOKIE: &str = "attio_relay_session";

/// A form cannot send it, and a script of another origin must ask first: any value will do.
pub const OWN_HEADER: HeaderName = HeaderName::from_static("x-attio-relay");

pub(super) const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// How long a login lasts.
pub const SESSION: Duration = Duration::from_hours(12);

/// A wrong token is answered so late, one after the other.
const SLOWNESS: Duration = Duration::from_millis(500);

/// Wrong tokens that may wait for their answer; more are refused at once.
const MOST_WAITING: usize = 16;

/// Why a request is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// There is no token in it, and no login.
    #[error("authentication")]
    Unknown,
    /// The token or the login is wrong.
    #[error("authentication")]
    Wrong,
    /// No token is configured, and the listener or the name is not this machine's own.
    #[error("not_local")]
    NotLocal,
    /// It did not come from our own pages.
    #[error("origin")]
    Origin,
}

/// The rules, with what they need. Cheap to clone.
#[derive(Clone)]
pub struct Access(Arc<Rules>);

struct Rules {
    has_token: bool,
    is_loopback: bool,
    /// Of the token, so that every replica knows every login; random without one.
    key: Hmac<Sha256>,
    token: [u8; 32],
    guesses: Semaphore,
    waiting: Semaphore,
}

impl Access {
    /// The rules of `[server]`.
    #[must_use]
    pub fn new(server: &config::Server) -> Self {
        let token = server.admin_token.as_ref().map(ExposeSecret::expose_secret);
        let mut random = [0; 32];
        let filled = aws_lc_rs::default_provider().secure_random.fill(&mut random);
        filled.expect("the operating system has random bytes");
        let secret = token.map_or(&random[..], str::as_bytes);
        let key = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
        Self(Arc::new(Rules {
            has_token: token.is_some(),
            is_loopback: server.admin_listen.ip().is_loopback(),
            token: mac(&key, &[b"token", token.unwrap_or_default().as_bytes()]),
            key,
            guesses: Semaphore::new(1),
            waiting: Semaphore::new(MOST_WAITING),
        }))
    }

    /// Whether there is something to log in with.
    #[must_use]
    pub fn has_token(&self) -> bool {
        self.0.has_token
    }

    /// Whether a request may see anything.
    ///
    /// # Errors
    /// Why not.
    pub fn may_read(&self, headers: &HeaderMap, uri: &Uri) -> Result<(), Denied> {
        if !self.0.has_token {
            let is_local = self.0.is_loopback && is_loopback_name(headers, uri);
            return if is_local { Ok(()) } else { Err(Denied::NotLocal) };
        }
        if let Some(token) = bearer(headers) {
            return if self.is_token(token) { Ok(()) } else { Err(Denied::Wrong) };
        }
        match cookie(headers) {
            Some(session) if self.is_session(session) => Ok(()),
            Some(_) | None => Err(Denied::Unknown),
        }
    }

    /// Whether a request that may see things may change them too: it comes from our own pages, or
    /// says so, and holds what a form of another site cannot hold, or `form_token` is ours.
    ///
    /// # Errors
    /// [`Denied::Origin`].
    pub fn may_change(&self, headers: &HeaderMap, form_token: Option<&str>) -> Result<(), Denied> {
        let is_ours = is_from_us(headers);
        let is_no_form = headers.contains_key(OWN_HEADER) || headers.contains_key(AUTHORIZATION);
        let has_token = form_token.is_some_and(|token| self.is_form_token(token));
        if is_ours && (is_no_form || has_token) { Ok(()) } else { Err(Denied::Origin) }
    }

    /// Whether it is the token; takes as long for every wrong one.
    #[must_use]
    pub fn is_token(&self, token: &str) -> bool {
        let given = self.0.key.clone().chain_update(b"token").chain_update(token.as_bytes());
        self.0.has_token && given.verify_slice(&self.0.token).is_ok()
    }

    /// Who does something, for the record: by what they were let in, and from where. Behind a proxy
    /// that is the proxy.
    #[must_use]
    pub fn who(&self, headers: &HeaderMap, from: Option<IpAddr>) -> String {
        let way = match bearer(headers) {
            _ if !self.0.has_token => "local",
            Some(_) => "token",
            None => "login",
        };
        from.map_or_else(|| way.to_owned(), |from| format!("{way}@{from}"))
    }

    /// What a page puts into its forms.
    #[must_use]
    pub fn form_token(&self) -> String {
        hex::encode(mac(&self.0.key, &[b"form"]))
    }

    /// The value of [`SESSION_COOKIE`] for who has just shown the token.
    #[must_use]
    pub fn session(&self) -> String {
        let ends = unix_seconds() + SESSION.as_secs();
        format!("{ends}.{}", hex::encode(self.session_mac(ends)))
    }

    /// Waits before a wrong token is answered. `false` when too many wait already.
    pub async fn slow_down(&self) -> bool {
        let Ok(_waiting) = self.0.waiting.try_acquire() else { return false };
        let Ok(_turn) = self.0.guesses.acquire().await else { return false };
        tokio::time::sleep(SLOWNESS).await;
        true
    }

    fn is_form_token(&self, token: &str) -> bool {
        let expected = self.0.key.clone().chain_update(b"form");
        hex::decode(token).is_ok_and(|given| expected.verify_slice(&given).is_ok())
    }

    fn is_session(&self, session: &str) -> bool {
        let Some((ends, given)) = session.split_once('.') else { return false };
        let Ok(ends) = ends.parse::<u64>() else { return false };
        let expected = self.0.key.clone().chain_update(b"session").chain_update(ends.to_be_bytes());
        let is_ours = hex::decode(given).is_ok_and(|given| expected.verify_slice(&given).is_ok());
        is_ours && unix_seconds() < ends
    }

    fn session_mac(&self, ends: u64) -> [u8; 32] {
        mac(&self.0.key, &[b"session", &ends.to_be_bytes()])
    }
}

/// Whether a request says that it comes from our own pages, and nothing in it says otherwise.
pub(super) fn is_from_us(headers: &HeaderMap) -> bool {
    let site = headers.get(SEC_FETCH_SITE).map(HeaderValue::as_bytes);
    let origin = headers.get(ORIGIN).map(|origin| is_own(origin, headers));
    match (site, origin) {
        (Some(site), Some(is_own)) => site == b"same-origin" && is_own,
        (Some(site), None) => site == b"same-origin",
        (None, Some(is_own)) => is_own,
        (None, None) => false,
    }
}

/// Lets through what may see things; a layer for everything but health and metrics.
pub async fn guard(State(access): State<Access>, request: Request, next: Next) -> Response<Body> {
    match access.may_read(request.headers(), request.uri()) {
        Ok(()) => next.run(request).await,
        Err(denied) => refuse(&access, denied).await,
    }
}

/// The answer to what is not served; late where somebody may be guessing.
pub async fn refuse(access: &Access, denied: Denied) -> Response<Body> {
    let status = match denied {
        Denied::Wrong if !access.slow_down().await => StatusCode::TOO_MANY_REQUESTS,
        Denied::Wrong | Denied::Unknown => StatusCode::UNAUTHORIZED,
        Denied::NotLocal | Denied::Origin => StatusCode::FORBIDDEN,
    };
    let hint = match denied {
        Denied::Unknown | Denied::Wrong => "send `Authorization: Bearer` with server.admin_token",
        Denied::NotLocal => {
            "set server.admin_token, or ask a loopback listener by a loopback name, such as localhost"
        }
        Denied::Origin => "send our own Origin and the header X-Attio-Relay",
    };
    let mut response = answer::error(status, &denied.to_string(), hint);
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

fn mac(key: &Hmac<Sha256>, parts: &[&[u8]]) -> [u8; 32] {
    let mac = parts.iter().fold(key.clone(), Hmac::chain_update);
    mac.finalize().into_bytes().into()
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The token of an `Authorization` header; its scheme may be written in any case.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let pairs = headers.get_all(COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = pairs.flat_map(|value| value.split(';')).map(str::trim);
    pairs.find_map(|pair| pair.strip_prefix(SESSION_COOKIE)?.strip_prefix('='))
}

/// Every name that the request was sent to: `Host`, and the address where it is a whole one.
fn is_loopback_name(headers: &HeaderMap, uri: &Uri) -> bool {
    let mut hosts = headers.get_all(HOST).into_iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let is_loopback = |authority: &Authority| is_loopback(authority.host());
    let host = Authority::try_from(host.as_bytes());
    host.as_ref().is_ok_and(is_loopback) && uri.authority().is_none_or(is_loopback)
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse::<std::net::IpAddr>();
    address.map_or_else(|_| host.eq_ignore_ascii_case("localhost"), |ip| ip.is_loopback())
}

/// Whether an `Origin` names the host that the request was sent to.
fn is_own(origin: &HeaderValue, headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    match (origin, host) {
        (Some(("http" | "https", authority)), Some(host)) => authority.eq_ignore_ascii_case(host),
        (Some(_) | None, Some(_) | None) => false,
    }
}
