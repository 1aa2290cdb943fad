//! Lists: two or three short lines for each, whole ids to copy.

use std::time::{Duration, Instant};

use serde::Serialize;
use time::OffsetDateTime;

use crate::{
    cli::Output,
    look::Listed,
    store::{DeliveryRow, EventRow, MessageRow, Page, Search, StoreError, Subject, text_of},
};

/// For how long a command searches on by itself.
const PATIENCE: Duration = Duration::from_secs(10);

/// More of an error is shown with the delivery itself.
const LONGEST_ERROR: usize = 100;

/// One page, searched for as far back as patience reaches.
pub(super) async fn all<T>(
    (filter, mut page): (Search, Page),
    ask: impl AsyncFn(Search, Page) -> Result<Listed<T>, StoreError>,
) -> Result<Listed<T>, StoreError> {
    let started = Instant::now();
    let limit = page.limit;
    let mut items = Vec::new();
    loop {
        page.limit = limit - items.len();
        let listed = ask(filter.clone(), page).await?;
        items.extend(listed.items);
        let goes_on = listed.searched_back_to.is_some() && items.len() < limit;
        if !goes_on || started.elapsed() > PATIENCE {
            return Ok(Listed { items, ..listed_end(listed.next, listed.searched_back_to) });
        }
        page.before = listed.next;
    }
}

fn listed_end<T>(next: Option<uuid::Uuid>, searched_back_to: Option<String>) -> Listed<T> {
    Listed { items: Vec::new(), next, searched_back_to }
}

pub(super) fn messages(listed: &Listed<MessageRow>, output: Output) -> String {
    text(listed, output, "messages", |row| {
        let size = format!("{} bytes", row.body_bytes);
        let key = row.key.as_ref().map(|key| format!("  key {key}")).unwrap_or_default();
        let mut lines = vec![
            format!("{}  {:<11}  {}  {size}", text_of(row.received_at), row.status, row.source),
            format!("  {}{key}", row.id),
        ];
        lines.extend(row.reason.as_ref().map(|reason| format!("  {reason}")));
        lines
    })
}

pub(super) fn events(listed: &Listed<EventRow>, output: Output) -> String {
    text(listed, output, "events", event)
}

pub(super) fn deliveries(listed: &Listed<DeliveryRow>, output: Output) -> String {
    let now = OffsetDateTime::now_utc();
    text(listed, output, "deliveries", |row| delivery(row, now))
}

/// An event in lines.
pub(super) fn event(row: &EventRow) -> Vec<String> {
    vec![
        format!("{}  {:<20}  {}", text_of(row.received_at), row.event_type, row.source),
        format!("  {}{}", row.id, about(&row.subject)),
    ]
}

/// A delivery in lines.
pub(super) fn delivery(row: &DeliveryRow, now: OffsetDateTime) -> Vec<String> {
    let when = row.received_at.map_or_else(|| "-".to_owned(), text_of);
    let event_type = row.event_type.as_deref().unwrap_or("(its event is gone)");
    let mut lines = vec![
        format!("{when}  {:<9}  {} → {}", row.state, row.route, row.action),
        format!("  {}{}", row.id, about(&row.subject)),
    ];
    let mut stands = vec![event_type.to_owned()];
    stands.extend(standing(row, now));
    lines.push(format!("  {}", stands.join("; ")));
    lines
}

/// How a delivery stands, beyond its state.
fn standing(row: &DeliveryRow, now: OffsetDateTime) -> Vec<String> {
    let mut parts = Vec::new();
    if row.tries > 0 && row.state != "succeeded" {
        parts.push(if row.tries == 1 {
            "1 try".to_owned()
        } else {
            format!("{} tries", row.tries)
        });
    }
    let error = row.reason.as_ref().or(row.last_error.as_ref().filter(|_| row.state == "open"));
    parts.extend(error.map(|error| cut(error, LONGEST_ERROR)));
    parts.extend(waits(row, now));
    parts
}

/// What an open delivery waits for.
pub(super) fn waits(row: &DeliveryRow, now: OffsetDateTime) -> Option<String> {
    let due = row.due_at?;
    Some(match row.held.as_deref() {
        Some("order") => "waits for an earlier one of its record".to_owned(),
        Some("paused") => "waits: its route is paused".to_owned(),
        Some(_) if row.reason.is_some() => "orphaned".to_owned(),
        Some(_) => "orphaned: its route is not configured any more".to_owned(),
        None if row.is_leased && due > now => format!("under way, until {} at most", text_of(due)),
        None if due > now => format!("next attempt at {}", text_of(due)),
        None => format!("due since {}", text_of(due)),
    })
}

/// What an event is about, with a space before it.
pub(super) fn about(subject: &Subject) -> String {
    let one = |what: &str, slug: &Option<String>, id: &Option<String>| {
        let name = slug.as_ref().or(id.as_ref())?;
        Some(format!("  {what}{name}"))
    };
    let object = one("", &subject.object, &subject.object_id);
    let list = one("list ", &subject.list, &subject.list_id);
    let record = one("", &None, &subject.record_id);
    let entry = one("entry ", &None, &subject.entry_id);
    [object, record, list, entry].into_iter().flatten().collect()
}

/// The first so many characters of a text's first line.
pub(super) fn cut(text: &str, longest: usize) -> String {
    let line = text.lines().next().unwrap_or_default();
    if line.chars().count() <= longest {
        return line.to_owned();
    }
    line.chars().take(longest).chain(['…']).collect()
}

pub(super) fn text<T: Serialize>(
    listed: &Listed<T>,
    output: Output,
    what: &str,
    lines: impl Fn(&T) -> Vec<String>,
) -> String {
    if output == Output::Json {
        return serde_json::to_string_pretty(listed).expect("rows are always JSON");
    }
    let mut all: Vec<String> = listed.items.iter().flat_map(lines).collect();
    if listed.items.is_empty() {
        all.push(format!("no {what} found"));
    }
    match (listed.next, &listed.searched_back_to) {
        (Some(next), Some(time)) => {
            all.push(format!("searched back to {time}; go on with --before {next}"));
        }
        (Some(next), None) => all.push(format!("there are more: --before {next}")),
        (None, _) => {}
    }
    all.join("\n")
}
