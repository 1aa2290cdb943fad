//! The JSON API: what the commands show, for programs. It is described by `openapi.json`.

pub mod acts;

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Path, RawQuery, State},
    http::{Response, StatusCode},
    routing::{MethodRouter, get},
};
use serde::Serialize;
use time::OffsetDateTime;
use tracing::warn;
use uuid::Uuid;

use super::answer::{error, json_of, unavailable};
use crate::{
    look::{Look, Lookout, ask},
    store::{Page, Search, StoreError, Table},
    telemetry::error_text,
};

/// The description of the API.
pub const OPENAPI: &str = include_str!("openapi.json");

/// Every path that can be read, as the description writes it.
pub const PATHS: [&str; 14] = [
    "/api/openapi.json",
    "/api/messages",
    "/api/messages/{id}",
    "/api/events",
    "/api/events/{id}",
    "/api/deliveries",
    "/api/deliveries/{id}",
    "/api/overview",
    "/api/routes",
    "/api/actions",
    "/api/dead-letters",
    "/api/inventory",
    "/api/attio",
    "/api/alerts",
];

type Answer = Response<Body>;

/// A whole list.
#[derive(Serialize)]
struct All<T> {
    items: Vec<T>,
}

/// The routes, without who may use them.
pub(super) fn router(lookout: Arc<Lookout>) -> Router {
    let with_paths = PATHS.into_iter().fold(Router::new(), |router, path| {
        router.route(path, handler(path).fallback(wrong_method))
    });
    with_paths.route("/api/{*other}", axum::routing::any(not_found)).with_state(lookout)
}

fn handler(path: &str) -> MethodRouter<Arc<Lookout>> {
    match path {
        "/api/messages" => get(messages),
        "/api/messages/{id}" => get(message),
        "/api/events" => get(events),
        "/api/events/{id}" => get(event),
        "/api/deliveries" => get(deliveries),
        "/api/deliveries/{id}" => get(delivery),
        "/api/overview" => get(overview),
        "/api/routes" => get(routes),
        "/api/actions" => get(actions),
        "/api/dead-letters" => get(dead_letters),
        "/api/inventory" => get(inventory),
        "/api/attio" => get(attio),
        "/api/alerts" => get(alerts),
        _ => get(openapi),
    }
}

async fn openapi() -> Answer {
    let value: serde_json::Value =
        serde_json::from_str(OPENAPI).expect("a test has read the description");
    json_of(StatusCode::OK, &value)
}

async fn not_found() -> Answer {
    error(StatusCode::NOT_FOUND, "not_found", "GET /api/openapi.json says what there is")
}

async fn wrong_method() -> Answer {
    error(StatusCode::METHOD_NOT_ALLOWED, "method", "this can only be read, with GET")
}

async fn messages(State(lookout): State<Arc<Lookout>>, RawQuery(query): RawQuery) -> Answer {
    match asked(Table::Messages, query.as_deref()) {
        Ok((filter, page)) => shown(lookout.look().messages(&filter, &page).await.map(Some)),
        Err(wrong) => bad_request(&wrong),
    }
}

async fn events(State(lookout): State<Arc<Lookout>>, RawQuery(query): RawQuery) -> Answer {
    match asked(Table::Events, query.as_deref()) {
        Ok((filter, page)) => shown(lookout.look().events(&filter, &page).await.map(Some)),
        Err(wrong) => bad_request(&wrong),
    }
}

async fn deliveries(State(lookout): State<Arc<Lookout>>, RawQuery(query): RawQuery) -> Answer {
    match asked(Table::Deliveries, query.as_deref()) {
        Ok((filter, page)) => shown(lookout.look().deliveries(&filter, &page).await.map(Some)),
        Err(wrong) => bad_request(&wrong),
    }
}

async fn alerts(State(lookout): State<Arc<Lookout>>) -> Answer {
    shown(lookout.look().alerts().await.map(Some))
}

async fn message(
    State(lookout): State<Arc<Lookout>>,
    Path(id): Path<String>,
    query: RawQuery,
) -> Answer {
    match one(&id, &query) {
        Ok((id, with_body)) => {
            shown_or(lookout.look().message(id, with_body).await, lookout.look())
        }
        Err(hint) => bad_request(hint),
    }
}

async fn event(
    State(lookout): State<Arc<Lookout>>,
    Path(id): Path<String>,
    query: RawQuery,
) -> Answer {
    match one(&id, &query) {
        Ok((id, with_body)) => shown_or(lookout.look().event(id, with_body).await, lookout.look()),
        Err(hint) => bad_request(hint),
    }
}

async fn delivery(
    State(lookout): State<Arc<Lookout>>,
    Path(id): Path<String>,
    query: RawQuery,
) -> Answer {
    match one(&id, &query) {
        Ok((id, with_body)) => {
            shown_or(lookout.look().delivery(id, with_body).await, lookout.look())
        }
        Err(hint) => bad_request(hint),
    }
}

async fn overview(State(lookout): State<Arc<Lookout>>) -> Answer {
    shown(lookout.overview().await.map(Some))
}

async fn routes(State(lookout): State<Arc<Lookout>>) -> Answer {
    shown(lookout.routes().await.map(|items| Some(All { items })))
}

async fn actions(State(lookout): State<Arc<Lookout>>) -> Answer {
    shown(lookout.actions().await.map(|items| Some(All { items })))
}

async fn dead_letters(State(lookout): State<Arc<Lookout>>) -> Answer {
    shown(lookout.dead_letters().await.map(Some))
}

async fn inventory(State(lookout): State<Arc<Lookout>>) -> Answer {
    let inventory = lookout.inventory(OffsetDateTime::now_utc()).await;
    shown(inventory.map(|inventory| Some(inventory.to_json())))
}

async fn attio(State(lookout): State<Arc<Lookout>>) -> Answer {
    shown(lookout.attio().await.map(Some))
}

fn asked(table: Table, query: Option<&str>) -> Result<(Search, Page), String> {
    let pairs: Vec<_> = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()).collect();
    let pairs = pairs.iter().map(|(name, value)| (&**name, &**value));
    ask::read(table, pairs, OffsetDateTime::now_utc())
}

/// The id, and whether the body is wanted.
fn one(id: &str, RawQuery(query): &RawQuery) -> Result<(Uuid, bool), &'static str> {
    let id = id.parse().map_err(|_| "an id is a UUID")?;
    match query.as_deref() {
        None | Some("" | "body=false") => Ok((id, false)),
        Some("body=true") => Ok((id, true)),
        Some(_) => Err("only `body=true` can be asked for"),
    }
}

fn bad_request(hint: &str) -> Answer {
    error(StatusCode::BAD_REQUEST, "query", hint)
}

/// What was found, or why it may not be there.
fn shown_or<T: Serialize>(found: Result<Option<T>, StoreError>, look: &Look) -> Answer {
    match found {
        Ok(None) => error(StatusCode::NOT_FOUND, "not_found", &look.not_there()),
        found => shown(found),
    }
}

fn shown<T: Serialize>(found: Result<Option<T>, StoreError>) -> Answer {
    match found {
        Ok(Some(value)) => json_of(StatusCode::OK, &value),
        Ok(None) => error(StatusCode::NOT_FOUND, "not_found", "there is none of this id"),
        Err(failed) => {
            warn!(error = error_text(&failed), "could not look into the store");
            unavailable()
        }
    }
}
