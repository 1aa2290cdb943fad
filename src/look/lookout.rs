//! From where all that stands and goes on is seen: what is kept, and what this process alone knows.

use std::sync::Arc;

use time::OffsetDateTime;

use super::Look;
use crate::{inventory::Inventory, store::StoreError};

/// Answers questions about how everything stands. Built by the program that serves: commands know
/// only what is kept.
#[derive(Debug)]
pub struct Lookout {
    look: Arc<Look>,
}

impl Lookout {
    /// What is kept, for stories and lists.
    #[must_use]
    pub fn look(&self) -> &Arc<Look> {
        &self.look
    }

    /// Every source, route and action that is configured now, and how it fares.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn inventory(&self, _now: OffsetDateTime) -> Result<Inventory, StoreError> {
        Err(StoreError::Unusable("is not told yet".to_owned()))
    }
}
