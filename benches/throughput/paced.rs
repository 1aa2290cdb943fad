//! The load generator for latencies: an open loop, timed from the intended sending time.
//!
//! A thread for each connection, because only the kernel's timers are fine enough: a request at
//! 2,000 a second takes a tenth of the millisecond that tokio's timers are coarse. A request that
//! could not be sent in time, because all earlier ones still wait, has waited too.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use crate::{http::Head, message::Messages, tally::Tally};

/// Enough for 2,000 a second while each answer takes less than 30 ms.
const CONNECTIONS: usize = 64;

/// When each message was meant to be sent.
#[derive(Debug)]
pub struct Schedule {
    start: Instant,
    first: u64,
    per_second: u32,
}

impl Schedule {
    /// From now on, beginning with the number that is taken next.
    pub fn new(messages: &Messages, per_second: u32) -> Self {
        Self {
            start: Instant::now() + Duration::from_millis(50),
            first: messages.take() + 1,
            per_second,
        }
    }

    /// When the message with this number is meant to be sent.
    pub fn due(&self, number: u64) -> Instant {
        let nanos = number.saturating_sub(self.first) * 1_000_000_000 / u64::from(self.per_second);
        self.start + Duration::from_nanos(nanos)
    }
}

/// Sends by schedule for a time.
///
/// # Errors
/// When the server cannot be reached, or a connection fails.
pub fn paced(
    to: SocketAddr,
    messages: &Arc<Messages>,
    schedule: &Arc<Schedule>,
    time: Duration,
) -> io::Result<Tally> {
    sleep_exactly();
    let threads: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (messages, schedule) = (Arc::clone(messages), Arc::clone(schedule));
            thread::spawn(move || one_connection(to, &messages, &schedule, time))
        })
        .collect();
    let mut tally = Tally::default();
    for thread in threads {
        tally.add(thread.join().expect("a connection does not panic")?);
    }
    Ok(tally.finish(time))
}

/// The kernel lets a sleeper lie 50 µs longer to save energy, unless it is told not to. Of the main
/// thread; those that it starts inherit it.
fn sleep_exactly() {
    if let Err(error) = std::fs::write("/proc/self/timerslack_ns", "1") {
        eprintln!("  latencies hold some 50 µs of the generator's own: timerslack_ns: {error}");
    }
}

fn one_connection(
    to: SocketAddr,
    messages: &Messages,
    schedule: &Schedule,
    time: Duration,
) -> io::Result<Tally> {
    let mut stream = TcpStream::connect(to)?;
    stream.set_nodelay(true)?;
    let (mut tally, mut request, mut answer) = (Tally::default(), Vec::new(), Vec::new());
    loop {
        let number = messages.take();
        let due = schedule.due(number);
        if due >= schedule.start + time {
            return Ok(tally);
        }
        messages.write(number, &mut request);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        stream.write_all(&request)?;
        let head = read_answer(&mut stream, &mut answer)?;
        tally.note(head.status, due.elapsed());
    }
}

fn read_answer(stream: &mut TcpStream, answer: &mut Vec<u8>) -> io::Result<Head> {
    answer.clear();
    let mut chunk = [0; 1024];
    loop {
        let read = stream.read(&mut chunk)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        answer.extend_from_slice(&chunk[..read]);
        if let Some(head) = Head::parse(answer)?
            && answer.len() >= head.total()
        {
            return Ok(head);
        }
    }
}
