//! What was typed: the keys of the file, each with its meaning, unit and default.
//!
//! These structs are the only list of keys there is; the JSON Schema, the unknown-key check and
//! its suggestions all come from them. Serde requires nothing here, so that one key can be read alone;
//! `required` speaks to the schema, and `check` says what is missing.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

pub use self::action::{
    Action, Attio as AttioAction, Form, Given, Http, Log, Method, Multiselect, NoteFormat,
    Postgres, Retry, Slack,
};
use super::{
    secret::{Reference, ReferenceOrText},
    units::{Address, Count, Day, Frequency, Interval, Size, WebUrl},
};

mod action;

/// The configuration of attio-relay.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct File {
    /// The two listeners and the limits of the public one.
    pub server: Server,
    /// Where messages are kept.
    pub store: Store,
    /// The Attio webhooks that are listened to; at least one.
    pub sources: Vec<Source>,
    /// Access to Attio's API.
    pub attio: Option<Attio>,
    /// How much is done at once.
    pub worker: Worker,
    /// The destinations, by name.
    pub actions: BTreeMap<String, Action>,
    /// The rules: which events go to which actions. Every route that matches makes its deliveries.
    pub routes: Vec<Route>,
    /// Look for events that never arrived, again and again. Without it only when told to.
    pub reconcile: Option<Reconcile>,
    /// Who is told about trouble.
    pub alerts: Alerts,
}

/// The two listeners and the limits of the public one. A change needs a restart.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// The public address: webhooks, /healthz, /readyz and nothing else. Default "127.0.0.1:8080".
    pub listen: Option<Address>,
    /// The private address: /metrics, /healthz, /readyz, pages, API. Default "127.0.0.1:9090".
    pub admin_listen: Option<Address>,
    /// A reference to the token that grants access to the private pages and API. Without it they
    /// are served only on a loopback address.
    pub admin_token: Option<Reference>,
    /// How Attio reaches `listen`: where the webhooks of the sources post to.
    pub public_url: Option<WebUrl>,
    /// The longest body that is read. Default "1MiB".
    pub body_limit: Option<Size>,
    /// All bodies in memory together. Default "64MiB".
    pub body_memory: Option<Size>,
    /// From the end of a request's head to its answer, at most "3500ms". Default "3s".
    pub ack_timeout: Option<Interval>,
    /// How long to serve on after readiness went away. Default "10s".
    pub drain_delay: Option<Interval>,
    /// Connections of the public listener at once. Default 8192.
    pub max_connections: Option<Count>,
    /// HTTPS in this process. Without it plain HTTP is spoken, behind a load balancer.
    pub tls: Option<Tls>,
}

/// PEM files, reread when they change.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The path of the certificate chain.
    #[schemars(required)]
    pub cert: Option<String>,
    /// The path of the private key.
    #[schemars(required)]
    pub key: Option<String>,
}

/// Where messages are kept. A change needs a restart.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Store {
    /// "sqlite:PATH", "postgres://…" without a password, or a reference to either. Default
    /// "sqlite:attio-relay.db".
    pub url: Option<ReferenceOrText>,
    /// How long a message's key is remembered, at least "4d": Attio retries for 3. Default "30d".
    pub dedup_window: Option<Interval>,
    /// How long events and ended deliveries are kept; what has not ended is always kept. Default
    /// "30d".
    pub retention: Option<Interval>,
    /// Apply migrations at start. Default true.
    pub migrate: Option<bool>,
    /// Accept a Postgres that runs with `fsync = off`, and so may lose what it confirmed. Default
    /// false.
    pub allow_fsync_off: Option<bool>,
}

/// One Attio webhook.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Its name, in metrics and commands.
    #[schemars(required)]
    pub name: Option<String>,
    /// The path that Attio posts to, such as "/webhooks/attio".
    #[schemars(required)]
    pub path: Option<String>,
    /// References to the signing secrets, of 16 characters at least. Several while rotating; the
    /// first is the current one.
    #[schemars(required, length(min = 1))]
    pub secrets: Option<Vec<Reference>>,
    /// Keep what is looked up for its events with them, so that all tries see the same and it can
    /// be looked at later. With false it is looked up anew for each try. Default true.
    pub keep_values: Option<bool>,
}

/// Access to Attio's API. A change needs a restart.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Attio {
    /// A reference to the workspace's token.
    #[schemars(required)]
    pub token: Option<Reference>,
    /// Where the API is. Default `https://api.attio.com`.
    pub base_url: Option<WebUrl>,
    /// Reads a second of each process; Attio allows 100/s in all. Default "40/s".
    pub reads: Option<Frequency>,
    /// Writes a second of each process; Attio allows 25/s in all. Default "10/s".
    pub writes: Option<Frequency>,
}

/// How much is done at once. A change needs a restart.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Worker {
    /// Attempts at once in this process. Default 64.
    pub concurrency: Option<Count>,
}

/// A rule: which events go to which actions.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Its name, in metrics and commands.
    #[schemars(required)]
    pub name: Option<String>,
    /// Event types: exact, "list-entry.*" or "*".
    #[schemars(required, length(min = 1))]
    pub on: Option<Vec<String>>,
    /// The object that the event must be about: slug or id.
    pub object: Option<String>,
    /// The list that the event must be about: slug or id.
    pub list: Option<String>,
    /// Attributes, one of which must have changed: slugs or ids. Default: any.
    #[serde(default)]
    pub changed: Vec<String>,
    /// A condition on values, such as `record.stage == "Closed Won"`. What ends with false is
    /// skipped.
    pub when: Option<String>,
    /// Actors whose events are left alone: "self" (our own token), a type such as "system", or
    /// "type:id". Default: none.
    #[serde(default)]
    pub ignore_actors: Vec<String>,
    /// What deliveries are kept in order by. Default "none".
    pub order_by: Option<OrderBy>,
    /// Wait so long, "1s" to "1h", for further events about the same record or list entry, and
    /// send only the last, with all that changed. Default: do not wait.
    pub debounce: Option<Interval>,
    /// With `debounce`: send when the first of them has waited so long, at most "1d". Default:
    /// ten times `debounce`.
    pub debounce_max: Option<Interval>,
    /// The actions that get the event, by name.
    #[schemars(required, length(min = 1))]
    pub to: Option<Vec<String>>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Why it exists.
    pub purpose: Option<String>,
    /// When somebody last looked at it: a date such as 2026-11-01.
    pub reviewed: Option<Day>,
    /// Gets the events that `reconcile` makes for changes whose own events never arrived. Default
    /// false.
    pub reconcile: Option<bool>,
    /// May be triggered by what its own actions write to Attio. Default false: `check` warns.
    pub allow_loop: Option<bool>,
}

/// What the deliveries of a route are kept in order by.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OrderBy {
    /// Nothing.
    None,
    /// The record.
    Record,
    /// The list entry.
    Entry,
}

/// Look for events that never arrived, again and again. A change needs a restart.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Reconcile {
    /// How often, at least "1h". Default "24h".
    pub every: Option<Interval>,
    /// How far back each run looks, at least `every`. Default: twice `every`.
    pub window: Option<Interval>,
}

/// Who is told about trouble.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Alerts {
    /// Actions that carry alerts, by name. Default: none.
    pub to: Vec<String>,
    /// Failures in a row of an action that make an alert. Default 5.
    pub after_failures: Option<Count>,
    /// A due delivery that waits for longer makes an alert. Default "15m".
    pub oldest_due: Option<Interval>,
    /// So many messages to a source with a wrong signature, or without one, within
    /// `signature_window` make an alert. Default 20.
    pub signature_failures: Option<Count>,
    /// See `signature_failures`. Default "5m".
    pub signature_window: Option<Interval>,
    /// Sources, and the longest silence that is usual. Without it, a silence of three hours in each
    /// of which something came on the same weekday of both weeks before makes an alert.
    pub quiet: BTreeMap<String, Interval>,
    /// What begins within this after the first is told in one message with it. Default "10s".
    pub gather: Option<Interval>,
    /// What was not seen for so long is over. Default "5m".
    pub calm: Option<Interval>,
    /// How people reach the private listener, for links. Default: none, and alerts have commands only.
    pub link: Option<WebUrl>,
}
