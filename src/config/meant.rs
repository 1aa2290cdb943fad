//! The configuration as it is meant: checked, secrets resolved, durations as durations.
//!
//! A [`Config`] exists only when the whole file was right.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use secrecy::SecretString;

pub use self::{
    route::{ActorPattern, Debounce, Name, OrderBy, Route},
    templates::Written,
    warehouse::{PostgresAction, TableName},
    write_back::{AttioAction, AttioValue, AttioWrite, Target},
};
use super::references::SecretReference;
pub use super::secret::SecretPlace;
use crate::name::{ActionName, SourceName};

mod route;
mod templates;
mod warehouse;
mod write_back;

/// A configuration in which every check has passed.
#[derive(Debug, Clone)]
pub struct Config {
    /// The listeners and their limits.
    pub server: Server,
    /// Where messages are kept.
    pub store: Store,
    /// The Attio webhooks that are listened to, in the file's order.
    pub sources: Vec<Source>,
    /// Access to Attio's API, where configured.
    pub attio: Option<Attio>,
    /// How much is done at once.
    pub worker: Worker,
    /// The destinations, in the file's order.
    pub actions: Vec<Action>,
    /// The rules, in the file's order.
    pub routes: Vec<Route>,
    /// When events that never arrived are looked for by itself, where configured.
    pub reconcile: Option<Reconcile>,
    /// Who is told about trouble.
    pub alerts: Alerts,
    /// The secrets that the file refers to.
    pub references: Vec<SecretReference>,
}

/// `[server]`: the two listeners and the limits of the public one.
#[derive(Debug, Clone)]
pub struct Server {
    /// Public: webhooks, `/healthz`, `/readyz`.
    pub listen: SocketAddr,
    /// Private: `/metrics`, `/healthz`, `/readyz`.
    pub admin_listen: SocketAddr,
    /// Grants access to the private pages and API.
    pub admin_token: Option<SecretString>,
    /// How Attio reaches `listen`.
    pub public_url: Option<url::Url>,
    /// The longest body that is read, in bytes.
    pub body_limit: usize,
    /// All bodies in memory together, in bytes.
    pub body_memory: usize,
    /// From the end of a request's head to its answer.
    pub ack_timeout: Duration,
    /// How long to serve on after readiness went away.
    pub drain_delay: Duration,
    /// Connections of the public listener at once.
    pub max_connections: usize,
    /// HTTPS in process, where configured.
    pub tls: Option<Tls>,
}

/// `server.tls`: PEM files, reread when they change.
#[derive(Debug, Clone)]
pub struct Tls {
    /// The certificate chain.
    pub cert: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// `[store]`: the database.
#[derive(Debug, Clone)]
pub struct Store {
    /// `postgres://…` or `sqlite:PATH`; may hold a password.
    pub url: SecretString,
    /// How long a key is remembered.
    pub dedup_window: Duration,
    /// How long events and ended deliveries are kept.
    pub retention: Duration,
    /// Apply migrations at start.
    pub migrate: bool,
    /// Accept a Postgres with `fsync = off`.
    pub allow_fsync_off: bool,
}

/// `[[sources]]`: one Attio webhook.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its name.
    pub name: SourceName,
    /// The path that Attio posts to.
    pub path: String,
    /// The signing secrets; the first is the current one. Never empty, but for a configuration
    /// that was read [before its secrets](super::load_before_secrets).
    pub secrets: Vec<SecretString>,
    /// Where they stand, in the same order, also those that are not there yet.
    pub places: Vec<SecretPlace>,
    /// What is looked up for its events is kept with them.
    pub keep_values: bool,
}

/// `[attio]`: access to Attio's API.
#[derive(Debug, Clone)]
pub struct Attio {
    /// The workspace's token.
    pub token: SecretString,
    /// Where the API is.
    pub base_url: url::Url,
    /// Reads of this process.
    pub reads: Rate,
    /// Writes of this process.
    pub writes: Rate,
}

/// `[worker]`: how much is done at once.
#[derive(Debug, Clone)]
pub struct Worker {
    /// Attempts at once in this process.
    pub concurrency: usize,
}

/// `[actions.NAME]`: a destination and how it is treated.
#[derive(Debug, Clone)]
pub struct Action {
    /// Its name.
    pub name: ActionName,
    /// What it does.
    pub kind: ActionKind,
    /// The total deadline of one attempt.
    pub timeout: Duration,
    /// Attempts at once in this process.
    pub concurrency: usize,
    /// Attempts a second in this process, where limited.
    pub rate: Option<Rate>,
    /// When to try again.
    pub retry: Retry,
}

/// What an action does.
#[derive(Debug, Clone)]
pub enum ActionKind {
    /// An HTTP request.
    Http(HttpAction),
    /// A Slack message.
    Slack(SlackAction),
    /// A row in a Postgres table.
    Postgres(PostgresAction),
    /// Something written to Attio.
    Attio(AttioAction),
    /// A line in the log.
    Log(LogAction),
}

/// `kind = "http"`.
#[derive(Debug, Clone)]
pub struct HttpAction {
    /// Where to; never a template.
    pub url: url::Url,
    /// `POST` unless told otherwise.
    pub method: String,
    /// The key of the Standard Webhooks signature, decoded.
    pub signing_secret: Option<SigningKey>,
    /// Further headers: name and value.
    pub headers: Vec<(String, SecretString)>,
    /// A template that makes the body; without it, the standard JSON.
    pub body: Option<String>,
    /// May connect to private, loopback and link-local addresses.
    pub allow_private: bool,
}

/// A decoded Standard Webhooks secret (24 to 64 bytes).
#[derive(Clone)]
pub struct SigningKey(pub secrecy::SecretSlice<u8>);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("SigningKey([REDACTED])")
    }
}

/// `kind = "slack"`.
#[derive(Debug, Clone)]
pub struct SlackAction {
    /// How Slack is reached.
    pub target: SlackTarget,
    /// The template of the message's text.
    pub text: String,
    /// May connect to private, loopback and link-local addresses.
    pub allow_private: bool,
}

/// How Slack is reached.
#[derive(Debug, Clone)]
pub enum SlackTarget {
    /// An incoming webhook; the address is the secret.
    Webhook(SecretString),
    /// `chat.postMessage` with a bot's token.
    Post {
        /// The bot's token.
        token: SecretString,
        /// A channel (`C…`, `#name`) or a person (`U…`).
        channel: String,
        /// `https://slack.com/api/` unless told otherwise.
        base_url: url::Url,
    },
}

/// `kind = "log"`.
#[derive(Debug, Clone)]
pub struct LogAction {
    /// The template of the line; without it, a fixed text.
    pub text: Option<String>,
}

/// `retry = { … }`: exponential back-off with full jitter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retry {
    /// Tries in all, the first included.
    pub attempts: u32,
    /// The longest wait after the first try.
    pub first: Duration,
    /// What each further longest wait is multiplied by.
    pub factor: f64,
    /// The longest wait of all, `Retry-After` included.
    pub max: Duration,
}

/// `"25/s"`: so many a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// How many a second; above zero.
    pub per_second: f64,
}

/// `[reconcile]`: when events that never arrived are looked for by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reconcile {
    /// How often; at least an hour.
    pub every: Duration,
    /// How far back each run looks; at least `every`.
    pub window: Duration,
}

/// `[alerts]`: who is told of trouble, and what counts as such.
#[derive(Debug, Clone)]
pub struct Alerts {
    /// Actions that carry alerts.
    pub to: Vec<ActionName>,
    /// Failures in a row of an action that make an alert.
    pub after_failures: u32,
    /// A due delivery that waits for longer makes one.
    pub oldest_due: Duration,
    /// So many refused signatures of a source within `signature_window` make one.
    pub signature_failures: u32,
    /// See `signature_failures`.
    pub signature_window: Duration,
    /// Sources that make one when they are silent for longer, instead of against their rhythm.
    pub quiet: Vec<(SourceName, Duration)>,
    /// What begins within this after the first is told with it.
    pub gather: Duration,
    /// What was not seen for so long is over.
    pub calm: Duration,
    /// How people reach the private listener; ends with `/`.
    pub link: Option<url::Url>,
}

impl Default for Alerts {
    fn default() -> Self {
        Self {
            to: Vec::new(),
            after_failures: 5,
            oldest_due: Duration::from_mins(15),
            signature_failures: 20,
            signature_window: Duration::from_mins(5),
            quiet: Vec::new(),
            gather: Duration::from_secs(10),
            calm: Duration::from_mins(5),
            link: None,
        }
    }
}
