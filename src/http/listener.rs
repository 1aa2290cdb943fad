//! The accept loop: plain HTTP/1.1 or HTTPS, with every limit that axum's own server lacks.
//!
//! At the connection limit the longest-idle connection makes room; where none is idle the new one
//! is closed. HTTP/1.1 only: load balancers and Attio speak it, and it closes a class of attacks.

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, atomic::AtomicBool},
    time::Duration,
};

pub use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::{either::Either, sync::CancellationToken, task::TaskTracker};
use tracing::{debug, warn};

use super::{
    activity::{Activity, Watched},
    requests::Requests,
    tls::Acceptor,
};
use crate::telemetry::Metrics;

/// The longest head of a request, in bytes; above it the answer is 431.
const HEAD_LIMIT: usize = 64 * 1024;

/// Connections that may wait to be accepted: what Linux allows by default. In a burst beyond it
/// clients are reset.
const BACKLOG: u32 = 4096;

/// The pause after an accept that failed for want of resources.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How long open connections may take to end after the listener closed.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// A bound listener and what it serves.
pub struct Listener {
    socket: TcpListener,
    router: Router,
    tls: Option<Acceptor>,
    connections: Arc<Connections>,
    draining: Arc<AtomicBool>,
    metrics: Option<Arc<Metrics>>,
    tells_peers: bool,
}

/// The open connections of a listener.
#[derive(Default)]
struct Connections {
    most: usize,
    open: Mutex<HashMap<u64, Arc<Activity>>>,
}

impl Connections {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Arc<Activity>>> {
        self.open.lock().expect("no one panics while holding it")
    }

    /// Room for one more; `None` when every connection is busy.
    fn add(&self, number: u64, activity: &Arc<Activity>) -> Option<()> {
        let mut open = self.lock();
        if open.len() >= self.most {
            let longest_idle = open
                .iter()
                .filter_map(|(number, activity)| Some((activity.idle_since()?, *number)))
                .min()?;
            open.remove(&longest_idle.1)?.evict();
        }
        open.insert(number, Arc::clone(activity));
        Some(())
    }

    fn remove(&self, number: u64) -> usize {
        let mut open = self.lock();
        open.remove(&number);
        open.len()
    }
}

impl Listener {
    /// Binds an address.
    ///
    /// # Errors
    /// The address is in use, or not ours.
    #[expect(clippy::unused_async, reason = "binding needs the runtime that it is awaited on")]
    pub async fn bind(address: SocketAddr, most: usize, router: Router) -> io::Result<Self> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        Ok(Self {
            socket: socket.listen(BACKLOG)?,
            router,
            tls: None,
            connections: Arc::new(Connections { most, ..Connections::default() }),
            draining: Arc::default(),
            metrics: None,
            tells_peers: false,
        })
    }

    /// Speaks HTTPS.
    #[must_use]
    pub fn with_tls(mut self, tls: Option<Acceptor>) -> Self {
        self.tls = tls;
        self
    }

    /// Counts its connections.
    #[must_use]
    pub fn with_metrics(mut self, metrics: Arc<Metrics>) -> Self {
        self.metrics = Some(metrics);
        self
    }

    /// Tells the router where each request comes from, as axum's `ConnectInfo`.
    #[must_use]
    pub fn with_peers(mut self) -> Self {
        self.tells_peers = true;
        self
    }

    /// Every answer closes its connection while this is set.
    #[must_use]
    pub fn with_draining(mut self, draining: Arc<AtomicBool>) -> Self {
        self.draining = draining;
        self
    }

    /// The address that is listened to.
    ///
    /// # Errors
    /// The operating system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Accepts until `stop`, then closes the listener and waits for its connections to end.
    pub async fn serve(self, stop: CancellationToken) {
        let tasks = TaskTracker::new();
        let mut number = 0_u64;
        while let Some(accepted) = stop.run_until_cancelled(self.socket.accept()).await {
            match accepted {
                Ok((stream, peer)) => {
                    number += 1;
                    self.open(number, stream, peer, &tasks, &stop);
                }
                Err(error) => {
                    warn!(%error, "could not accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(self.socket);
        tasks.close();
        if tokio::time::timeout(CLOSE_TIMEOUT, tasks.wait()).await.is_err() {
            self.connections.lock().values().for_each(|activity| activity.evict());
            tasks.wait().await;
        }
    }

    fn open(
        &self,
        number: u64,
        stream: TcpStream,
        peer: SocketAddr,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) {
        let activity = Arc::new(Activity::new());
        if self.connections.add(number, &activity).is_none() {
            count_closed(self.metrics.as_deref(), "limit");
            return;
        }
        let connection = Connection {
            activity,
            router: self.router.clone(),
            draining: Arc::clone(&self.draining),
            metrics: self.metrics.clone(),
            stop: stop.clone(),
            peer: self.tells_peers.then_some(peer),
        };
        let tls = self.tls.clone();
        let connections = Arc::clone(&self.connections);
        tasks.spawn(async move {
            let metrics = connection.metrics.clone();
            if let Some(metrics) = &metrics {
                metrics.connections.with([]).increment(1.0);
            }
            if let Err(error) = connection.run(stream, tls).await {
                debug!(%peer, %error, "connection ended");
            }
            connections.remove(number);
            if let Some(metrics) = &metrics {
                metrics.connections.with([]).decrement(1.0);
            }
        });
    }
}

fn count_closed(metrics: Option<&Metrics>, reason: &str) {
    if let Some(metrics) = metrics {
        metrics.connections_closed.with([reason]).increment(1);
    }
}

/// One connection's task.
struct Connection {
    activity: Arc<Activity>,
    router: Router,
    draining: Arc<AtomicBool>,
    metrics: Option<Arc<Metrics>>,
    stop: CancellationToken,
    peer: Option<SocketAddr>,
}

impl Connection {
    async fn run(self, stream: TcpStream, tls: Option<Acceptor>) -> Result<(), BoxError> {
        stream.set_nodelay(true)?;
        let stream = match tls {
            None => Either::Left(stream),
            Some(tls) => {
                let deadline = self.activity.handshake_deadline();
                let handshake = tokio::time::timeout_at(deadline.into(), tls.accept(stream)).await;
                let Ok(stream) = handshake else {
                    count_closed(self.metrics.as_deref(), "silent");
                    return Ok(());
                };
                Either::Right(stream?)
            }
        };
        let stream = TokioIo::new(Watched::new(stream, Arc::clone(&self.activity)));
        let service = Requests {
            router: self.router,
            activity: Arc::clone(&self.activity),
            draining: self.draining,
            peer: self.peer,
        };
        let connection = http1::Builder::new()
            .half_close(true)
            .max_header_size(HEAD_LIMIT)
            .max_buf_size(2 * HEAD_LIMIT)
            .serve_connection(stream, service);
        tokio::pin!(connection);
        let mut closing = false;
        loop {
            tokio::select! {
                biased;
                result = connection.as_mut() => return Ok(result?),
                reason = self.activity.overdue() => {
                    count_closed(self.metrics.as_deref(), reason);
                    return Ok(());
                }
                () = self.stop.cancelled(), if !closing => {
                    closing = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;
