//! What becomes of messages whose events are gone, and of what people did.

use attio_relay::{
    intake::digest,
    store::{Deed, NewMessage, Verdict},
};

use super::{
    on_both_engines,
    pausing::act,
    removing::{ended, people, rows, sweep},
    words::*,
};
use crate::support::{
    age::{age, older},
    app::sum,
    database::{Engine, TestDatabase},
};

on_both_engines![
    a_body_goes_and_its_key_stays_where_keys_are_remembered_for_longer,
    a_message_stays_whole_where_events_are_kept_for_longer,
    messages_without_events_go_and_those_that_are_kept_aside_too,
    a_released_message_stays_as_long_as_its_events,
    who_did_what_is_known_for_a_year,
    what_became_of_deliveries_is_counted_for_a_month,
];

async fn a_body_goes_and_its_key_stays_where_keys_are_remembered_for_longer(db: &TestDatabase) {
    let store = db.store().await;
    let mut lanes = Lanes::of(&store);
    let old = message("k", Vec::new());
    lanes.record(old.clone()).await;
    age(db, 10).await;
    lanes.record(message("young", Vec::new())).await;
    let told = sweep(db, 7, 30).await;
    assert_eq!(sum(&told, "attio_relay_removed_total", &[("table", "bodies")]), 1.0);
    assert_eq!(rows(db).await, [2, 1, 0, 0, 0]);
    let known = lanes.intake.existing(&[old.dedup, hash("young")]).await.unwrap();
    for row in known {
        let is_old = row.dedup == old.dedup;
        assert_eq!(row.body.is_empty(), is_old);
        assert_eq!(row.body_digest, is_old.then(|| digest(&old.body)));
    }
    assert_eq!(people(&store).message(older(old.id, 10)).await.unwrap(), None);
    assert!(lanes.record(old.clone()).await.is_empty(), "its key is known");
    sweep(db, 7, 30).await;
    assert_eq!(rows(db).await, [2, 1, 0, 0, 0], "and once is enough");
    age(db, 21).await;
    sweep(db, 7, 30).await;
    assert_eq!(rows(db).await, [1, 0, 0, 0, 0]);
    assert_eq!(lanes.record(old.clone()).await, [old.id], "its key is new again");
}

async fn a_message_stays_whole_where_events_are_kept_for_longer(db: &TestDatabase) {
    let store = db.store().await;
    ended(&store, "k", Verdict::Succeeded).await;
    age(db, 50).await;
    sweep(db, 60, 30).await;
    assert_eq!(rows(db).await, [1; 5]);
    assert_eq!(db.number("SELECT count(*) FROM messages WHERE body_digest IS NULL").await, 1);
    age(db, 11).await;
    sweep(db, 60, 30).await;
    assert_eq!(rows(db).await, [0; 5]);
}

fn aside(key: &str) -> NewMessage {
    let reason = Some("its key was used before with other JSON");
    NewMessage { quarantined: reason, events: Vec::new(), ..quiet(key) }
}

async fn messages_without_events_go_and_those_that_are_kept_aside_too(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    lanes.record(aside("aside")).await;
    lanes.record(NewMessage { events: Vec::new(), ..quiet("empty") }).await;
    age(db, 10).await;
    sweep(db, 7, 30).await;
    assert_eq!(rows(db).await, [2, 0, 0, 0, 0]);
    assert_eq!(db.number("SELECT count(*) FROM messages WHERE body_digest IS NULL").await, 0);
    age(db, 21).await;
    sweep(db, 7, 30).await;
    assert_eq!(rows(db).await, [0; 5]);
}

async fn a_released_message_stays_as_long_as_its_events(db: &TestDatabase) {
    let store = db.store().await;
    let aside = aside("k");
    Lanes::of(&store).record(aside.clone()).await;
    age(db, 5).await;
    let id = older(aside.id, 5);
    let released = NewMessage { id, ..message("k", vec![delivery(BILLING)]) };
    assert!(people(&store).release(&released, &act(Deed::Release)).await.unwrap());
    let mut lanes = Lanes::of(&store);
    let claimed = lanes.claim_soon(BILLING, LONG).await;
    lanes.finish(&[tried(&claimed, Verdict::Succeeded, "succeeded")]).await;
    age(db, 8).await;
    sweep(db, 10, 10).await;
    assert_eq!(rows(db).await, [1, 1, 1, 1, 0], "its events are eight days old");
    sweep(db, 10, 30).await;
    assert_eq!(db.number("SELECT count(*) FROM messages WHERE body_digest IS NULL").await, 1);
    age(db, 3).await;
    sweep(db, 10, 10).await;
    assert_eq!(rows(db).await, [0; 5]);
}

async fn who_did_what_is_known_for_a_year(db: &TestDatabase) {
    let store = db.store().await;
    people(&store).note_act(&act(Deed::Pause), 1).await.unwrap();
    age(db, 300).await;
    people(&store).note_act(&act(Deed::Resume), 1).await.unwrap();
    sweep(db, 5, 5).await;
    assert_eq!(db.number("SELECT count(*) FROM acts").await, 2);
    age(db, 66).await;
    sweep(db, 5, 5).await;
    assert_eq!(db.all_texts("SELECT what FROM acts").await, ["resume"]);
}

async fn what_became_of_deliveries_is_counted_for_a_month(db: &TestDatabase) {
    db.store().await;
    for days in [30, 32] {
        let bucket = match db.engine {
            Engine::Postgres => format!("now() - interval '{days} days'"),
            Engine::Sqlite => format!("(unixepoch() - {days} * 86400) * 1000000"),
        };
        let tally = format!("INSERT INTO tallies VALUES ({bucket}, 'r', 'a', 'dead', {days})");
        db.run(&tally).await.unwrap();
    }
    sweep(db, 5, 5).await;
    assert_eq!(db.number("SELECT max(count) FROM tallies").await, 30);
}
