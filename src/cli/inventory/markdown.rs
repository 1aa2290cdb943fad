//! The inventory for people: what to see to, and a table for each kind.

use std::fmt::Write;

use comfy_table::{ContentArrangement, Table, presets::ASCII_MARKDOWN};

use super::text::{UNKNOWN, day, findings, last, plain};
use crate::inventory::{Entry, Figures, Inventory, Kind, Review};

/// What stands where there is nothing.
const NOTHING: &str = "–";

/// A column: its title, and what stands in it.
type Column = (&'static str, fn(&Entry) -> String);

const NAME: Column = ("name", |entry| entry.name.clone());
const PURPOSE: Column = ("purpose", |entry| entry.purpose.clone().unwrap_or_default());
const READS: Column = ("reads", |entry| entry.reads.to_string());
const WRITES: Column = ("writes", |entry| entry.writes.join("; "));
const SCOPES: Column = ("scopes", |entry| entry.scopes.join(", "));
const SECRETS: Column = ("secrets", |entry| entry.secrets.join(", "));
const OWNER: Column = ("owner", |entry| entry.owner.clone().unwrap_or_default());
const REVIEWED: Column = ("last reviewed", |entry| day(entry.review.and_then(Review::reviewed)));
const NEXT: Column = ("next review", |entry| day(entry.review.and_then(Review::next)));
const MESSAGE: Column = ("last message", |entry| last(entry, Figures::last_success));
const SUCCESS: Column = ("last success", |entry| last(entry, Figures::last_success));
const FAILURE: Column = ("last failure", |entry| last(entry, Figures::last_failure));
const COUNTS: Column = ("30 days", counts);

const OF_SOURCES: [Column; 7] = [NAME, READS, WRITES, SCOPES, SECRETS, MESSAGE, COUNTS];
const OF_ROUTES: [Column; 12] = [
    NAME, PURPOSE, OWNER, REVIEWED, NEXT, SUCCESS, FAILURE, COUNTS, READS, WRITES, SCOPES, SECRETS,
];
const OF_ACTIONS: [Column; 9] =
    [NAME, OWNER, SUCCESS, FAILURE, COUNTS, READS, WRITES, SCOPES, SECRETS];

pub(super) fn render(inventory: &Inventory) -> String {
    let mut text = "# Inventory\n".to_owned();
    let findings = findings(inventory);
    if !findings.is_empty() {
        let lines: Vec<_> = findings.iter().map(|one| format!("- {}", escaped(one))).collect();
        section(&mut text, "To see to", &lines.join("\n"));
    }
    let kinds = [
        ("Sources", Kind::Source, &OF_SOURCES[..]),
        ("Routes", Kind::Route, &OF_ROUTES),
        ("Actions", Kind::Action, &OF_ACTIONS),
    ];
    for (title, kind, columns) in kinds {
        let entries = inventory.entries.iter().filter(|entry| entry.kind == kind);
        section(&mut text, title, &table(columns, entries));
    }
    text
}

fn section(text: &mut String, title: &str, content: &str) {
    write!(text, "\n## {title}\n\n{content}\n").expect("a text takes whatever is written to it");
}

fn table<'e>(columns: &[Column], entries: impl Iterator<Item = &'e Entry>) -> String {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(columns.iter().map(|(title, _)| *title));
    for entry in entries {
        let cells = columns.iter().map(|(_, cell)| escaped(&cell(entry)));
        table.add_row(cells.map(|cell| if cell.is_empty() { NOTHING.to_owned() } else { cell }));
    }
    if table.is_empty() { "None.".to_owned() } else { table.to_string() }
}

/// Only those that are not zero.
fn counts(entry: &Entry) -> String {
    let counts = match &entry.figures {
        None => return UNKNOWN.to_owned(),
        Some(Figures::Messages(of)) => {
            vec![(of.accepted, "accepted"), (of.quarantined, "quarantined")]
        }
        Some(Figures::Deliveries(of)) => vec![
            (of.succeeded, "succeeded"),
            (of.skipped, "skipped"),
            (of.dead, "dead"),
            (of.discarded, "discarded"),
            (of.open, "open"),
        ],
    };
    let counts = counts.into_iter().filter(|(count, _)| *count > 0);
    counts.map(|(count, what)| format!("{count} {what}")).collect::<Vec<_>>().join(", ")
}

/// A text that stays in its cell and is no markup.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for char in plain(text).chars() {
        if matches!(char, '|' | '\\' | '<' | '>' | '*' | '[' | ']') {
            escaped.push('\\');
        }
        escaped.push(char);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_markup_stays_text() {
        assert_eq!(escaped("a|b\n<b>"), "a\\|b \\<b\\>");
        assert_eq!(escaped("list-entry.*"), "list-entry.\\*");
    }

    #[test]
    fn a_kind_that_has_no_entries_is_said_to_have_none() {
        let text = render(&Inventory { entries: Vec::new() });
        assert!(text.contains("## Routes\n\nNone.\n"), "{text}");
        assert!(!text.contains("To see to"), "{text}");
    }
}
