//! Debounce: of the deliveries about one thing that wait at the same time, one goes, and carries
//! what all of them tell of.

use std::time::Duration;

use attio_relay::store::{
    Change, Claimed, Lane, LaneKind, Merged, NewDelivery, NewMessage, Outcome, Verdict,
};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{on_both_engines, words::*};
use crate::support::database::{TestDatabase, lane};

on_both_engines![
    a_delivery_that_waits_is_due_after_its_wait,
    the_last_one_goes_with_all_that_changed,
    one_that_comes_alone_goes_with_its_own_change,
    what_waits_for_nothing_but_its_time_ends_at_once,
    others_are_left_alone,
    the_longest_wait_ends_the_waiting,
    what_came_due_together_goes_as_one_however_old_it_is,
    of_two_that_are_performed_at_once_only_the_later_goes,
    an_answer_that_nobody_heard_is_given_again,
    what_the_last_one_took_along_stays_with_it_through_retries,
    a_retry_is_taken_along_by_the_next,
    what_is_on_its_way_takes_nothing_more_along,
    a_lease_that_was_lost_decides_nothing,
    ordered_ones_are_merged_and_the_next_still_waits_for_its_time,
    an_orphaned_one_carries_nothing,
    a_merged_one_says_into_which,
    however_many_processes_decide_at_once_one_goes_and_nothing_is_lost,
];

const DEAL: &str = "deal";
const WAIT: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_mins(1);

/// A store's lanes, with the one that decides.
struct Waiting {
    lanes: Lanes,
    look: Lane,
}

impl Waiting {
    async fn of(db: &TestDatabase) -> Self {
        let store = db.store().await;
        Self { lanes: Lanes::of(&store), look: lane(&store, LaneKind::Look) }
    }

    /// Records a change of an attribute of the deal, `ago` ago; its delivery waits.
    async fn changed(&mut self, attribute: &str, ago: Duration) -> Uuid {
        self.arrived(change(attribute, ago, waiting(DEAL))).await
    }

    async fn arrived(&mut self, message: NewMessage) -> Uuid {
        let id = message.events[0].deliveries[0].id;
        assert_eq!(self.lanes.record(message.clone()).await, [message.id]);
        id
    }

    /// Claims exactly this one.
    async fn claim(&mut self, db: &TestDatabase, delivery: Uuid) -> Claimed {
        db.make_older(delivery, 100_000).await;
        let claimed = self.lanes.claim(BILLING, 1).await;
        assert_eq!(ids(&claimed), [delivery]);
        claimed.into_iter().next().unwrap()
    }

    async fn merge(&mut self, claimed: &Claimed) -> Merged {
        let key = claimed.debounce_key.expect("it is debounced");
        self.look.merge(claimed.id, claimed.lease_no, key, LONGEST).await.unwrap()
    }

    /// Ends what is merged into another.
    async fn end_merged(&mut self, claimed: &Claimed) {
        let Merged::Into { id, .. } = self.merge(claimed).await else { panic!("it goes itself") };
        assert_eq!(self.lanes.finish(&[outcome(claimed, Verdict::Merged(id))]).await, [claimed.id]);
    }

    async fn finish(&mut self, outcome: Outcome) {
        let id = outcome.id;
        assert_eq!(self.lanes.finish(&[outcome]).await, [id]);
    }
}

fn waiting(about: &str) -> NewDelivery {
    NewDelivery { delay: Some(WAIT), debounce_key: Some(hash(about)), ..delivery(BILLING) }
}

fn change(attribute: &str, ago: Duration, delivery: NewDelivery) -> NewMessage {
    let mut new = message(&Uuid::now_v7().to_string(), vec![delivery]);
    let now = OffsetDateTime::now_utc();
    new.received_at = now.replace_nanosecond(now.nanosecond() / 1000 * 1000).unwrap() - ago;
    new.events[0].event.attribute_id = Some(attribute.to_owned());
    new
}

fn into(id: Uuid, ended: u64) -> Merged {
    Merged::Into { id, ended }
}

/// The attributes that the last one carries, and how many ended with it.
#[track_caller]
fn carried(merged: Merged) -> (Vec<String>, u64) {
    let Merged::Last { changes, ended, .. } = merged else { panic!("{merged:?}") };
    assert!(changes.iter().all(|change| change.event_type == "record.updated"));
    (changes.into_iter().map(|change| change.attribute_id.unwrap()).collect(), ended)
}

#[track_caller]
fn assert_carries(merged: Merged, attributes: &[&str], ended: u64) {
    let (carried, ended_with_it) = carried(merged);
    assert_eq!(
        (carried, ended_with_it),
        (attributes.iter().map(|&a| a.to_owned()).collect(), ended)
    );
}

async fn a_delivery_that_waits_is_due_after_its_wait(db: &TestDatabase) {
    let mut it = Waiting::of(db).await;
    let id = it.changed("stage", NO_TIME).await;
    assert!(it.lanes.claim(BILLING, 9).await.is_empty());
    db.make_older(id, WAIT.as_secs() - 2).await;
    assert!(it.lanes.claim(BILLING, 9).await.is_empty());
    db.make_older(id, 2).await;
    let claimed = it.lanes.claim(BILLING, 9).await;
    assert_eq!((claimed[0].id, claimed[0].debounce_key), (id, Some(hash(DEAL))));
}

async fn the_last_one_goes_with_all_that_changed(db: &TestDatabase) {
    let mut it = Waiting::of(db).await;
    let first = change("stage", Duration::from_secs(9), waiting(DEAL));
    let amount = change("amount", Duration::from_secs(8), waiting(DEAL));
    let (since_stage, since_amount) = (first.received_at, amount.received_at);
    let first = it.arrived(first).await;
    it.arrived(amount).await;
    let last = it.changed("stage", Duration::from_secs(7)).await;
    let first = it.claim(db, first).await;
    it.end_merged(&first).await;
    let last = it.claim(db, last).await;
    let change = |attribute: &str, since| Change {
        event_type: "record.updated".to_owned(),
        attribute_id: Some(attribute.to_owned()),
        actor_type: None,
        actor_id: None,
        since,
    };
    let changes = vec![change("stage", since_stage), change("amount", since_amount)];
    assert_eq!(it.merge(&last).await, Merged::Last { changes, ended: 0 });
    it.finish(tried(&last, Verdict::Succeeded, "succeeded")).await;
    assert_eq!(states(db).await, ["skipped", "skipped", "succeeded"]);
    assert!(it.lanes.claim(BILLING, 9).await.is_empty());
}

async fn one_that_comes_alone_goes_with_its_own_change(db: &TestDatabase) {
    let mut it = Waiting::of(db).await;
    let only = it.changed("stage", NO_TIME).await;
    let only = it.claim(db, only).await;
    assert_carries(it.merge(&only).await, &["stage"], 0);
}

async fn what_waits_for_nothing_but_its_time_ends_at_once(db: &TestDatabase) {
    let mut it = Waiting::of(db).await;
    let first = it.changed("a", NO_TIME).await;
    for _ in 0..500 {
        it.changed("b", NO_TIME).await;
    }
    let last = it.changed("c", NO_TIME).await;
    let first = it.claim(db, first).await;
    assert_eq!(it.merge(&first).await, into(last, 500));
    it.end_merged(&first).await;
    assert_eq!(db.number(OPEN).await, 1);
    let last = it.claim(db, last).await;
    assert_carries(it.merge(&last).await, &["a", "b", "c"], 0);
}

async fn others_are_left_alone(db: &TestDatabase) {
    let mut it = Waiting::of(db).await;
    let one = it.changed("a", NO_TIME).await;
    it.arrived(change("b", NO_TIME, waiting("another deal"))).await;
    it.lanes.record_deliveries("plain", vec![delivery("slack")]).await;
    let one = it.claim(db, one).await;
    assert_carries(it.merge(&one).await, &["a"], 0);
    assert_eq!(db.number(OPEN).await, 3);
}

async fn the_longest_wait_ends_the_waiting(db: &TestDatabase) {
    let mut it = Waiting::of(db).await;
    let first = it.changed("a", LONGEST).await;
    let second = it.changed("b", NO_TIME).await;
    let first = it.claim(db, first).await;
    assert_carries(it.merge(&first).await, &["a"], 0);
    it.finish(outcome(&first, Verdict::Succeeded)).await;
    let third = it.changed("c", NO_TIME).await;
    let second = it.claim(db, second).await;
    assert_eq!(it.merge(&second).await, into(third, 0), "a new wait begins");
}

async fn what_came_due_together_goes_as_one_however_old_it_is(db: &TestDatabase) {
    let mut it = Waiting::of(db).await;
    let hours = Duration::from_hours(3);
    let first = it.changed("a", hours).await;
    let second = it.changed("b", hours).await;
    let third = it.changed("c", hours).await;
    it.changed("d", NO_TIME).await;
    db.make_older(second, 60).await;
    db.make_older(third, 50).await;
    let first = it.claim(db, first).await;
    assert_eq!(it.merge(&first).await, into(third, 1));
    let third = it.claim(db, third).await;
    assert_carries(it.merge(&third).await, &["a", "b", "c"], 0);
}

async fn of_two_that_are_performed_at_once_only_the_later_goes(db: &TestDatabase) {
    for earlier_asks_first in [true, false] {
        let mut it = Waiting::of(db).await;
        let (one, other) = (it.changed("a", NO_TIME).await, it.changed("b", NO_TIME).await);
        let (one, other) = (it.claim(db, one).await, it.claim(db, other).await);
        if earlier_asks_first {
            assert_eq!(it.merge(&one).await, into(other.id, 0));
            assert_carries(it.merge(&other).await, &["a", "b"], 0);
        } else {
            assert_carries(it.merge(&other).await, &["a", "b"], 0);
            it.finish(outcome(&other, Verdict::Succeeded)).await;
            assert_eq!(it.merge(&one).await, into(other.id, 0), "it went already");
        }
        it.lanes.finish(&[outcome(&other, Verdict::Succeeded)]).await;
        it.end_merged(&one).await;
    }
    assert_eq!(states(db).await, ["skipped", "succeeded", "skipped", "succeeded"]);
}

async fn an_answer_that_nobody_heard_is_given_again(db: &TestDatabase) {
    let mut it = Waiting::of(db).await;
    let (one, other) = (it.changed("a", NO_TIME).await, it.changed("b", NO_TIME).await);
    let lost = {
        db.make_older(one, 100_000).await;
        it.lanes.claim_soon(BILLING, NO_TIME).await
    };
    assert_eq!(it.merge(&lost).await, into(other, 0));
    // Its process died; meanwhile the other one went.
    let goes = it.lanes.claim.claim(&[want(BILLING, 1, LONG)]).await.unwrap();
    assert_eq!(ids(&goes), [one]);
    let other = it.claim(db, other).await;
    assert_carries(it.merge(&other).await, &["a", "b"], 0);
    it.finish(outcome(&other, Verdict::Succeeded)).await;
    assert_eq!(it.merge(&goes[0]).await, into(other.id, 0));
}

async fn what_the_last_one_took_along_stays_with_it_through_retries(db: &TestDatabase) {
    let mut it = Waiting::of(db).await;
    let (one, other) = (it.changed("a", NO_TIME).await, it.changed("b", NO_TIME).await);
    let one = it.claim(db, one).await;
    it.end_merged(&one).await;
    let first_try = it.claim(db, other).await;
    assert_carries(it.merge(&first_try).await, &["a", "b"], 0);
    it.finish(tried(&first_try, Verdict::Retry(LONG), "failed")).await;
    let second_try = it.claim(db, other).await;
    assert_carries(it.merge(&second_try).await, &["a", "b"], 0);
}

async fn a_retry_is_taken_along_by_the_next(db: &TestDatabase) {
    let mut it = Waiting::of(db).await;
    let one = it.changed("a", NO_TIME).await;
    let tried_one = it.claim(db, one).await;
    assert_carries(it.merge(&tried_one).await, &["a"], 0);
    it.finish(tried(&tried_one, Verdict::Retry(LONG), "failed")).await;
    let next = it.changed("b", NO_TIME).await;
    let next = it.claim(db, next).await;
    assert_carries(it.merge(&next).await, &["a", "b"], 1);
    it.finish(outcome(&next, Verdict::Succeeded)).await;
    assert_eq!(states(db).await, ["skipped", "succeeded"]);
}

async fn what_is_on_its_way_takes_nothing_more_along(db: &TestDatabase) {
    let mut it = Waiting::of(db).await;
    let one = it.changed("a", NO_TIME).await;
    let one = it.claim(db, one).await;
    assert_carries(it.merge(&one).await, &["a"], 0);
    let next = it.changed("b", NO_TIME).await;
    let next = it.claim(db, next).await;
    assert_carries(it.merge(&next).await, &["b"], 0);
    it.finish(outcome(&one, Verdict::Succeeded)).await;
    it.finish(outcome(&next, Verdict::Succeeded)).await;
}

async fn a_lease_that_was_lost_decides_nothing(db: &TestDatabase) {
    let mut it = Waiting::of(db).await;
    let one = it.changed("a", NO_TIME).await;
    it.changed("b", NO_TIME).await;
    db.make_older(one, 100_000).await;
    let late = it.lanes.claim_soon(BILLING, NO_TIME).await;
    let now = it.lanes.claim_soon(BILLING, LONG).await;
    assert_eq!(it.merge(&late).await, Merged::Lost);
    assert_eq!(db.number(MERGED).await, 0);
    it.end_merged(&now).await;
    assert_eq!(it.merge(&now).await, Merged::Lost, "it has ended");
}

async fn ordered_ones_are_merged_and_the_next_still_waits_for_its_time(db: &TestDatabase) {
    let mut it = Waiting::of(db).await;
    let mut arrivals = Vec::new();
    for attribute in ["a", "b", "c"] {
        let ordered = NewDelivery { order_key: Some(hash(DEAL)), ..waiting(DEAL) };
        arrivals.push(it.arrived(change(attribute, NO_TIME, ordered)).await);
    }
    let first = it.claim(db, arrivals[0]).await;
    assert_eq!(it.merge(&first).await, into(arrivals[2], 1));
    it.end_merged(&first).await;
    assert_eq!(db.number("SELECT CAST(pending AS bigint) FROM order_keys").await, 1);
    assert!(it.lanes.claim(BILLING, 9).await.is_empty(), "it was let go, and still waits");
    let last = it.claim(db, arrivals[2]).await;
    assert_carries(it.merge(&last).await, &["a", "b", "c"], 0);
    it.finish(outcome(&last, Verdict::Succeeded)).await;
    assert_eq!(db.number("SELECT count(*) FROM order_keys").await, 0);
    assert_eq!(states(db).await, ["skipped", "skipped", "succeeded"]);
}

async fn an_orphaned_one_carries_nothing(db: &TestDatabase) {
    let mut it = Waiting::of(db).await;
    let (one, orphan) = (it.changed("a", NO_TIME).await, it.changed("b", NO_TIME).await);
    let claimed = it.claim(db, orphan).await;
    it.finish(outcome(&claimed, Verdict::Orphaned)).await;
    let one = it.claim(db, one).await;
    assert_carries(it.merge(&one).await, &["a"], 0);
}

async fn a_merged_one_says_into_which(db: &TestDatabase) {
    let mut it = Waiting::of(db).await;
    let first = it.changed("a", NO_TIME).await;
    it.changed("b", NO_TIME).await;
    let last = it.changed("c", NO_TIME).await;
    let first = it.claim(db, first).await;
    it.end_merged(&first).await;
    let said = "SELECT state || ' ' || reason || ' ' || CAST(merged_into AS text) FROM deliveries
                WHERE ended_at IS NOT NULL AND owner IS NULL";
    let expected = format!("skipped merged into {last} {last}");
    assert_eq!(db.all_texts(said).await, [expected.clone(), expected]);
}

async fn however_many_processes_decide_at_once_one_goes_and_nothing_is_lost(db: &TestDatabase) {
    const ALL: usize = 200;
    let mut it = Waiting::of(db).await;
    let attributes: Vec<String> = (0..ALL).map(|n| format!("{n:03}")).collect();
    for attribute in &attributes {
        it.changed(attribute, NO_TIME).await;
    }
    db.run("UPDATE deliveries SET due_at = (SELECT min(received_at) FROM messages)").await.unwrap();
    let processes = [db.bare_store(), db.bare_store(), db.bare_store(), db.bare_store()];
    let performing = processes.map(|store| {
        tokio::spawn(async move {
            let mut it = Waiting { lanes: Lanes::of(&store), look: lane(&store, LaneKind::Look) };
            let mut went = Vec::new();
            loop {
                let claimed = it.lanes.claim(BILLING, 7).await;
                if claimed.is_empty() {
                    return went;
                }
                for claimed in claimed {
                    let merged = it.merge(&claimed).await;
                    let verdict = match &merged {
                        Merged::Into { id, .. } => Verdict::Merged(*id),
                        Merged::Last { .. } | Merged::Lost => Verdict::Succeeded,
                    };
                    it.finish(outcome(&claimed, verdict)).await;
                    went.extend(matches!(merged, Merged::Last { .. }).then(|| carried(merged).0));
                }
            }
        })
    });
    let mut went = Vec::new();
    for process in performing {
        went.extend(process.await.unwrap());
    }
    assert_eq!(went, [attributes]);
    assert_eq!(db.number(OPEN).await, 0);
}

const OPEN: &str = "SELECT count(*) FROM deliveries WHERE state = 'open'";
const MERGED: &str = "SELECT count(*) FROM deliveries WHERE merged_into IS NOT NULL";
