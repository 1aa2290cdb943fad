//! The inventory for programs. Figures that are unknown are null, and `figures_known` says so.

use serde_json::{Value, json};
use time::{Date, OffsetDateTime, UtcOffset};

use super::{COUNTED_DAYS, Entry, Figures, Inventory, Reads, Review};

impl Inventory {
    /// As the command prints it and the API answers.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "counted_days": COUNTED_DAYS,
            "figures_known": self.entries.iter().all(|entry| entry.figures.is_some()),
            "entries": self.entries.iter().map(entry).collect::<Vec<_>>(),
        })
    }
}

/// To the second, in RFC 3339.
#[must_use]
pub fn moment(moment: OffsetDateTime) -> String {
    let moment = moment.to_offset(UtcOffset::UTC);
    let (hour, minute, second) = moment.to_hms();
    format!("{}T{hour:02}:{minute:02}:{second:02}Z", moment.date())
}

fn entry(entry: &Entry) -> Value {
    let day = |of: fn(Review) -> Option<Date>| entry.review.and_then(of).map(|day| day.to_string());
    let figures = entry.figures.as_ref();
    json!({
        "kind": entry.kind.as_str(),
        "name": entry.name,
        "reads": reads(&entry.reads),
        "writes": entry.writes,
        "scopes": entry.scopes,
        "secrets": entry.secrets,
        "owner": entry.owner,
        "purpose": entry.purpose,
        "last_reviewed": day(Review::reviewed),
        "next_review": day(Review::next),
        "last_success": figures.and_then(Figures::last_success).map(moment),
        "last_failure": figures.and_then(Figures::last_failure).map(moment),
        "counts": figures.map(counts),
        "findings": entry.findings(),
    })
}

fn reads(reads: &Reads) -> Value {
    match reads {
        Reads::Messages { path } => json!({"path": path}),
        Reads::Events { types, object, list, attributes, looked_up, reconcile } => json!({
            "events": types,
            "object": object,
            "list": list,
            "changed": attributes,
            "looked_up": looked_up,
            "reconcile": reconcile,
        }),
        Reads::Deliveries { routes, looked_up, alerts } => {
            json!({"routes": routes, "looked_up": looked_up, "alerts": alerts})
        }
    }
}

fn counts(figures: &Figures) -> Value {
    match figures {
        Figures::Messages(of) => json!({"accepted": of.accepted, "quarantined": of.quarantined}),
        Figures::Deliveries(of) => json!({
            "succeeded": of.succeeded,
            "skipped": of.skipped,
            "dead": of.dead,
            "discarded": of.discarded,
            "open": of.open,
        }),
    }
}
