//! Texts that all forms share.

use time::{Date, OffsetDateTime};

use crate::inventory::{Entry, Figures, Inventory, moment};

/// What stands where the store could not be asked.
pub(super) const UNKNOWN: &str = "unknown";

/// What somebody should see to, each in a line.
pub(super) fn findings(inventory: &Inventory) -> Vec<String> {
    let told = |(entry, what): (&Entry, String)| {
        plain(&format!("{} `{}` {what}", entry.kind.as_str(), entry.name))
    };
    inventory.findings().map(told).collect()
}

/// A day, or nothing.
pub(super) fn day(day: Option<Date>) -> String {
    day.map(|day| day.to_string()).unwrap_or_default()
}

/// One of the moments that figures tell, or nothing.
pub(super) fn last(entry: &Entry, of: fn(&Figures) -> Option<OffsetDateTime>) -> String {
    match &entry.figures {
        None => UNKNOWN.to_owned(),
        Some(figures) => of(figures).map(moment).unwrap_or_default(),
    }
}

/// Without what ends lines or commands a terminal.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect()
}
