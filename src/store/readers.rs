//! A few lanes that answer pages, API and commands, away from the hot paths.
//!
//! A reader that is dropped half-way, because who asked hung up, drops its connection; the next
//! call on its lane makes a new one.

use std::{
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Lane, LaneKind, Store, StoreError};

/// Questions at once: enough for a few people, too few to be felt by the way in.
const LANES: usize = 3;

/// Changes at once: a pause need not wait for a long replay.
const ACT_LANES: usize = 2;

/// Each call takes so long at the most.
const DEADLINE: Duration = Duration::from_secs(5);

/// Who finds no free lane in this time is sent away.
const PATIENCE: Duration = Duration::from_secs(2);

/// The lanes. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Readers {
    free: Arc<Mutex<Vec<Lane>>>,
    permits: Arc<Semaphore>,
}

/// A lane while somebody has it; goes back by itself.
#[derive(Debug)]
pub struct Reader {
    lane: Option<Lane>,
    free: Arc<Mutex<Vec<Lane>>>,
    _permit: OwnedSemaphorePermit,
}

impl Readers {
    /// Readers of a store; connect when they are asked.
    #[must_use]
    pub fn new(store: &Store) -> Self {
        Self::of(store, LaneKind::Read, LANES)
    }

    /// The same for those who change something.
    #[must_use]
    pub fn for_acts(store: &Store) -> Self {
        Self::of(store, LaneKind::Act, ACT_LANES)
    }

    fn of(store: &Store, kind: LaneKind, count: usize) -> Self {
        let lanes = (0..count).map(|_| store.lane(kind, DEADLINE)).collect();
        Self { free: Arc::new(Mutex::new(lanes)), permits: Arc::new(Semaphore::new(count)) }
    }

    /// A free lane.
    ///
    /// # Errors
    /// [`StoreError::Contended`] when all are busy for long.
    pub async fn reader(&self) -> Result<Reader, StoreError> {
        let waiting = Arc::clone(&self.permits).acquire_owned();
        let permit = tokio::time::timeout(PATIENCE, waiting)
            .await
            .map_err(|late| StoreError::Contended(late.into()))?
            .map_err(|closed| StoreError::Away(closed.into()))?;
        let lane = self.free.lock().expect("no one panics while holding it").pop();
        Ok(Reader { lane, free: Arc::clone(&self.free), _permit: permit })
    }
}

impl Deref for Reader {
    type Target = Lane;

    fn deref(&self) -> &Lane {
        self.lane.as_ref().expect("there are as many lanes as permits")
    }
}

impl DerefMut for Reader {
    fn deref_mut(&mut self) -> &mut Lane {
        self.lane.as_mut().expect("there are as many lanes as permits")
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(lane) = self.lane.take() {
            self.free.lock().expect("no one panics while holding it").push(lane);
        }
    }
}
