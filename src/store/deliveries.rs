//! What became of an event: its deliveries, for people who wonder.

use time::OffsetDateTime;
use uuid::{Builder, Uuid};

use super::{Lane, StoreError};
use crate::name::{ActionName, RouteName};

/// Deliveries get their ids in the same moment as their event, by one clock; much more than that.
const MOMENT_MS: u64 = 10_000;

/// A delivery as it stands in its row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDelivery {
    /// Its id.
    pub id: Uuid,
    /// The route that wanted it.
    pub route: RouteName,
    /// The action that performs it.
    pub action: ActionName,
    /// `open`, `succeeded`, `skipped`, `dead` or `discarded`.
    pub state: String,
    /// Why an open one may not be claimed: `order`, `orphaned` or `paused`.
    pub held: Option<String>,
    /// Whether some process has it now.
    pub is_leased: bool,
    /// Why it ended without success.
    pub reason: Option<String>,
    /// Tries that were made and recorded.
    pub tries: u32,
    /// When it may be claimed, by the database's clock; of a leased one, when the lease ends.
    pub due_at: OffsetDateTime,
    /// When it ended.
    pub ended_at: Option<OffsetDateTime>,
}

impl Lane {
    /// The deliveries that an event caused when it arrived, in the order of arrival.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn deliveries(&mut self, event: Uuid) -> Result<Vec<StoredDelivery>, StoreError> {
        match self {
            Self::Postgres(lane) => lane.deliveries(event).await,
            Self::Sqlite(lane) => lane.deliveries(event).await,
        }
    }
}

/// The least and the greatest id that a delivery of the event can have. No index leads from events
/// to deliveries (each would cost every message); the ids do, which hold the time of arrival.
pub(super) fn born_with(event: Uuid) -> (Uuid, Uuid) {
    let Some(at) = event.get_timestamp() else { return (Uuid::nil(), Uuid::max()) };
    let (seconds, nanos) = at.to_unix();
    let millis = seconds.saturating_mul(1000).saturating_add(u64::from(nanos / 1_000_000));
    let at =
        |millis: u64, rest| Builder::from_unix_timestamp_millis(millis, &[rest; 10]).into_uuid();
    (at(millis.saturating_sub(MOMENT_MS), 0), at(millis.saturating_add(MOMENT_MS), 0xff))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_the_same_moment_lie_in_the_window_and_others_do_not() {
        let event = Uuid::now_v7();
        let (least, greatest) = born_with(event);
        let (before, after) = (Uuid::now_v7(), Uuid::now_v7());
        assert!(least < event && event < greatest);
        assert!(least < before && after < greatest);
        let old = Builder::from_unix_timestamp_millis(1_800_000_000_000, &[7; 10]).into_uuid();
        assert!(!(least..greatest).contains(&old));
        assert_eq!(born_with(Uuid::nil()), (Uuid::nil(), Uuid::max()));
    }
}
