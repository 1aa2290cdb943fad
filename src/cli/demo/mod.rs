//! `attio-relay demo`: all of it on this machine, with nothing to install.
//!
//! It is the real program behind its real door; only the sender and the destination are played.

mod report;
mod script;
mod stage;

use std::{
    io::{Write, stdout},
    process::ExitCode,
    time::Duration,
};

use tokio::time::{Instant, sleep, timeout_at};

use self::{script::Scene, stage::Stage};
use super::client::{self, Trust};
use crate::{shutdown::Stop, signature, telemetry};

/// All deliveries must have arrived by then.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a request of the demo may take.
const REQUEST: Duration = Duration::from_secs(10);

/// What a 503 of the relay asks for.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Plays the demo; with `once` it ends by itself, with 0 when everything was delivered.
pub(super) fn run(once: bool) -> ExitCode {
    // The destination's one 503 would be a warning in the middle of the table.
    let _logs = telemetry::logs::start_at("error");
    super::block_on(demo(once))
}

async fn demo(once: bool) -> anyhow::Result<ExitCode> {
    let stop = Stop::new();
    let (mut stage, running) = Stage::set(stop.clone()).await?;
    let mut ended = std::pin::pin!(running.ended());
    let mut signals = std::pin::pin!(stop.clone().on_signals());
    let is_complete = tokio::select! {
        complete = play(&mut stage, once) => complete?,
        () = stop.soon.cancelled() => !once,
        listening = &mut signals => listening.map(|()| false)?,
        ended = &mut ended => return ended.map(|()| ExitCode::FAILURE).map_err(Into::into),
    };
    stop.soon.cancel();
    tokio::select! {
        ended = ended => ended?,
        listening = signals => listening?,
    }
    stage.clear().await?;
    Ok(if is_complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Sends everything, shows what became of it, and, unless it is played once, what else arrives.
async fn play(stage: &mut Stage, once: bool) -> anyhow::Result<bool> {
    say(&report::opening(stage)?)?;
    let mut play = script::play();
    let deadline = Instant::now() + PATIENCE;
    send(stage, &mut play).await?;
    // It may be that something never arrives; the table shows that.
    let _in_time = timeout_at(deadline, watch(stage, &mut play)).await;
    let is_complete = script::is_complete(&play);
    say(&report::table(&play))?;
    say(&report::summary(&play))?;
    say(&report::addresses(stage))?;
    if !once {
        say(&report::more(stage))?;
        while let Some(arrival) = stage.arrivals.recv().await {
            say(&report::line(&arrival))?;
        }
    }
    Ok(is_complete)
}

/// Sends each message as Attio would: what is answered 503 is sent again.
async fn send(stage: &Stage, play: &mut [Scene]) -> anyhow::Result<()> {
    let door = stage.door()?;
    let client = client::client(&door, Trust::Proven, REQUEST)?;
    let stranger = "a secret that the relay has never heard of".into();
    for scene in play {
        let secret = if scene.is_genuine { &stage.secret } else { &stranger };
        let signature = signature::sign(secret, scene.body.as_bytes());
        for _ in 0..5 {
            let body = scene.body.clone();
            let answer = client::post(&client, &door, &scene.key, &signature, body).await?;
            let is_busy = answer.status == 503;
            scene.answer = Some((answer.status, answer.text));
            if !is_busy {
                break;
            }
            sleep(RETRY_AFTER).await;
        }
    }
    Ok(())
}

/// Takes note of what arrives until everything has.
async fn watch(stage: &mut Stage, play: &mut [Scene]) {
    while !script::is_delivered(play) {
        let Some(arrival) = stage.arrivals.recv().await else {
            return;
        };
        script::note(play, &arrival);
    }
}

/// Prints a paragraph; fails when nobody reads any more.
fn say(text: &str) -> anyhow::Result<()> {
    let mut out = stdout().lock();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}
