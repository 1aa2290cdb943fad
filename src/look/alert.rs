//! Alerts that stand or stood, for commands, API and pages.

use serde::Serialize;

use super::Look;
use crate::{
    alerts::{Kind, next_step, page, title},
    store::{AlertRow, StoreError, text_of},
};

/// An alert that stands, or was over within the last week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AlertShown {
    /// The kind, such as `breaker_open`.
    pub alert: String,
    /// What it is about: `action/NAME`, `source/NAME` or `route/NAME`; empty for the program itself.
    pub about: String,
    /// `firing` or `over`.
    pub state: &'static str,
    /// What is wrong, in a sentence without a full stop.
    pub title: String,
    /// What is known of it beside that; may be empty.
    pub detail: String,
    /// How many or how long in seconds, where the kind counts something.
    pub count: i64,
    /// When it was first seen.
    pub since: String,
    /// When it was last seen.
    pub seen: String,
    /// When the message that it began was made; none while nobody is to be told, or not yet.
    pub told: Option<String>,
    /// When it was over.
    pub ended: Option<String>,
    /// What to do next.
    pub next: String,
    /// The page that shows more, beneath the private listener's address.
    pub page: String,
}

/// All of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Alerts {
    /// Those that stand first, then the newest.
    pub items: Vec<AlertShown>,
}

impl Look {
    /// What is wrong now, and what was within the last week.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn alerts(&self) -> Result<Alerts, StoreError> {
        let mut lane = self.readers.reader().await?;
        let rows = lane.alerts().await?;
        Ok(Alerts { items: rows.into_iter().filter_map(shown).collect() })
    }
}

/// None for kinds of a newer version.
fn shown(row: AlertRow) -> Option<AlertShown> {
    let kind = Kind::of(&row.what)?;
    Some(AlertShown {
        state: if row.ended_at.is_some() { "over" } else { "firing" },
        title: title(kind, &row.about, row.count),
        next: next_step(kind, &row.about),
        page: format!("/{}", page(kind)),
        alert: row.what,
        about: row.about,
        detail: row.detail,
        count: row.count,
        since: text_of(row.since),
        seen: text_of(row.seen_at),
        told: row.told_at.map(text_of),
        ended: row.ended_at.map(text_of),
    })
}
