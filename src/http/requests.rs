//! The requests of one connection, handed to the router.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{HeaderValue, Request, Response, header::CONNECTION},
};
use hyper::{body::Incoming, service::Service};
use tower::ServiceExt;

use super::activity::Activity;

/// Hands a connection's requests to the router.
pub(super) struct Requests {
    pub(super) router: Router,
    pub(super) activity: Arc<Activity>,
    pub(super) draining: Arc<AtomicBool>,
    /// Where the connection comes from, where the router wants to know.
    pub(super) peer: Option<SocketAddr>,
}

impl Service<Request<Incoming>> for Requests {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future =
        std::pin::Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.activity.request_started();
        let mut request = request.map(Body::new);
        if let Some(peer) = self.peer {
            request.extensions_mut().insert(ConnectInfo(peer));
        }
        let answer = self.router.clone().oneshot(request);
        let activity = Arc::clone(&self.activity);
        let draining = Arc::clone(&self.draining);
        Box::pin(async move {
            let mut response = answer.await?;
            if draining.load(Ordering::Relaxed) {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            activity.request_ended();
            Ok(response)
        })
    }
}
