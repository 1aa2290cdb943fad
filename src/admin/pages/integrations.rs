//! The inventory: what is integrated with what, who answers for it, and when somebody looked at it.

use minijinja::{context, value::Serde};
use serde::Serialize;
use time::OffsetDateTime;

use super::{Page, Pages, Problem};
use crate::{
    inventory::{COUNTED_DAYS, Entry, Figures, Review},
    store::text_of,
};

/// An entry as it is shown.
#[derive(Serialize)]
struct Integration<'i> {
    kind: &'static str,
    name: &'i str,
    reads: String,
    writes: &'i [String],
    scopes: &'i [String],
    secrets: &'i [String],
    owner: Option<&'i str>,
    purpose: Option<&'i str>,
    is_reviewed: bool,
    reviewed: Option<String>,
    next: Option<String>,
    findings: Vec<String>,
    last_success: Option<String>,
    last_failure: Option<String>,
    counts: Vec<(&'static str, u64)>,
}

impl Pages {
    pub(super) async fn integrations(&self) -> Result<Page, Problem> {
        let inventory = self.lookout.inventory(OffsetDateTime::now_utc()).await?;
        let entries: Vec<_> = inventory.entries.iter().map(shown).collect();
        let findings: usize = entries.iter().map(|entry| entry.findings.len()).sum();
        let (days, entries) = (COUNTED_DAYS, Serde(&entries));
        Ok(Page::new("integrations.html", context! { entries, findings, days }))
    }
}

fn shown(entry: &Entry) -> Integration<'_> {
    let figures = entry.figures.as_ref();
    Integration {
        kind: entry.kind.as_str(),
        name: &entry.name,
        reads: entry.reads.to_string(),
        writes: &entry.writes,
        scopes: &entry.scopes,
        secrets: &entry.secrets,
        owner: entry.owner.as_deref(),
        purpose: entry.purpose.as_deref(),
        is_reviewed: entry.review.is_some(),
        reviewed: entry.review.and_then(Review::reviewed).map(|day| day.to_string()),
        next: entry.review.and_then(Review::next).map(|day| day.to_string()),
        findings: entry.findings(),
        last_success: figures.and_then(Figures::last_success).map(text_of),
        last_failure: figures.and_then(Figures::last_failure).map(text_of),
        counts: figures.map(counts).unwrap_or_default(),
    }
}

fn counts(figures: &Figures) -> Vec<(&'static str, u64)> {
    match figures {
        Figures::Messages(of) => {
            vec![("accepted", of.accepted), ("quarantined", of.quarantined)]
        }
        Figures::Deliveries(of) => vec![
            ("succeeded", of.succeeded),
            ("skipped", of.skipped),
            ("dead", of.dead),
            ("discarded", of.discarded),
            ("open", of.open),
        ],
    }
}
