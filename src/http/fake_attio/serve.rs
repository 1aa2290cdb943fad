//! The fake's own accept loop: unlike the doors', it can cut a connection without an answer.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response,
    body::Incoming,
    header::{DATE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    call::Call,
    desk::{Cut, Desk},
    lock,
};

/// The pause after an accept that failed for want of resources.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until told to stop; then all connections are cut.
pub(super) async fn serve(
    desk: Arc<Desk>,
    socket: TcpListener,
    stop: CancellationToken,
    tasks: TaskTracker,
) {
    while let Some(accepted) = stop.run_until_cancelled(socket.accept()).await {
        let Ok((stream, _peer)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let connection = converse(Arc::clone(&desk), stream);
        tasks.spawn(stop.clone().run_until_cancelled_owned(connection));
    }
}

async fn converse(desk: Arc<Desk>, stream: TcpStream) {
    let _only_slower_without = stream.set_nodelay(true);
    let service = service_fn(move |request| handle(Arc::clone(&desk), request));
    // It ends with an error when it is cut, by either side.
    let _ended = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn handle(desk: Arc<Desk>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Cut> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
    let path = lock(&desk.world).canonical(head.uri.path());
    let call = Call::read(&head, &body, path);
    let serving = desk.log.begin(&call);
    let reply = desk.answer(&call).await?;
    serving.answered(reply.status);
    let mut response = reply.response();
    if let Ok(date) = HeaderValue::try_from(httpdate::fmt_http_date(desk.clock.now())) {
        response.headers_mut().insert(DATE, date);
    }
    Ok(response)
}
