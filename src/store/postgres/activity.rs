//! What became of messages of late: see `store::activity`.

use super::Lane;
use crate::store::{SourceActivity, Span, StoreError, first_id_at};

pub(super) const RECEIVED: &str = "-- store::postgres::activity received
SELECT source,
       count(*) FILTER (WHERE status = 'accepted' AND id >= $2) AS accepted,
       count(*) FILTER (WHERE status = 'quarantined' AND id >= $2) AS quarantined,
       max(received_at) FILTER (WHERE status = 'accepted') AS last_accepted,
       max(received_at) FILTER (WHERE status = 'quarantined') AS last_quarantined
FROM messages WHERE id >= $1 GROUP BY source ORDER BY source";

impl Lane {
    pub(in crate::store) async fn received(
        &mut self,
        span: Span,
    ) -> Result<Vec<SourceActivity>, StoreError> {
        let statement = sqlx::query(RECEIVED)
            .bind(first_id_at(span.oldest))
            .bind(first_id_at(span.counted_since))
            .try_map(|row| SourceActivity::of_row(&row));
        self.connection.run(async |db| statement.fetch_all(db).await).await
    }
}
