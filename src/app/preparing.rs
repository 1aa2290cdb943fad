//! Makes the store ready, however long it is away.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    store::{Store, StoreError},
    telemetry::error_text,
};

/// The pause between two tries to prepare the store.
const PREPARE_PAUSE: Duration = Duration::from_millis(500);

/// The name of this task: the one that may end unasked.
pub const NAME: &str = "preparing";

/// Makes the store ready and says so to those who wait for it. A store that can never be used is
/// reported, and not tried again.
pub async fn run(
    store: Store,
    migrate: bool,
    prepared: CancellationToken,
    report_unusable: mpsc::Sender<String>,
    stop: CancellationToken,
) {
    loop {
        // Whoever is cut off here leaves the schema at a whole version.
        let Some(prepared_or_not) = stop.run_until_cancelled(store.prepare(migrate)).await else {
            return;
        };
        match prepared_or_not {
            Ok(()) => {
                info!("the store is ready");
                return prepared.cancel();
            }
            Err(StoreError::Unusable(why)) => {
                let _told_before = report_unusable.send(why).await;
                return;
            }
            Err(error) => {
                warn!(
                    error = error_text(&error),
                    "the store is away; answering 503 until it is there"
                );
            }
        }
        if stop.run_until_cancelled(tokio::time::sleep(PREPARE_PAUSE)).await.is_none() {
            return;
        }
    }
}
