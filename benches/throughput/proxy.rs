//! Stands between relay and Postgres, and can take the durability from the relay's connections.
//!
//! The relay never offers that; what its durability costs shall be known all the same. Both sides
//! of the comparison go through here.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    runtime, task,
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// How a connection of the relay asks for durable commits, in its first packet.
const DURABLE: &[u8] = b"synchronous_commit=on";

/// The same wish refused. Postgres reads `no` as `off`, and the packet's length stays as it is.
const NOT_DURABLE: &[u8] = b"synchronous_commit=no";

/// A proxy that listens until it is dropped.
#[derive(Debug)]
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    changed: Arc<AtomicUsize>,
    _stop: DropGuard,
}

impl Proxy {
    /// Listens on a free port of loopback, on a thread of its own.
    ///
    /// # Errors
    /// When it cannot listen.
    pub fn start(to: SocketAddr, durable: bool) -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0)))?;
        let address = listener.local_addr()?;
        let changed = Arc::new(AtomicUsize::new(0));
        let stop = CancellationToken::new();
        let (count, stopped) = (Arc::clone(&changed), stop.clone());
        thread::spawn(move || {
            let accept = async {
                while let Ok((client, _)) = listener.accept().await {
                    task::spawn_local(forward(client, to, durable, Arc::clone(&count)));
                }
            };
            task::LocalSet::new().block_on(&runtime, stopped.run_until_cancelled(accept));
        });
        Ok(Self { address, changed, _stop: stop.drop_guard() })
    }

    /// Connections that asked for durable commits and did not get them.
    pub fn changed(&self) -> usize {
        self.changed.load(Ordering::Relaxed)
    }
}

/// A connection that breaks is the relay's to mend.
async fn forward(
    mut client: TcpStream,
    to: SocketAddr,
    durable: bool,
    changed: Arc<AtomicUsize>,
) -> io::Result<()> {
    let mut server = TcpStream::connect(to).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let mut first = [0; 4096];
    let read = client.read(&mut first).await?;
    let first = &mut first[..read];
    let at = first.windows(DURABLE.len()).position(|window| window == DURABLE);
    if let (false, Some(at)) = (durable, at) {
        first[at..at + DURABLE.len()].copy_from_slice(NOT_DURABLE);
        changed.fetch_add(1, Ordering::Relaxed);
    }
    server.write_all(first).await?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}
