//! Who may perform what, and for how long.

use std::{collections::HashSet, time::Duration};

use attio_relay::store::{LaneKind, Want};
use uuid::Uuid;

use super::{on_both_engines, words::*};
use crate::support::database::{TestDatabase, lane};

on_both_engines![
    a_claimed_delivery_brings_its_event,
    the_oldest_due_goes_first,
    never_more_than_wanted_are_claimed_for_each_action,
    an_action_that_is_not_wanted_is_left_alone,
    retries_take_no_more_than_their_share,
    retries_that_have_waited_longer_go_before_first_attempts,
    what_is_claimed_is_nobody_elses,
    what_is_born_leased_is_nobody_elses,
    a_birth_lease_that_ended_is_free_again,
    two_claimers_never_get_the_same_delivery,
    lost_leases_are_counted_and_noted,
    a_lost_lease_of_a_later_try_is_noted_under_that_try,
    an_outcome_forgives_the_lost_leases,
];

async fn a_claimed_delivery_brings_its_event(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    let new = message("k", vec![ordered(BILLING, "deal")]);
    lanes.record(new.clone()).await;
    let claimed = lanes.claim(BILLING, 1).await.remove(0);
    let delivery = &new.events[0].deliveries[0];
    assert_eq!((claimed.id, claimed.idempotency_key), (delivery.id, delivery.id));
    assert_eq!((claimed.lease_no, claimed.tries, claimed.lost), (1, 0, 0));
    assert_eq!((&claimed.route, &claimed.action), (&delivery.route, &delivery.action));
    assert_eq!(claimed.order_key, Some(hash("deal")));
    assert_eq!(claimed.event.id, new.events[0].id);
    assert_eq!(claimed.event.event_type, "record.updated");
    assert_eq!(claimed.event.source.as_str(), "crm");
    assert_eq!(claimed.event.received_at, new.received_at);
    assert_eq!(claimed.event.json, new.body);
}

async fn the_oldest_due_goes_first(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    let three = vec![delivery(BILLING), delivery(BILLING), delivery(BILLING)];
    let three = lanes.record_deliveries("k", three).await;
    for (id, seconds) in [(three[0], 10), (three[1], 30), (three[2], 20)] {
        db.make_older(id, seconds).await;
    }
    let mut order = Vec::new();
    for _ in 0..3 {
        order.extend(ids(&lanes.claim(BILLING, 1).await));
    }
    assert_eq!(order, [three[1], three[2], three[0]]);
}

async fn never_more_than_wanted_are_claimed_for_each_action(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    for n in 0..5 {
        lanes.record(message(&format!("k{n}"), vec![delivery(BILLING), delivery("slack")])).await;
    }
    let wants = [want(BILLING, 2, LONG), want("slack", 3, LONG), want("unheard-of", 9, LONG)];
    let claimed = lanes.claim.claim(&wants).await.unwrap();
    let of = |action: &str| claimed.iter().filter(|c| c.action.as_str() == action).count();
    assert_eq!((of(BILLING), of("slack"), claimed.len()), (2, 3, 5));
}

async fn an_action_that_is_not_wanted_is_left_alone(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    lanes.record(message("k", vec![delivery(BILLING)])).await;
    assert!(lanes.claim("slack", 9).await.is_empty());
    assert!(lanes.claim(BILLING, 0).await.is_empty());
    assert!(lanes.claim.claim(&[]).await.unwrap().is_empty());
    assert_eq!(lanes.claim(BILLING, 9).await.len(), 1);
}

async fn retries_take_no_more_than_their_share(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    let failed = fail_once(&mut lanes, 3).await;
    lanes.record_deliveries("new", vec![delivery(BILLING), delivery(BILLING)]).await;
    let wants = [Want { retries: 1, ..want(BILLING, 9, LONG) }];
    let claimed = lanes.claim.claim(&wants).await.unwrap();
    assert_eq!(claimed.iter().filter(|claimed| failed.contains(&claimed.id)).count(), 1);
    assert_eq!(claimed.len(), 3);
}

async fn retries_that_have_waited_longer_go_before_first_attempts(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    let failed = fail_once(&mut lanes, 2).await;
    let new = lanes.record_deliveries("new", vec![delivery(BILLING), delivery(BILLING)]).await;
    for (id, seconds) in [(failed[0], 40), (new[0], 30), (failed[1], 20), (new[1], 10)] {
        db.make_older(id, seconds).await;
    }
    let claimed: HashSet<Uuid> = ids(&lanes.claim(BILLING, 2).await).into_iter().collect();
    assert_eq!(claimed, HashSet::from([failed[0], new[0]]));
}

async fn what_is_claimed_is_nobody_elses(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    let mut elsewhere = Lanes::of(&db.bare_store());
    lanes.record_deliveries("k", vec![delivery(BILLING)]).await;
    assert_eq!(lanes.claim(BILLING, 1).await.len(), 1);
    assert!(lanes.claim(BILLING, 1).await.is_empty());
    assert!(elsewhere.claim(BILLING, 1).await.is_empty());
}

async fn what_is_born_leased_is_nobody_elses(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    lanes.record_deliveries("k", vec![leased(BILLING, LONG)]).await;
    assert!(lanes.claim(BILLING, 1).await.is_empty());
    assert!(db.text("SELECT CAST(owner AS text) FROM deliveries").await.is_some());
}

async fn a_birth_lease_that_ended_is_free_again(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    let born = lanes.record_deliveries("k", vec![leased(BILLING, Duration::from_millis(1))]).await;
    let claimed = lanes.claim_soon(BILLING, LONG).await;
    assert_eq!((claimed.id, claimed.lease_no, claimed.lost), (born[0], 2, 1));
}

async fn two_claimers_never_get_the_same_delivery(db: &TestDatabase) {
    const ALL: usize = 300;
    let mut lanes = Lanes::of(&db.store().await);
    lanes.record_deliveries("k", (0..ALL).map(|_| delivery(BILLING)).collect()).await;
    let claimers = [db.bare_store(), db.bare_store(), db.bare_store()].map(|store| {
        tokio::spawn(async move {
            let mut lane = lane(&store, LaneKind::Claim);
            let mut mine = Vec::new();
            loop {
                let claimed = lane.claim(&[want(BILLING, 7, LONG)]).await.unwrap();
                if claimed.is_empty() {
                    return mine;
                }
                assert!(claimed.len() <= 7);
                mine.extend(ids(&claimed));
            }
        })
    });
    let mut claimed = Vec::new();
    for claimer in claimers {
        claimed.extend(claimer.await.unwrap());
    }
    claimed.extend(ids(&lanes.claim(BILLING, ALL).await));
    assert_eq!(claimed.len(), ALL);
    assert_eq!(claimed.into_iter().collect::<HashSet<_>>().len(), ALL);
}

async fn lost_leases_are_counted_and_noted(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    lanes.record_deliveries("k", vec![delivery(BILLING)]).await;
    for lost in 0..3 {
        let claimed = lanes.claim_soon(BILLING, NO_TIME).await;
        assert_eq!((claimed.lost, claimed.tries), (lost, 0));
    }
    let noted = "SELECT lease_no || ' ' || number || ' ' || result FROM attempts ORDER BY lease_no";
    assert_eq!(db.all_texts(noted).await, ["1 1 lease_lost", "2 1 lease_lost"]);
}

async fn a_lost_lease_of_a_later_try_is_noted_under_that_try(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    fail_once(&mut lanes, 1).await;
    lanes.claim_soon(BILLING, NO_TIME).await;
    lanes.claim_soon(BILLING, NO_TIME).await;
    let noted = "SELECT lease_no || ' ' || number || ' ' || result FROM attempts ORDER BY lease_no";
    assert_eq!(db.all_texts(noted).await, ["1 1 failed", "2 2 lease_lost"]);
}

async fn an_outcome_forgives_the_lost_leases(db: &TestDatabase) {
    let mut lanes = Lanes::of(&db.store().await);
    lanes.record_deliveries("k", vec![delivery(BILLING)]).await;
    lanes.claim_soon(BILLING, NO_TIME).await;
    let told = lanes.claim_soon(BILLING, LONG).await;
    assert_eq!(told.lost, 1);
    lanes.finish(&[retry_now(&told)]).await;
    assert_eq!(db.number("SELECT CAST(lost AS bigint) FROM deliveries").await, 0);
    assert_eq!(lanes.claim_soon(BILLING, LONG).await.lost, 0);
}

/// Records so many deliveries and lets each fail once; they are due again at once.
async fn fail_once(lanes: &mut Lanes, many: usize) -> Vec<Uuid> {
    let of = (0..many).map(|_| delivery(BILLING)).collect();
    let recorded = lanes.record_deliveries("failed", of).await;
    let claimed = lanes.claim(BILLING, many).await;
    lanes.finish(&claimed.iter().map(retry_now).collect::<Vec<_>>()).await;
    recorded
}
