//! The group commit: while one batch is being committed, the next one gathers.
//!
//! An idle server commits at once. The loop is never cancelled in the middle of a batch; what is in
//! doubt is sent again with the same ids until the store tells.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};
use uuid::Uuid;

use super::{Able, Receipt, SETTLE, plan};
use crate::{
    attio::event::KNOWN_TYPES,
    dispatch::{Dispatch, Leased, Slot},
    name::ActionName,
    store::{Claimed, ClaimedEvent, Existing, Lane, NewDelivery, NewMessage, StoreError},
    telemetry::{Metrics, error_text, unix_seconds},
};

/// The most messages in one commit: many share its cost, and not so many are answered at once that
/// what has to be refused meanwhile waits behind them.
const BATCH: usize = 512;

/// An idle lane is asked so often whether it is still there.
const PING: Duration = Duration::from_secs(1);

/// The pause after a commit that failed; the lane backs off by itself.
const AFTER_FAILURE: Duration = Duration::from_millis(20);

/// Bodies that are remembered, to notice equal ones.
const REMEMBERED: usize = 4096;

/// A planned message whose sender waits.
#[derive(Debug)]
pub(super) struct Incoming {
    message: NewMessage,
    signature: [u8; 32],
    answer: Option<oneshot::Sender<Receipt>>,
    /// When a commit that may have happened was first asked for.
    in_doubt: Option<Instant>,
    born: Vec<Born>,
}

/// A delivery that is to be born leased.
#[derive(Debug)]
struct Born {
    event: usize,
    delivery: usize,
    slot: Slot,
    lease: Duration,
}

impl Incoming {
    pub(super) fn new(
        message: NewMessage,
        signature: [u8; 32],
        answer: oneshot::Sender<Receipt>,
    ) -> Self {
        Self { message, signature, answer: Some(answer), in_doubt: None, born: Vec::new() }
    }

    fn answer(&mut self, receipt: Receipt) {
        if let Some(answer) = self.answer.take() {
            // A client that hung up loses only the answer.
            let _gone = answer.send(receipt);
        }
    }

    /// Whether it is still worth sending: somebody waits for it, or it may be committed already.
    fn is_wanted(&self) -> bool {
        self.answer.as_ref().is_some_and(|answer| !answer.is_closed())
            || self.in_doubt.is_some_and(|since| since.elapsed() < SETTLE)
    }

    /// Takes room for deliveries that can start at once. Not for a message in doubt: what its
    /// first try may have committed as due may be somebody else's by now.
    fn reserve(&mut self, dispatch: &Dispatch) {
        if self.in_doubt.is_some() {
            return;
        }
        for (event, new) in self.message.events.iter_mut().enumerate() {
            for (delivery, new) in new.deliveries.iter_mut().enumerate() {
                if new.lease.is_none()
                    && new.order_key.is_none()
                    && new.delay.is_none()
                    && let Some((slot, lease)) = dispatch.reserve(&new.route, &new.action)
                {
                    new.lease = Some(lease);
                    self.born.push(Born { event, delivery, slot, lease });
                }
            }
        }
    }

    /// Gives back what was kept for deliveries that are not started.
    fn release(&mut self) {
        self.born.drain(..).for_each(|born| born.slot.unused());
    }

    /// Starts what was born leased to this process, and says what others may claim.
    fn start(mut self, dispatch: &Dispatch, sent: Instant, due: &mut HashSet<ActionName>) {
        for Born { event, delivery, slot, lease } in std::mem::take(&mut self.born) {
            let claimed = claimed(&self.message, event, delivery);
            dispatch.start(Leased { claimed, until: sent + lease }, slot);
        }
        let deliveries = self.message.events.iter().flat_map(|event| &event.deliveries);
        // What waits for its time is found by the next look for what became due.
        let is_due = |delivery: &&NewDelivery| delivery.lease.is_none() && delivery.delay.is_none();
        for delivery in deliveries.filter(is_due) {
            if !due.contains(&delivery.action) {
                due.insert(delivery.action.clone());
            }
        }
    }

    /// The same, to be kept aside: its key stands for other JSON.
    fn set_aside(mut self) -> Self {
        let message = plan::set_aside(self.message.clone());
        warn!(message_id = %message.id, source = %message.source, "quarantined: its key was used before with other JSON");
        let (signature, answer) = (self.signature, self.answer.take());
        Self { message, signature, answer, in_doubt: None, born: Vec::new() }
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        self.release();
    }
}

/// A delivery of a message that was just committed, as a claim would have brought it.
fn claimed(message: &NewMessage, event: usize, delivery: usize) -> Claimed {
    let event = &message.events[event];
    let delivery = &event.deliveries[delivery];
    Claimed {
        id: delivery.id,
        lease_no: 1,
        tries: 0,
        lost: 0,
        route: delivery.route.clone(),
        action: delivery.action.clone(),
        order_key: delivery.order_key,
        debounce_key: delivery.debounce_key,
        idempotency_key: delivery.id,
        event: ClaimedEvent {
            id: event.id,
            event_type: event.event.event_type.clone(),
            source: message.source.clone(),
            received_at: message.received_at,
            json: message.body.slice(event.event.span.clone()),
        },
    }
}

/// What waits, up to a whole batch, as soon as anything does; nothing when no more will come.
async fn next_batch(inbox: &mut mpsc::Receiver<Incoming>) -> Vec<Incoming> {
    let mut batch = Vec::new();
    inbox.recv_many(&mut batch, BATCH).await;
    batch
}

/// The committing loop of a process.
pub(super) struct Batcher {
    inbox: mpsc::Receiver<Incoming>,
    lane: Lane,
    dispatch: Dispatch,
    metrics: Arc<Metrics>,
    able: Able,
    give_up: CancellationToken,
    bodies: RecentBodies,
}

impl Batcher {
    pub(super) fn new(
        inbox: mpsc::Receiver<Incoming>,
        lane: Lane,
        dispatch: Dispatch,
        metrics: Arc<Metrics>,
        able: Able,
        give_up: CancellationToken,
    ) -> Self {
        let bodies = RecentBodies::default();
        Self { inbox, lane, dispatch, metrics, able, give_up, bodies }
    }

    /// Commits until every sender is gone and all is answered.
    pub(super) async fn run(mut self) {
        self.ping().await;
        loop {
            match tokio::time::timeout(PING, next_batch(&mut self.inbox)).await {
                Ok(batch) if batch.is_empty() => return,
                Ok(batch) => self.commit(batch).await,
                Err(_quiet) => self.ping().await,
            }
        }
    }

    async fn ping(&mut self) {
        let result = self.lane.ping().await;
        self.note(&result);
    }

    /// Keeps readiness and the gauges true.
    fn note<T>(&self, result: &Result<T, StoreError>) {
        match result {
            Ok(_) => {
                self.able.set(true);
                self.metrics.last_success.with(["intake"]).set(unix_seconds());
            }
            Err(StoreError::Refused(_) | StoreError::Contended(_)) => {}
            Err(
                error @ (StoreError::Away(_) | StoreError::Doubtful(_) | StoreError::Unusable(_)),
            ) => {
                if self.able.is() {
                    let error = error_text(error);
                    warn!(error, "the store does not take messages; answering 503");
                }
                self.able.set(false);
                self.metrics.store_errors.with(["intake"]).increment(1);
            }
        }
    }

    /// Commits a batch for certain, or until nobody waits for it.
    async fn commit(&mut self, mut batch: Vec<Incoming>) {
        loop {
            // What was already answered 503 is not sent any more.
            batch.retain(Incoming::is_wanted);
            if batch.is_empty() {
                return;
            }
            let sent = Instant::now();
            match self.record(&mut batch).await {
                Ok(fresh) => match self.settle(batch, &fresh, sent).await {
                    again if again.is_empty() => return,
                    again => batch = again,
                },
                Err(StoreError::Refused(cause)) if batch.len() == 1 => {
                    let message_id = batch[0].message.id;
                    error!(%message_id, error = error_text(&*cause), "the store refused a message");
                    return;
                }
                Err(StoreError::Refused(_)) => {
                    // One poisonous row fails alone.
                    let rest = batch.split_off(batch.len() / 2);
                    Box::pin(self.commit(batch)).await;
                    batch = rest;
                }
                Err(StoreError::Contended(_)) => {}
                Err(error) => {
                    if matches!(error, StoreError::Doubtful(_)) {
                        for incoming in &mut batch {
                            incoming.in_doubt.get_or_insert(sent);
                        }
                    }
                    if self.give_up.is_cancelled() {
                        return;
                    }
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            }
        }
    }

    async fn record(&mut self, batch: &mut [Incoming]) -> Result<Vec<Uuid>, StoreError> {
        for incoming in &mut *batch {
            incoming.reserve(&self.dispatch);
        }
        let messages: Vec<&NewMessage> = batch.iter().map(|incoming| &incoming.message).collect();
        let started = Instant::now();
        let result = self.lane.record(&messages).await;
        self.note(&result);
        if result.is_ok() {
            self.metrics.commit_seconds.with([]).record(started.elapsed().as_secs_f64());
            #[expect(clippy::cast_precision_loss, reason = "at most a few hundred")]
            self.metrics.batch_size.with([]).record(batch.len() as f64);
        }
        result
    }

    /// Answers a batch of which `fresh` were new. Returns what must be recorded again.
    async fn settle(
        &mut self,
        batch: Vec<Incoming>,
        fresh: &[Uuid],
        sent: Instant,
    ) -> Vec<Incoming> {
        let fresh: HashSet<&Uuid> = fresh.iter().collect();
        let (new, known): (Vec<_>, Vec<_>) =
            batch.into_iter().partition(|incoming| fresh.contains(&incoming.message.id));
        let mut due = HashSet::new();
        for incoming in new {
            self.accept(incoming, sent, &mut due);
        }
        for action in &due {
            self.dispatch.made_due(action);
        }
        if known.is_empty() { Vec::new() } else { self.recognise(known, sent).await }
    }

    fn accept(&mut self, mut incoming: Incoming, sent: Instant, due: &mut HashSet<ActionName>) {
        if incoming.message.quarantined.is_some() {
            return incoming.answer(Receipt::Quarantined);
        }
        incoming.answer(Receipt::Accepted);
        self.count(&incoming.message, incoming.signature);
        incoming.start(&self.dispatch, sent, due);
    }

    fn count(&mut self, message: &NewMessage, signature: [u8; 32]) {
        if self.bodies.is_repeated(signature) {
            self.metrics.same_body_new_key.with([message.source.as_str()]).increment(1);
        }
        for event in &message.events {
            let known = KNOWN_TYPES.iter().find(|known| **known == event.event.event_type);
            let label = known.copied().unwrap_or("other");
            self.metrics.events.with([label]).increment(1);
            if event.deliveries.is_empty() {
                self.metrics.unrouted_events.with([label]).increment(1);
            }
        }
    }

    /// Tells duplicates, our own earlier commits and reused keys apart.
    async fn recognise(&mut self, mut known: Vec<Incoming>, sent: Instant) -> Vec<Incoming> {
        let standing = loop {
            let dedups: Vec<[u8; 32]> = known.iter().map(|known| known.message.dedup).collect();
            let result = self.lane.existing(&dedups).await;
            self.note(&result);
            match result {
                Ok(standing) => break standing,
                Err(_) if self.give_up.is_cancelled() => return Vec::new(),
                Err(_) => {
                    known.retain(Incoming::is_wanted);
                    if known.is_empty() {
                        return known;
                    }
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            }
        };
        let standing: HashMap<[u8; 32], Existing> =
            standing.into_iter().map(|row| (row.dedup, row)).collect();
        let mut again = Vec::new();
        let mut due = HashSet::new();
        for mut incoming in known {
            let message = &incoming.message;
            match standing.get(&message.dedup) {
                // Removed by retention in between: it is new once more.
                None => again.push(incoming),
                Some(row) if row.id == message.id => {
                    let sent = incoming.in_doubt.unwrap_or(sent);
                    self.accept(incoming, sent, &mut due);
                }
                Some(_) if message.quarantined.is_some() => incoming.answer(Receipt::Quarantined),
                Some(row) if plan::says_the_same(row, &message.body) => {
                    incoming.answer(Receipt::Duplicate);
                }
                Some(_) => {
                    incoming.release();
                    again.push(incoming.set_aside());
                }
            }
        }
        for action in &due {
            self.dispatch.made_due(action);
        }
        again
    }
}

/// The signatures of the last bodies, to notice equal ones under different keys.
#[derive(Default)]
struct RecentBodies {
    seen: HashSet<[u8; 32]>,
    before: HashSet<[u8; 32]>,
}

impl RecentBodies {
    fn is_repeated(&mut self, signature: [u8; 32]) -> bool {
        if self.seen.len() >= REMEMBERED {
            self.before = std::mem::take(&mut self.seen);
        }
        !self.seen.insert(signature) || self.before.contains(&signature)
    }
}
