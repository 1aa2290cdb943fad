//! What only a file has: who may open it, and what its address may be.

use std::{os::unix::fs::PermissionsExt, path::Path};

use attio_relay::store::Store;
use tempfile::TempDir;
use uuid::Uuid;

use super::words::*;
use crate::support::database::{TestDatabase, store_config, unusable_text};

fn store_at(address: &str) -> Store {
    Store::new(&store_config(address), Uuid::now_v7()).unwrap()
}

fn address_of(file: &Path) -> String {
    format!("sqlite:{}", file.display())
}

#[tokio::test]
async fn a_second_serve_on_the_same_file_is_refused() {
    let db = TestDatabase::sqlite();
    let _serving = db.store().await.serve_lock().unwrap().expect("a file has a lock");
    let text = unusable_text(db.bare_store().serve_lock());
    assert!(text.contains("relay.db is already served by another process"), "{text}");
}

#[tokio::test]
async fn a_file_is_free_again_when_its_server_is_gone() {
    let db = TestDatabase::sqlite();
    drop(db.store().await.serve_lock().unwrap());
    assert!(db.bare_store().serve_lock().unwrap().is_some());
}

#[tokio::test]
async fn a_second_serve_by_another_name_of_the_file_is_refused() {
    let db = TestDatabase::sqlite();
    let _serving = db.store().await.serve_lock().unwrap();
    let folder = TempDir::new().unwrap();
    let link = folder.path().join("link.db");
    let file = db.url().strip_prefix("sqlite:").unwrap();
    std::os::unix::fs::symlink(file, &link).unwrap();
    unusable_text(store_at(&address_of(&link)).serve_lock());
}

#[tokio::test]
async fn commands_open_the_file_beside_the_one_that_serves() {
    let db = TestDatabase::sqlite();
    let store = db.store().await;
    let _serving = store.serve_lock().unwrap();
    Lanes::of(&store).record(quiet("served")).await;
    let beside = db.bare_store();
    beside.prepare(true).await.unwrap();
    Lanes::of(&beside).record(quiet("beside")).await;
    assert_eq!(db.number("SELECT count(*) FROM messages").await, 2);
}

#[tokio::test]
async fn postgres_may_be_served_by_many() {
    let db = TestDatabase::postgres().await;
    assert!(db.bare_store().serve_lock().unwrap().is_none());
}

#[tokio::test]
async fn only_its_owner_can_read_a_new_file() {
    let db = TestDatabase::sqlite();
    let store = db.store().await;
    Lanes::of(&store).record(quiet("k")).await;
    let file = db.url().strip_prefix("sqlite:").unwrap();
    for name in [file.to_owned(), format!("{file}-wal")] {
        let mode = std::fs::metadata(&name).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_file_is_written_ahead() {
    let db = TestDatabase::sqlite();
    db.store().await;
    assert_eq!(db.text("PRAGMA journal_mode").await.as_deref(), Some("wal"));
}

#[tokio::test]
async fn a_missing_folder_is_named() {
    let folder = TempDir::new().unwrap();
    let store = store_at(&address_of(&folder.path().join("nowhere/relay.db")));
    let text = unusable_text(store.prepare(true).await);
    assert!(text.contains("nowhere does not exist; make it"), "{text}");
}

#[tokio::test]
async fn a_file_that_holds_something_else_is_left_alone() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("letter.txt");
    let letter = "Dear Attio, ".repeat(100);
    std::fs::write(&file, &letter).unwrap();
    let text = unusable_text(store_at(&address_of(&file)).prepare(true).await);
    assert!(text.contains("is not a SQLite database"), "{text}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), letter);
}

#[tokio::test]
async fn two_slashes_may_stand_before_the_path() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("relay.db");
    store_at(&format!("sqlite://{}", file.display())).prepare(true).await.unwrap();
    assert!(file.exists());
}

#[test]
fn an_address_without_a_file_is_refused() {
    for address in ["sqlite:", "sqlite://", "sqlite::memory:"] {
        let text = unusable_text(Store::new(&store_config(address), Uuid::now_v7()));
        assert!(text.contains("names no file"), "{text}");
    }
}
