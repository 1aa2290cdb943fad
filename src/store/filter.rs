//! Which deliveries are meant by what people say.

use futures_util::{Stream, TryStreamExt};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Lane, StoreError, alike::without_own, words::words};

words! {
    /// Where a delivery stands, as its row says; [`super::State`] is finer.
    DeliveryState "deliveries.state" {
        /// Due, leased, or held.
        Open "open",
        /// Ended well.
        Succeeded "succeeded",
        /// The route did not want it after all.
        Skipped "skipped",
        /// Ended without success.
        Dead "dead",
        /// Ended by a person.
        Discarded "discarded",
    }
}

/// Which deliveries are meant: those that fit all that is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// One of these, where any is given.
    pub ids: Vec<Uuid>,
    /// Made then or later (by the time in its id).
    pub since: Option<OffsetDateTime>,
    /// Made before that.
    pub until: Option<OffsetDateTime>,
    /// In one of these states, where any is given.
    pub states: Vec<DeliveryState>,
    /// Replayed ones are not meant.
    pub unreplayed: bool,
    /// Of this route.
    pub route: Option<String>,
    /// For this action.
    pub action: Option<String>,
    /// Of a message to this source.
    pub source: Option<String>,
    /// Of an event of this type; `list-entry.*` stands for all that begin so.
    pub event_type: Option<String>,
    /// About this object, by id.
    pub object: Option<String>,
    /// About this record.
    pub record: Option<String>,
    /// Its reason, or the error of one of its attempts, holds this text; case does not matter.
    pub error: Option<String>,
    /// Its reason is this one, but for what is each one's own: see [`super::without_own`].
    pub alike: Option<String>,
    /// Ended before that.
    pub ended_until: Option<OffsetDateTime>,
    /// As many at the most, those that arrived first.
    pub most: Option<usize>,
}

/// A delivery that a [`Filter`] means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    /// Its id.
    pub id: Uuid,
    /// Its event's id.
    pub event_id: Uuid,
    /// Where it stands.
    pub state: DeliveryState,
    /// What every attempt of it was sent with.
    pub idempotency_key: Uuid,
    /// The delivery that does it again.
    pub replayed_by: Option<Uuid>,
    /// Its route.
    pub route: String,
}

impl DeliveryState {
    /// Whether the replay of such a delivery keeps its idempotency key: its last try may have had
    /// its effect, and nobody knows.
    #[must_use]
    pub fn keeps_its_key(self) -> bool {
        match self {
            Self::Dead | Self::Discarded => true,
            Self::Open | Self::Succeeded | Self::Skipped => false,
        }
    }
}

impl Filter {
    /// The condition on states. Written out, so that the index of the dead is known to fit.
    pub(super) fn states(&self) -> Option<String> {
        let words: Vec<_> =
            self.states.iter().map(|state| format!("'{}'", state.as_str())).collect();
        match &words[..] {
            [] => None,
            [one] => Some(format!(" AND d.state = {one}")),
            several => Some(format!(" AND d.state IN ({})", several.join(", "))),
        }
    }

    /// As many as are meant, of rows that are [`None`] where they are not.
    pub(super) async fn first_of(
        &self,
        mut rows: impl Stream<Item = Result<Option<Selected>, sqlx::Error>> + Unpin,
    ) -> Result<Vec<Selected>, sqlx::Error> {
        let most = self.most.unwrap_or(usize::MAX);
        let mut meant = Vec::new();
        while meant.len() < most
            && let Some(row) = rows.try_next().await?
        {
            meant.extend(row);
        }
        Ok(meant)
    }

    /// What the database need not look beyond: how many reasons are alike, it cannot tell.
    pub(super) fn limit(&self) -> Option<usize> {
        self.most.filter(|_| self.alike.is_none())
    }

    /// Whether a reason is meant.
    pub(super) fn fits(&self, reason: Option<&str>) -> bool {
        let Some(alike) = &self.alike else { return true };
        reason.is_some_and(|reason| without_own(reason) == without_own(alike))
    }
}

impl Lane {
    /// The deliveries that are meant, in the order in which they arrived.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn select(&mut self, filter: &Filter) -> Result<Vec<Selected>, StoreError> {
        match self {
            Self::Postgres(lane) => lane.select(filter).await,
            Self::Sqlite(lane) => lane.select(filter).await,
        }
    }
}
