//! The local destination: answers 200 at once and counts.

use std::{
    collections::HashSet,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    thread,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime, task,
};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    http::Head,
    message::number_in,
    paced::Schedule,
    tally::{micros, percentile},
};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// A destination that listens until it is dropped.
#[derive(Debug)]
pub struct Sink {
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    _stop: DropGuard,
}

/// What arrived so far.
#[derive(Debug, Default)]
struct Seen {
    keys: HashSet<u128>,
    strange: u64,
    last: Option<Instant>,
    schedule: Option<Arc<Schedule>>,
    micros: Vec<u32>,
}

impl Sink {
    /// Listens on a free port of loopback, on a thread of its own.
    ///
    /// # Errors
    /// When it cannot listen.
    pub fn start() -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0)))?;
        let address = listener.local_addr()?;
        let seen = Arc::new(Mutex::new(Seen::default()));
        let stop = CancellationToken::new();
        let (sight, stopped) = (Arc::clone(&seen), stop.clone());
        thread::spawn(move || {
            let local = task::LocalSet::new();
            local.block_on(&runtime, stopped.run_until_cancelled(accept(listener, sight)));
        });
        Ok(Self { address, seen, _stop: stop.drop_guard() })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on, notes how long after its scheduled sending each traced message is answered.
    pub fn trace(&self, schedule: Arc<Schedule>) {
        self.seen().schedule = Some(schedule);
    }

    /// Different deliveries so far: requests with the same key are one.
    pub fn deliveries(&self) -> u64 {
        self.seen().keys.len() as u64
    }

    /// Requests that came without a key, or broke off.
    pub fn strange(&self) -> u64 {
        self.seen().strange
    }

    /// When the latest request was answered.
    pub fn last(&self) -> Option<Instant> {
        self.seen().last
    }

    /// The latency that this share of the traced messages did not exceed, in milliseconds.
    pub fn percentile(&self, share: f64) -> f64 {
        let mut micros = self.seen().micros.clone();
        micros.sort_unstable();
        percentile(&micros, share)
    }

    /// Waits until so many different deliveries arrived; false when the time is over first.
    pub fn wait_for(&self, deliveries: u64, at_most: Duration) -> bool {
        let start = Instant::now();
        while self.deliveries() < deliveries {
            if start.elapsed() > at_most {
                return false;
            }
            thread::sleep(Duration::from_millis(2));
        }
        true
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("no panic while counting")
    }
}

async fn accept(listener: TcpListener, seen: Arc<Mutex<Seen>>) {
    while let Ok((stream, _)) = listener.accept().await {
        task::spawn_local(serve(stream, Arc::clone(&seen)));
    }
}

/// Answers request after request until the other side closes.
async fn serve(mut stream: TcpStream, seen: Arc<Mutex<Seen>>) {
    let mut bytes = Vec::with_capacity(4096);
    while let Ok(Some(head)) = read_request(&mut stream, &mut bytes).await {
        seen.lock().expect("no panic while counting").note(&head, &bytes[head.len..head.total()]);
        bytes.drain(..head.total());
        if stream.write_all(ANSWER).await.is_err() {
            break;
        }
    }
    if !bytes.is_empty() {
        seen.lock().expect("no panic while counting").strange += 1;
    }
}

/// The next request's head, once all of it is in `bytes`; `None` at the end.
async fn read_request(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> io::Result<Option<Head>> {
    loop {
        if let Some(head) = Head::parse(bytes)?
            && bytes.len() >= head.total()
        {
            return Ok(Some(head));
        }
        if stream.read_buf(bytes).await? == 0 {
            return Ok(None);
        }
    }
}

impl Seen {
    fn note(&mut self, head: &Head, body: &[u8]) {
        let now = Instant::now();
        self.last = Some(now);
        match head.key {
            Some(key) => drop(self.keys.insert(key)),
            None => self.strange += 1,
        }
        if let Some(schedule) = &self.schedule
            && let Some(number) = number_in(body)
        {
            self.micros.push(micros(now.saturating_duration_since(schedule.due(number))));
        }
    }
}
