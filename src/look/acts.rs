//! Who did what.

use super::{Listed, Look};
use crate::store::{ActRow, Page, StoreError};

impl Look {
    /// One page of what people did, and of what the relay did by itself.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn acts(&self, page: &Page) -> Result<Listed<ActRow>, StoreError> {
        let more = Page { limit: page.limit.saturating_add(1), ..*page };
        let mut items = self.readers.reader().await?.acts(&more).await?;
        let is_all = items.len() <= page.limit;
        items.truncate(page.limit);
        let next = items.last().map(|last| last.id).filter(|_| !is_all);
        Ok(Listed { items, next, searched_back_to: None })
    }
}
