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
    /// Something written to Attio.
    Attio(Attio),
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
    /// Something written to Attio, with the token of `[attio]`. Texts are templates.
    Attio {
        /// What is written; which keys go with it follows from this.
        #[schemars(required)]
        pub write: Option<Form>,
        /// For "record": the object, a slug or an id. For all others that name a record: that
        /// record's object; default: the object of the event's subject.
        pub object: Option<String>,
        /// For "record": the unique attribute that tells the object's records apart, which must be
        /// among `values`. Default `email_addresses` of people and `domains` of companies.
        #[serde(rename = "match")]
        pub matching: Option<String>,
        /// For "entry": the list, a slug or an id.
        pub list: Option<String>,
        /// For "update", "entry", "note", "task" and "comment": a template that makes the id of the
        /// record. Default: the record of the event's subject.
        pub record: Option<String>,
        /// For "record", "update" and "entry": attributes by slug or id, each with what it gets. A
        /// template that is one expression gives its value as it is; none empties the attribute.
        #[serde(default)]
        pub values: BTreeMap<String, Given>,
        /// For "update": whether `values` replace those that a multi-value attribute has, or join
        /// them. Default "replace".
        pub multiselect: Option<Multiselect>,
        /// For "note": its title.
        pub title: Option<String>,
        /// For "note", "task" and "comment": the text.
        pub content: Option<String>,
        /// For "note": how `content` is to be read. Default "plaintext".
        pub format: Option<NoteFormat>,
        /// For "task": a template that makes a date or time in ISO 8601, or nothing.
        pub deadline: Option<String>,
        /// For "task": templates that make e-mail addresses or ids of workspace members.
        #[serde(default)]
        pub assignees: Vec<String>,
        /// For "comment": a template that makes the id of the workspace member whose comment it is.
        pub author: Option<String>,
        /// Writes of this process to one record within a minute that were caused by events of our
        /// own token; one more pauses the action. Default 10.
        pub loop_limit: Option<Count>,
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

/// What an action writes to Attio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// Create a record, or update the one that has the same value of `match`.
    Record,
    /// Update a record that is there.
    Update,
    /// Put a record on a list, or update its entry there.
    Entry,
    /// Write a note about a record.
    Note,
    /// Make a task about a record.
    Task,
    /// Comment on a record.
    Comment,
}

/// What becomes of the values that a multi-value attribute has already.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Multiselect {
    /// They go.
    Replace,
    /// They stay.
    Add,
}

/// How a note's text is read.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NoteFormat {
    /// As it is.
    Plaintext,
    /// As Markdown.
    Markdown,
}

/// What an attribute gets.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a template, a number, true, false, or a list of these")]
pub enum Given {
    /// A template.
    Template(String),
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Whole(i64),
    /// Any other number.
    Number(f64),
    /// Several values.
    Several(Vec<Given>),
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
