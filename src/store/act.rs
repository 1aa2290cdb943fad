//! What people do to deliveries and messages: replay, discard, release; and that they did.
//!
//! Every change is written in one transaction with the [`Act`] it belongs to, so what was done
//! without a trace was not done. A delivery is replayed once: whoever asks twice, asks for nothing.

use std::collections::BTreeMap;

use bytes::Bytes;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{DeliveryState, Lane, NewMessage, StoreError, words::words};
use crate::name::SourceName;

/// One act of a person, or of the relay itself; may change many things in several steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// Made when it begins; its later steps count on under it.
    pub id: Uuid,
    /// Who does it: `user@host` for a command.
    pub who: String,
    /// What is done.
    pub what: Deed,
    /// What was asked for, in JSON.
    pub details: String,
}

words! {
    /// What an [`Act`] does.
    Deed "acts.what" {
        /// Deliver again.
        Replay "replay",
        /// Send events to an address of nobody's configuration.
        Send "send",
        /// End what nobody wants.
        Discard "discard",
        /// Let deliveries wait.
        Pause "pause",
        /// Let them go on.
        Resume "resume",
        /// Let a quarantined message in.
        Release "release",
    }
}

/// How to replay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReplayMode {
    /// Under a new idempotency key, whatever became of the old one.
    pub as_new: bool,
    /// What was looked up and kept for its event is forgotten, and looked up again.
    pub fresh: bool,
}

/// A delivery that was made to do another one again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replayed {
    /// The ended one.
    pub of: Uuid,
    /// The new one.
    pub id: Uuid,
    /// Whether it has a key of its own.
    pub has_new_key: bool,
}

/// A message as it stands in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMessage {
    /// Its id.
    pub id: Uuid,
    /// What the unique index knows it by.
    pub dedup: [u8; 32],
    /// The source it came to.
    pub source: SourceName,
    /// The key it was sent with.
    pub key: Option<Bytes>,
    /// When it arrived.
    pub received_at: OffsetDateTime,
    /// Why it is quarantined; `None` when it is not.
    pub quarantined: Option<String>,
    /// The bytes that were signed.
    pub body: Bytes,
}

/// A delivery's route and action, by name.
pub type Whose = (String, String);

impl Act {
    /// An act that begins now.
    #[must_use]
    pub fn new(who: impl Into<String>, what: Deed, details: &serde_json::Value) -> Self {
        Self { id: Uuid::now_v7(), who: who.into(), what, details: details.to_string() }
    }
}

/// An ended delivery that is to be replayed.
pub(super) struct Ended {
    pub(super) id: Uuid,
    pub(super) event_id: Uuid,
    pub(super) route: String,
    pub(super) action: String,
    pub(super) state: DeliveryState,
    pub(super) order_key: Option<Vec<u8>>,
    pub(super) idempotency_key: Uuid,
}

/// A replay as it goes into a row.
pub(super) struct NewReplay {
    pub(super) id: Uuid,
    pub(super) key: Uuid,
    pub(super) held: Option<&'static str>,
    pub(super) of: Ended,
}

/// How many replays each key gets.
pub(super) fn count_keys(ended: &[Ended]) -> BTreeMap<Vec<u8>, i64> {
    let mut counts = BTreeMap::new();
    for key in ended.iter().filter_map(|ended| ended.order_key.clone()) {
        *counts.entry(key).or_default() += 1;
    }
    counts
}

/// Makes the rows, in the order of the ended ones. `pending` says how many of each key are open
/// with these: where there are none but these, the first of them goes.
pub(super) fn replays(
    ended: Vec<Ended>,
    mode: ReplayMode,
    counts: &BTreeMap<Vec<u8>, i64>,
    pending: Vec<(Vec<u8>, i64)>,
) -> Vec<NewReplay> {
    let mut idle: std::collections::HashSet<Vec<u8>> = pending
        .into_iter()
        .filter(|(key, pending)| counts.get(key) == Some(pending))
        .map(|(key, _)| key)
        .collect();
    ended
        .into_iter()
        .map(|of| {
            let id = Uuid::now_v7();
            let is_head = of.order_key.as_ref().is_none_or(|key| idle.remove(key));
            let keeps = of.state.keeps_its_key() && !mode.as_new;
            let key = if keeps { of.idempotency_key } else { id };
            NewReplay { id, key, held: (!is_head).then_some("order"), of }
        })
        .collect()
}

impl NewReplay {
    pub(super) fn done(&self) -> Replayed {
        Replayed { of: self.of.id, id: self.id, has_new_key: self.key == self.id }
    }
}

/// A delivery that was discarded.
pub(super) struct Ending {
    pub(super) order_key: Option<Vec<u8>>,
    pub(super) was_open: bool,
    pub(super) was_behind: bool,
}

/// How many of each key ended, and the keys whose next one goes: those whose first one ended.
pub(super) fn freed(endings: &[Ending]) -> (BTreeMap<Vec<u8>, i64>, Vec<Vec<u8>>) {
    let (mut counts, mut heads) = (BTreeMap::new(), Vec::new());
    for Ending { order_key, was_open, was_behind } in endings {
        if let Some(key) = order_key.as_ref().filter(|_| *was_open) {
            *counts.entry(key.clone()).or_default() += 1;
            if !was_behind {
                heads.push(key.clone());
            }
        }
    }
    heads.sort_unstable();
    (counts, heads)
}

impl Lane {
    /// Makes new deliveries that do ended ones again, in the order in which those arrived. Those
    /// that are open, are replayed already or whose event is gone are left out.
    ///
    /// # Errors
    /// Any [`StoreError`]; the same may be asked again.
    pub async fn replay(
        &mut self,
        ids: &[Uuid],
        mode: ReplayMode,
        act: &Act,
    ) -> Result<Vec<Replayed>, StoreError> {
        match self {
            Self::Postgres(lane) => lane.replay(ids, mode, act).await,
            Self::Sqlite(lane) => lane.replay(ids, mode, act).await,
        }
    }

    /// Ends open deliveries, and dead ones that were not replayed, as discarded. What an attempt
    /// that runs meanwhile comes to is refused. Returns whose each one was that was ended.
    ///
    /// # Errors
    /// Any [`StoreError`]; the same may be asked again.
    pub async fn discard(
        &mut self,
        ids: &[Uuid],
        reason: &str,
        act: &Act,
    ) -> Result<Vec<Whose>, StoreError> {
        match self {
            Self::Postgres(lane) => lane.discard(ids, reason, act).await,
            Self::Sqlite(lane) => lane.discard(ids, reason, act).await,
        }
    }

    /// The message of that id.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn message(&mut self, id: Uuid) -> Result<Option<StoredMessage>, StoreError> {
        match self {
            Self::Postgres(lane) => lane.message(id).await,
            Self::Sqlite(lane) => lane.message(id).await,
        }
    }

    /// Puts an accepted message in the place of the quarantined one of the same id, with its events
    /// and deliveries. False when there is no quarantined one of that id any more.
    ///
    /// # Errors
    /// Any [`StoreError`]; the same may be asked again.
    pub async fn release(&mut self, message: &NewMessage, act: &Act) -> Result<bool, StoreError> {
        match self {
            Self::Postgres(lane) => lane.release(message, act).await,
            Self::Sqlite(lane) => lane.release(message, act).await,
        }
    }

    /// Counts on an act that changes nothing of the store's.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn note_act(&mut self, act: &Act, changed: u64) -> Result<(), StoreError> {
        match self {
            Self::Postgres(lane) => lane.note_act(act, changed).await,
            Self::Sqlite(lane) => lane.note_act(act, changed).await,
        }
    }
}
