//! Whose turn it is: one process of the fleet at a time.

use std::time::Duration;

use attio_relay::store::{LaneKind, Origin};

use super::{on_both_engines, words::*};
use crate::support::database::{Engine, TestDatabase, lane};

on_both_engines![
    a_turn_is_one_processes_until_it_ends,
    a_turn_that_nobody_keeps_is_free_again,
    messages_that_were_made_here_are_marked_also_beside_others,
];

async fn a_turn_is_one_processes_until_it_ends(db: &TestDatabase) {
    let (one, other) = (db.store().await, db.bare_store());
    let (mut one, mut other) = (lane(&one, LaneKind::Reconcile), lane(&other, LaneKind::Reconcile));
    assert!(one.begin_turn("x", LONG).await.unwrap());
    assert!(!other.begin_turn("x", LONG).await.unwrap());
    assert!(other.begin_turn("another task", LONG).await.unwrap());
    assert!(!other.end_turn("x", Duration::ZERO).await.unwrap(), "it is not theirs");
    assert!(one.keep_turn("x", LONG).await.unwrap());
    assert!(one.end_turn("x", LONG).await.unwrap());
    assert!(!other.begin_turn("x", LONG).await.unwrap(), "the next one is not due");
    assert!(!one.keep_turn("x", LONG).await.unwrap(), "it has ended");
}

async fn a_turn_that_nobody_keeps_is_free_again(db: &TestDatabase) {
    let (one, other) = (db.store().await, db.bare_store());
    let (mut one, mut other) = (lane(&one, LaneKind::Reconcile), lane(&other, LaneKind::Reconcile));
    assert!(one.begin_turn("x", Duration::ZERO).await.unwrap());
    assert!(other.begin_turn("x", LONG).await.unwrap());
    assert!(!one.keep_turn("x", LONG).await.unwrap());
    assert!(!one.end_turn("x", Duration::ZERO).await.unwrap());
}

async fn messages_that_were_made_here_are_marked_also_beside_others(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    let mut made = message("made", vec![ordered("billing", "deal"), ordered("billing", "deal")]);
    made.origin = Origin::Reconcile;
    let sent = message("sent", vec![ordered("billing", "deal")]);
    assert_eq!(lanes.intake.record(&[&made, &sent]).await.unwrap().len(), 2);
    assert_eq!(lanes.intake.record(&[&made]).await.unwrap().len(), 0);
    let origins = db.all_texts("SELECT CAST(origin AS text) FROM messages ORDER BY 1").await;
    assert_eq!(origins, ["attio", "reconcile"]);
    let held = match db.engine {
        Engine::Postgres | Engine::Sqlite => "SELECT count(*) FROM deliveries WHERE held = 'order'",
    };
    assert_eq!(db.number(held).await, 2, "they are kept in order like all others");
}
