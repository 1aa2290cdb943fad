//! `attio-relay reconcile`: makes up for events that never arrived.
//!
//! What it is to make stands on standard output, how far it is on standard error.

use std::{
    io::{Write, stdout},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, bail};
use clap::Args;
use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use serde_json::{Value, json};
use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

use super::{
    Output, again,
    confirm::{Consent, agreed},
    migrate,
    progress::Progress,
    steps::unless_interrupted,
};
use crate::{
    attio::client::Client,
    config::Config,
    look::ask,
    reconcile::{self, Change, Found, GRACE, Made, Search, Step},
    store::{Lane, LaneKind},
    telemetry::Metrics,
};

/// Each question to the store takes so long at the most.
const DEADLINE: Duration = Duration::from_mins(1);

/// Deletions cannot be found, and neither can values that went.
const LIMITS: &str = "deletions leave no trace in Attio and are not found";
const NOT_THOROUGH: &str =
    "values that were only taken away, none put in their place, are found with --thorough";

/// Make up for events that never arrived: find what changed in Attio and was not heard of, and make
/// marked events for the routes that say `reconcile = true`. A second run makes none again.
#[derive(Debug, Args)]
pub(super) struct Reconcile {
    /// Changes from then on: a time as in 2026-11-22T09:00:00Z, or how long ago, as in 24h.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: OffsetDateTime,
    /// Changes before then. Default: 15m ago, as younger events may still be on their way.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<OffsetDateTime>,
    /// Make so many events at the most, the oldest first.
    #[arg(long, value_name = "COUNT", default_value_t = reconcile::LIMIT,
          value_parser = at_least_one)]
    limit: usize,
    /// Ask for the history of every record, which finds values that were taken away too: one call
    /// for each record and attribute.
    #[arg(long)]
    thorough: bool,
    #[command(flatten)]
    consent: Consent,
    /// The form of what is printed.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Exits with 0, with 1 when it failed or was not agreed to.
pub(super) fn run(reconcile: &Reconcile, config: &Config) -> ExitCode {
    super::block_on(reconcile.perform(config))
}

impl Reconcile {
    async fn perform(&self, config: &Config) -> anyhow::Result<ExitCode> {
        let metrics = Arc::new(Metrics::new());
        let attio = config.attio.as_ref().context("there is no [attio] section to ask by")?;
        let client = Client::new(attio, Arc::clone(&metrics))?;
        let work = reconcile::Reconcile::new(config, client)
            .context("no route says `reconcile = true`, so nobody wants what is found")?;
        let search = self.search(config)?;
        let mut lane = lane(config).await?;
        self.warn_of_the_beginning(&mut lane, search).await?;

        let mut progress = Progress::uncounted();
        let mut show = |step: Step<'_>| progress.show(words(step));
        // Whoever interrupts this ends the program: there is nothing to go on with yet.
        let found = work.find(&mut lane, search, &mut show).await;
        progress.end();
        let found = found.context("what was made before stays; run it again")?;
        if self.consent.dry_run || found.missing.is_empty() {
            return self.tell(search, &found, None);
        }
        if self.output == Output::Table {
            self.show(search, &found)?;
        }
        let question = format!("Make {}?", events(found.missing.len()));
        if !agreed(&question, self.consent.yes)? {
            return Ok(ExitCode::FAILURE);
        }
        let mut progress = Progress::of(found.missing.len() as u64, "made");
        let mut show = |step: Step<'_>| {
            if let Step::Made { done, .. } = step {
                progress.reach(done as u64);
            }
        };
        let made = unless_interrupted(work.make(&mut lane, &found, &metrics, &mut show)).await;
        let done = progress.done();
        progress.end();
        let Some(made) = made else {
            return Ok(
                self.stopped(search, &format!("{done} of {} stay", events(found.missing.len())))
            );
        };
        let made = made.context("what was made stays; run it again for the rest")?;
        self.tell(search, &found, Some(made))
    }

    /// The last words of a run that was interrupted. What was made is not made again.
    fn stopped(&self, search: Search, what: &str) -> ExitCode {
        let until = self.until.map(|_| search.until);
        let again = again::command(&[("--since", Some(search.since)), ("--until", until)]);
        eprintln!("stopped, {what}; this goes on: {again}");
        ExitCode::FAILURE
    }

    fn search(&self, config: &Config) -> anyhow::Result<Search> {
        let now = OffsetDateTime::now_utc();
        let until = self.until.unwrap_or(now - GRACE);
        if until <= self.since {
            bail!(
                "nothing lies between {} and {}; changes younger than 15m are left for the next \
                 time unless --until says otherwise",
                text(self.since),
                text(until)
            );
        }
        let kept = config.store.retention.min(config.store.dedup_window);
        if self.since < now - kept {
            bail!(
                "what arrived before {} may have been removed already, and would look as if it \
                 never had: give a later --since",
                text(now - kept)
            );
        }
        let (since, limit, is_thorough) = (self.since, self.limit, self.thorough);
        Ok(Search { since, until, limit, is_thorough })
    }

    /// What happened before the webhook was there was never to arrive.
    async fn warn_of_the_beginning(&self, lane: &mut Lane, search: Search) -> anyhow::Result<()> {
        match lane.oldest_message().await? {
            Some(oldest) if oldest <= search.since => {}
            Some(oldest) => eprintln!(
                "note: the first message arrived at {}; all that happened before counts as missing",
                text(oldest)
            ),
            None => eprintln!("note: no message ever arrived; all that happened counts as missing"),
        }
        Ok(())
    }

    fn tell(&self, search: Search, found: &Found, made: Option<Made>) -> anyhow::Result<ExitCode> {
        match (self.output, made) {
            (Output::Json, _) => {
                writeln!(stdout(), "{:#}", self.for_programs(search, found, made))?;
            }
            (Output::Table, None) => self.show(search, found)?,
            (Output::Table, Some(made)) => writeln!(stdout(), "{}", sum(found, made))?,
        }
        Ok(ExitCode::SUCCESS)
    }

    /// What is missing, what cannot be found, and how to go on.
    fn show(&self, search: Search, found: &Found) -> anyhow::Result<()> {
        let mut out = stdout().lock();
        if !found.missing.is_empty() {
            writeln!(out, "{}", table(&found.missing))?;
        }
        writeln!(
            out,
            "{} looked at, {} missing between {} and {}",
            count(found.things, "thing"),
            events(found.total),
            text(search.since),
            text(search.until)
        )?;
        for note in self.out_of_reach(found) {
            writeln!(out, "not found: {note}")?;
        }
        if let Some(next) = next(found) {
            writeln!(
                out,
                "the limit of {} is reached: {} more; go on with --since {next}",
                self.limit,
                found.total - found.missing.len()
            )?;
        }
        Ok(())
    }

    fn out_of_reach(&self, found: &Found) -> Vec<String> {
        let mut notes = vec![LIMITS.to_owned()];
        notes.extend((!self.thorough).then(|| NOT_THOROUGH.to_owned()));
        notes.extend(found.out_of_reach.iter().cloned());
        notes
    }

    fn for_programs(&self, search: Search, found: &Found, made: Option<Made>) -> Value {
        let missing = |change: &Change| json!({"at": text(change.at), "event": change.event});
        json!({
            "since": text(search.since),
            "until": text(search.until),
            "looked_at": found.things,
            "missing": found.missing.iter().map(missing).collect::<Vec<_>>(),
            "missing_in_all": found.total,
            "made": made.map_or(0, |made| made.events),
            "go_on_since": next(found),
            "not_found": self.out_of_reach(found),
        })
    }
}

async fn lane(config: &Config) -> anyhow::Result<Lane> {
    Ok(migrate::ready(config).await?.lane(LaneKind::Reconcile, DEADLINE))
}

fn words(step: Step<'_>) -> String {
    match step {
        Step::Arrived(events) => format!("{events} events have arrived"),
        Step::Looked { at, things, missing } => format!("{at}: {things} seen, {missing} missing"),
        Step::Made { done, of } => format!("{done} of {of} made"),
    }
}

fn sum(found: &Found, made: Made) -> String {
    let known = match made.known {
        0 => String::new(),
        known => format!(", {known} made by somebody else meanwhile"),
    };
    let next = next(found).map(|next| format!("; go on with --since {next}")).unwrap_or_default();
    format!("{} made{known}{next}", events(made.events))
}

/// Where the next run goes on when the limit was reached.
fn next(found: &Found) -> Option<String> {
    let last = found.missing.last().filter(|_| found.total > found.missing.len())?;
    Some(text(last.at))
}

fn table(missing: &[Change]) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header(["at", "event", "of", "attribute"]);
    for change in missing {
        let attribute = change.attribute.as_deref().unwrap_or_default();
        table.add_row([&text(change.at), change.event_type, &change.thing, attribute]);
    }
    table.to_string()
}

fn events(number: usize) -> String {
    count(number, "event")
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn text(moment: OffsetDateTime) -> String {
    let text = moment.to_offset(UtcOffset::UTC).format(&Rfc3339);
    text.unwrap_or_else(|_| moment.to_string())
}

fn at_least_one(typed: &str) -> Result<usize, String> {
    match typed.parse() {
        Ok(number @ 1..) => Ok(number),
        _ => Err("a number from 1".to_owned()),
    }
}

fn moment(typed: &str) -> Result<OffsetDateTime, String> {
    ask::moment(typed, OffsetDateTime::now_utc())
}
