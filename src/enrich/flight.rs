//! One look-up for all that wait for it.
//!
//! A look-up that started after an event arrived shows the world at least as new as the event, so
//! it serves that event; an older one does not. There is at most one in flight for each thing and
//! process. Accepted race: where another process's clock is ahead, an event that it received looks
//! younger than it is, and costs one look-up more.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use time::OffsetDateTime;
use tokio_util::task::TaskTracker;

/// What was found is remembered for events that came before it, for so long.
const REMEMBERED: Duration = Duration::from_secs(30);

/// Beyond so many, what is no longer remembered is thrown away.
const MANY: usize = 1024;

/// Look-ups by key, with results of type `T`.
#[derive(Debug)]
pub(super) struct Flights<K, T: Clone> {
    flights: Mutex<HashMap<K, Flight<T>>>,
    tasks: TaskTracker,
}

#[derive(Debug)]
struct Flight<T: Clone> {
    started_at: OffsetDateTime,
    landing: Landing<T>,
}

/// The result, for anyone who waits; `None` when the look-up panicked.
type Landing<T> = Shared<BoxFuture<'static, Option<T>>>;

/// What to do about an event that needs a look-up.
enum Boarding<T: Clone> {
    /// This one serves it.
    This(OffsetDateTime, Landing<T>),
    /// One is under way that started too early; when it has landed, ask again.
    Next(Landing<T>),
}

impl<K, T> Flights<K, T>
where
    K: Clone + Eq + std::hash::Hash + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    pub(super) fn new() -> Self {
        Self { flights: Mutex::default(), tasks: TaskTracker::new() }
    }

    /// The result of a look-up that started after `since`, and when it did. `good` says of a
    /// landed one whether it may serve later comers; `look` starts a new one.
    pub(super) async fn join<F>(
        &self,
        key: &K,
        since: OffsetDateTime,
        good: impl Fn(&T) -> bool,
        look: impl Fn() -> F,
    ) -> (OffsetDateTime, Option<T>)
    where
        F: Future<Output = T> + Send + 'static,
    {
        loop {
            let boarding = self.board(key, since, &good, &look);
            match boarding {
                Boarding::This(started_at, landing) => return (started_at, landing.await),
                Boarding::Next(landing) => {
                    landing.await;
                }
            }
        }
    }

    fn board<F>(
        &self,
        key: &K,
        since: OffsetDateTime,
        good: impl Fn(&T) -> bool,
        look: impl Fn() -> F,
    ) -> Boarding<T>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut flights = self.flights();
        let now = OffsetDateTime::now_utc();
        if let Some(flight) = flights.get(key) {
            let landed = flight.landing.peek();
            let serves = flight.started_at > since
                && match landed {
                    None => true,
                    Some(landed) => {
                        now - flight.started_at < REMEMBERED && landed.as_ref().is_some_and(&good)
                    }
                };
            if serves {
                return Boarding::This(flight.started_at, flight.landing.clone());
            }
            if landed.is_none() {
                return Boarding::Next(flight.landing.clone());
            }
        }
        if flights.len() >= MANY {
            flights.retain(|_, flight| {
                flight.landing.peek().is_none() || now - flight.started_at < REMEMBERED
            });
        }
        // In a task of its own: whoever waits may give up, and the others still want it.
        let running = self.tasks.spawn(look());
        let landing = async move { running.await.ok() }.boxed().shared();
        flights.insert(key.clone(), Flight { started_at: now, landing: landing.clone() });
        Boarding::This(now, landing)
    }

    fn flights(&self) -> MutexGuard<'_, HashMap<K, Flight<T>>> {
        self.flights.lock().expect("no one panics while holding it")
    }
}

impl<K, T: Clone> Drop for Flights<K, T> {
    fn drop(&mut self) {
        self.tasks.close();
    }
}

/// The handle that all share.
pub(super) type SharedFlights<K, T> = Arc<Flights<K, T>>;
