//! What was found, for people and for programs. Addresses of others are cut: what stands in them
//! may be a secret of theirs.

use std::io::{Write, stdout};

use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use serde_json::{Value, json};
use url::Url;

use super::desk::Survey;
use crate::attio::subscription::{
    Comparison, Planned, Reason, Target, UnknownName, Webhook, Whereabouts, whereabouts,
};

/// Prints. Nothing that somebody wrote in Attio may reach a terminal as a command to it.
pub(super) fn print(text: &str) -> std::io::Result<()> {
    let is_plain = |char: &char| *char == '\n' || !char.is_control();
    let plain: String = text.chars().filter(is_plain).collect();
    writeln!(stdout(), "{plain}")
}

/// A table with these columns.
pub(super) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header(header.iter().copied());
    table
}

/// Our own addresses whole, those of others only up to the host.
pub(super) fn address(webhook: &Webhook, targets: &[Target]) -> String {
    if whereabouts(&webhook.target_url, targets) != Whereabouts::Elsewhere {
        return webhook.target_url.clone();
    }
    match Url::parse(&webhook.target_url) {
        Ok(url) => format!("{}/…", url.origin().ascii_serialization()),
        Err(_) => "…".to_owned(),
    }
}

/// The plan and what differs from it, for people.
pub(super) fn report(survey: &Survey, comparison: &Comparison<'_>) -> String {
    let mut lines = Vec::new();
    let target = &comparison.target;
    lines.push(format!("the routes need of source {} ({}):", target.source, target.at(1)));
    let mut table = table(&["subscription", "needed for", "note"]);
    for planned in &survey.plan.subscriptions {
        let note = if planned.is_broader { "brings more than is needed" } else { "" };
        let reasons: Vec<_> = planned.reasons.iter().map(Reason::as_str).collect();
        let what = planned.subscription.describe(&survey.catalog);
        table.add_row([what, reasons.join(", "), note.to_owned()]);
    }
    lines.push(table.to_string());
    lines.extend(survey.plan.unknown.iter().map(UnknownName::describe));
    lines.extend(comparison.findings.iter().map(|one| one.describe(&survey.catalog)));
    if comparison.is_settled() && survey.plan.unknown.is_empty() {
        lines.push("Attio sends what the routes need: nothing differs".to_owned());
    }
    lines.join("\n")
}

/// The same for programs.
pub(super) fn report_json(survey: &Survey, comparison: &Comparison<'_>) -> String {
    let planned = |planned: &Planned| {
        json!({
            "event_type": planned.subscription.event_type,
            "filter": planned.subscription.filter,
            "needed_for": planned.reasons.iter().map(Reason::as_str).collect::<Vec<_>>(),
            "brings_more_than_needed": planned.is_broader,
        })
    };
    let value = json!({
        "source": comparison.target.source.as_str(),
        "target_url": comparison.target.at(1),
        "webhook_id": comparison.kept.map(|kept| &kept.id),
        "subscriptions": survey.plan.subscriptions.iter().map(planned).collect::<Vec<Value>>(),
        "unknown": survey.plan.unknown,
        "findings": comparison.findings,
    });
    format!("{value:#}")
}
