//! Logs: text on a terminal, JSON otherwise. Bodies and secrets never appear.
//!
//! Lines are gathered in memory and written by a thread of their own, many at once under load. A
//! reader that hangs costs lines, which are counted, and never a request. A killed process loses
//! the lines of its last milliseconds.

use std::{
    io::{self, IsTerminal, Write, stderr},
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread::JoinHandle,
    time::Duration,
};

use tracing_subscriber::{
    EnvFilter,
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

/// The default level; `RUST_LOG` overrides it.
const DEFAULT: &str = "info";

/// Lines that wait may take so many bytes; further ones are dropped and counted.
const MOST_WAITING: usize = 4 << 20;

/// Lines gather for so long before they are written.
const GATHER: Duration = Duration::from_millis(5);

/// Keeps the logs going. Dropping it writes what is left.
#[derive(Debug)]
pub struct Logs {
    lines: Lines,
    writer: Option<JoinHandle<()>>,
}

/// Lines on their way to standard error.
#[derive(Debug, Clone, Default)]
struct Lines(Arc<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    state: Mutex<State>,
    came: Condvar,
}

#[derive(Debug, Default)]
struct State {
    bytes: Vec<u8>,
    dropped: u64,
    is_closed: bool,
}

/// Starts logging to standard error, for the whole process. A second call changes nothing.
#[must_use = "dropping it ends the logs"]
pub fn start() -> Logs {
    start_at(DEFAULT)
}

/// Starts logging at another default level.
#[must_use = "dropping it ends the logs"]
pub fn start_at(level: &str) -> Logs {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let registry = tracing_subscriber::registry().with(filter);
    let lines = Lines::default();
    let layer = fmt::layer().with_writer(lines.clone());
    let started = if stderr().is_terminal() {
        registry.with(layer.with_target(false)).try_init()
    } else {
        let json = layer.json().flatten_event(true).with_current_span(true).with_span_list(false);
        registry.with(json).try_init()
    };
    let writer = started.is_ok().then(|| {
        let lines = lines.clone();
        std::thread::spawn(move || lines.write_until_closed())
    });
    Logs { lines, writer }
}

impl Lines {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().expect("no one panics while holding it")
    }

    fn write_until_closed(&self) {
        let mut batch = Vec::new();
        loop {
            let mut state = self.state();
            while state.bytes.is_empty() && !state.is_closed {
                state = self.0.came.wait(state).expect("no one panics while holding it");
            }
            if !state.is_closed {
                drop(state);
                std::thread::sleep(GATHER);
                state = self.state();
            }
            std::mem::swap(&mut batch, &mut state.bytes);
            let (dropped, is_closed) = (std::mem::take(&mut state.dropped), state.is_closed);
            drop(state);
            // Where standard error is gone there is nobody left to tell.
            let _gone = stderr().write_all(&batch);
            if dropped > 0 {
                let _gone =
                    writeln!(stderr(), "{dropped} log lines were dropped: nobody read them");
            }
            batch.clear();
            if is_closed {
                return;
            }
        }
    }
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut state = self.state();
        if state.bytes.len() + line.len() > MOST_WAITING {
            state.dropped += 1;
        } else {
            let was_empty = state.bytes.is_empty();
            state.bytes.extend_from_slice(line);
            if was_empty {
                self.0.came.notify_one();
            }
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Drop for Logs {
    fn drop(&mut self) {
        self.lines.state().is_closed = true;
        self.lines.0.came.notify_one();
        if let Some(writer) = self.writer.take() {
            // A panic of the writer was already shown by the panic hook.
            let _panicked = writer.join();
        }
    }
}
