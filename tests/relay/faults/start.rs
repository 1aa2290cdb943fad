//! What a process says when it may not run, and what it never says.

use std::time::Duration;

use super::{
    books::{balance, number, texts},
    traffic::{Doors, Traffic, post},
};
use crate::support::{
    client::{SECRET, fresh_id},
    cluster::Cluster,
    database::TestDatabase,
    process::{Relay, Setup},
    sink::Sink,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_schema_ends_the_process_with_a_clear_text() {
    let database = TestDatabase::postgres().await;
    database.store().await;
    database
        .run(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (9999, 'from the future', true, '', 0)",
        )
        .await
        .unwrap();
    let sink = Sink::start().await;
    let (status, said) = Setup::new(database.url(), sink.address).run_to_end().await;
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("schema is at version 9999, which is newer than"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_start_at_once_on_an_empty_database_all_come_up() {
    let database = TestDatabase::postgres().await;
    let sink = Sink::start().await;
    let setup = Setup::new(database.url(), sink.address);
    let (one, two, three) =
        tokio::join!(Relay::spawn(&setup), Relay::spawn(&setup), Relay::spawn(&setup));
    for relay in [&one, &two, &three] {
        assert_eq!(post(relay.public, &fresh_id()).await.status(), Some(200));
    }
    assert_eq!(number(database.url(), "SELECT count(*) FROM messages").await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_serve_on_one_sqlite_file_is_refused_until_the_first_is_dead() {
    let database = TestDatabase::sqlite();
    let sink = Sink::start().await;
    let setup = Setup::new(database.url(), sink.address);
    let mut first = Relay::spawn(&setup).await;
    let (status, said) = setup.run_to_end().await;
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("another"), "{said}");
    assert_eq!(post(first.public, &fresh_id()).await.status(), Some(200));
    first.kill9();
    let next = Relay::spawn(&setup).await;
    assert_eq!(post(next.public, &fresh_id()).await.status(), Some(200));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_without_fsync_is_refused_unless_allowed() {
    let cluster = Cluster::start_with("fsync = off");
    let sink = Sink::start().await;
    let mut setup = Setup::new(&cluster.url(), sink.address);
    let (status, said) = setup.run_to_end().await;
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("fsync = off"), "{said}");
    setup.store_lines = "allow_fsync_off = true";
    let relay = Relay::spawn(&setup).await;
    assert_eq!(post(relay.public, &fresh_id()).await.status(), Some(200));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_logged_at_any_level_while_the_database_comes_and_goes() {
    const PASSWORD: &str = "canary-of-the-database";
    let cluster = Cluster::start();
    cluster.stop();
    let sink = Sink::start().await;
    let url = cluster.url().replace("postgres@", &format!("postgres:{PASSWORD}@"));
    let mut setup = Setup::new(&url, sink.address);
    setup.log = "trace";
    let mut relay = Relay::launch(&setup).await;
    cluster.start_again();
    relay.until_ready(Duration::from_secs(10)).await;
    let traffic = Traffic::every(Duration::from_millis(50), &Doors::one(relay.public));
    cluster.kill_backends().await;
    relay.until_ready(Duration::from_secs(10)).await;
    cluster.stop();
    cluster.start_again();
    relay.until_ready(Duration::from_secs(10)).await;
    let sent = traffic.stop().await;
    balance(&cluster.url(), &sent, &sink).await;
    relay.terminate();
    assert_eq!(relay.wait_exit(Duration::from_secs(45)).await.code(), Some(0));
    let said = relay.said();
    assert!(said.contains(r#""level":"TRACE""#), "it logs at every level");
    let bodies = texts(&cluster.url(), "SELECT convert_from(body, 'UTF8') FROM messages").await;
    for secret in [PASSWORD, SECRET, &bodies[0]] {
        let line = said.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "a secret is in the log");
    }
}
