//! Stands between a relay and Postgres, and breaks the connection at a chosen point.
//!
//! It knows the lane by the name that the relay gives when it connects, and the statement by a
//! marker among the bytes that the relay sends.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinSet,
};

/// How a server says that a statement is over and no transaction is open:
/// <https://www.postgresql.org/docs/current/protocol-message-formats.html>.
const READY: &[u8] = b"Z\0\0\0\x05I";

/// A proxy that lives as long as the value.
pub struct Proxy {
    address: SocketAddr,
    trap: Arc<Mutex<Option<Trap>>>,
    _tasks: JoinSet<()>,
}

/// Where a trap springs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// The statement was sent and does not reach the server: nothing is committed.
    NotForwarded,
    /// The statement has just been passed on: who knows.
    Forwarded,
    /// The server has committed and says so, but the relay never hears it.
    Committed,
}

/// What happens there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// The connection breaks.
    Cut,
    /// Nothing moves any more.
    Hold,
}

struct Trap {
    lane: &'static str,
    marker: Vec<u8>,
    point: Point,
    then: Then,
    sprung: oneshot::Sender<()>,
}

impl Proxy {
    /// A proxy before a server on this machine.
    pub async fn start(port: u16) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let trap: Arc<Mutex<Option<Trap>>> = Arc::default();
        let mut tasks = JoinSet::new();
        let traps = Arc::clone(&trap);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = socket.accept().await {
                let traps = Arc::clone(&traps);
                connections.spawn(async move {
                    // An end of either side ends the other.
                    let _ended = forward(client, port, traps).await;
                });
            }
        });
        Self { address, trap, _tasks: tasks }
    }

    /// The same database, through the proxy.
    pub fn url(&self, direct: &str) -> String {
        let mut url = url::Url::parse(direct).unwrap();
        url.set_port(Some(self.address.port())).unwrap();
        url.set_query(Some("sslmode=disable"));
        url.into()
    }

    /// Sets the trap for the next statement of a lane that holds the marker. The receiver hears
    /// when it has sprung.
    pub fn arm(
        &self,
        lane: &'static str,
        marker: &str,
        point: Point,
        then: Then,
    ) -> oneshot::Receiver<()> {
        let (sprung, heard) = oneshot::channel();
        let marker = marker.as_bytes().to_vec();
        *self.trap.lock().unwrap() = Some(Trap { lane, marker, point, then, sprung });
        heard
    }
}

/// One connection's bytes, both ways, until a trap springs or a side ends.
async fn forward(
    mut client: TcpStream,
    port: u16,
    traps: Arc<Mutex<Option<Trap>>>,
) -> std::io::Result<()> {
    let mut server = TcpStream::connect(("127.0.0.1", port)).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut up, mut down) = (vec![0; 1 << 18], vec![0; 1 << 16]);
    let (mut name, mut seen) = (Vec::new(), Vec::new());
    let mut waiting: Option<Trap> = None;
    loop {
        tokio::select! {
            count = client.read(&mut up) => {
                let bytes = &up[..count?];
                if bytes.is_empty() {
                    return Ok(());
                }
                if name.is_empty() {
                    name = bytes.to_vec();
                }
                seen.extend_from_slice(bytes);
                let Some(trap) = take(&traps, &name, &seen) else {
                    server.write_all(bytes).await?;
                    continue;
                };
                match trap.point {
                    Point::NotForwarded => return spring(trap, client).await,
                    Point::Forwarded => {
                        server.write_all(bytes).await?;
                        return spring(trap, client).await;
                    }
                    Point::Committed => {
                        waiting = Some(trap);
                        server.write_all(bytes).await?;
                    }
                }
            }
            count = server.read(&mut down) => {
                let bytes = &down[..count?];
                if bytes.is_empty() {
                    return Ok(());
                }
                let over = bytes.ends_with(READY);
                if over && let Some(trap) = waiting.take() {
                    return spring(trap, client).await;
                }
                if over {
                    seen.clear();
                }
                client.write_all(bytes).await?;
            }
        }
    }
}

/// The trap, if this connection's statement is the one.
fn take(traps: &Mutex<Option<Trap>>, name: &[u8], seen: &[u8]) -> Option<Trap> {
    let mut armed = traps.lock().unwrap();
    let lane = format!("attio-relay {}\0", armed.as_ref()?.lane);
    let is_it = |trap: &Trap| holds(name, lane.as_bytes()) && holds(seen, &trap.marker);
    armed.take_if(|trap| is_it(trap))
}

fn holds(bytes: &[u8], marker: &[u8]) -> bool {
    bytes.windows(marker.len()).any(|window| window == marker)
}

async fn spring(trap: Trap, mut client: TcpStream) -> std::io::Result<()> {
    // Whoever armed it may have lost interest.
    let _unheard = trap.sprung.send(());
    if trap.then == Then::Hold {
        // Until the client is gone; what it still sends goes nowhere.
        let mut ignored = [0; 4096];
        while client.read(&mut ignored).await? > 0 {}
    }
    Ok(())
}
