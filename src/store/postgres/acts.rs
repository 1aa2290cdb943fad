//! Who did what: see `store::acts`.

use sqlx::{Row, postgres::PgRow};
use uuid::Uuid;

use super::Lane;
use crate::store::{ActRow, Page, StoreError, count, unsigned};

const ACTS: &str = "-- store::postgres::acts
SELECT id, at, who, what, details, changed FROM acts WHERE id < $1 ORDER BY id DESC LIMIT $2";

impl Lane {
    pub(in crate::store) async fn acts(&mut self, page: &Page) -> Result<Vec<ActRow>, StoreError> {
        let before = page.before.unwrap_or(Uuid::max());
        let asked = sqlx::query(ACTS).bind(before).bind(count(page.limit));
        let asked = asked.try_map(|row| of_row(&row));
        self.connection.run(async |db| asked.fetch_all(db).await).await
    }
}

fn of_row(row: &PgRow) -> Result<ActRow, sqlx::Error> {
    Ok(ActRow {
        id: row.try_get("id")?,
        at: row.try_get("at")?,
        who: row.try_get("who")?,
        what: row.try_get("what")?,
        details: ActRow::details_of(row.try_get("details")?),
        changed: unsigned(row.try_get("changed")?),
    })
}
