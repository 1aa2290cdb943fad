//! What the forms on the pages are sent to: the same deeds as over the API, answered with the way
//! back to the page and a word of what was done. They work without any script.

mod back;
mod login;
mod page;

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request, State},
    http::{Response, StatusCode, header::RETRY_AFTER},
    routing::{any, get, post},
};
use tracing::warn;

use self::{back::Back, page::see_other};
use super::{
    access::{Access, Denied, refuse},
    acting::Acting,
    asked::{self, Asked},
    body,
};
use crate::{act::Refusal, telemetry::error_text};

/// What forms can do.
pub const PATHS: [&str; 5] =
    ["/pages/replay", "/pages/discard", "/pages/pause", "/pages/resume", "/pages/release"];

/// What they are done with. Cheap to clone.
#[derive(Clone)]
struct Forms {
    acting: Arc<Acting>,
    access: Access,
}

/// What came from a form.
struct Sent {
    /// Its fields, without those that every form has.
    pairs: Vec<(String, String)>,
    token: Option<String>,
    back: Back,
    who: String,
}

/// The forms, with who may send them, and the way in and out.
pub(super) fn router(acting: Arc<Acting>, access: Access) -> Router {
    let forms = Forms { acting, access };
    let router = PATHS
        .into_iter()
        .fold(Router::new(), |router, path| router.route(path, post(deed).fallback(not_by_form)));
    router
        .route("/login", get(login::show).post(login::login))
        .route("/logout", post(login::logout).fallback(not_by_form))
        .route("/pages/{*other}", any(not_by_form))
        .with_state(forms)
}

/// Somebody typed the address, or reloaded it.
async fn not_by_form() -> Response<Body> {
    see_other("/")
}

impl Sent {
    /// Reads a form.
    async fn of(access: &Access, request: Request) -> Result<Self, Response<Body>> {
        let (parts, body) = request.into_parts();
        let from = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|from| from.0.ip());
        let who = access.who(&parts.headers, from);
        let read = body::read(&parts.headers, body, "application/x-www-form-urlencoded").await;
        let body = read.map_err(|unread| page::refused(unread.status(), &unread.hint(), "/"))?;
        let (mut token, mut back, mut pairs) = (None, Back::of("/"), Vec::new());
        for (name, value) in url::form_urlencoded::parse(&body).into_owned() {
            match &*name {
                "token" => token = Some(value),
                "back" => back = Back::of(&value),
                _ => pairs.push((name, value)),
            }
        }
        Ok(Self { pairs, token, back, who })
    }

    /// The fields by the names that the API has for them.
    fn asked(&self, own: &'static [&'static str]) -> Result<Asked, Refusal> {
        let renamed = |(name, value): &(String, String)| {
            let name = match &**name {
                "id" => "ids",
                "state" => "states",
                name => name,
            };
            (name.to_owned(), value.clone())
        };
        let pairs: Vec<_> = self.pairs.iter().map(renamed).collect();
        let pairs = pairs.iter().map(|(name, value)| (&**name, &**value));
        Asked::of_pairs(own, pairs).map_err(Refusal::Wrong)
    }
}

async fn deed(State(forms): State<Forms>, request: Request) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let headers = request.headers().clone();
    let may_read = forms.access.may_read(&headers, request.uri());
    let sent = match Sent::of(&forms.access, request).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    match may_read {
        Ok(()) => {}
        // The login has ended meanwhile: nothing is done, and the page is there again after it.
        Err(Denied::Unknown) => return see_other(&login::way_to(&sent.back)),
        Err(denied) => return refuse(&forms.access, denied).await,
    }
    let back = sent.back.address();
    if forms.access.may_change(&headers, sent.token.as_deref()).is_err() {
        let why = "Nothing was done: this did not come from a page of attio-relay that is open \
            here, or that page is older than the program. Load the page again, and do it there.";
        return page::refused(StatusCode::FORBIDDEN, why, &back);
    }
    match forms.perform(&path, &sent).await {
        Ok(did) => see_other(&sent.back.telling(&did)),
        Err(refusal) => told(&refusal, &back),
    }
}

/// Whether one press did not do it all.
fn more(is_more: bool) -> &'static str {
    if is_more { "-more" } else { "" }
}

impl Forms {
    /// Does it, and says what was done in a word that pages know.
    async fn perform(&self, path: &str, sent: &Sent) -> Result<String, Refusal> {
        let who = sent.who.clone();
        Ok(match path {
            "/pages/replay" => {
                let done = self.acting.replay(&sent.asked(asked::REPLAY)?, who).await?;
                format!("replayed-{}{}", done.replayed.len(), more(done.is_more))
            }
            "/pages/discard" => {
                let done = self.acting.discard(&sent.asked(asked::DISCARD)?, who).await?;
                format!("discarded-{}{}", done.discarded, more(done.is_more))
            }
            "/pages/pause" => {
                let paused = self.acting.pause(&sent.asked(asked::PAUSE)?, &who).await?;
                format!("paused-{}", u8::from(paused.is_new))
            }
            "/pages/resume" => {
                let was_paused = self.acting.resume(&sent.asked(asked::RESUME)?, &who).await?;
                format!("resumed-{}", u8::from(was_paused))
            }
            _ => {
                let id = sent.pairs.iter().find(|(name, _)| name == "id");
                let id = id.and_then(|(_, id)| id.parse().ok());
                let none = || Refusal::Wrong("no message was named".to_owned());
                self.acting.release(id.ok_or_else(none)?, who).await?;
                "released-1".to_owned()
            }
        })
    }
}

fn told(refusal: &Refusal, back: &str) -> Response<Body> {
    let (status, why) = match refusal {
        Refusal::Wrong(why) => (StatusCode::BAD_REQUEST, why.clone()),
        Refusal::Missing(why) => (StatusCode::NOT_FOUND, why.clone()),
        Refusal::Unfit(why) => (StatusCode::CONFLICT, why.clone()),
        Refusal::Store(failed) => {
            warn!(error = error_text(failed), "could not do in the store what a form asked for");
            let why = "The store is away or busy. What was done before is done; do the rest again.";
            (StatusCode::SERVICE_UNAVAILABLE, why.to_owned())
        }
    };
    let mut answer = page::refused(status, &why, back);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        answer.headers_mut().insert(RETRY_AFTER, axum::http::HeaderValue::from_static("1"));
    }
    answer
}
