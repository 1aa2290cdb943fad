//! Acting over the API: what the commands do, for programs. Every deed is recorded, and can be read
//! at `/api/acts`.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Path, RawQuery, Request, State},
    http::{HeaderMap, Response, StatusCode},
    middleware::{Next, from_fn_with_state},
    routing::{get, post},
};
use serde::Serialize;
use serde_json::json;
use tracing::warn;

use super::{Answer, bad_request, shown};
use crate::{
    act::Refusal,
    admin::{
        access::{Access, refuse},
        acting::Acting,
        answer::{error, json_of, unavailable},
        asked::{self, Asked},
        body,
    },
    look::{Look, ask},
    store::Page,
    telemetry::error_text,
};

/// What can be done, as the description writes it, and what can be said in the body.
pub const DEEDS: [(&str, &[&str]); 5] = [
    ("/api/replay", asked::REPLAY),
    ("/api/discard", asked::DISCARD),
    ("/api/pause", asked::PAUSE),
    ("/api/resume", asked::RESUME),
    ("/api/messages/{id}/release", &[]),
];

/// Where it can be read what was done.
pub const ACTS: &str = "/api/acts";

/// What deeds are made of. Cheap to clone.
#[derive(Clone)]
struct Desk {
    acting: Arc<Acting>,
    look: Arc<Look>,
    access: Access,
}

/// The routes, without who may read.
pub(in crate::admin) fn router(acting: Arc<Acting>, look: Arc<Look>, access: Access) -> Router {
    let desk = Desk { acting, look, access };
    let deeds = Router::new()
        .route("/api/replay", post(replay))
        .route("/api/discard", post(discard))
        .route("/api/pause", post(pause))
        .route("/api/resume", post(resume))
        .route("/api/messages/{id}/release", post(release))
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(desk.clone(), changing));
    deeds.route(ACTS, get(acts).fallback(super::wrong_method)).with_state(desk)
}

/// Lets through what comes from our own pages, or from a program that says so.
async fn changing(State(desk): State<Desk>, request: Request, next: Next) -> Answer {
    match desk.access.may_change(request.headers(), None) {
        Ok(()) => next.run(request).await,
        Err(denied) => refuse(&desk.access, denied).await,
    }
}

async fn wrong_method() -> Answer {
    error(StatusCode::METHOD_NOT_ALLOWED, "method", "this is done with POST")
}

/// Who asks, and for what.
async fn asked(
    desk: &Desk,
    request: Request,
    own: &'static [&'static str],
) -> Result<(Asked, String), Answer> {
    let (parts, body) = request.into_parts();
    let from = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|from| from.0.ip());
    let who = desk.access.who(&parts.headers, from);
    let body = body::read(&parts.headers, body, "application/json").await;
    let asked = Asked::of_json(own, &body.map_err(body::Unread::answer)?);
    Ok((asked.map_err(|hint| wrong_body(&hint))?, who))
}

fn wrong_body(hint: &str) -> Answer {
    error(StatusCode::BAD_REQUEST, "body", hint)
}

fn told<T: Serialize>(result: Result<T, Refusal>) -> Answer {
    match result {
        Ok(value) => json_of(StatusCode::OK, &value),
        Err(Refusal::Wrong(hint)) => wrong_body(&hint),
        Err(Refusal::Missing(hint)) => error(StatusCode::NOT_FOUND, "not_found", &hint),
        Err(Refusal::Unfit(hint)) => error(StatusCode::CONFLICT, "state", &hint),
        Err(Refusal::Store(failed)) => {
            warn!(error = error_text(&failed), "could not do in the store what was asked for");
            unavailable()
        }
    }
}

async fn replay(State(desk): State<Desk>, request: Request) -> Answer {
    match asked(&desk, request, asked::REPLAY).await {
        Ok((asked, who)) => told(desk.acting.replay(&asked, who).await),
        Err(answer) => answer,
    }
}

async fn discard(State(desk): State<Desk>, request: Request) -> Answer {
    match asked(&desk, request, asked::DISCARD).await {
        Ok((asked, who)) => told(desk.acting.discard(&asked, who).await),
        Err(answer) => answer,
    }
}

async fn pause(State(desk): State<Desk>, request: Request) -> Answer {
    match asked(&desk, request, asked::PAUSE).await {
        Ok((asked, who)) => {
            let paused = desk.acting.pause(&asked, &who).await;
            told(paused.map(|it| json!({"changed": it.is_new, "held": it.held})))
        }
        Err(answer) => answer,
    }
}

async fn resume(State(desk): State<Desk>, request: Request) -> Answer {
    match asked(&desk, request, asked::RESUME).await {
        Ok((asked, who)) => {
            let resumed = desk.acting.resume(&asked, &who).await;
            told(resumed.map(|was_paused| json!({"changed": was_paused})))
        }
        Err(answer) => answer,
    }
}

async fn release(
    State(desk): State<Desk>,
    Path(id): Path<String>,
    from: ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Answer {
    let Ok(id) = id.parse() else { return bad_request("an id is a UUID") };
    let released = desk.acting.release(id, desk.access.who(&headers, Some(from.0.ip()))).await;
    told(released.map(|it| json!({"events": it.events, "deliveries": it.deliveries})))
}

async fn acts(State(desk): State<Desk>, RawQuery(query): RawQuery) -> Response<Body> {
    let mut page = Page::first(ask::USUAL);
    for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        if let Err(hint) = ask::page(&mut page, &name, &value) {
            return bad_request(&hint);
        }
    }
    shown(desk.look.acts(&page).await.map(Some))
}
