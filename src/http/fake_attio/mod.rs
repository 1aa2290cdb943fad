//! An Attio of our own: one real HTTP server with a small workspace behind it, for `demo` and for
//! the tests.
//!
//! It answers as the fixtures do, keeps what is written, enforces limits, fails on request, and
//! sends real signed webhooks for what changed. It listens on this machine only, and sends to
//! nothing else: no copy of it can be mistaken for Attio.

mod actor;
mod call;
mod clock;
mod courier;
mod desk;
mod edits;
mod faults;
mod limits;
mod merge;
mod message;
mod query;
mod refusal;
mod rename;
mod reply;
mod routes;
mod scope;
mod seed;
mod seen;
mod serve;
mod talk;
mod value;
mod watch;
mod webhook;
mod world;
mod write;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard},
};

use tokio::net::TcpListener;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

pub use self::{
    actor::Actor,
    call::Access,
    edits::Hand,
    faults::Failure,
    limits::RetryAfter,
    message::{Delivery, Message},
    refusal::Refusal,
    seen::{Seen, most_at_once, most_in_a_second},
};
use self::{courier::Courier, desk::Desk};

/// The access token that it takes.
pub const TOKEN: &str = "fake-attio-token-0c1f7a5e2b9d4860";
/// Ines Okafor, an admin, who made the token.
pub const INES: &str = "57ba5b8d-fe49-4ae4-848f-7b28a3915d48";
/// Tomasz Wren, a member.
pub const TOMASZ: &str = "d11da930-2c90-4e73-8025-3c50f5b1da3d";
/// The workspace.
pub const WORKSPACE: &str = "d8f0b774-099c-4cc3-8f24-f6b8ba57176a";
/// The object `deals`.
pub const DEALS: &str = "57503590-1092-4cbb-9fc4-f253925f1244";
/// The deal "Harbour crane retrofit – phase 2".
pub const DEAL: &str = "04162223-4cbb-465a-9aa1-70815956f705";
/// The deal "Tug fleet inspection", in progress.
pub const TUG_DEAL: &str = "a5b8b63b-96c1-4dbb-bc5c-d8ecb622c0cb";
/// The deal "Buoy telemetry pilot", a lead.
pub const BUOY_DEAL: &str = "69ae43ed-14af-46df-b9bd-bf17f1cf0ae0";
/// The attribute `stage` of deals.
pub const DEAL_STAGE: &str = "847cf08e-d682-4090-983a-0d138cfb4d4e";
/// The person Léonie Bäcker-Sørensen.
pub const PERSON: &str = "3307f9de-fba3-417e-8217-6901c719a24a";
/// The company Quayworks.
pub const COMPANY: &str = "79930ffc-d1c0-499b-96c8-5500f3873b33";
/// The list `sales_pipeline`.
pub const SALES_PIPELINE: &str = "7c286440-7285-467c-8be6-47be43b0e30a";
/// The deal's entry in that list.
pub const ENTRY: &str = "91178188-5fbb-461e-bb17-b0c79f02647f";

/// How the fake is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// Reads a second; Attio's own figure is the default.
    pub reads: u32,
    /// Writes a second; Attio's own figure is the default.
    pub writes: u32,
    /// What the token may do, parted by spaces; everything by default.
    pub scopes: String,
    /// Whether the token is one that an OAuth app was granted.
    pub is_app: bool,
    /// Whether a value that is there already makes an event when it is written again.
    pub repeats_are_changes: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            reads: 100,
            writes: 25,
            scopes: scope::ALL.to_owned(),
            is_app: false,
            repeats_are_changes: false,
        }
    }
}

/// The running fake; it stops when this is dropped.
#[derive(Debug)]
pub struct FakeAttio {
    desk: Arc<Desk>,
    address: SocketAddr,
    _stop: DropGuard,
}

impl FakeAttio {
    /// Starts it on a free port of this machine.
    ///
    /// # Errors
    /// There is no free port, or HTTP cannot be set up.
    pub async fn start(options: Options) -> io::Result<Self> {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = socket.local_addr()?;
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let courier = Courier::new(tasks.clone(), stop.clone()).map_err(io::Error::other)?;
        let desk = Arc::new(Desk::new(options, courier));
        tasks.spawn(serve::serve(Arc::clone(&desk), socket, stop.clone(), tasks.clone()));
        Ok(Self { desk, address, _stop: stop.drop_guard() })
    }

    /// What stands for `https://api.attio.com`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The access token that it takes.
    #[must_use]
    pub fn token(&self) -> &str {
        TOKEN
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no one panics while holding it")
}
