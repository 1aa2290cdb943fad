//! The load generator: a closed loop, and an open one that wants more than the server can take.
//!
//! One thread drives all connections: that leaves the most of two cores to what is measured. Its
//! timers are a millisecond coarse; latencies at a moderate rate come from `paced`.

use std::{
    io,
    net::SocketAddr,
    rc::Rc,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime,
    task::LocalSet,
    time::sleep_until,
};

use crate::{http::Head, message::Messages, tally::Tally};

/// When a closed loop ends.
#[derive(Debug, Clone, Copy)]
pub enum Until {
    /// After a time.
    Elapsed(Duration),
    /// After so many requests.
    Sent(u64),
}

/// Sends one request after the other over each of `connections`.
///
/// # Errors
/// When the server cannot be reached.
pub fn closed(
    to: SocketAddr,
    messages: &Arc<Messages>,
    connections: usize,
    until: Until,
) -> io::Result<Tally> {
    let limit = match until {
        Until::Elapsed(_) => u64::MAX,
        Until::Sent(count) => messages.take() + 1 + count,
    };
    drive(to, messages, connections, move |start, number| match until {
        Until::Elapsed(time) => (start.elapsed() < time).then_some(start),
        Until::Sent(_) => (number < limit).then_some(start),
    })
}

/// Sends `per_second` requests a second for a time, whether or not earlier ones were answered.
///
/// Latencies are counted from the sending: this is for rates that leave the generator itself short
/// of processor time, where its own lag would hide how soon the server answers.
///
/// # Errors
/// When the server cannot be reached.
pub fn flood(
    to: SocketAddr,
    messages: &Arc<Messages>,
    connections: usize,
    per_second: f64,
    time: Duration,
) -> io::Result<Tally> {
    let first = messages.take() + 1;
    drive(to, messages, connections, move |start, number| {
        let due = Duration::from_secs_f64(count(number - first) / per_second);
        (due < time && start.elapsed() < time).then(|| start + due)
    })
}

/// Runs all connections on a thread of their own; `due` says when a number is sent, if at all.
fn drive(
    to: SocketAddr,
    messages: &Arc<Messages>,
    connections: usize,
    due: impl Fn(Instant, u64) -> Option<Instant> + Send + 'static,
) -> io::Result<Tally> {
    let messages = Arc::clone(messages);
    let generator = thread::spawn(move || {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        LocalSet::new().block_on(&runtime, drive_here(to, messages, connections, Rc::new(due)))
    });
    generator.join().expect("the generator does not panic")
}

async fn drive_here(
    to: SocketAddr,
    messages: Arc<Messages>,
    connections: usize,
    due: Rc<impl Fn(Instant, u64) -> Option<Instant> + 'static>,
) -> io::Result<Tally> {
    let mut opened = Vec::new();
    for _ in 0..connections {
        opened.push(Connection::open(to).await?);
    }
    let start = Instant::now();
    let tasks: Vec<_> = opened
        .into_iter()
        .map(|connection| {
            let (messages, due) = (Arc::clone(&messages), Rc::clone(&due));
            tokio::task::spawn_local(connection.run(messages, move |number| due(start, number)))
        })
        .collect();
    let mut tally = Tally::default();
    for task in tasks {
        tally.add(task.await.expect("a connection does not panic"));
    }
    Ok(tally.finish(start.elapsed()))
}

struct Connection {
    to: SocketAddr,
    stream: TcpStream,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Connection {
    async fn open(to: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(Self { to, stream, request: Vec::with_capacity(1024), answer: Vec::with_capacity(1024) })
    }

    async fn run(mut self, messages: Arc<Messages>, due: impl Fn(u64) -> Option<Instant>) -> Tally {
        let mut tally = Tally::default();
        loop {
            let number = messages.take();
            let Some(due) = due(number) else { return tally };
            if due > Instant::now() {
                sleep_until(due.into()).await;
            }
            messages.write(number, &mut self.request);
            let sent = Instant::now();
            let answer = self.exchange().await;
            tally.note(answer.as_ref().map_or(0, |head| head.status), sent.elapsed());
            if answer.as_ref().is_ok_and(|head| head.status == 503 && !head.retry_after) {
                tally.note_without_retry_after();
            }
            if answer.map_or(true, |head| head.closes) {
                self.reopen().await;
            }
        }
    }

    async fn exchange(&mut self) -> io::Result<Head> {
        self.stream.write_all(&self.request).await?;
        self.answer.clear();
        loop {
            if self.stream.read_buf(&mut self.answer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(head) = Head::parse(&self.answer)?
                && self.answer.len() >= head.total()
            {
                return Ok(head);
            }
        }
    }

    /// A failure here shows as the next exchange's.
    async fn reopen(&mut self) {
        match Self::open(self.to).await {
            Ok(fresh) => *self = fresh,
            Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn count(number: u64) -> f64 {
    number as f64
}
