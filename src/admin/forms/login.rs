//! The way in and out: who shows the token gets a cookie.
//!
//! The cookie is `Secure` when the browser itself says, by its `Origin`, that it speaks HTTPS with
//! the proxy before us; a header such as `X-Forwarded-Proto`, which anyone can send, is not asked.
//! Nothing is kept of a login: logging out makes the browser forget it, and a new token ends all.

use axum::{
    body::Body,
    extract::{RawQuery, Request, State},
    http::{
        HeaderMap, HeaderValue, Response, StatusCode,
        header::{ORIGIN, SET_COOKIE},
    },
};

use super::{
    Back, Forms, Sent,
    page::{self, in_query, see_other},
};
use crate::admin::access::{Denied, SEC_FETCH_SITE, SESSION, SESSION_COOKIE, is_from_us};

/// The login that leads to a page.
pub(super) fn way_to(back: &Back) -> String {
    format!("/login?back={}", in_query(&back.address()))
}

/// `GET /login`.
pub(super) async fn show(
    State(forms): State<Forms>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Response<Body> {
    let query = query.unwrap_or_default();
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    let back = pairs.find(|(name, _)| name == "back").map(|(_, back)| back);
    let back = Back::of(&back.unwrap_or_default());
    let headers = request.headers();
    match forms.access.may_read(headers, request.uri()) {
        Ok(()) | Err(Denied::NotLocal) => see_other(&back.address()),
        Err(_) if comes_from_elsewhere(headers) => page::again(&back.address()),
        Err(_) => page::login(StatusCode::OK, &back.address(), None),
    }
}

/// Whether a link of another site led here, such as one in an alert.
fn comes_from_elsewhere(headers: &HeaderMap) -> bool {
    let site = headers.get(SEC_FETCH_SITE).map(HeaderValue::as_bytes);
    site.is_some_and(|site| site == b"cross-site" || site == b"same-site")
}

/// `POST /login`.
pub(super) async fn login(State(forms): State<Forms>, request: Request) -> Response<Body> {
    let headers = request.headers().clone();
    let sent = match Sent::of(&forms.access, request).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let back = sent.back.address();
    if !is_from_us(&headers) {
        let why = "This did not come from the login of attio-relay. Open it here.";
        return page::refused(StatusCode::FORBIDDEN, why, &back);
    }
    let token = sent.token.as_deref().map(str::trim).unwrap_or_default();
    if forms.access.is_token(token) {
        return with_cookie(see_other(&back), &cookie(&forms.access.session(), &headers));
    }
    if forms.access.slow_down().await {
        let problem = "That is not the token. It is the value of server.admin_token in the \
            configuration of this relay, or what that refers to.";
        page::login(StatusCode::UNAUTHORIZED, &back, Some(problem))
    } else {
        let problem = "Too many wrong tokens at once. Wait a moment, then try again.";
        page::login(StatusCode::TOO_MANY_REQUESTS, &back, Some(problem))
    }
}

/// `POST /logout`.
pub(super) async fn logout(State(forms): State<Forms>, request: Request) -> Response<Body> {
    let headers = request.headers().clone();
    let sent = match Sent::of(&forms.access, request).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    if forms.access.may_change(&headers, sent.token.as_deref()).is_err() {
        let why = "This did not come from a page of attio-relay that is open here.";
        return page::refused(StatusCode::FORBIDDEN, why, "/");
    }
    with_cookie(see_other("/login"), &cookie_for("", 0, &headers))
}

fn cookie(session: &str, headers: &HeaderMap) -> String {
    cookie_for(session, SESSION.as_secs(), headers)
}

fn cookie_for(session: &str, seconds: u64, headers: &HeaderMap) -> String {
    let origin = headers.get(ORIGIN).map(HeaderValue::as_bytes).unwrap_or_default();
    let secure = if origin.starts_with(b"https://") { "; Secure" } else { "" };
    let rules = "Path=/; HttpOnly; SameSite=Strict";
    format!("{SESSION_COOKIE}={session}; {rules}; Max-Age={seconds}{secure}")
}

fn with_cookie(mut response: Response<Body>, cookie: &str) -> Response<Body> {
    let cookie = HeaderValue::from_str(cookie).expect("a cookie of ours is plain text");
    response.headers_mut().insert(SET_COOKIE, cookie);
    response
}
