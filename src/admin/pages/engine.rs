//! The templates, and how times, numbers and ids are written in them.
//!
//! Whatever a template prints is escaped, but for what the filters here make of numbers and times.
//! What is undefined is an error, which every page's test would show.

use std::fmt::Write;

use minijinja::{
    Environment, Error, ErrorKind, HtmlEscape, State, UndefinedBehavior, Value,
    syntax::SyntaxConfig, value::ValueKind,
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{assets, spark};

/// Every template, by the name that others extend or import it by.
pub const TEMPLATES: [(&str, &str); 14] = [
    ("base.html", include_str!("templates/base.html")),
    ("parts.html", include_str!("templates/parts.html")),
    ("problem.html", include_str!("templates/problem.html")),
    ("overview.html", include_str!("templates/overview.html")),
    ("events.html", include_str!("templates/events.html")),
    ("event.html", include_str!("templates/event.html")),
    ("deliveries.html", include_str!("templates/deliveries.html")),
    ("messages.html", include_str!("templates/messages.html")),
    ("message.html", include_str!("templates/message.html")),
    ("dead.html", include_str!("templates/dead.html")),
    ("letters.html", include_str!("templates/letters.html")),
    ("routes.html", include_str!("templates/routes.html")),
    ("integrations.html", include_str!("templates/integrations.html")),
    ("attio.html", include_str!("templates/attio.html")),
];

/// The engine with all templates, each of which has been read.
pub fn engine() -> Environment<'static> {
    let mut engine = Environment::new();
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    engine.set_syntax(syntax.expect("the usual signs"));
    engine.add_global("style", assets::STYLE.address());
    engine.add_global("script", assets::SCRIPT.address());
    engine.add_global("icon", assets::ICON.address());
    engine.add_filter("ago", ago);
    engine.add_filter("clock", clock);
    engine.add_filter("took", took);
    engine.add_filter("lasted", lasted);
    engine.add_filter("size", size);
    engine.add_filter("grouped", grouped);
    engine.add_filter("percent", percent);
    engine.add_filter("short", short);
    engine.add_filter("query", query);
    engine.add_filter("spark", spark::spark);
    engine.add_filter("marked", marked);
    engine.add_filter("readable", readable);
    for (name, source) in TEMPLATES {
        engine.add_template(name, source).expect("a test has read every template");
    }
    engine
}

/// How long ago, or until when, as people say it; the exact time is in its title. `—` for none.
fn ago(state: &State<'_, '_>, moment: &Value) -> Result<Value, Error> {
    let Some(moment) = parsed(moment)? else { return Ok(nothing()) };
    let now = state.lookup("now").map(|now| parsed(&now)).transpose()?.flatten();
    let seconds = (now.unwrap_or(moment) - moment).whole_seconds();
    let text = match (seconds, spoken(seconds.unsigned_abs())) {
        (-1..=1, _) => "just now".to_owned(),
        (..-1, text) => format!("in {text}"),
        (_, text) => format!("{text} ago"),
    };
    Ok(element("ago", moment, &text))
}

/// The time itself, in UTC until the script puts it into the reader's zone. `—` for none.
fn clock(moment: &Value) -> Result<Value, Error> {
    let Some(moment) = parsed(moment)? else { return Ok(nothing()) };
    Ok(element("clock", moment, &utc(moment)))
}

fn element(class: &str, moment: OffsetDateTime, text: &str) -> Value {
    let (exact, machine) = (utc(moment), crate::store::text_of(moment));
    Value::from_safe_string(format!(
        r#"<time class="{class}" datetime="{machine}" title="{exact}">{text}</time>"#
    ))
}

fn nothing() -> Value {
    Value::from_safe_string(r#"<span class="none">—</span>"#.to_owned())
}

fn utc(moment: OffsetDateTime) -> String {
    crate::store::text_of(moment).replacen('T', " ", 1).replace('Z', " UTC")
}

fn parsed(moment: &Value) -> Result<Option<OffsetDateTime>, Error> {
    let Some(text) = moment.as_str() else {
        let is_none = moment.kind() == ValueKind::None;
        return if is_none { Ok(None) } else { Err(wrong("is no time")) };
    };
    OffsetDateTime::parse(text, &Rfc3339).map(Some).map_err(|_| wrong("is no time"))
}

fn wrong(what: &'static str) -> Error {
    Error::new(ErrorKind::InvalidOperation, what)
}

/// A span of time in its largest unit.
fn spoken(seconds: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "day"), (3_600, "h"), (60, "min"), (1, "s")];
    let unit = UNITS.iter().find(|(unit, _)| seconds >= *unit).unwrap_or(&UNITS[3]);
    match (seconds / unit.0, unit.1) {
        (1, "day") => "1 day".to_owned(),
        (count, "day") => format!("{count} days"),
        (count, unit) => format!("{count} {unit}"),
    }
}

/// Microseconds.
fn took(micros: f64) -> String {
    lasted(micros / 1_000_000.0)
}

/// Seconds.
fn lasted(seconds: f64) -> String {
    if seconds < 0.0005 {
        "under 1 ms".to_owned()
    } else if seconds < 0.9995 {
        format!("{:.0} ms", seconds * 1_000.0)
    } else if seconds < 60.0 {
        let text = format!("{seconds:.1}");
        format!("{} s", text.strip_suffix(".0").unwrap_or(&text))
    } else {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is spoken")]
        spoken(seconds as u64)
    }
}

/// Bytes.
fn size(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "it is rounded anyway")]
    let kib = bytes as f64 / 1024.0;
    if bytes < 1024 { format!("{bytes} bytes") } else { format!("{kib:.1} KiB") }
}

/// A number with its thousands apart; with one digit after the point where it is small and broken.
fn grouped(number: f64) -> String {
    let is_broken = number < 100.0 && number.fract() > 0.05;
    let text = if is_broken { format!("{number:.1}") } else { format!("{number:.0}") };
    let (whole, rest) = text.split_once('.').unwrap_or((&text, ""));
    let mut out = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if !rest.is_empty() {
        write!(out, ".{rest}").expect("text is always written");
    }
    out
}

/// A part of 1; never rounded up to all nor down to nothing.
fn percent(part: f64) -> String {
    match part * 100.0 {
        all if all >= 100.0 => "100 %".to_owned(),
        nearly if nearly > 99.9 => "99.9 %".to_owned(),
        none if none <= 0.0 => "0 %".to_owned(),
        hardly if hardly < 0.1 => "0.1 %".to_owned(),
        some => format!("{some:.1} %"),
    }
}

/// The start of an id that is too long for a table.
fn short(id: &str) -> String {
    let start: String = id.chars().take(8).collect();
    if start.len() < id.len() { start + "…" } else { start }
}

/// A sentence whose `names` are set apart.
fn marked(text: &str) -> Value {
    let mut out = String::new();
    for (at, part) in text.split('`').enumerate() {
        let part = HtmlEscape(part);
        if at % 2 == 0 { write!(out, "{part}") } else { write!(out, "<b>{part}</b>") }
            .expect("text is always written");
    }
    Value::from_safe_string(out)
}

/// JSON with a line for each member; anything else as it is.
pub(super) fn readable(text: &str) -> String {
    let is_json = text.trim_start().starts_with(['{', '[']);
    let json = is_json.then(|| serde_json::from_str::<serde_json::Value>(text).ok()).flatten();
    json.map_or_else(|| text.to_owned(), |json| format!("{json:#}"))
}

/// A value as it stands in an address.
fn query(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(template: &str) -> String {
        let mut engine = engine();
        engine.add_template("tested.html", template).unwrap();
        let now = minijinja::context! { now => "2026-11-22T10:00:00.000Z" };
        engine.get_template("tested.html").unwrap().render(now).unwrap()
    }

    #[test]
    fn times_are_spoken_with_the_exact_one_in_the_title() {
        let shown = shown("{{ '2026-11-22T09:57:00.500Z'|ago }}");
        assert!(shown.contains(">2 min ago<"), "{shown}");
        assert!(shown.contains(r#"title="2026-11-22 09:57:00.500 UTC""#), "{shown}");
        assert!(shown.contains(r#"datetime="2026-11-22T09:57:00.500Z""#), "{shown}");
    }

    #[test]
    fn times_to_come_and_none_are_spoken_too() {
        assert!(shown("{{ '2026-11-22T10:00:30Z'|ago }}").contains(">in 30 s<"));
        assert!(shown("{{ '2026-11-20T09:00:00Z'|ago }}").contains(">2 days ago<"));
        assert!(shown("{{ none|ago }}{{ none|clock }}").contains("—"));
    }

    #[test]
    fn numbers_are_read_at_a_glance() {
        assert_eq!(shown("{{ 1234567|grouped }} {{ 0.4|grouped }}"), "1,234,567 0.4");
        assert_eq!(
            shown("{{ 0.99999|percent }} {{ 1|percent }} {{ 0.5|percent }}"),
            "99.9 % 100 % 50.0 %"
        );
        assert_eq!(shown("{{ 1500|took }} {{ 90|lasted }} {{ 2.5|lasted }}"), "2 ms 1 min 2.5 s");
        assert_eq!(shown("{{ 100|size }} {{ 2048|size }}"), "100 bytes 2.0 KiB");
    }

    #[test]
    fn names_in_a_sentence_are_set_apart_and_nothing_in_them_is_markup() {
        let shown = shown("{{ 'of `<i>` & `b`'|marked }}");
        assert_eq!(shown, "of <b>&lt;i&gt;</b> &amp; <b>b</b>");
    }

    #[test]
    fn what_is_printed_is_escaped_and_what_is_undefined_is_an_error() {
        assert_eq!(shown("{{ '<b>&\"' }}"), "&lt;b&gt;&amp;&quot;");
        let mut engine = engine();
        engine.add_template("tested.html", "{{ nothing }}").unwrap();
        assert!(engine.get_template("tested.html").unwrap().render(()).is_err());
    }
}
