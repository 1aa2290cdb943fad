//! What is wrong, by all that is known. Pure: the moment is among the findings.

use std::{collections::HashSet, time::Duration};

use time::{OffsetDateTime, UtcOffset};

use super::{Kind, Meant, Trouble, about_whom, words::span};
use crate::{
    inventory::Review,
    store::{AlertRow, Findings, PauseKind, Unsent},
};

/// An alert that waits for so long has not been sent.
const LATE: Duration = Duration::from_mins(1);

/// So many tries in vain say the same.
const VAIN_TRIES: i64 = 3;

/// A silence over so many whole hours, in each of which something came on the same weekday of both
/// weeks before, is none of the rhythm.
const MISSED_HOURS: i64 = 3;

/// How the detail of a silence begins that is longer than is configured.
const BY_LIMIT: &str = "its limit is ";

/// A week, in hours.
const WEEK: i64 = 7 * 24;

/// All that stands.
pub(super) fn judge(findings: &Findings, meant: &Meant) -> Vec<Trouble> {
    let mut all = Vec::new();
    all.extend(failures(findings, meant));
    all.extend(findings.dead.iter().map(|dead| {
        Trouble::new(Kind::DeadLetters, action(&dead.action), dead.count, &*dead.reason)
    }));
    all.extend(seen(findings, meant));
    all.extend(paused(findings));
    all.extend(late(findings, meant));
    all.extend(quiet(findings, meant));
    all.extend(reviews(findings, meant));
    all.extend(not_sent(findings, meant));
    all
}

fn action(name: &str) -> String {
    format!("action/{name}")
}

fn failures(findings: &Findings, meant: &Meant) -> impl Iterator<Item = Trouble> {
    let most = i64::from(meant.alerts.after_failures);
    let of_it = findings.streaks.iter().filter(move |(_, failures, _)| *failures >= most);
    of_it.filter(|(name, ..)| meant.actions.contains(name)).map(|(name, failures, error)| {
        Trouble::new(Kind::Failures, action(name), *failures, error.as_str())
    })
}

/// What processes see; of refused messages only many are worth a word.
fn seen(findings: &Findings, meant: &Meant) -> impl Iterator<Item = Trouble> {
    let many = i64::from(meant.alerts.signature_failures);
    findings.sights.iter().filter_map(move |sight| {
        let kind = Kind::of(&sight.what)?;
        let is_worth_it = kind != Kind::Signatures || sight.count >= many;
        is_worth_it.then(|| Trouble::new(kind, sight.about.clone(), sight.count, &*sight.detail))
    })
}

fn paused(findings: &Findings) -> impl Iterator<Item = Trouble> {
    findings.pauses.iter().filter_map(|standing| {
        let pause = &standing.pause;
        let kind = match (pause.kind, pause.by.as_str()) {
            (PauseKind::Action, "410") => Kind::Gone,
            (PauseKind::Action, "loop") => Kind::Loop,
            (PauseKind::Action | PauseKind::Route, _) => return None,
        };
        Some(Trouble::new(kind, action(&pause.name), 0, &*pause.reason))
    })
}

/// What waits although it is due. What is paused waits because somebody wants it to.
fn late(findings: &Findings, meant: &Meant) -> impl Iterator<Item = Trouble> {
    let is_paused = |name: &str| {
        let mut actions = findings.pauses.iter().filter(|it| it.pause.kind == PauseKind::Action);
        actions.any(|it| it.pause.name == name)
    };
    let limit = meant.alerts.oldest_due.as_secs_f64();
    findings.due.iter().filter(move |(name, age)| *age > limit && !is_paused(name)).map(
        |(name, age)| {
            #[expect(clippy::cast_possible_truncation, reason = "seconds, far below the limit")]
            Trouble::new(Kind::OldestDue, action(name), *age as i64, "")
        },
    )
}

/// Sources with a limit of which nothing is known yet, not even since when they are waited for.
pub(super) fn awaited(findings: &Findings, meant: &Meant) -> Vec<String> {
    let limits = meant.alerts.quiet.iter().map(|(source, _)| source.to_string());
    limits.filter(|name| !findings.arrivals.iter().any(|(known, _)| known == name)).collect()
}

/// Sources that are silent for longer than is configured, or against their own rhythm.
fn quiet(findings: &Findings, meant: &Meant) -> impl Iterator<Item = Trouble> {
    let now = findings.now;
    let known = findings.arrivals.iter().filter(|(name, _)| meant.sources.contains(name));
    known.filter_map(move |(name, last)| {
        let silence = (now - *last).whole_seconds().max(0);
        let configured = meant.alerts.quiet.iter().find(|(source, _)| source.as_str() == name);
        let detail = match configured {
            Some((_, most)) => {
                let most = i64::try_from(most.as_secs()).unwrap_or(i64::MAX);
                (silence > most).then(|| format!("{BY_LIMIT}{}", span(most)))
            }
            None => missed(findings, name, *last).or_else(|| still_missed(findings, name, *last)),
        };
        Some(Trouble::new(Kind::Quiet, format!("source/{name}"), silence, detail?))
    })
}

/// In which hours something should have come.
fn missed(findings: &Findings, source: &str, last: OffsetDateTime) -> Option<String> {
    let of_it = findings.hours.iter().filter(|(name, _)| name == source);
    let heard: HashSet<i64> = of_it.map(|(_, hour)| *hour).collect();
    let hour_of = |at: OffsetDateTime| at.unix_timestamp().div_euclid(3600);
    let mut run = 0;
    for hour in hour_of(last) + 1..hour_of(findings.now) {
        let is_usual = heard.contains(&(hour - WEEK)) && heard.contains(&(hour - 2 * WEEK));
        run = if is_usual { run + 1 } else { 0 };
        if run == MISSED_HOURS {
            let from = OffsetDateTime::from_unix_timestamp((hour + 1 - run) * 3600).ok()?;
            let from = from.to_offset(UtcOffset::UTC);
            return Some(format!(
                "on {}s something always came in each hour from {:02}:00 to {:02}:00 UTC",
                from.weekday(),
                from.hour(),
                (from.hour() + 3) % 24
            ));
        }
    }
    None
}

/// What was told of a silence that goes on. The hours that it was held against are forgotten some
/// time, and it is not over for that.
fn still_missed(findings: &Findings, source: &str, last: OffsetDateTime) -> Option<String> {
    let of_it = |row: &&AlertRow| {
        row.what == Kind::Quiet.as_str()
            && about_whom(&row.about) == source
            && row.ended_at.is_none()
    };
    let row = findings.alerts.iter().find(of_it)?;
    // Counted are the seconds from the last message to the last judgement. When the alert began is
    // no measure: what came just before may be noted only after.
    let goes_on = last <= row.seen_at - Duration::from_secs(row.count.unsigned_abs());
    // One by a limit that is configured no longer is over.
    (goes_on && !row.detail.starts_with(BY_LIMIT)).then(|| row.detail.clone())
}

fn reviews(findings: &Findings, meant: &Meant) -> impl Iterator<Item = Trouble> {
    let today = findings.now.date();
    meant.reviews.iter().filter_map(move |(route, reviewed)| {
        let review = Review::of(reviewed.as_deref(), today);
        let Review::Overdue { days, .. } = review else { return None };
        let detail = review.finding()?;
        Some(Trouble::new(Kind::ReviewOverdue, format!("route/{route}"), days, detail))
    })
}

/// Whether a delivery of an alert does not arrive.
pub(super) fn is_stuck(unsent: &Unsent, now: OffsetDateTime) -> bool {
    match unsent.state.as_deref() {
        Some("open") => unsent.tries >= VAIN_TRIES || now - unsent.made_at > LATE,
        Some("dead" | "skipped") => unsent.replayed_by.is_none(),
        Some(_) | None => false,
    }
}

fn not_sent(findings: &Findings, meant: &Meant) -> Vec<Trouble> {
    let stuck = |unsent: &&Unsent| is_stuck(unsent, findings.now);
    let of = |name: &String| {
        let of_it: Vec<&Unsent> =
            findings.unsent.iter().filter(|it| it.action == *name).filter(stuck).collect();
        let why = of_it.iter().find_map(|it| it.reason.clone()).unwrap_or_default();
        let count = i64::try_from(of_it.len()).unwrap_or(i64::MAX);
        (count > 0).then(|| Trouble::new(Kind::NotSent, action(name), count, why))
    };
    let names: HashSet<&String> = findings.unsent.iter().map(|it| &it.action).collect();
    let mut names: Vec<&String> =
        names.into_iter().filter(|name| meant.actions.contains(name)).collect();
    names.sort();
    names.into_iter().filter_map(of).collect()
}
