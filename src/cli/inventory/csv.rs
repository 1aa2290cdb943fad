//! The inventory for spreadsheets: RFC 4180, one line for each entry under one header.

use super::text::{UNKNOWN, day, last, plain};
use crate::inventory::{Entry, Figures, Inventory, Review};

const HEADER: [&str; 20] = [
    "kind",
    "name",
    "reads",
    "writes",
    "scopes",
    "secrets",
    "owner",
    "purpose",
    "last_reviewed",
    "next_review",
    "last_success",
    "last_failure",
    "succeeded_30d",
    "skipped_30d",
    "dead_30d",
    "discarded_30d",
    "open",
    "accepted_30d",
    "quarantined_30d",
    "findings",
];

pub(super) fn render(inventory: &Inventory) -> String {
    let entries = inventory.entries.iter().map(cells);
    [HEADER.map(str::to_owned)].into_iter().chain(entries).map(|cells| line(&cells)).collect()
}

fn cells(entry: &Entry) -> [String; 20] {
    let [succeeded, skipped, dead, discarded, open, accepted, quarantined] = counts(entry);
    [
        entry.kind.as_str().to_owned(),
        entry.name.clone(),
        entry.reads.to_string(),
        entry.writes.join("; "),
        entry.scopes.join("; "),
        entry.secrets.join("; "),
        entry.owner.clone().unwrap_or_default(),
        entry.purpose.clone().unwrap_or_default(),
        day(entry.review.and_then(Review::reviewed)),
        day(entry.review.and_then(Review::next)),
        last(entry, Figures::last_success),
        last(entry, Figures::last_failure),
        succeeded,
        skipped,
        dead,
        discarded,
        open,
        accepted,
        quarantined,
        entry.findings().join("; "),
    ]
}

/// Succeeded, skipped, dead, discarded, open, accepted, quarantined; empty where an entry has no
/// such figure.
fn counts(entry: &Entry) -> [String; 7] {
    let counts = match &entry.figures {
        None => return [UNKNOWN; 7].map(str::to_owned),
        Some(Figures::Deliveries(of)) => {
            let counts = [of.succeeded, of.skipped, of.dead, of.discarded, of.open];
            let [succeeded, skipped, dead, discarded, open] = counts.map(Some);
            [succeeded, skipped, dead, discarded, open, None, None]
        }
        Some(Figures::Messages(of)) => {
            [None, None, None, None, None, Some(of.accepted), Some(of.quarantined)]
        }
    };
    counts.map(|count| count.map(|count| count.to_string()).unwrap_or_default())
}

fn line(cells: &[String]) -> String {
    let cells: Vec<_> = cells.iter().map(|cell| quoted(&plain(cell))).collect();
    format!("{}\r\n", cells.join(","))
}

/// <https://www.rfc-editor.org/rfc/rfc4180>
fn quoted(cell: &str) -> String {
    // A spreadsheet takes a text that starts so for a formula.
    let is_formula = cell.starts_with(['=', '+', '-', '@']);
    let cell = format!("{}{cell}", if is_formula { "'" } else { "" });
    if cell.contains([',', '"', ';']) || cell != cell.trim() {
        return format!("\"{}\"", cell.replace('"', "\"\""));
    }
    cell
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_that_could_be_misread_are_quoted() {
        assert_eq!(quoted("plain text"), "plain text");
        assert_eq!(quoted("a, \"b\""), "\"a, \"\"b\"\"\"");
        assert_eq!(quoted(" a"), "\" a\"");
        assert_eq!(quoted("=HYPERLINK(1,2)"), "\"'=HYPERLINK(1,2)\"");
        assert_eq!(line(&["a\nb".to_owned(), String::new()]), "a b,\r\n");
    }
}
