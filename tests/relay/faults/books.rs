//! Checks the store and the destination against what was promised to the sender.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use sqlx::{
    AssertSqlSafe, Connection as _, PgConnection, SqliteConnection, sqlite::SqliteConnectOptions,
};

use super::traffic::Sent;
use crate::support::{cluster::in_the_end, sink::Sink};

/// Longer than leases last and retries wait.
const PATIENCE: Duration = Duration::from_mins(1);

/// For each message: its key, its events, its deliveries, how many of those succeeded.
const ROWS: &str =
    "SELECT KEY || ' ' || count(DISTINCT e.id) || ' ' || count(DISTINCT d.id) || ' ' ||
        count(DISTINCT CASE WHEN d.state = 'succeeded' THEN d.id END)
    FROM messages m LEFT JOIN events e ON e.message_id = m.id
         LEFT JOIN deliveries d ON d.event_id = e.id
    GROUP BY m.id, m.key";

/// The texts of one column, by a connection beside the relay.
pub async fn texts(store: &str, sql: &str) -> Vec<String> {
    let sql = AssertSqlSafe(sql.to_owned());
    match store.strip_prefix("sqlite:") {
        None => {
            let mut db = PgConnection::connect(store).await.unwrap();
            sqlx::query_scalar(sql).fetch_all(&mut db).await.unwrap()
        }
        Some(path) => {
            let options =
                SqliteConnectOptions::new().filename(path).busy_timeout(Duration::from_secs(10));
            let mut db = SqliteConnection::connect_with(&options).await.unwrap();
            sqlx::query_scalar(sql).fetch_all(&mut db).await.unwrap()
        }
    }
}

/// The number that a question has for an answer.
pub async fn number(store: &str, sql: &str) -> i64 {
    let text = texts(store, &format!("SELECT CAST(({sql}) AS text)")).await;
    text[0].parse().unwrap()
}

/// How often a message is stored under a key.
pub async fn stored(store: &str, key: &str) -> i64 {
    number(store, &format!("SELECT count(*) FROM messages WHERE {} = '{key}'", key_text(store)))
        .await
}

fn key_text(store: &str) -> &'static str {
    if store.starts_with("sqlite:") { "CAST(key AS text)" } else { "convert_from(key, 'UTF8')" }
}

/// Waits until no delivery is open.
pub async fn all_ended(store: &str) {
    in_the_end("every delivery has ended", PATIENCE, async || {
        number(store, "SELECT count(*) FROM deliveries WHERE ended_at IS NULL").await == 0
    })
    .await;
}

/// Everything acknowledged is stored once, complete and delivered; nothing is stored twice; what
/// came to the destination more than once came under one key.
pub async fn balance(store: &str, sent: &[Sent], sink: &Sink) {
    all_ended(store).await;
    let rows = texts(store, &ROWS.replace("KEY", &key_text(store).replace("key", "m.key"))).await;
    let stored: HashMap<&str, &str> =
        rows.iter().map(|row| row.split_once(' ').expect("four columns")).collect();
    assert_eq!(stored.len(), rows.len(), "a message is stored twice");
    for (key, counts) in &stored {
        assert_eq!(*counts, "1 1 1", "{key} is not one event, one delivery, one success");
    }
    let lost: Vec<_> = sent
        .iter()
        .filter(|sent| sent.was_acknowledged() && !stored.contains_key(&*sent.key))
        .collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    arrived(&stored.keys().copied().collect(), sink);
}

fn arrived(stored: &HashSet<&str>, sink: &Sink) {
    let mut keys: HashMap<String, HashSet<String>> = HashMap::new();
    for request in sink.received() {
        keys.entry(request.record()).or_default().insert(request.key().to_owned());
    }
    for record in stored {
        let keys = keys.get(*record).unwrap_or_else(|| panic!("{record} never arrived"));
        assert_eq!(keys.len(), 1, "{record} arrived under several keys");
    }
    let strange: Vec<_> = keys.keys().filter(|record| !stored.contains(&***record)).collect();
    assert!(strange.is_empty(), "arrived and not stored: {strange:?}");
}
