//! The pages: what is kept and how it stands, for the person on duty, made here and not in the
//! browser.
//!
//! They only read; what changes something is posted to addresses of its own. Nothing that came
//! from outside is ever markup: the engine escapes every value.

mod assets;
mod dead;
mod engine;
mod event;
mod integrations;
mod lists;
mod overview;
mod spark;
mod visit;

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{
        HeaderMap, HeaderValue, Method, Response, StatusCode,
        header::{ACCEPT, CONTENT_TYPE, LOCATION, RETRY_AFTER},
    },
    middleware::{Next, from_fn_with_state},
    routing::get,
};
use minijinja::{Environment, Value, context};
use time::OffsetDateTime;
use tracing::{error, warn};
use uuid::Uuid;

pub use self::engine::{TEMPLATES, engine};
use self::visit::Visit;
use super::access::{Access, Denied, refuse};
use crate::{
    look::{Look, Lookout},
    reload::Standing,
    store::{StoreError, text_of},
    telemetry::error_text,
};

/// Every page. The first one is `/`.
pub const PATHS: [&str; 13] = [
    "/",
    "/find",
    "/events",
    "/events/{id}",
    "/deliveries",
    "/deliveries/{id}",
    "/messages",
    "/messages/{id}",
    "/dead-letters",
    "/routes",
    "/integrations",
    "/attio",
    "/{*other}",
];

type Answer = Response<Body>;

/// What pages are made of.
pub struct Pages {
    lookout: Arc<Lookout>,
    access: Access,
    standing: Standing,
    engine: Environment<'static>,
}

/// A page before it is rendered.
struct Page {
    template: &'static str,
    status: StatusCode,
    values: Value,
}

/// Why there is no page.
#[derive(Debug)]
enum Problem {
    /// The store cannot be asked.
    Away(StoreError),
    /// Nothing of this kind has that id.
    NoSuch(&'static str),
    /// There is no page at this address.
    NoPage,
    /// It is at another address.
    At(String),
    /// It may not be seen from there.
    NotLocal,
}

impl From<StoreError> for Problem {
    fn from(failed: StoreError) -> Self {
        Self::Away(failed)
    }
}

impl Page {
    fn new(template: &'static str, values: Value) -> Self {
        Self { template, status: StatusCode::OK, values }
    }
}

/// The pages, with who may see them. What they load is for anyone: it tells nothing.
pub(super) fn router(lookout: Arc<Lookout>, access: Access, standing: Standing) -> Router {
    let pages = Arc::new(Pages { lookout, access, standing, engine: engine() });
    let shown = PATHS.into_iter().fold(Router::new(), |router, path| router.route(path, get(page)));
    let guarded = shown.layer(from_fn_with_state(Arc::clone(&pages), guard)).with_state(pages);
    let assets = [assets::STYLE, assets::SCRIPT, assets::ICON].into_iter();
    assets
        .fold(guarded, |router, asset| router.route(asset.path, get(async move || asset.answer())))
}

async fn page(State(pages): State<Arc<Pages>>, visit: Visit) -> Answer {
    let made = pages.make(&visit).await;
    pages.answer(&visit, made)
}

/// Lets through what may see things; sends a browser that is nobody yet to the login.
async fn guard(
    State(pages): State<Arc<Pages>>,
    visit: Visit,
    request: Request,
    next: Next,
) -> Answer {
    let denied = match pages.access.may_read(request.headers(), request.uri()) {
        Ok(()) => return next.run(request).await,
        Err(denied) => denied,
    };
    let is_page = request.method() == Method::GET && wants_page(request.headers());
    match denied {
        Denied::Unknown if is_page => {
            let here = visit.here();
            let back: String = url::form_urlencoded::byte_serialize(here.as_bytes()).collect();
            see_other(&format!("/login?back={back}"))
        }
        Denied::NotLocal if is_page => pages.answer(&visit, Err(Problem::NotLocal)),
        Denied::Unknown | Denied::Wrong | Denied::NotLocal | Denied::Origin => {
            refuse(&pages.access, denied).await
        }
    }
}

fn wants_page(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|kind| kind.trim().starts_with("text/html"))
}

fn see_other(address: &str) -> Answer {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let address = HeaderValue::from_str(address).unwrap_or(HeaderValue::from_static("/"));
    response.headers_mut().insert(LOCATION, address);
    response
}

impl Pages {
    fn look(&self) -> &Look {
        self.lookout.look()
    }

    /// The page of an address.
    async fn make(&self, visit: &Visit) -> Result<Page, Problem> {
        let segments: Vec<&str> = visit.path.split('/').skip(1).collect();
        match segments[..] {
            [""] => self.overview().await,
            ["find"] => self.find(visit.asked("q").unwrap_or_default().trim()).await,
            ["events"] => self.events(visit).await,
            ["events", id] => self.event(id).await,
            ["deliveries"] => self.deliveries(visit).await,
            ["deliveries", id] => self.delivery(id).await,
            ["messages"] => self.messages(visit).await,
            ["messages", id] => self.message(id).await,
            ["dead-letters"] => self.dead_letters(visit).await,
            ["routes"] => self.routes().await,
            ["integrations"] => self.integrations().await,
            ["attio"] => self.attio().await,
            _ => Err(Problem::NoPage),
        }
    }

    fn answer(&self, visit: &Visit, made: Result<Page, Problem>) -> Answer {
        match made {
            Ok(page) => self.render(visit, page, true),
            Err(Problem::At(address)) => see_other(&address),
            Err(problem) => self.explain(visit, &problem),
        }
    }

    fn explain(&self, visit: &Visit, problem: &Problem) -> Answer {
        let (status, what, kind) = match problem {
            Problem::Away(failed) => {
                warn!(error = error_text(failed), "could not look into the store");
                (StatusCode::SERVICE_UNAVAILABLE, "away", "")
            }
            Problem::NoSuch(kind) => (StatusCode::NOT_FOUND, "no_such", *kind),
            Problem::NotLocal => (StatusCode::FORBIDDEN, "not_local", ""),
            Problem::NoPage | Problem::At(_) => (StatusCode::NOT_FOUND, "no_page", ""),
        };
        let values = context! { what, kind };
        let page = Page { template: "problem.html", status, values };
        // Who may see nothing gets no token either, nor anything else of the frame.
        let mut response = self.render(visit, page, !matches!(problem, Problem::NotLocal));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response
    }

    fn render(&self, visit: &Visit, page: Page, has_frame: bool) -> Answer {
        let template = self.engine.get_template(page.template).expect("every template was added");
        let frame = if has_frame { self.frame(visit) } else { bare() };
        match template.render(context! { ..page.values, ..frame }) {
            Ok(text) => html(page.status, text),
            Err(failed) => {
                error!(error = error_text(&failed), page = page.template, "a page is wrong");
                let text = "This page could not be made. The log says why; the API and the commands show the same.";
                html(StatusCode::INTERNAL_SERVER_ERROR, text.to_owned())
            }
        }
    }

    /// What every page has around it.
    fn frame(&self, visit: &Visit) -> Value {
        let (generation, fingerprint) = self.standing.current();
        context! {
            has_frame => true,
            now => text_of(OffsetDateTime::now_utc()),
            section => section(&visit.path),
            here => visit.here(),
            note => visit.note.clone(),
            token => self.access.form_token(),
            has_login => self.access.has_token(),
            version => env!("CARGO_PKG_VERSION"),
            generation,
            fingerprint,
        }
    }
}

fn bare() -> Value {
    context! { has_frame => false, now => text_of(OffsetDateTime::now_utc()), note => () }
}

/// The page of the menu that an address belongs to.
fn section(path: &str) -> String {
    let first = path.split('/').nth(1).unwrap_or_default();
    let first = if ["messages", "deliveries"].contains(&first) { "events" } else { first };
    format!("/{first}")
}

fn html(status: StatusCode, text: String) -> Answer {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

/// An id out of an address; what is none belongs to nothing.
fn id(text: &str, kind: &'static str) -> Result<Uuid, Problem> {
    text.parse().map_err(|_| Problem::NoSuch(kind))
}
