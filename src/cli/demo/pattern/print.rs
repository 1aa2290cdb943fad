//! What the play of a pattern prints: nothing is wider than 80 columns.

use serde_json::Value;

use super::{
    Pattern, Script, example,
    scene::{Outcome, Seen},
};
use crate::cli::demo::{report::numbered, stage::Stage};

/// The widest line.
const WIDTH: usize = 80;

/// What is going to happen.
pub(super) fn opening(pattern: Pattern, script: &Script, stage: &Stage) -> anyhow::Result<String> {
    Ok(format!(
        "{}\n\
         \n  the routing   {}\
         \n  the relay     {}\
         \n  an Attio      made up: {}\n\
         \nThe routing is that file as it stands; only its addresses lead to this machine.\n",
        script.title,
        example::file(pattern),
        stage.door()?,
        stage.attio.base_url(),
    ))
}

/// What happened, and what came of it.
pub(super) fn table(script: &Script, seen: &[Seen]) -> String {
    let header = ["what happens in Attio", "the relay says", "what comes of it"];
    let row = |seen: &Seen| {
        let outcome = match seen.outcome {
            Some(Outcome::Delivered) => script.effect,
            Some(Outcome::Skipped) => "skipped: the condition does not hold",
            Some(Outcome::Unwanted) => "nothing: no route wants it",
            Some(Outcome::Duplicate) => "nothing: it is known already",
            Some(Outcome::Dead) => "A DEAD LETTER",
            None => "NOTHING IN TIME",
        };
        let mark = if seen.is_right() { "" } else { " (!)" };
        [seen.scene.title.to_owned(), answer(seen), format!("{outcome}{mark}")]
    };
    numbered(header, seen.iter().map(row)) + "\n"
}

fn answer(seen: &Seen) -> String {
    match (seen.status, seen.outcome) {
        (Some(200), Some(Outcome::Duplicate)) => "200 duplicate".to_owned(),
        (Some(200), _) => "200 accepted".to_owned(),
        (Some(status), _) => status.to_string(),
        (None, _) => "no answer".to_owned(),
    }
}

/// Attio's first message, which holds ids only.
pub(super) fn told(stage: &Stage) -> String {
    let mut paths = Vec::new();
    if let Some(first) = stage.attio.messages().first() {
        flatten("", &first.event, &mut paths);
    }
    // What it is comes first, whom it concerns last.
    paths.sort_by_key(|(path, _)| match path.split('.').next() {
        Some("event_type") => 0,
        Some("actor") => 1,
        _ => 2,
    });
    let paths = paths.iter().map(|(path, value)| (path.as_str(), value.clone()));
    format!("All that Attio's message 1 says:\n\n{}\n", fields(paths))
}

/// Every plain value with its dotted path.
fn flatten(path: &str, value: &Value, paths: &mut Vec<(String, String)>) {
    let Value::Object(inner) = value else {
        let plain = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        return paths.push((path.to_owned(), plain));
    };
    for (name, value) in inner {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        flatten(&path, value, paths);
    }
}

/// Whether it was as it had to be.
pub(super) fn verdict(is_right: bool) -> &'static str {
    if is_right {
        "All as it should be."
    } else {
        "NOT as it should be: see the rows with (!) and count what came."
    }
}

/// Names beside values, which go on below themselves where they are long.
pub(super) fn fields<'f>(fields: impl IntoIterator<Item = (&'f str, String)>) -> String {
    let fields: Vec<_> = fields.into_iter().collect();
    let widest = fields.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let line = |(name, value): &(&str, String)| {
        let indent = " ".repeat(widest + 4);
        let value = wrapped(value, WIDTH - widest - 4).join(&format!("\n{indent}"));
        format!("  {name:widest$}  {value}")
    };
    fields.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A text within two blanks and the right margin.
pub(super) fn folded(text: &str) -> String {
    let lines = text.lines().flat_map(|line| wrapped(line, WIDTH - 2));
    lines.map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

/// Cut where the margin is; what goes on is not indented, so that it can be put together again.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let lines = text.lines().flat_map(|line| {
        let chars: Vec<char> = line.chars().collect();
        chars.chunks(width).map(|chunk| chunk.iter().collect::<String>()).collect::<Vec<_>>()
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_wider_than_80_columns_and_nothing_is_lost() {
        let long = "ä".repeat(200);
        let text = fields([("a", long.clone()), ("longer", "short".to_owned())]);
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert_eq!(text.matches('ä').count(), 200);
        assert!(folded(&long).lines().all(|line| line.chars().count() <= WIDTH));
    }
}
