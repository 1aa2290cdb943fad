//! The filters, as arguments.

use clap::Args;
use time::OffsetDateTime;

use crate::{
    cli::Output,
    look::ask,
    store::{Page, Search, Table},
};

/// A list: what is in it, how much of it, in which form.
#[derive(Debug, Args)]
pub(in crate::cli) struct Lists<F: Args> {
    #[command(flatten)]
    filters: F,
    /// As many at the most, up to 500.
    #[arg(long, value_name = "N")]
    limit: Option<String>,
    /// Go on where a list ended.
    #[arg(long, value_name = "ID")]
    before: Option<String>,
    /// The form of the list.
    #[arg(long, value_enum, default_value_t)]
    pub(super) output: Output,
}

/// Filters that can be given.
pub(in crate::cli) trait Given {
    /// Those that were given, by their names.
    fn given(&self) -> Vec<(&'static str, &str)>;
}

macro_rules! filters {
    ($(#[$doc:meta])* $name:ident { $($(#[$of_it:meta])* $field:ident $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Args)]
        pub(in crate::cli) struct $name {
            $($(#[$of_it])* #[arg(long = $text)] $field: Option<String>,)*
        }

        impl Given for $name {
            fn given(&self) -> Vec<(&'static str, &str)> {
                let all = [$(($text, self.$field.as_deref())),*];
                all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
            }
        }
    };
}

filters! {
    /// What messages are looked for by.
    OfMessages {
        /// Arrived then or later: 2026-11-22T09:00:00Z, 2026-11-22, or how long ago, such as 2h.
        since "since",
        /// Arrived before that.
        until "until",
        /// Came to this source.
        source "source",
        /// attio, reconcile or alert: whose word it is.
        origin "origin",
        /// accepted or quarantined.
        state "state",
        /// Part of why it is quarantined.
        error "error",
    }
}

filters! {
    /// What events and deliveries are looked for by.
    OfOthers {
        /// Arrived then or later: 2026-11-22T09:00:00Z, 2026-11-22, or how long ago, such as 2h.
        since "since",
        /// Arrived before that.
        until "until",
        /// Came to this source.
        source "source",
        /// attio, reconcile or alert: whose word it is.
        origin "origin",
        /// Of this event type, such as record.updated or list-entry.*
        event_type "type",
        /// About this object: its slug or id.
        object "object",
        /// About this record: its id.
        record "record",
        /// About this list: its slug or id.
        list "list",
        /// About this list entry: its id.
        entry "entry",
        /// Wanted by this route.
        route "route",
        /// For this action.
        action "action",
        /// open, failing, orphaned, succeeded, skipped, dead or discarded.
        state "state",
        /// Part of why it failed.
        error "error",
    }
}

impl<F: Args + Given> Lists<F> {
    /// What was asked for; `None` when it makes no sense, which has been told.
    pub(super) fn read(&self, table: Table) -> Option<(Search, Page)> {
        let page = [("limit", self.limit.as_deref()), ("before", self.before.as_deref())];
        let page = page.into_iter().filter_map(|(name, value)| Some((name, value?)));
        read(table, self.filters.given().into_iter().chain(page))
    }
}

/// Reads filters; `None` when they make no sense, which has been told.
pub(super) fn read<'a>(
    table: Table,
    given: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Option<(Search, Page)> {
    match ask::read(table, given, OffsetDateTime::now_utc()) {
        Ok(asked) => Some(asked),
        Err(wrong) => {
            eprintln!("error: {wrong}");
            None
        }
    }
}
