//! From a verified message to a committed one: plan what it causes, commit it with its neighbours.
//!
//! Nothing is acknowledged that is not committed. Accepted race: a message whose commit could not
//! be confirmed in time is answered 503 and may be stored all the same; Attio's retry is then
//! recognised by its key.

mod batcher;
mod plan;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    attio::catalog,
    dispatch::Dispatch,
    routing,
    signature::VerifiedMessage,
    store::{Lane, NewMessage},
    telemetry::Metrics,
};
use batcher::{Batcher, Incoming};

pub use plan::{digest, made_up, made_up_dedup, readmit};

/// Messages that may wait for their commit; beyond, they are refused at once.
const QUEUE: usize = 2048;

/// How long a message whose commit is in doubt is settled for, when nobody waits for it any more:
/// as long as a lease that it may have been born with.
const SETTLE: Duration = Duration::from_secs(30);

/// What became of a message that is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receipt {
    /// It is new.
    Accepted,
    /// It was stored before.
    Duplicate,
    /// It is kept aside.
    Quarantined,
}

impl Receipt {
    /// The word for it, in answers, metrics and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::Quarantined => "quarantined",
        }
    }
}

/// A message was not committed in time, or there was no room for it. Attio will send it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the message could not be committed")]
pub struct Unavailable;

/// What a message was taken as, for the log.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    /// What became of it.
    pub result: Result<Receipt, Unavailable>,
    /// The id that it was given.
    pub message: Uuid,
    /// The id of its first event.
    pub event: Option<Uuid>,
    /// How many events it holds.
    pub events: usize,
}

/// Takes verified messages in. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Intake {
    queue: mpsc::Sender<Incoming>,
    routes: routing::Shared,
    catalog: catalog::Shared,
    metrics: Arc<Metrics>,
    able: Able,
}

/// Whether the store took or answered something lately.
#[derive(Debug, Clone, Default)]
struct Able(Arc<AtomicBool>);

impl Able {
    fn set(&self, able: bool) {
        self.0.store(able, Ordering::Release);
    }

    fn is(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl Intake {
    /// The intake, and the loop that commits what it takes.
    ///
    /// The loop ends when every clone of the intake is gone and all is answered, or, where the
    /// store does not answer, at `give_up`.
    pub fn new(
        routes: routing::Shared,
        catalog: catalog::Shared,
        dispatch: &Dispatch,
        lane: Lane,
        metrics: Arc<Metrics>,
        give_up: &CancellationToken,
    ) -> (Self, impl Future<Output = ()> + Send + use<>) {
        let (queue, inbox) = mpsc::channel(QUEUE);
        let able = Able::default();
        let batcher = Batcher::new(
            inbox,
            lane,
            dispatch.clone(),
            Arc::clone(&metrics),
            able.clone(),
            give_up.clone(),
        );
        (Self { queue, routes, catalog, metrics, able }, batcher.run())
    }

    /// Whether another message would be refused at once.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.queue.capacity() == 0
    }

    /// Says at any time whether messages queue up for their commit.
    pub fn is_busy(&self) -> impl Fn() -> bool + Send + Sync + 'static {
        let queue = self.queue.downgrade();
        move || queue.upgrade().is_some_and(|queue| QUEUE - queue.capacity() > QUEUE / 16)
    }

    /// Stores a message, and returns when it is committed, or at the deadline.
    pub async fn take(&self, message: VerifiedMessage, deadline: Instant) -> Taken {
        let source = message.source().as_str();
        let slot = message.slot().to_string();
        self.metrics.secret_used.with([source, &slot]).increment(1);
        if message.key().is_none() {
            self.metrics.missing_key.with([source]).increment(1);
        }
        let planned = self.plan(&message);
        let refused = Taken {
            result: Err(Unavailable),
            message: planned.id,
            event: planned.events.first().map(|event| event.id),
            events: planned.events.len(),
        };
        let (answer, answered) = oneshot::channel();
        if self.queue.try_send(Incoming::new(planned, *message.signature(), answer)).is_err() {
            return refused;
        }
        let result = match tokio::time::timeout_at(deadline.into(), answered).await {
            Ok(Ok(receipt)) => Ok(receipt),
            Ok(Err(_)) | Err(_) => Err(Unavailable),
        };
        Taken { result, ..refused }
    }

    fn plan(&self, message: &VerifiedMessage) -> NewMessage {
        let planned = plan::plan(message, &self.routes.current(), &self.catalog.current());
        let mut renames = planned.events.iter().filter(|it| it.event.is_about_names()).peekable();
        if renames.peek().is_none() {
            return planned;
        }
        // Whatever is called otherwise from now on is decided when it is known how.
        renames.for_each(|renamed| self.catalog.doubt(&renamed.event));
        plan::plan(message, &self.routes.current(), &self.catalog.current())
    }

    /// Says at any time whether the store took or answered something within the last seconds.
    pub fn ability(&self) -> impl Fn() -> bool + Send + Sync + 'static {
        let able = self.able.clone();
        move || able.is()
    }
}
