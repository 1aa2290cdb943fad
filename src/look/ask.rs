//! What is asked for, as it is typed: after a command, in an address.

use std::time::Duration;

use time::{
    Date, OffsetDateTime, PrimitiveDateTime, Time, format_description::well_known::Rfc3339,
};
use uuid::Uuid;

use crate::{
    config::suggest::nearest,
    store::{MessageStatus, Origin, Page, Search, State, Table},
};

/// How long a page is where nothing is said.
pub const USUAL: usize = 50;

/// What lists of messages can be asked for.
const OF_MESSAGES: &[&str] =
    &["since", "until", "source", "origin", "state", "error", "before", "limit"];

/// What lists of events and deliveries can be asked for.
const OF_OTHERS: &[&str] = &[
    "since", "until", "source", "origin", "type", "object", "record", "list", "entry", "route",
    "action", "state", "error", "before", "limit",
];

/// The names of what a list can be asked for.
#[must_use]
pub fn parameters(table: Table) -> &'static [&'static str] {
    match table {
        Table::Messages => OF_MESSAGES,
        Table::Events | Table::Deliveries => OF_OTHERS,
    }
}

/// Reads what was asked for, `now` being the time that durations count back from.
///
/// # Errors
/// What is wrong with it, in a sentence without a full stop.
pub fn read<'a>(
    table: Table,
    asked: impl IntoIterator<Item = (&'a str, &'a str)>,
    now: OffsetDateTime,
) -> Result<(Search, Page), String> {
    let (mut filter, mut page) = (Search::default(), Page::first(USUAL));
    for (name, value) in asked {
        if !parameters(table).contains(&name) {
            return Err(unknown(name, parameters(table)));
        }
        if value.is_empty() {
            continue;
        }
        let text = || Some(value.to_owned());
        match name {
            "since" => filter.since = Some(moment(value, now)?),
            "until" => filter.until = Some(moment(value, now)?),
            "source" => filter.source = text(),
            "origin" => filter.origin = Some(origin(value)?),
            "type" => filter.event_type = text(),
            "object" => filter.object = text(),
            "record" => filter.record = text(),
            "list" => filter.list = text(),
            "entry" => filter.entry = text(),
            "route" => filter.route = text(),
            "action" => filter.action = text(),
            "error" => filter.error = text(),
            "state" if table == Table::Messages => filter.status = Some(status(value)?),
            "state" => filter.state = Some(state(value)?),
            "before" => page.before = Some(cursor(value)?),
            _ => page.limit = limit(value)?,
        }
    }
    Ok((filter, page))
}

/// Reads which part of a list is asked for, where it cannot be asked for anything else.
///
/// # Errors
/// What is wrong with it, in a sentence without a full stop.
pub fn page(page: &mut Page, name: &str, value: &str) -> Result<(), String> {
    match name {
        "before" => page.before = Some(cursor(value)?),
        "limit" => page.limit = limit(value)?,
        _ => return Err(unknown(name, &["before", "limit"])),
    }
    Ok(())
}

fn unknown(name: &str, known: &[&'static str]) -> String {
    match nearest(name, known.iter().copied()) {
        Some(meant) => format!("`{name}` cannot be asked for; did you mean `{meant}`?"),
        None => format!("`{name}` cannot be asked for; what can: {}", known.join(", ")),
    }
}

fn status(word: &str) -> Result<MessageStatus, String> {
    let known = MessageStatus::ALL.iter().map(|one| one.as_str());
    MessageStatus::of(word).ok_or_else(|| one_of("state", word, &known.collect::<Vec<_>>()))
}

fn origin(word: &str) -> Result<Origin, String> {
    let known = Origin::ALL.iter().map(|one| one.as_str());
    Origin::of(word).ok_or_else(|| one_of("origin", word, &known.collect::<Vec<_>>()))
}

/// A delivery's state by its word.
///
/// # Errors
/// The words that there are.
pub fn state(word: &str) -> Result<State, String> {
    let known = State::ALL.iter().map(|one| one.as_str());
    State::of(word).ok_or_else(|| one_of("state", word, &known.collect::<Vec<_>>()))
}

fn one_of(what: &str, word: &str, known: &[&str]) -> String {
    format!("`{word}` is no {what}: it is one of {}", known.join(", "))
}

fn cursor(text: &str) -> Result<Uuid, String> {
    text.parse().map_err(|_| format!("`{text}` is not where a page ended"))
}

fn limit(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(limit) if (1..=Page::MOST).contains(&limit) => Ok(limit),
        Ok(_) | Err(_) => Err(format!("limit is a number from 1 to {}", Page::MOST)),
    }
}

/// Reads `2026-11-22T09:00:00Z`, `2026-11-22`, `2026-11-22 09:00` (both UTC), or how long ago: `2h`.
///
/// # Errors
/// How it is written.
pub fn moment(text: &str, now: OffsetDateTime) -> Result<OffsetDateTime, String> {
    let read = ago(text).and_then(|ago| now.checked_sub(ago.try_into().ok()?));
    read.or_else(|| OffsetDateTime::parse(text, &Rfc3339).ok()).or_else(|| in_utc(text)).ok_or_else(
        || {
            format!(
                "`{text}` is no time: write 2026-11-22T09:00:00Z, 2026-11-22, \
                 \"2026-11-22 09:00\" (UTC), or how long ago, such as 2h or 3d"
            )
        },
    )
}

fn ago(text: &str) -> Option<Duration> {
    let split = text.find(|char: char| !char.is_ascii_digit())?;
    let (number, unit) = text.split_at(split);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return None,
    };
    Some(Duration::from_secs(number.parse::<u32>().ok().map(u64::from)? * seconds))
}

/// A day, or a day and a time, with or without seconds.
fn in_utc(text: &str) -> Option<OffsetDateTime> {
    let (day, time) = text.split_once([' ', 'T']).unwrap_or((text, "00:00"));
    let mut parts = day.splitn(3, '-');
    let year = parts.next()?.parse().ok()?;
    let month = parts.next()?.parse::<u8>().ok()?.try_into().ok()?;
    let day = Date::from_calendar_date(year, month, parts.next()?.parse().ok()?).ok()?;
    let mut parts = time.splitn(3, ':');
    let (hour, minute) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let second = parts.next().map_or(Some(0), |second| second.parse().ok())?;
    let time = Time::from_hms(hour, minute, second).ok()?;
    Some(PrimitiveDateTime::new(day, time).assume_utc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::text_of;

    fn at(text: &str) -> String {
        let now = OffsetDateTime::parse("2026-11-22T10:00:00Z", &Rfc3339).unwrap();
        moment(text, now).map_or_else(|error| error, text_of)
    }

    #[test]
    fn a_time_is_a_moment_a_day_or_so_long_ago() {
        assert_eq!(at("2026-11-22T09:00:00+01:00"), "2026-11-22T08:00:00.000Z");
        assert_eq!(at("2026-11-21"), "2026-11-21T00:00:00.000Z");
        assert_eq!(at("2026-11-21 07:05"), "2026-11-21T07:05:00.000Z");
        assert_eq!(at("2h"), "2026-11-22T08:00:00.000Z");
        assert!(at("tomorrow").contains("is no time") && at("2026-13-01").contains("is no time"));
    }

    #[test]
    fn what_cannot_be_asked_for_is_told_with_what_can() {
        let ask = |table, name, value| read(table, [(name, value)], OffsetDateTime::UNIX_EPOCH);
        let error = ask(Table::Events, "tpye", "x").unwrap_err();
        assert!(error.contains("did you mean `type`?"), "{error}");
        assert!(ask(Table::Messages, "route", "x").is_err());
        assert!(ask(Table::Deliveries, "state", "asleep").unwrap_err().contains("dead"));
        assert!(ask(Table::Deliveries, "limit", "501").is_err());
        assert_eq!(ask(Table::Deliveries, "state", "").unwrap().0, Search::default());
    }
}
