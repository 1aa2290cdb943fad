//! The few pages of the forms' own: the login, and what is told when something was not done.

use std::sync::LazyLock;

use axum::{
    body::Body,
    http::{
        HeaderValue, Response, StatusCode,
        header::{CONTENT_TYPE, LOCATION},
    },
};
use minijinja::{Environment, Value, context};

use crate::admin::{access::SESSION, pages::engine};

static ENGINE: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut engine = engine();
    for (name, source) in [
        ("login.html", include_str!("templates/login.html")),
        ("again.html", include_str!("templates/again.html")),
        ("refused.html", include_str!("templates/refused.html")),
    ] {
        engine.add_template(name, source).expect("a test has seen every template");
    }
    engine
});

/// The login; `problem` says what was wrong with the last try.
pub(super) fn login(status: StatusCode, back: &str, problem: Option<&str>) -> Response<Body> {
    let hours = SESSION.as_secs() / 3600;
    shown(status, "login.html", context! { back, problem, hours })
}

/// A page that asks for the login again, from here: what another site led to comes without the
/// cookie of who is logged in.
pub(super) fn again(back: &str) -> Response<Body> {
    shown(StatusCode::OK, "again.html", context! { back })
}

/// Something was not done.
pub(super) fn refused(status: StatusCode, why: &str, back: &str) -> Response<Body> {
    let title = match status {
        StatusCode::FORBIDDEN => "Not from there",
        StatusCode::NOT_FOUND => "It is not there",
        StatusCode::CONFLICT => "It cannot be done",
        StatusCode::SERVICE_UNAVAILABLE => "Not now",
        _ => "Not understood",
    };
    shown(status, "refused.html", context! { title, why, back })
}

fn shown(status: StatusCode, template: &str, values: Value) -> Response<Body> {
    let template = ENGINE.get_template(template).expect("every template was added");
    let frame = context! { has_frame => false, note => (), path => "" };
    let text =
        template.render(context! { ..values, ..frame }).expect("a test has seen every template");
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

/// Sends the browser elsewhere, with a GET.
pub(super) fn see_other(address: &str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let address = HeaderValue::from_str(address).unwrap_or(HeaderValue::from_static("/"));
    response.headers_mut().insert(LOCATION, address);
    response
}

pub(super) fn in_query(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
