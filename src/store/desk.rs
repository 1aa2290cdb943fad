//! Questions that attempts have for the store before they start, asked together.
//!
//! One task owns the lane; attempts come and go, and one that is cancelled leaves no call half-way.

use std::{collections::HashSet, time::Duration};

use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::{Act, Fared, Lane, Merged, Pause, Snapshot, StoreError, StoredCatalog, Tally};

/// Questions that may wait; beyond, attempts wait to ask.
const QUEUE: usize = 256;

/// Takes questions. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Desk(mpsc::Sender<Question>);

type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

#[derive(Debug)]
enum Question {
    Snapshots(Uuid, Answer<Vec<Snapshot>>),
    Keep(Vec<Snapshot>, Answer<Vec<Snapshot>>),
    Merge { id: Uuid, lease_no: i32, key: [u8; 32], longest: Duration, answer: Answer<Merged> },
    Catalog(Answer<Option<StoredCatalog>>),
    KeepCatalog(Box<StoredCatalog>, Answer<bool>),
    Pause(Pause, Act, Answer<bool>),
    Tallies(Vec<Tally>, Vec<Fared>, Answer<()>),
}

impl Desk {
    /// A desk, and the loop behind it, which ends when every clone is gone.
    pub fn new(lane: Lane) -> (Self, impl Future<Output = ()> + Send + use<>) {
        let (ask, questions) = mpsc::channel(QUEUE);
        (Self(ask), answer(lane, questions))
    }

    /// What is kept for an event.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn snapshots(&self, event: Uuid) -> Result<Vec<Snapshot>, StoreError> {
        self.ask(|answer| Question::Snapshots(event, answer)).await
    }

    /// Keeps what was looked up; see [`Lane::keep_snapshots`].
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn keep(&self, snapshots: Vec<Snapshot>) -> Result<Vec<Snapshot>, StoreError> {
        self.ask(|answer| Question::Keep(snapshots, answer)).await
    }

    /// Decides which of several deliveries goes; see [`Lane::merge`].
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn merge(
        &self,
        id: Uuid,
        lease_no: i32,
        key: [u8; 32],
        longest: Duration,
    ) -> Result<Merged, StoreError> {
        self.ask(|answer| Question::Merge { id, lease_no, key, longest, answer }).await
    }

    /// The names that were learnt last, by any process.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn catalog(&self) -> Result<Option<StoredCatalog>, StoreError> {
        self.ask(Question::Catalog).await
    }

    /// Keeps names for other processes and later starts; see [`Lane::keep_catalog`].
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn keep_catalog(&self, catalog: StoredCatalog) -> Result<bool, StoreError> {
        self.ask(|answer| Question::KeepCatalog(Box::new(catalog), answer)).await
    }

    /// Keeps that something is paused; see [`Lane::pause`].
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn pause(&self, pause: Pause, act: Act) -> Result<bool, StoreError> {
        self.ask(|answer| Question::Pause(pause, act, answer)).await
    }

    /// Adds what was counted; see [`Lane::add_tallies`].
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn add_tallies(
        &self,
        tallies: Vec<Tally>,
        fared: Vec<Fared>,
    ) -> Result<(), StoreError> {
        self.ask(|answer| Question::Tallies(tallies, fared, answer)).await
    }

    async fn ask<T>(&self, question: impl FnOnce(Answer<T>) -> Question) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let closed = || StoreError::Away("the program stops".into());
        self.0.send(question(answer)).await.map_err(|_| closed())?;
        answered.await.map_err(|_| closed())?
    }
}

async fn answer(mut lane: Lane, mut questions: mpsc::Receiver<Question>) {
    let mut asked = Vec::new();
    while questions.recv_many(&mut asked, QUEUE).await > 0 {
        let (mut read, mut kept) = (Vec::new(), Vec::new());
        for question in asked.drain(..) {
            match question {
                Question::Snapshots(event, answer) => read.push((event, answer)),
                Question::Keep(snapshots, answer) => kept.push((snapshots, answer)),
                Question::Merge { id, lease_no, key, longest, answer } => {
                    tell(answer, lane.merge(id, lease_no, key, longest).await);
                }
                Question::Catalog(answer) => tell(answer, lane.catalog(None).await),
                Question::KeepCatalog(catalog, answer) => {
                    tell(answer, lane.keep_catalog(&catalog).await);
                }
                Question::Pause(pause, act, answer) => {
                    tell(answer, lane.pause(&pause, &act).await);
                }
                Question::Tallies(tallies, fared, answer) => {
                    tell(answer, lane.add_tallies(&tallies, &fared).await);
                }
            }
        }
        answer_reads(&mut lane, read).await;
        answer_keeps(&mut lane, kept).await;
    }
}

async fn answer_reads(lane: &mut Lane, read: Vec<(Uuid, Answer<Vec<Snapshot>>)>) {
    if read.is_empty() {
        return;
    }
    let events: HashSet<Uuid> = read.iter().map(|(event, _)| *event).collect();
    let found = lane.snapshots(&events.into_iter().collect::<Vec<_>>()).await;
    for (event, answer) in read {
        let of_it = |snapshot: &&Snapshot| snapshot.event_id == event;
        tell(answer, each(&found, |found| found.iter().filter(of_it).cloned().collect()));
    }
}

async fn answer_keeps(lane: &mut Lane, kept: Vec<(Vec<Snapshot>, Answer<Vec<Snapshot>>)>) {
    if kept.is_empty() {
        return;
    }
    let all: Vec<Snapshot> = kept.iter().flat_map(|(snapshots, _)| snapshots).cloned().collect();
    let standing = lane.keep_snapshots(&all).await;
    for (mine, answer) in kept {
        let is_mine = |other: &&Snapshot| {
            mine.iter().any(|one| one.event_id == other.event_id && one.kind == other.kind)
        };
        tell(answer, each(&standing, |all| all.iter().filter(is_mine).cloned().collect()));
    }
}

/// One caller's part of an answer that several share.
fn each<T, U>(all: &Result<T, StoreError>, part: impl FnOnce(&T) -> U) -> Result<U, StoreError> {
    match all {
        Ok(all) => Ok(part(all)),
        Err(error) => Err(StoreError::Away(error.to_string().into())),
    }
}

/// Whoever asked may be gone.
fn tell<T>(answer: Answer<T>, told: Result<T, StoreError>) {
    let _gone = answer.send(told);
}
