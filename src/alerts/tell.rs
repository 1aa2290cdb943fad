//! Who is told what, in as few messages as possible. No I/O.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use tracing::error;
use uuid::Uuid;

use super::{Kind, about_whom, next_step, page, title, words::span};
use crate::{
    config::Alerts,
    store::{ALERT_TYPE, AlertRow, Telling, text_of},
};

/// So many alerts stand in one message; of the others it says how many they are.
const MOST: usize = 20;

/// Details are cut at so many characters.
const DETAIL: usize = 300;

/// Notes on the rows that they were told, and makes the messages that do.
///
/// What begins waits for `gather`, so that what begins together is told together.
pub(super) fn tell(rows: &mut [AlertRow], now: OffsetDateTime, alerts: &Alerts) -> Vec<Telling> {
    let is_untold = |row: &AlertRow| {
        row.told_at.is_none() || (row.ended_at.is_some() && row.end_told_at.is_none())
    };
    // Nobody is to be told now: what stands is told when there is somebody.
    if alerts.to.is_empty() {
        for row in rows.iter_mut().filter(|row| row.ended_at.is_some()) {
            row.end_told_at = row.end_told_at.or(Some(now));
        }
        return Vec::new();
    }
    let was_told_of = |row: &&mut AlertRow| is_untold(row) && row.end_told_at.is_none();
    let mut untold: Vec<&mut AlertRow> = rows.iter_mut().filter(was_told_of).collect();
    let waits_since =
        |row: &AlertRow| if row.told_at.is_none() { Some(row.since) } else { row.ended_at };
    let oldest = untold.iter().filter_map(|row| waits_since(row)).min();
    if oldest.is_none_or(|oldest| now - oldest < alerts.gather) {
        return Vec::new();
    }
    let mut groups: BTreeMap<Vec<&str>, Vec<Value>> = BTreeMap::new();
    for row in &mut untold {
        // An action is not told of its own trouble: it would hardly arrive, and make new trouble.
        let own = row.about.strip_prefix("action/").unwrap_or_default();
        let to: Vec<&str> =
            alerts.to.iter().map(crate::name::ActionName::as_str).filter(|to| *to != own).collect();
        if to.is_empty() {
            error!(alert = row.what, about = row.about, "nobody else can be told of it");
        } else {
            groups.entry(to).or_default().push(item(row, alerts));
        }
        row.told_at = row.told_at.or(Some(now));
        row.end_told_at = row.ended_at.map(|_| now);
    }
    groups.into_iter().map(|(to, items)| telling(&to, &items)).collect()
}

/// One alert, as programs read it.
fn item(row: &AlertRow, alerts: &Alerts) -> Value {
    let kind = Kind::of(&row.what);
    let detail: String = row.detail.chars().take(DETAIL).collect();
    let title = kind.map(|kind| title(kind, &row.about, row.count));
    let next = kind.map(|kind| next_step(kind, &row.about));
    let link = kind.and_then(|kind| Some(alerts.link.as_ref()?.join(page(kind)).ok()?.to_string()));
    json!({
        "alert": row.what,
        "about": row.about,
        "name": about_whom(&row.about),
        "state": if row.ended_at.is_some() { "ended" } else { "started" },
        "title": title,
        "detail": detail,
        "count": row.count,
        "since": text_of(row.since),
        "ended": row.ended_at.map(text_of),
        "next": next,
        "link": link,
    })
}

fn telling(to: &[&str], items: &[Value]) -> Telling {
    let started = items.iter().filter(|item| item["state"] == "started").count();
    let state = match (started, items.len() - started) {
        (_, 0) => "started",
        (0, _) => "ended",
        _ => "both",
    };
    let event = json!({
        "event_type": ALERT_TYPE,
        "state": state,
        "text": text(items),
        "alerts": items,
    });
    let message = Uuid::now_v7();
    let deliveries = to.iter().map(|action| (Uuid::now_v7(), (*action).to_owned())).collect();
    Telling {
        message,
        dedup: Sha256::new().chain_update(b"alert").chain_update(message).finalize().into(),
        event: Uuid::now_v7(),
        json: Bytes::from(event.to_string()),
        deliveries,
    }
}

/// All of them for people: plain text that chats show well too.
fn text(items: &[Value]) -> String {
    let mut lines = Vec::new();
    if items.len() > 1 {
        lines.push(format!("attio-relay: {} alerts", items.len()));
    }
    lines.extend(items.iter().take(MOST).map(said));
    if items.len() > MOST {
        let more = items.len() - MOST;
        lines.push(format!("… and {more} more: attio-relay alerts list"));
    }
    lines.join("\n")
}

fn said(item: &Value) -> String {
    let text = |name: &str| item[name].as_str().unwrap_or_default();
    if text("state") == "ended" {
        let lasted = |name: &str| {
            OffsetDateTime::parse(text(name), &time::format_description::well_known::Rfc3339).ok()
        };
        let lasted = lasted("ended").zip(lasted("since")).map(|(end, start)| end - start);
        let lasted = span(lasted.map_or(0, time::Duration::whole_seconds));
        return format!("✅ Over after {lasted}: {}", text("title"));
    }
    let detail = if text("detail").is_empty() { "" } else { ": " };
    let link = if text("link").is_empty() { "" } else { "\n    " };
    ["🔴 ", text("title"), detail, text("detail"), "\n    ", text("next"), link, text("link")]
        .concat()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn now() -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(1_780_000_000).unwrap()
    }

    fn row(what: &str, about: &str) -> AlertRow {
        AlertRow {
            what: what.to_owned(),
            about: about.to_owned(),
            since: now() - Duration::from_secs(5),
            seen_at: now(),
            count: 2,
            detail: "HTTP 503".to_owned(),
            told_at: None,
            ended_at: None,
            end_told_at: None,
            again: 0,
        }
    }

    fn to(names: &[&str], gather: u64) -> Alerts {
        Alerts {
            to: names.iter().map(|name| (*name).into()).collect(),
            gather: Duration::from_secs(gather),
            link: Some("https://relay.internal/".parse().unwrap()),
            ..Alerts::default()
        }
    }

    fn event(telling: &Telling) -> Value {
        serde_json::from_slice(&telling.json).unwrap()
    }

    #[test]
    fn what_begins_together_is_one_message_once() {
        let mut rows: Vec<_> =
            (0..30).map(|n| row("dead_letters", &format!("action/a{n}"))).collect();
        assert!(tell(&mut rows, now(), &to(&["ops"], 10)).is_empty(), "others may follow");
        let told = tell(&mut rows, now(), &to(&["ops", "chat"], 5));
        assert_eq!((told.len(), told[0].deliveries.len()), (1, 2));
        let said = event(&told[0])["text"].as_str().unwrap().to_owned();
        assert!(said.contains("action `a0` has 2 dead letters: HTTP 503"), "{said}");
        assert!(said.contains("attio-relay replay --action a0 --state dead"), "{said}");
        assert!(said.contains("https://relay.internal/dead-letters"), "{said}");
        assert!(said.ends_with("… and 10 more: attio-relay alerts list"), "{said}");
        assert!(tell(&mut rows, now(), &to(&["ops"], 0)).is_empty(), "once");
    }

    #[test]
    fn an_action_is_not_told_of_its_own_trouble() {
        let mut rows = [row("failures", "action/ops"), row("reload_failed", "")];
        let told = tell(&mut rows, now(), &to(&["ops", "chat"], 0));
        let whom = |telling: &Telling| telling.deliveries.iter().map(|it| it.1.clone()).collect();
        let whom: Vec<Vec<String>> = told.iter().map(whom).collect();
        assert_eq!(whom, [vec!["chat"], vec!["ops", "chat"]]);
        assert!(tell(&mut [row("failures", "action/ops")], now(), &to(&["ops"], 0)).is_empty());
    }

    #[test]
    fn an_end_says_how_long_it_lasted() {
        let mut over = row("breaker_open", "action/a");
        (over.told_at, over.ended_at) = (Some(over.since), Some(now()));
        let told = tell(&mut [over], now(), &to(&["ops"], 0));
        let event = event(&told[0]);
        assert_eq!(event["state"], "ended");
        assert!(event["text"].as_str().unwrap().starts_with("✅ Over after 5 s: action `a`"));
    }

    #[test]
    fn what_nobody_could_be_told_of_is_told_once_there_is_somebody_unless_it_is_over() {
        let mut over = row("gone", "action/a");
        over.ended_at = Some(now());
        let mut rows = [row("loop", "action/b"), over];
        assert!(tell(&mut rows, now(), &to(&[], 0)).is_empty());
        let told = tell(&mut rows, now(), &to(&["ops"], 0));
        assert_eq!(event(&told[0])["alerts"].as_array().unwrap().len(), 1);
    }
}
