//! `[actions.NAME]` as typed: one struct for each kind.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::{
    secret::{Reference, ReferenceOrText},
    units::{Count, Frequency, Interval, WebUrl},
};

/// A destination.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Action {
    /// An HTTP request.
    Http(Http),
    /// A Slack message.
    Slack(Slack),
    /// A row in a table of a Postgres database.
    Postgres(Postgres),
    /// A line in the log.
    Log(Log),
}

macro_rules! action {
    ($(#[$doc:meta])* $name:ident { $($fields:tt)* }) => {
        $(#[$doc])*
        #[derive(Debug, Default, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($fields)*
            /// The total deadline of one attempt, at most "5m". Default "10s".
            pub timeout: Option<Interval>,
            /// Attempts at once in this process, at most half of `worker.concurrency`. Default 8,
            /// or that half.
            pub concurrency: Option<Count>,
            /// Attempts of this process, such as "50/s". Default: no limit.
            pub rate: Option<Frequency>,
            /// When to try again.
            #[serde(default)]
            pub retry: Retry,
        }
    };
}

action! {
    /// An HTTP request.
    Http {
        /// Where to; never a template.
        #[schemars(required)]
        pub url: Option<WebUrl>,
        /// The request's method. Default "POST".
        pub method: Option<Method>,
        /// A reference to the Standard Webhooks secret: "whsec_" and the base64 of 24 to 64 bytes.
        pub signing_secret: Option<Reference>,
        /// Further headers. A value is a reference, or a literal where the name carries no secret.
        #[serde(default)]
        pub headers: BTreeMap<String, ReferenceOrText>,
        /// A template that makes the body. Default: the event and its delivery as JSON.
        pub body: Option<String>,
        /// May connect to private, loopback and link-local addresses. Default false.
        pub allow_private: Option<bool>,
    }
}

action! {
    /// A Slack message: to an incoming webhook, or by a bot to a channel or a person.
    Slack {
        /// A reference to the address of an incoming webhook. Either this or `token`.
        pub webhook: Option<Reference>,
        /// A reference to a bot's token; with `channel` or `user`.
        pub token: Option<Reference>,
        /// With `token`: the channel to post to, "C…" or "#name".
        pub channel: Option<String>,
        /// With `token`: the person to write to, "U…".
        pub user: Option<String>,
        /// With `token`: where Slack's API is. Default `https://slack.com/api`.
        pub base_url: Option<WebUrl>,
        /// The template of the message's text.
        #[schemars(required)]
        pub text: Option<String>,
        /// May connect to private, loopback and link-local addresses. Default false.
        pub allow_private: Option<bool>,
    }
}

action! {
    /// A row in a table of a Postgres database, written once for each delivery.
    Postgres {
        /// A reference to the database's address: `postgres://user:password@host/database`.
        #[schemars(required)]
        pub url: Option<Reference>,
        /// The table as the database spells it, "schema.table"; without a schema: "public". Never
        /// a template.
        #[schemars(required)]
        pub table: Option<String>,
        /// Columns, each with the template of its value. A template that is one expression
        /// gives its value as it is: none becomes NULL, a list an array or JSON.
        #[schemars(required)]
        #[serde(default)]
        pub columns: BTreeMap<String, String>,
        /// Columns of a unique index: a row that has these values already is changed. Default:
        /// always a new row.
        #[serde(default)]
        pub key: Vec<String>,
        /// The table that remembers what was delivered, made when it is missing. Default:
        /// `attio_relay_deliveries` in the same schema.
        pub deliveries: Option<String>,
    }
}

action! {
    /// A line in the log.
    Log {
        /// The template of the line. Default: the event's type and ids.
        pub text: Option<String>,
    }
}

/// A request's method.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Add something.
    Post,
    /// Set something.
    Put,
    /// Change something.
    Patch,
    /// Remove something.
    Delete,
}

/// When to try again: exponential back-off with full jitter.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Retry {
    /// Tries in all, the first included. Default 15.
    pub attempts: Option<Count>,
    /// The longest wait after the first try. Default "2s".
    pub first: Option<Interval>,
    /// What each further longest wait is multiplied by, at least 1. Default 2.0.
    pub factor: Option<f64>,
    /// The longest wait of all; a destination's Retry-After is obeyed up to it. Default "1h".
    pub max: Option<Interval>,
}
