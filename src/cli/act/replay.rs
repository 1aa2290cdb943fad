//! `attio-relay replay`: deliver again, linked to the old.

use std::{
    collections::BTreeMap,
    io::{Write, stdout},
    process::ExitCode,
};

use clap::Args;
use serde_json::Value;
use url::Url;

use super::{Consent, deliveries, elsewhere::Elsewhere, open, which::Which, who};
use crate::{
    cli::{
        WRONG_USAGE, again,
        confirm::agreed,
        progress::Progress,
        steps::{End, Pace, in_steps, patiently},
    },
    config::Config,
    store::{Act, Deed, DeliveryState, Lane, ReplayMode, Selected},
};

/// Deliver again what has ended, linked to the old. Without --state, filters mean dead deliveries
/// that were not replayed.
#[derive(Debug, Args)]
pub(in crate::cli) struct Replay {
    #[command(flatten)]
    which: Which,
    /// Under a new idempotency key. Without this, what is dead or discarded keeps its key: its last
    /// try may have had its effect.
    #[arg(long)]
    as_new: bool,
    /// Look the record up again, instead of taking what was kept.
    #[arg(long, conflicts_with = "to")]
    fresh: bool,
    /// Send the events as standard JSON to this address, from here and once, without the action's
    /// headers or signature; the deliveries stay as they are.
    #[arg(long, value_name = "URL", value_parser = address)]
    to: Option<Url>,
    /// So many at the most, such as 10/s.
    #[arg(long, value_name = "N/s", value_parser = Pace::parse)]
    rate: Option<Pace>,
    #[command(flatten)]
    consent: Consent,
}

fn address(text: &str) -> Result<Url, String> {
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(url),
        _ => Err("write an address such as https://example.com/hook".to_owned()),
    }
}

/// Exits with 0 when all that was meant is replayed, with 1 when something could not be.
pub(in crate::cli) fn run(replay: &Replay, config: &Config) -> ExitCode {
    if replay.which.is_nothing() {
        eprintln!("error: say which deliveries: ids, or filters such as --state dead");
        return ExitCode::from(WRONG_USAGE);
    }
    crate::cli::block_on(replay.perform(config))
}

impl Replay {
    async fn perform(&self, config: &Config) -> anyhow::Result<ExitCode> {
        let mut lane = open(config).await?;
        let meant = self.meant(&mut lane).await?;
        let refused = self.tell_of_others(&meant, &mut lane).await?;
        let well = |is_well| if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        let all = deliveries(meant.len() as u64);
        writeln!(stdout(), "{all} to {}", self.summary(&meant))?;
        if self.consent.dry_run || meant.is_empty() {
            return Ok(well(refused == 0));
        }
        let asks = self.which.ids.len() != 1;
        if asks && !agreed(&format!("{} {all}?", self.verb()), self.consent.yes)? {
            return Ok(ExitCode::FAILURE);
        }
        let (end, done) = match &self.to {
            Some(url) => self.send(&mut lane, &meant, url).await?,
            None => self.replay(&mut lane, &meant).await?,
        };
        if end == End::Stopped {
            eprintln!("stopped; {}", self.how_to_go_on());
        }
        Ok(well(end == End::Done && refused == 0 && done == meant.len() as u64))
    }

    /// What can be replayed of what is meant.
    async fn meant(&self, lane: &mut Lane) -> anyhow::Result<Vec<Selected>> {
        let mut filter = self.which.filter(lane).await?;
        filter.unreplayed = self.to.is_none();
        if self.which.ids.is_empty() && filter.states.is_empty() {
            filter.states = vec![DeliveryState::Dead];
            filter.unreplayed = true;
        }
        let mut meant = lane.select(&filter).await?;
        meant.retain(|one| self.to.is_some() || one.state != DeliveryState::Open);
        Ok(meant)
    }

    /// Says of each id that was given and cannot be replayed why not. Returns how many.
    async fn tell_of_others(&self, meant: &[Selected], lane: &mut Lane) -> anyhow::Result<usize> {
        let is_meant = |id| meant.iter().any(|one| one.id == id);
        let others: Vec<_> = self.which.ids.iter().copied().filter(|id| !is_meant(*id)).collect();
        if others.is_empty() {
            return Ok(0);
        }
        let ids = others.clone();
        let filter = crate::store::Filter { ids, ..crate::store::Filter::default() };
        let found = lane.select(&filter).await?;
        for id in &others {
            let why = match found.iter().find(|one| one.id == *id) {
                None => "is not in the store".to_owned(),
                Some(Selected { replayed_by: Some(by), .. }) => {
                    format!("was replayed already, by {by}: replay that one")
                }
                Some(one) if one.state == DeliveryState::Open => "is still open".to_owned(),
                Some(_) => "does not fit the filters".to_owned(),
            };
            eprintln!("delivery {id} {why}");
        }
        Ok(others.len())
    }

    fn verb(&self) -> &'static str {
        if self.to.is_some() { "Send" } else { "Replay" }
    }

    /// The address that events are sent to may hold a secret: it is not repeated.
    fn how_to_go_on(&self) -> String {
        if self.to.is_some() {
            return "the same command sends all of them again".to_owned();
        }
        format!("this goes on with the rest: {}", again::command(&self.which.times()))
    }

    /// How many of each state, and under which key they go.
    fn summary(&self, meant: &[Selected]) -> String {
        let mut counts: BTreeMap<DeliveryState, usize> = BTreeMap::new();
        for one in meant {
            *counts.entry(one.state).or_default() += 1;
        }
        let part = |(state, count): (DeliveryState, usize)| {
            let keeps = state.keeps_its_key() && !self.as_new;
            let key = if keeps { "the same idempotency key" } else { "a new idempotency key" };
            format!("{count} {}, under {key}", state.as_str())
        };
        let parts: Vec<_> = counts.into_iter().map(part).collect();
        let verb = self.verb().to_lowercase();
        if parts.is_empty() { verb } else { format!("{verb}: {}", parts.join("; ")) }
    }

    async fn replay(&self, lane: &mut Lane, meant: &[Selected]) -> anyhow::Result<(End, u64)> {
        let mut details = self.which.details();
        details.insert("as_new".to_owned(), self.as_new.into());
        details.insert("fresh".to_owned(), self.fresh.into());
        let act = Act::new(who(), Deed::Replay, &Value::from(details));
        let mode = ReplayMode { as_new: self.as_new, fresh: self.fresh };
        let (mut done, mut new_keys) = (0, 0);
        let mut progress = Progress::of(meant.len() as u64, "replayed");
        let end = in_steps(meant, None, self.rate, &mut progress, async |some, progress| {
            let ids: Vec<_> = some.iter().map(|one| one.id).collect();
            let replayed = patiently(async || lane.replay(&ids, mode, &act).await).await?;
            for one in replayed.iter().filter(|_| self.which.ids.len() == 1) {
                progress.say(&format!("delivery {} does {} again", one.id, one.of));
            }
            done += replayed.len() as u64;
            new_keys += replayed.iter().filter(|one| one.has_new_key).count();
            Ok(())
        });
        let end = end.await?;
        progress.end();
        let kept = done - new_keys as u64;
        writeln!(
            stdout(),
            "replayed {}: {kept} under the same idempotency key, {new_keys} under a new one",
            deliveries(done)
        )?;
        let others = meant.len() as u64 - done;
        if others > 0 && end == End::Done {
            eprintln!("{} had been replayed by somebody else meanwhile", deliveries(others));
        }
        Ok((end, done))
    }

    async fn send(
        &self,
        lane: &mut Lane,
        meant: &[Selected],
        url: &Url,
    ) -> anyhow::Result<(End, u64)> {
        let mut details = self.which.details();
        // Not what may be secret in it.
        let host = url.host_str().unwrap_or_default();
        details.insert("to".to_owned(), format!("{}://{host}{}", url.scheme(), url.path()).into());
        let act = Act::new(who(), Deed::Send, &Value::from(details));
        let elsewhere = Elsewhere::new(url)?;
        let mut taken = 0;
        let mut progress = Progress::of(meant.len() as u64, "sent");
        let end = in_steps(meant, Some(1), self.rate, &mut progress, async |some, progress| {
            for one in some {
                match elsewhere.send(lane, one, self.as_new).await? {
                    Ok(()) => {
                        taken += 1;
                        lane.note_act(&act, 1).await?;
                    }
                    Err(why) => progress.say(&format!("delivery {} was not taken: {why}", one.id)),
                }
            }
            Ok(())
        });
        let end = end.await?;
        progress.end();
        writeln!(stdout(), "sent {} of {}", taken, meant.len())?;
        Ok((end, taken))
    }
}
