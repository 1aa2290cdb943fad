//! `attio-relay replay`: deliver again, linked to the old.

use std::{
    collections::BTreeMap,
    io::{Write, stdout},
    process::ExitCode,
};

use clap::Args;
use url::Url;

use super::{deliveries, open, which::Which, who};
use crate::{
    act::{self, Chosen, Elsewhere, Reach},
    cli::{
        WRONG_USAGE, again,
        confirm::{Consent, agreed},
        progress::Progress,
        steps::{End, Pace, in_steps},
    },
    config::Config,
    store::{DeliveryState, Lane, ReplayMode, Selected},
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
    if replay.which.meant().is_nothing() {
        eprintln!("error: say which deliveries: ids, or filters such as --state dead");
        return ExitCode::from(WRONG_USAGE);
    }
    crate::cli::block_on(replay.perform(config))
}

impl Replay {
    async fn perform(&self, config: &Config) -> anyhow::Result<ExitCode> {
        let mut lane = open(config).await?;
        let asked = self.asked();
        let Chosen { meant, others, .. } = asked.choose(&mut lane, None).await?;
        for (id, why) in &others {
            eprintln!("delivery {id} {why}");
        }
        let refused = others.len();
        let well = |is_well| if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        let all = deliveries(meant.len() as u64);
        writeln!(stdout(), "{all} to {}", self.summary(&asked, &meant))?;
        if self.consent.dry_run || meant.is_empty() {
            return Ok(well(refused == 0));
        }
        let asks = self.which.ids.len() != 1;
        if asks && !agreed(&format!("{} {all}?", self.verb()), self.consent.yes)? {
            return Ok(ExitCode::FAILURE);
        }
        let (end, done) = match &self.to {
            Some(url) => self.send(&mut lane, &asked, &meant, url).await?,
            None => self.replay(&mut lane, &asked, &meant).await?,
        };
        if end == End::Stopped {
            eprintln!("stopped; {}", self.how_to_go_on());
        }
        Ok(well(end == End::Done && refused == 0 && done == meant.len() as u64))
    }

    fn asked(&self) -> act::Replay {
        let mode = ReplayMode { as_new: self.as_new, fresh: self.fresh };
        act::Replay { which: self.which.meant(), mode, to: self.to.clone() }
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
    fn summary(&self, asked: &act::Replay, meant: &[Selected]) -> String {
        let mut counts: BTreeMap<DeliveryState, usize> = BTreeMap::new();
        for one in meant {
            *counts.entry(one.state).or_default() += 1;
        }
        let part = |(state, count): (DeliveryState, usize)| {
            let key = if asked.keeps_key(state) {
                "the same idempotency key"
            } else {
                "a new idempotency key"
            };
            format!("{count} {}, under {key}", state.as_str())
        };
        let parts: Vec<_> = counts.into_iter().map(part).collect();
        let verb = self.verb().to_lowercase();
        if parts.is_empty() { verb } else { format!("{verb}: {}", parts.join("; ")) }
    }

    async fn replay(
        &self,
        lane: &mut Lane,
        asked: &act::Replay,
        meant: &[Selected],
    ) -> anyhow::Result<(End, u64)> {
        let act = asked.act(who());
        let (mut done, mut new_keys) = (0, 0);
        let mut progress = Progress::of(meant.len() as u64, "replayed");
        let end = in_steps(meant, None, self.rate, &mut progress, async |some, progress| {
            let replayed = asked.step(lane, some, &act).await?;
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
        asked: &act::Replay,
        meant: &[Selected],
        url: &Url,
    ) -> anyhow::Result<(End, u64)> {
        let act = asked.act(who());
        // The person who runs the command typed it.
        let elsewhere = Elsewhere::new(url, Reach::Anywhere)?;
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
