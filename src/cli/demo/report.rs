//! What the demo prints: nothing is wider than 80 columns.

use std::{
    env,
    fmt::{Display, Write as _},
    path::Path,
};

use comfy_table::{ColumnConstraint, Table, Width, presets::UTF8_FULL_CONDENSED};

use super::{
    script::{BILLING, Delivery, Expected, Scene, WAREHOUSE},
    stage::Stage,
};
use crate::http::sink::Arrival;

/// The widths of the columns, margins included; with their borders they make 80.
const WIDTHS: [u16; 4] = [3, 37, 17, 18];

/// What is going to happen.
pub(super) fn opening(stage: &Stage) -> anyhow::Result<String> {
    Ok(format!(
        "attio-relay receives Attio's webhooks, keeps each one once, and delivers it.\n\
         This demo runs all of it on this machine, and removes everything at its end:\n\
         \n  a database    a SQLite file in {}\
         \n  the relay     {}\
         \n  two routes    record.updated -> {BILLING}, everything -> {WAREHOUSE}\
         \n  their server  made up too; it is busy once, to show a second attempt\n",
        stage.file.parent().unwrap_or(&stage.file).display(),
        stage.door()?,
    ))
}

/// What was sent, what it was answered, and what arrived where.
pub(super) fn table(play: &[Scene]) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header(["", "message sent to the relay", "its answer", "arrived at"]);
    for (column, width) in table.column_iter_mut().zip(WIDTHS) {
        column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width)));
    }
    for (at, scene) in play.iter().enumerate() {
        let arrived: Vec<_> = scene.deliveries.iter().map(arrived).collect();
        let arrived = if arrived.is_empty() { nowhere(scene) } else { arrived.join("\n") };
        table.add_row([(at + 1).to_string(), scene.title.to_owned(), answer(scene), arrived]);
    }
    table.to_string()
}

fn answer(scene: &Scene) -> String {
    match &scene.answer {
        None => "none".to_owned(),
        Some((status, text)) => {
            let word = text.split('"').nth(3).unwrap_or(text);
            let mark = if scene.is_answered_right() { "" } else { " (!)" };
            format!("{status} {word}{mark}")
        }
    }
}

fn nowhere(scene: &Scene) -> String {
    match scene.expected {
        Expected::Quarantined => "(kept aside)",
        Expected::Accepted | Expected::Duplicate | Expected::Refused => "-",
    }
    .to_owned()
}

fn arrived(delivery: &Delivery) -> String {
    let to = delivery.destination;
    let answers = delivery.answers.as_slice();
    match answers {
        [] => format!("{to}: NEVER"),
        [.., 200] => format!("{to}, try {}", answers.len()),
        [.., last] => format!("{to}: {last}"),
    }
}

/// The same in a few sentences, and the verdict.
pub(super) fn summary(play: &[Scene]) -> String {
    let count = |expected| {
        let is_one = |scene: &&Scene| scene.expected == expected && scene.is_answered_right();
        play.iter().filter(is_one).count()
    };
    let deliveries = || play.iter().flat_map(|scene| &scene.deliveries);
    let (arrived, all) =
        (deliveries().filter(|one| one.has_arrived()).count(), deliveries().count());
    let retried = deliveries().filter(|one| one.has_arrived() && one.answers.len() > 1).count();
    format!(
        "{} accepted, each stored before the 200 was sent\n\
         {} recognised as a duplicate by its Idempotency-Key, and not delivered again\n\
         {} refused as forged: its signature was not made with the webhook's secret\n\
         {} signed but unreadable: kept aside for you, and Attio need not send it again\n\
         {arrived} of {all} deliveries arrived, {retried} of them after a 503 and a second attempt\n",
        count(Expected::Accepted),
        count(Expected::Duplicate),
        count(Expected::Refused),
        count(Expected::Quarantined),
    )
}

/// Where to look.
pub(super) fn addresses(stage: &Stage) -> String {
    let (public, admin) = (stage.public, stage.admin);
    format!(
        "Addresses to look at:\n\
         \n  http://{public}/healthz   does it live?\
         \n  http://{public}/readyz    can it accept messages?\
         \n  http://{admin}/metrics   what it counts\n"
    )
}

/// How to go on.
pub(super) fn more(stage: &Stage) -> String {
    let program = program();
    let file = shell_word(stage.file.display());
    let mut text = String::from("Send more from another terminal:\n");
    for what in ["record.updated", "task.created --count 3", "note.created --key my-key"] {
        let _infallible = write!(text, "\n  {program} send {what} \\\n    --config {file}\n");
    }
    text.push_str(
        "\nThe last one, sent twice, is a duplicate. What arrives is shown below;\n\
         Ctrl-C ends the demo.\n",
    );
    text
}

/// A further attempt, as the destination saw it.
pub(super) fn line(arrival: &Arrival) -> String {
    format!(
        "  {} -> {}, attempt {}, answered {}",
        arrival.event_type, arrival.destination, arrival.attempt, arrival.status
    )
}

/// What the user typed to run us.
fn program() -> String {
    let typed = env::args_os().next().unwrap_or_else(|| "attio-relay".into());
    shell_word(Path::new(&typed).display())
}

/// A word that a shell reads as it stands.
fn shell_word(word: impl Display) -> String {
    let word = word.to_string();
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "/._-+:@%".contains(char);
    if word.chars().all(is_plain) { word } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::demo::script;

    #[test]
    fn no_line_of_the_table_is_wider_than_80_columns() {
        for line in table(&script::play()).lines() {
            assert_eq!(line.chars().count(), 80, "{line}");
        }
    }

    #[test]
    fn a_word_with_a_blank_is_quoted_for_the_shell() {
        assert_eq!(shell_word("/tmp/a b'c"), r"'/tmp/a b'\''c'");
        assert_eq!(shell_word("/tmp/a-b_1"), "/tmp/a-b_1");
    }
}
