//! Attio's REST API as we use it: typed calls, within Attio's limits, each with one deadline.
//!
//! Reads and writes have limits of their own, which all calls of the process share, so neither
//! can starve the other. A 429 pauses all calls of its kind, not only the one. The token is in no
//! output: not in `Debug`, not in a log line, not in an error, and masked where Attio echoes it.

mod answer;
mod call;
mod error;
mod history;
mod limits;
mod lookup;
mod names;
mod setback;
mod transport;
mod webhooks;
mod writes;

use std::{fmt, sync::Arc, time::Duration};

pub use error::ApiError;
pub use history::{Cursor, Page, Query};
pub use names::Choice;
pub use tokio::time::Instant;
pub use webhooks::{Created, Subscription, Webhook};
pub use writes::Update;

use crate::{config, telemetry::metrics::Metrics};
use call::Kind;
use limits::Limit;
use transport::Transport;

/// Attio's API with the token of one workspace. Clones share connections and limits.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    transport: Transport,
    reads: Limit,
    writes: Limit,
    metrics: Arc<Metrics>,
}

/// Why there can be no client. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("attio.{field}: {message}")]
pub struct ClientProblem {
    /// The field of `[attio]`.
    pub field: &'static str,
    /// What is wrong with it.
    pub message: String,
}

impl Client {
    /// Prepares the connections; asks nobody yet. One client for each process: the limits are its
    /// own.
    ///
    /// # Errors
    /// The token cannot stand in a header, the URL is not one of HTTP, or TLS cannot be set up.
    pub fn new(config: &config::Attio, metrics: Arc<Metrics>) -> Result<Self, ClientProblem> {
        Ok(Self(Arc::new(Inner {
            transport: Transport::new(config)?,
            reads: Limit::new(config.reads, READS_AT_ONCE),
            writes: Limit::new(config.writes, WRITES_AT_ONCE),
            metrics,
        })))
    }

    /// For how long Attio asked not to be asked, reads and writes apart, where it did.
    #[must_use]
    pub fn pauses(&self) -> (Option<Duration>, Option<Duration>) {
        (self.0.reads.paused_for(), self.0.writes.paused_for())
    }

    fn limit(&self, kind: Kind) -> &Limit {
        match kind {
            Kind::Read => &self.0.reads,
            Kind::Write => &self.0.writes,
        }
    }
}

/// Reads that are under way at once.
const READS_AT_ONCE: usize = 16;

/// Writes that are under way at once.
const WRITES_AT_ONCE: usize = 8;

impl fmt::Debug for Client {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Client").field("base", &self.0.transport.base()).finish_non_exhaustive()
    }
}
