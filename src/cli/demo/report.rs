//! What the demo prints: nothing is wider than 80 columns.

use std::{
    env,
    fmt::{Display, Write as _},
    path::Path,
};

use comfy_table::{ColumnConstraint, Table, Width, presets::UTF8_FULL_CONDENSED};

use super::{
    script::{BILLING, Delivery, Expected, Scene, WAREHOUSE, WON},
    stage::Stage,
};
use crate::{
    http::{
        fake_attio::{BUOY_DEAL, TOKEN},
        sink::Arrival,
    },
    telemetry::Metrics,
};

/// The widths of the columns, margins included; with their borders they make 80.
const WIDTHS: [u16; 4] = [3, 37, 17, 18];

/// What is going to happen.
pub(super) fn opening(stage: &Stage) -> anyhow::Result<String> {
    Ok(format!(
        "attio-relay receives Attio's webhooks, keeps each one once, and delivers it.\n\
         This demo runs all of it on this machine, and removes everything at its end:\n\
         \n  a database    a SQLite file in {}\
         \n  the relay     {}\
         \n  an Attio      made up, with deals and people: {}\
         \n  two routes    deals that become {WON} -> {BILLING}, everything -> {WAREHOUSE}\
         \n  their server  made up too; it is busy once, to show a second attempt\n",
        stage.props.home.display(),
        stage.door()?,
        stage.attio.base_url(),
    ))
}

/// What was sent, what it was answered, and what arrived where.
pub(super) fn table(play: &[Scene]) -> String {
    let row = |scene: &Scene| {
        let arrived: Vec<_> = scene.deliveries.iter().map(arrived).collect();
        let arrived = if arrived.is_empty() { nowhere(scene) } else { arrived.join("\n") };
        [scene.title.to_owned(), answer(scene), arrived]
    };
    numbered(["message sent to the relay", "its answer", "arrived at"], play.iter().map(row))
}

/// A table of numbered rows, 80 columns wide.
pub(super) fn numbered(header: [&str; 3], rows: impl Iterator<Item = [String; 3]>) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    let [first, second, third] = header;
    table.set_header(["", first, second, third]);
    for (column, width) in table.column_iter_mut().zip(WIDTHS) {
        column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width)));
    }
    for (at, [first, second, third]) in rows.enumerate() {
        table.add_row([(at + 1).to_string(), first, second, third]);
    }
    table.to_string()
}

/// The sum of a counter's samples that have this label, such as `result="skipped"`.
pub(super) fn count(metrics: &Metrics, name: &str, label: &str) -> u64 {
    let samples = metrics.render();
    let of_it = samples.lines().filter(|line| {
        line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']))
            && line.contains(label)
    });
    of_it.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
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
pub(super) fn summary(play: &[Scene], skipped: u64) -> String {
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
         {arrived} of {all} deliveries arrived, {retried} of them after a 503 and a second attempt\n\
         {skipped} more were skipped: the deal's stage was looked up, and it is not {WON}\n",
        count(Expected::Accepted),
        count(Expected::Duplicate),
        count(Expected::Refused),
        count(Expected::Quarantined),
    )
}

/// What a look-up added to what Attio sent.
pub(super) fn values(play: &[Scene]) -> String {
    let mut text = String::new();
    for (at, scene) in play.iter().enumerate() {
        for delivery in scene.deliveries.iter().filter(|one| one.destination == BILLING) {
            let body = &delivery.body;
            let of = |name: &str| body[name].as_str().unwrap_or("?").to_owned();
            let _infallible = writeln!(
                text,
                "Attio's messages hold ids only. Of message {number} the relay looked up the deal, what\n\
                 its stage was before, and who moved it; so {BILLING} got:\n\
                 \n  deal    {deal}\n  value   {value}\n  stage   {stage}, before: {before}\
                 \n  by      {by}",
                number = at + 1,
                deal = of("deal"),
                value = of("value"),
                stage = of("stage"),
                before = of("before"),
                by = of("by"),
            );
        }
    }
    text
}

/// Where to look.
pub(super) fn addresses(stage: &Stage) -> String {
    let (public, admin) = (stage.public, stage.admin);
    format!(
        "Addresses to look at:\n\
         \n  http://{admin}/          the pages: what came, and what became of it\
         \n  http://{public}/healthz   does it live?\
         \n  http://{public}/readyz    can it accept messages?\
         \n  http://{admin}/metrics   what it counts\n"
    )
}

/// How to go on.
pub(super) fn more(stage: &Stage) -> String {
    let program = program();
    let file = shell_word(stage.props.file("relay.toml").display());
    let attio = stage.attio.base_url();
    let mut text = String::from("Send more from another terminal:\n");
    for what in ["record.created", "task.created --count 3", "note.created --key my-key"] {
        let _infallible = write!(text, "\n  {program} send {what} \\\n    --config {file}\n");
    }
    let _infallible = write!(
        text,
        "\nThe last one, sent twice, is a duplicate. Or win another deal in the made-up\n\
         Attio, which then tells the relay:\n\
         \n  deals={attio}/v2/objects/deals/records\
         \n  curl -X PATCH $deals/{BUOY_DEAL} \\\
         \n    -H 'Authorization: Bearer {TOKEN}' \\\
         \n    -d '{{\"data\":{{\"values\":{{\"stage\":\"{WON}\"}}}}}}'\n\
         \nWhat arrives is shown below; Ctrl-C ends the demo.\n",
    );
    text
}

/// A further attempt, as the destination saw it.
pub(super) fn line(arrival: &Arrival) -> String {
    let what = format!(
        "  {} -> {}, attempt {}, answered {}",
        arrival.event_type, arrival.destination, arrival.attempt, arrival.status
    );
    match arrival.body["deal"].as_str() {
        Some(deal) => format!("{what}: {deal}"),
        None => what,
    }
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
    use crate::{
        cli::demo::script,
        http::fake_attio::{FakeAttio, Options},
    };

    #[tokio::test]
    async fn no_line_of_the_table_is_wider_than_80_columns() {
        let attio = FakeAttio::start(Options::default()).await.unwrap();
        for line in table(&script::play(&attio).unwrap()).lines() {
            assert_eq!(line.chars().count(), 80, "{line}");
        }
    }

    #[test]
    fn a_counter_is_summed_over_the_samples_that_have_the_label() {
        let metrics = Metrics::new();
        for result in ["skipped", "skipped", "dead"] {
            metrics.deliveries.with(["a", result, result]).increment(2);
        }
        let name = "attio_relay_deliveries_total";
        assert_eq!(count(&metrics, name, r#"result="skipped""#), 4);
        assert_eq!(count(&metrics, name, r#"result="succeeded""#), 0);
    }

    #[test]
    fn a_word_with_a_blank_is_quoted_for_the_shell() {
        assert_eq!(shell_word("/tmp/a b'c"), r"'/tmp/a b'\''c'");
        assert_eq!(shell_word("/tmp/a-b_1"), "/tmp/a-b_1");
    }
}
