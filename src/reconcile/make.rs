//! Makes the events, the oldest first, on the way that all events go from there on.

use std::time::Duration;

use tracing::warn;

use super::{Change, Found, Made, Reconcile, Step, Trouble, Watcher};
use crate::{
    intake,
    sights::Kind,
    store::{Lane, NewMessage, Notes, Sight, StoreError},
    telemetry::{Metrics, error_text},
};

/// Events that are recorded at once.
const BATCH: usize = 100;

/// Tries to record a batch, and the pause between them.
const TRIES: usize = 5;
const PAUSE: Duration = Duration::from_secs(1);

impl Reconcile {
    /// Records an event for each missing change, with its deliveries. What was recorded stays,
    /// whatever happens next, and is recorded once, however often it is found.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub async fn make(
        &self,
        lane: &mut Lane,
        found: &Found,
        metrics: &Metrics,
        watcher: Watcher<'_>,
    ) -> Result<Made, Trouble> {
        let mut made = Made::default();
        for batch in found.missing.chunks(BATCH) {
            let messages: Vec<NewMessage> =
                batch.iter().map(|change| self.plan(change, found)).collect();
            let new = record(lane, &messages).await?;
            for (change, message) in batch.iter().zip(&messages) {
                if new.contains(&message.id) {
                    made.events += 1;
                    metrics.reconciled.with([change.event_type]).increment(1);
                } else {
                    made.known += 1;
                }
            }
            watcher(Step::Made { done: made.events + made.known, of: found.missing.len() });
        }
        if made.events > 0 {
            tell(lane, made.events).await;
        }
        Ok(made)
    }

    fn plan(&self, change: &Change, found: &Found) -> NewMessage {
        let source = self.source.clone();
        change.identified(|parts| {
            intake::made_up(source, parts, change.body(), &self.table, &found.catalog)
        })
    }
}

/// That something was missing is worth an alert. What was made stays, told or not.
async fn tell(lane: &mut Lane, made: usize) {
    let sight = Sight {
        what: Kind::Reconciled.as_str().to_owned(),
        about: String::new(),
        count: i64::try_from(made).unwrap_or(i64::MAX),
        detail: String::new(),
    };
    let notes = Notes { happened: vec![sight], ..Notes::default() };
    if let Err(error) = lane.note_for_alerts(&notes).await {
        warn!(error = error_text(&error), "it could not be noted that events were made up for");
    }
}

/// Records messages for certain. Returns the ids of those that were not known before.
async fn record(lane: &mut Lane, messages: &[NewMessage]) -> Result<Vec<uuid::Uuid>, StoreError> {
    let batch: Vec<&NewMessage> = messages.iter().collect();
    let (mut is_doubtful, mut left) = (false, TRIES);
    loop {
        left -= 1;
        match lane.record(&batch).await {
            Ok(new) if !is_doubtful => return Ok(new),
            // An earlier try may have committed: our own ids tell.
            Ok(_) => {
                let dedups: Vec<_> = messages.iter().map(|message| message.dedup).collect();
                let rows = lane.existing(&dedups).await?;
                return Ok(rows.into_iter().map(|row| row.id).collect());
            }
            Err(error @ (StoreError::Refused(_) | StoreError::Unusable(_))) => return Err(error),
            Err(error) if left == 0 => return Err(error),
            Err(error) => is_doubtful |= matches!(error, StoreError::Doubtful(_)),
        }
        tokio::time::sleep(PAUSE).await;
    }
}
