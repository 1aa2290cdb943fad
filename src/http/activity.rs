//! What a connection is doing, and since when.
//!
//! hyper's own header timer also bounds idle keep-alive, so it cannot tell a silent client from an
//! idle one. This can: three clocks, none of which is touched while a request is served.

use std::{
    pin::Pin,
    sync::atomic::{AtomicU64, Ordering},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::Notify,
};

/// From accept to the first byte, and from a request's first byte to the end of its head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Between two requests: above the load balancer's 60 s, so that it closes first.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Accepted, nothing heard yet.
    Fresh,
    /// In the middle of a head.
    Head,
    /// A request is being served.
    Busy,
    /// Between two requests.
    Idle,
}

const PHASES: [Phase; 4] = [Phase::Fresh, Phase::Head, Phase::Busy, Phase::Idle];

/// One connection's phase and since when, in one word: no lock on the way of a request.
#[derive(Debug)]
pub(super) struct Activity {
    accepted: Instant,
    /// Milliseconds since `accepted`, times four, plus the phase.
    word: AtomicU64,
    evicted: Notify,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self { accepted: Instant::now(), word: AtomicU64::new(0), evicted: Notify::new() }
    }

    fn enter(&self, phase: Phase) {
        let millis = u64::try_from(self.accepted.elapsed().as_millis()).unwrap_or(u64::MAX >> 2);
        self.word.store((millis << 2) | phase as u64, Ordering::Relaxed);
    }

    fn now(&self) -> (Phase, Instant) {
        let word = self.word.load(Ordering::Relaxed);
        let phase = PHASES[usize::try_from(word & 3).expect("two bits fit")];
        (phase, self.accepted + Duration::from_millis(word >> 2))
    }

    /// A head is complete.
    pub(super) fn request_started(&self) {
        self.enter(Phase::Busy);
    }

    /// A response is ready.
    pub(super) fn request_ended(&self) {
        self.enter(Phase::Idle);
    }

    /// When the handshake must be done.
    pub(super) fn handshake_deadline(&self) -> Instant {
        self.accepted + HEAD_TIMEOUT
    }

    /// Since when the connection is idle, if it is.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let (phase, since) = self.now();
        (phase == Phase::Idle).then_some(since)
    }

    /// Asks the connection's task to close it.
    pub(super) fn evict(&self) {
        self.evicted.notify_one();
    }

    /// Returns the reason when the connection must be closed.
    pub(super) async fn overdue(&self) -> &'static str {
        loop {
            let (phase, since) = self.now();
            let (limit, reason) = match phase {
                Phase::Fresh => (HEAD_TIMEOUT, "silent"),
                Phase::Head => (HEAD_TIMEOUT, "slow_head"),
                Phase::Busy => (IDLE_TIMEOUT, "stuck"),
                Phase::Idle => (IDLE_TIMEOUT, "idle"),
            };
            let deadline = since + limit;
            if deadline <= Instant::now() {
                return reason;
            }
            // A phase that starts later can end sooner: a head begun after a long pause.
            let look_again = deadline.min(Instant::now() + HEAD_TIMEOUT / 4);
            tokio::select! {
                () = tokio::time::sleep_until(look_again.into()) => {}
                () = self.evicted.notified() => return "evicted",
            }
        }
    }
}

/// A stream that tells its [`Activity`] when a request's first byte arrives.
#[derive(Debug)]
pub(super) struct Watched<S> {
    stream: S,
    activity: std::sync::Arc<Activity>,
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S, activity: std::sync::Arc<Activity>) -> Self {
        Self { stream, activity }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let poll = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before
            && matches!(self.activity.now().0, Phase::Fresh | Phase::Idle)
        {
            self.activity.enter(Phase::Head);
        }
        poll
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
