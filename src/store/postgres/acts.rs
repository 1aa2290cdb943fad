//! Who did what: see `store::acts`.

use uuid::Uuid;

use super::Lane;
use crate::store::{ActRow, Page, StoreError, count};

const ACTS: &str = "-- store::postgres::acts
SELECT id, at, who, what, details, changed FROM acts WHERE id < $1 ORDER BY id DESC LIMIT $2";

impl Lane {
    pub(in crate::store) async fn acts(&mut self, page: &Page) -> Result<Vec<ActRow>, StoreError> {
        let before = page.before.unwrap_or(Uuid::max());
        let asked = sqlx::query(ACTS).bind(before).bind(count(page.limit));
        let asked = asked.try_map(|row| ActRow::of_row(&row));
        self.connection.run(async |db| asked.fetch_all(db).await).await
    }
}
