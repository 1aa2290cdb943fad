//! Deliveries of one order key go one after the other, in the order they arrived.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
};

use attio_relay::store::{LaneKind, Store, Verdict};
use uuid::Uuid;

use super::{on_both_engines, words::*};
use crate::support::database::{TestDatabase, lane};

on_both_engines![
    only_the_head_of_a_key_is_claimable,
    within_a_batch_the_order_is_that_of_arrival,
    keys_do_not_wait_for_each_other,
    the_next_goes_when_the_former_ended,
    a_former_one_that_is_open_keeps_the_next_waiting,
    a_late_outcome_lets_nobody_go,
    a_key_is_forgotten_when_nothing_of_it_is_open,
    the_end_of_one_and_the_arrival_of_the_next_may_meet,
    many_recorders_and_finishers_never_stall_and_never_invert,
];

async fn only_the_head_of_a_key_is_claimable(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    let head = lanes.record_deliveries("1", vec![ordered(BILLING, "deal")]).await;
    lanes.record_deliveries("2", vec![ordered(BILLING, "deal")]).await;
    assert_eq!(ids(&lanes.claim(BILLING, 9).await), head);
}

async fn within_a_batch_the_order_is_that_of_arrival(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    let batch: Vec<_> =
        (0..8).map(|n| message(&n.to_string(), vec![ordered(BILLING, "deal")])).collect();
    lanes.intake.record(&batch.iter().collect::<Vec<_>>()).await.unwrap();
    for message in &batch {
        let claimed = lanes.claim(BILLING, 9).await;
        assert_eq!(ids(&claimed), [message.events[0].deliveries[0].id]);
        lanes.finish(&[outcome(&claimed[0], Verdict::Succeeded)]).await;
    }
}

async fn keys_do_not_wait_for_each_other(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    let keys = ["a", "b", "a", "c", "b"].map(|key| ordered(BILLING, key));
    let recorded = lanes.record_deliveries("k", keys.to_vec()).await;
    assert_eq!(ids(&lanes.claim(BILLING, 9).await), [recorded[0], recorded[1], recorded[3]]);
}

async fn the_next_goes_when_the_former_ended(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    let four = (0..4).map(|_| ordered(BILLING, "deal")).collect();
    let four = lanes.record_deliveries("k", four).await;
    let ends =
        [Verdict::Succeeded, Verdict::Skipped("merged".into()), Verdict::Dead("refused".into())];
    for (ends, id) in ends.into_iter().zip(&four) {
        let claimed = lanes.claim(BILLING, 9).await;
        assert_eq!(ids(&claimed), [*id]);
        lanes.finish(&[outcome(&claimed[0], ends)]).await;
    }
    assert_eq!(ids(&lanes.claim(BILLING, 9).await), [four[3]]);
}

async fn a_former_one_that_is_open_keeps_the_next_waiting(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    let two = vec![ordered(BILLING, "deal"), ordered(BILLING, "deal")];
    lanes.record_deliveries("k", two).await;
    for still_open in
        [Verdict::Retry(LONG), Verdict::Postponed(LONG), Verdict::Orphaned, Verdict::Succeeded]
    {
        let claimed = lanes.claim_soon(BILLING, LONG).await;
        lanes.finish(&[outcome(&claimed, still_open.clone())]).await;
        if still_open == Verdict::Succeeded {
            break;
        }
        assert!(lanes.claim(BILLING, 9).await.is_empty(), "after {still_open:?}");
        lanes.claim.adopt(&["deals-to-billing"]).await.unwrap();
        db.make_older(claimed.id, LONG.as_secs()).await;
    }
    assert_eq!(lanes.claim(BILLING, 9).await.len(), 1);
}

async fn a_late_outcome_lets_nobody_go(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    let two = vec![ordered(BILLING, "deal"), ordered(BILLING, "deal")];
    lanes.record_deliveries("k", two).await;
    let late = lanes.claim_soon(BILLING, NO_TIME).await;
    let now = lanes.claim_soon(BILLING, LONG).await;
    assert_eq!(late.id, now.id);
    lanes.finish(&[outcome(&late, Verdict::Succeeded)]).await;
    assert!(lanes.claim(BILLING, 9).await.is_empty());
}

async fn a_key_is_forgotten_when_nothing_of_it_is_open(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    for round in 0..2 {
        let one = vec![ordered(BILLING, "deal")];
        lanes.record_deliveries(&round.to_string(), one).await;
        assert_eq!(db.number("SELECT pending FROM order_keys").await, 1);
        let claimed = lanes.claim_soon(BILLING, LONG).await;
        lanes.finish(&[outcome(&claimed, Verdict::Succeeded)]).await;
        assert_eq!(db.number("SELECT count(*) FROM order_keys").await, 0);
    }
}

/// With company of different size, so that they meet at every point of each other.
async fn the_end_of_one_and_the_arrival_of_the_next_may_meet(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    lanes.record_deliveries("0", vec![ordered(BILLING, "deal")]).await;
    for round in 1..300 {
        let former = lanes.claim_soon(BILLING, LONG).await;
        let mut arriving = vec![ordered(BILLING, "deal")];
        arriving.extend((0..round * 7 % 150).map(|_| delivery("slack")));
        let next = message(&round.to_string(), arriving);
        let (batch, ends) = ([&next], [outcome(&former, Verdict::Succeeded)]);
        let (arrived, ended) =
            tokio::join!(lanes.intake.record(&batch), lanes.outcome.finish(&ends));
        assert_eq!((arrived.unwrap().len(), ended.unwrap().len()), (1, 1));
    }
}

const KEYS: usize = 12;
const RECORDERS: usize = 2;
const BATCHES: usize = 40;
const ALL: usize = KEYS * RECORDERS * BATCHES;

async fn many_recorders_and_finishers_never_stall_and_never_invert(db: &TestDatabase) {
    db.store().await;
    let performed: Performed = Arc::default();
    let recorders: Vec<_> =
        (0..RECORDERS).map(|number| tokio::spawn(record_all(db.bare_store(), number))).collect();
    let workers: Vec<_> =
        (0..2).map(|_| tokio::spawn(work(db.bare_store(), Arc::clone(&performed)))).collect();
    for recorder in recorders {
        recorder.await.unwrap();
    }
    for worker in workers {
        worker.await.unwrap();
    }
    assert_eq!(performed.lock().unwrap().values().map(Vec::len).sum::<usize>(), ALL);
    let arrived = db.all_texts("SELECT CAST(id AS text) FROM deliveries ORDER BY seq").await;
    let place: HashMap<Uuid, usize> =
        arrived.iter().enumerate().map(|(n, id)| (id.parse().unwrap(), n)).collect();
    for (key, order) in performed.lock().unwrap().iter() {
        assert!(order.is_sorted_by_key(|id| place[id]), "key {key:?} went out of order");
    }
    assert_eq!(db.number("SELECT count(*) FROM order_keys").await, 0);
}

/// The deliveries of each key, as they were claimed.
type Performed = Arc<Mutex<BTreeMap<[u8; 32], Vec<Uuid>>>>;

/// Records batches that each hold every key, the keys in an order of the recorder's own.
async fn record_all(store: Store, number: usize) {
    let mut lane = lane(&store, LaneKind::Intake);
    for batch in 0..BATCHES {
        let mut keys: Vec<usize> = (0..KEYS).collect();
        keys.rotate_left(batch * (number + 1) % KEYS);
        let messages: Vec<_> = keys
            .iter()
            .map(|key| {
                let of_key = vec![ordered(BILLING, &key.to_string())];
                message(&format!("{number}/{batch}/{key}"), of_key)
            })
            .collect();
        lane.record(&messages.iter().collect::<Vec<_>>()).await.unwrap();
    }
}

/// Claims and finishes, some of it at the second try, until all is done.
async fn work(store: Store, performed: Performed) {
    let mut lanes = Lanes::of(&store);
    for _ in 0..100_000 {
        let claimed = lanes.claim(BILLING, 5).await;
        for claimed in claimed.iter().filter(|claimed| claimed.tries == 0) {
            let key = claimed.order_key.expect("all are ordered");
            performed.lock().unwrap().entry(key).or_default().push(claimed.id);
        }
        let outcomes: Vec<_> = claimed
            .iter()
            .map(|claimed| match (claimed.tries, claimed.id.as_bytes()[15] % 4) {
                (0, 0) => retry_now(claimed),
                (_, 1) => tried(claimed, Verdict::Dead("refused".into()), "refused"),
                _ => tried(claimed, Verdict::Succeeded, "succeeded"),
            })
            .collect();
        assert_eq!(lanes.finish(&outcomes).await.len(), outcomes.len());
        let done = performed.lock().unwrap().values().map(Vec::len).sum::<usize>() == ALL;
        if done && outcomes.is_empty() {
            return;
        }
    }
    panic!("some deliveries never came");
}
