//! The three patterns of every Attio team, played: people change something in a made-up Attio, it
//! tells the relay, and the other end shows what came of it.

mod billing;
pub(super) mod example;
mod figures;
mod print;
mod scene;
mod slack;
pub(super) mod warehouse;

use clap::ValueEnum;

use self::{
    figures::Figures,
    scene::{Act, Outcome, Scene, Seen},
};
use super::{say, stage::Stage};
use crate::{action::postgres::sandbox::Sandbox, http::sink::Arrival};

/// One of the files in `config/examples`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Pattern {
    /// A deal becomes Closed Won: billing is told over HTTP.
    ClosedWon,
    /// A person is created: a row in a Postgres warehouse; the server is that of `WAREHOUSE_URL`.
    PersonToWarehouse,
    /// A record is put on a list: a person is told in Slack.
    ListToSlack,
}

/// What a pattern is about, and what happens in its play.
struct Script {
    /// In one sentence.
    title: &'static str,
    /// What one delivery comes to at the other end.
    effect: &'static str,
    /// What happens, in order.
    scenes: &'static [Scene],
}

impl Pattern {
    fn script(self) -> Script {
        match self {
            Self::ClosedWon => billing::SCRIPT,
            Self::PersonToWarehouse => warehouse::SCRIPT,
            Self::ListToSlack => slack::SCRIPT,
        }
    }
}

/// Plays a pattern to its end; whether all was as it should be.
pub(super) async fn play(
    pattern: Pattern,
    stage: &mut Stage,
    warehouse: Option<&Sandbox>,
) -> anyhow::Result<bool> {
    let script = pattern.script();
    say(&print::opening(pattern, &script, stage)?)?;
    billing::prepare(&stage.attio)?;
    stage.listen_to_attio()?;
    let before = Figures::of(&stage.metrics);
    let mut seen = Vec::new();
    for scene in script.scenes {
        seen.push(scene.perform(stage).await?);
    }
    say(&print::table(&script, &seen))?;
    let (effects, text) = effects(pattern, stage, warehouse).await?;
    say(&print::told(stage))?;
    say(&text)?;
    let wanted = script.scenes.iter().filter(|it| it.outcome == Outcome::Delivered).count();
    let is_right = seen.iter().all(Seen::is_right)
        && effects == wanted
        && Figures::of(&stage.metrics).events_since(&before) == seen.len();
    say(print::verdict(is_right))?;
    Ok(is_right)
}

/// How much came to the other end, and what.
async fn effects(
    pattern: Pattern,
    stage: &mut Stage,
    warehouse: Option<&Sandbox>,
) -> anyhow::Result<(usize, String)> {
    let arrivals: Vec<Arrival> = std::iter::from_fn(|| stage.arrivals.try_recv().ok()).collect();
    Ok(match pattern {
        Pattern::ClosedWon => (arrivals.len(), billing::told(&arrivals)),
        Pattern::ListToSlack => (arrivals.len(), slack::told(&arrivals)),
        Pattern::PersonToWarehouse => {
            let rows = warehouse::rows(warehouse).await?;
            (rows.len(), warehouse::told(&rows))
        }
    })
}
