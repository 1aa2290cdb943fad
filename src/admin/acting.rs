//! Acting for who comes over HTTP: so much with one request, the rest with the next.
//!
//! Who hangs up half-way has done what was done until then, which is recorded.

use std::sync::Arc;

use serde::Serialize;
use uuid::Uuid;

use super::asked::Asked;
use crate::{
    act::{self, Chosen, Elsewhere, Reach, Refusal, STEP, Target, release::Released},
    dispatch::Limits,
    routing,
    store::{PauseKind, Readers, Store},
    telemetry::Metrics,
};

/// Deliveries that one request changes at the most.
pub const MOST: usize = 5_000;

/// Events that one request sends elsewhere at the most: each may take its time.
pub const MOST_SENT: usize = 10;

/// Steps in which one request holds what waits of a paused route; the rest is held where it is met.
const HOLDS: usize = 10;

/// Does what is asked for.
#[derive(Debug)]
pub struct Acting {
    lanes: Readers,
    routes: routing::Shared,
    limits: Arc<Limits>,
    metrics: Arc<Metrics>,
}

/// A delivery to which nothing was done, though it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Left {
    pub(super) id: Uuid,
    pub(super) why: String,
}

/// What a replay came to.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct ReplayDone {
    /// What can be replayed of what is meant; only this is filled when nothing was to be done.
    pub(super) meant: usize,
    /// Whether more is meant than one request does: the same request goes on.
    pub(super) is_more: bool,
    pub(super) replayed: Vec<Again>,
    /// Taken at another address.
    pub(super) sent: usize,
    pub(super) left: Vec<Left>,
}

/// A delivery that does another one again.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Again {
    id: Uuid,
    replay_of: Uuid,
    has_new_key: bool,
}

/// What discarding came to.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct DiscardDone {
    pub(super) meant: usize,
    pub(super) is_more: bool,
    pub(super) discarded: u64,
    pub(super) left: Vec<Left>,
}

fn left((id, why): (Uuid, String)) -> Left {
    Left { id, why }
}

impl Acting {
    /// Acts on a store, by the routes and actions that are configured.
    #[must_use]
    pub fn new(
        store: &Store,
        routes: routing::Shared,
        limits: Arc<Limits>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { lanes: Readers::for_acts(store), routes, limits, metrics }
    }

    pub(super) async fn replay(&self, asked: &Asked, who: String) -> Result<ReplayDone, Refusal> {
        check(asked)?;
        let Asked { which, mode, to, .. } = asked;
        let replay = act::Replay { which: which.clone(), mode: *mode, to: to.clone() };
        let elsewhere = to.as_ref().map(|url| Elsewhere::new(url, Reach::Public)).transpose()?;
        let most = if elsewhere.is_some() { MOST_SENT } else { MOST };
        let mut lane = self.lanes.reader().await?;
        let Chosen { meant, others, is_more } = replay.choose(&mut lane, Some(most)).await?;
        let left = others.into_iter().map(left).collect();
        let mut done = ReplayDone { meant: meant.len(), is_more, left, ..ReplayDone::default() };
        if asked.dry_run {
            return Ok(done);
        }
        let act = replay.act(who);
        if let Some(elsewhere) = elsewhere {
            for one in &meant {
                match elsewhere.send(&mut lane, one, mode.as_new).await? {
                    Ok(()) => {
                        done.sent += 1;
                        lane.note_act(&act, 1).await?;
                    }
                    Err(why) => done.left.push(Left { id: one.id, why }),
                }
            }
            return Ok(done);
        }
        for some in meant.chunks(STEP) {
            let replayed = replay.step(&mut lane, some, &act).await?;
            done.replayed.extend(replayed.into_iter().map(|one| Again {
                id: one.id,
                replay_of: one.of,
                has_new_key: one.has_new_key,
            }));
        }
        Ok(done)
    }

    pub(super) async fn discard(&self, asked: &Asked, who: String) -> Result<DiscardDone, Refusal> {
        check(asked)?;
        let reason = act::discard::reason(&asked.reason).map_err(Refusal::Wrong)?;
        let discard = act::Discard { which: asked.which.clone(), reason };
        let mut lane = self.lanes.reader().await?;
        let Chosen { meant, others, is_more } = discard.choose(&mut lane, Some(MOST)).await?;
        let left = others.into_iter().map(left).collect();
        let mut done = DiscardDone { meant: meant.len(), is_more, discarded: 0, left };
        let act = discard.act(who);
        for some in meant.chunks(STEP).filter(|_| !asked.dry_run) {
            for (route, action) in discard.step(&mut lane, some, &act).await? {
                self.metrics.deliveries.with([&route, &action, "discarded"]).increment(1);
                done.discarded += 1;
            }
        }
        Ok(done)
    }

    /// Whether it was not paused before, and how many deliveries of a route were held at once.
    pub(super) async fn pause(
        &self,
        asked: &Asked,
        who: &str,
    ) -> Result<act::pause::Paused, Refusal> {
        let target = target(asked)?;
        if !self.is_configured(&target) {
            return Err(missing(&target, "configured"));
        }
        let mut lane = self.lanes.reader().await?;
        Ok(target.pause(&mut lane, who, &asked.reason, Some(HOLDS)).await?)
    }

    /// Whether it was paused.
    pub(super) async fn resume(&self, asked: &Asked, who: &str) -> Result<bool, Refusal> {
        let target = target(asked)?;
        let mut lane = self.lanes.reader().await?;
        let was_paused = target.resume(&mut lane, who).await?;
        if !was_paused && !self.is_configured(&target) {
            return Err(missing(&target, "configured or paused"));
        }
        Ok(was_paused)
    }

    pub(super) async fn release(&self, id: Uuid, who: String) -> Result<Released, Refusal> {
        let mut lane = self.lanes.reader().await?;
        act::release::release(&mut lane, id, &self.routes.current(), who).await
    }

    fn is_configured(&self, target: &Target) -> bool {
        match target.kind {
            PauseKind::Action => self.limits.has(&target.name),
            PauseKind::Route => self.routes.current().names().any(|name| name == target.name),
        }
    }
}

/// Something must be said, and not more than one request does.
fn check(asked: &Asked) -> Result<(), Refusal> {
    if asked.which.is_nothing() {
        let hint = "say which deliveries: `ids`, or filters such as `states` or `action`";
        return Err(Refusal::Wrong(hint.to_owned()));
    }
    let most = if asked.to.is_some() { MOST_SENT } else { MOST };
    if asked.which.ids.len() > most {
        return Err(Refusal::Wrong(format!("give {most} ids at the most")));
    }
    Ok(())
}

fn target(asked: &Asked) -> Result<Target, Refusal> {
    Target::of(&asked.kind, &asked.name).ok_or_else(|| {
        Refusal::Wrong("`kind` is action or route, and `name` is what it is called".to_owned())
    })
}

fn missing(target: &Target, what: &str) -> Refusal {
    Refusal::Missing(format!("no {} `{}` is {what}", target.kind.as_str(), target.name))
}
