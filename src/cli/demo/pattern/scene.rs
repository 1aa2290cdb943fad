//! One thing that happens in Attio, and what comes of it.

use std::time::Duration;

use anyhow::Context;
use tokio::time::{sleep, timeout};

use super::figures::Figures;
use crate::{
    cli::demo::stage::Stage,
    http::fake_attio::{FakeAttio, Refusal},
};

/// Something must come of it by then.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often metrics are looked at, which tell nobody when they change.
const LOOK: Duration = Duration::from_millis(10);

/// What happens, and what must come of it.
pub(super) struct Scene {
    pub(super) title: &'static str,
    pub(super) act: Act,
    pub(super) outcome: Outcome,
}

/// What happens.
pub(super) enum Act {
    /// Somebody changes something in Attio.
    Change(fn(&FakeAttio) -> Result<(), Refusal>),
    /// Attio sends its first message again.
    Repeat,
}

/// What comes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is delivered.
    Delivered,
    /// Its values were looked up, and the condition does not hold.
    Skipped,
    /// The event alone shows that no route wants it.
    Unwanted,
    /// The message is known already.
    Duplicate,
    /// The delivery cannot be made.
    Dead,
}

/// A scene that was played.
pub(super) struct Seen {
    pub(super) scene: &'static Scene,
    /// What the relay answered at last; `None` when it did not.
    pub(super) status: Option<u16>,
    /// What came of it; `None` when nothing did in time.
    pub(super) outcome: Option<Outcome>,
}

impl Seen {
    /// It came as it had to.
    pub(super) fn is_right(&self) -> bool {
        self.status == Some(200) && self.outcome == Some(self.scene.outcome)
    }
}

impl Scene {
    /// Lets it happen, and waits for what comes of it.
    pub(super) async fn perform(&'static self, stage: &Stage) -> anyhow::Result<Seen> {
        let before = Figures::of(&stage.metrics);
        let attio = &stage.attio;
        match self.act {
            Act::Change(change) => change(attio)?,
            Act::Repeat => {
                let first = attio.messages().into_iter().next().context("Attio sent nothing")?;
                anyhow::ensure!(attio.send_again(&first.key), "Attio has lost its first message");
            }
        }
        let quiet = timeout(PATIENCE, attio.wait_until_quiet()).await;
        let outcome = timeout(PATIENCE, async {
            loop {
                if let Some(outcome) = Figures::of(&stage.metrics).outcome_since(&before) {
                    return outcome;
                }
                sleep(LOOK).await;
            }
        });
        let outcome = if quiet.is_ok() { outcome.await.ok() } else { None };
        let messages = attio.messages();
        let told = match self.act {
            Act::Change(_) => messages.last(),
            Act::Repeat => messages.first(),
        };
        let status = told.and_then(|message| message.tries.last().copied().flatten());
        Ok(Seen { scene: self, status, outcome })
    }
}
