//! The supervised tasks, and when each group of them ends.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Each group of tasks ends when its token is cancelled, in this order.
#[derive(Default)]
pub struct Ends {
    /// Loops that take new work.
    pub claims: CancellationToken,
    /// The public listener.
    pub listener: CancellationToken,
    /// The batches.
    pub intake: CancellationToken,
    /// All else.
    pub rest: CancellationToken,
}

/// The supervised tasks.
#[derive(Default)]
pub struct Tasks {
    set: JoinSet<&'static str>,
    running: Vec<&'static str>,
    prepared: CancellationToken,
}

impl Tasks {
    /// None yet; some of them wait until the store is prepared.
    pub fn new(prepared: CancellationToken) -> Self {
        Self { prepared, ..Self::default() }
    }

    /// Runs one that is to run until it is told to end.
    pub fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.running.push(name);
        self.set.spawn(async move {
            task.await;
            name
        });
    }

    /// Runs a loop once the store is prepared; not at all when it is to end before that.
    pub fn spawn_prepared(
        &mut self,
        name: &'static str,
        end: &CancellationToken,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        let (prepared, end) = (self.prepared.clone(), end.clone());
        self.spawn(name, async move {
            tokio::select! {
                biased;
                () = prepared.cancelled() => task.await,
                () = end.cancelled() => {}
            }
        });
    }

    /// The next task that ends. One that panicked is called so.
    pub async fn next_end(&mut self) -> &'static str {
        match self.set.join_next().await {
            Some(Ok(name)) => {
                self.running.retain(|running| *running != name);
                name
            }
            Some(Err(_panic)) => "panicked",
            None => std::future::pending().await,
        }
    }

    /// Waits for one task, at the longest for `patience`.
    pub async fn wait_for(&mut self, name: &'static str, patience: Duration) -> bool {
        let ended = async {
            while self.running.contains(&name) {
                if self.next_end().await == "panicked" {
                    return;
                }
            }
        };
        tokio::time::timeout(patience, ended).await.is_ok()
    }
}
