//! Makes what is in a store older: ids made by a clock hold the time, so all of them move.

use uuid::Uuid;

use super::database::{Engine, TestDatabase};

/// Every column that holds an id made by a clock, by table.
const IDS: [(&str, &[&str]); 6] = [
    ("messages", &["id", "released"]),
    ("events", &["id", "message_id"]),
    ("deliveries", &["id", "event_id", "replayed_by", "replay_of", "merged_into"]),
    ("attempts", &["delivery_id"]),
    ("snapshots", &["event_id"]),
    ("acts", &["id"]),
];

/// An id, as it would have been so many days before.
pub fn older(id: Uuid, days: u64) -> Uuid {
    let mut bytes = id.into_bytes();
    let millis =
        u64::from_be_bytes([0, 0, bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5]]);
    let then = (millis - days * 24 * 60 * 60 * 1000).to_be_bytes();
    bytes[..6].copy_from_slice(&then[2..]);
    Uuid::from_bytes(bytes)
}

/// Makes everything in the store so many days older.
pub async fn age(db: &TestDatabase, days: u64) {
    let mut moves = Vec::new();
    for (table, columns) in IDS {
        for column in columns {
            let ids = format!("SELECT DISTINCT CAST({column} AS text) FROM {table}");
            for id in db.texts(&ids).await.into_iter().flatten() {
                let then = older(id.parse().unwrap(), days);
                moves.push(format!(
                    "UPDATE {table} SET {column} = '{then}' WHERE {column} = '{id}'"
                ));
            }
        }
    }
    let earlier = |column: &str| match db.engine {
        Engine::Postgres => format!("{column} = {column} - interval '{days} days'"),
        Engine::Sqlite => format!("{column} = {column} - {days} * 86400000000"),
    };
    moves.push(format!("UPDATE deliveries SET {}", earlier("ended_at")));
    moves.push(format!("UPDATE messages SET {}", earlier("received_at")));
    moves.push(format!("UPDATE acts SET {}", earlier("at")));
    // Whose turn it is was decided as long ago.
    moves.push("DELETE FROM turns".to_owned());
    db.run(&moves.join(";")).await.unwrap();
}
