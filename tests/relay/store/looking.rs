//! Lists and rows: what is found, in which order, and how far a search goes.

use attio_relay::{
    attio::event::Subject,
    store::{
        Found, Lane, LaneKind, MessageStatus, NewDelivery, NewMessage, Origin, Page, Search, State,
        Table, Verdict,
    },
};
use uuid::Uuid;

use super::{
    looking_filled::{filled, first_moment},
    on_both_engines,
    words::*,
};
use crate::support::database::{TestDatabase, lane};

on_both_engines![
    messages_are_found_by_source_status_and_reason,
    what_was_made_here_is_told_apart_from_what_was_sent,
    events_are_found_by_what_they_are_about,
    deliveries_are_found_by_what_they_are_for_and_how_they_stand,
    deliveries_are_found_by_what_went_wrong,
    a_time_bounds_a_list_on_both_sides,
    pages_repeat_and_lose_nothing_while_new_ones_come,
    a_search_breaks_off_and_says_how_far_it_came,
    dead_and_open_ones_are_found_at_once_however_old,
];

pub(super) async fn reader(db: &TestDatabase) -> (Lanes, Lane) {
    let store = db.store().await;
    (Lanes::of(&store), lane(&store, LaneKind::Read))
}

/// A message about a record of the deals.
fn about(record: &str, event_type: &str, deliveries: Vec<NewDelivery>) -> NewMessage {
    let mut message = message(record, deliveries);
    let event = &mut message.events[0].event;
    event_type.clone_into(&mut event.event_type);
    event.subject = Subject {
        object_id: Some("deals".to_owned()),
        record_id: Some(record.to_owned()),
        list_id: Some("pipeline".to_owned()),
        entry_id: Some(format!("entry of {record}")),
    };
    message
}

async fn found(lane: &mut Lane, table: Table, filter: Search) -> Vec<Uuid> {
    let Found { ids, next, .. } = lane.find(table, &filter, &Page::first(10)).await.unwrap();
    assert_eq!(next, None);
    ids
}

async fn messages_are_found_by_source_status_and_reason(db: &TestDatabase) {
    let (mut lanes, mut lane) = reader(db).await;
    let accepted = quiet("accepted");
    let aside = NewMessage {
        quarantined: Some("its key was used before"),
        source: "other".into(),
        events: Vec::new(),
        ..quiet("aside")
    };
    let (accepted_id, aside_id) = (accepted.id, aside.id);
    lanes.record(accepted).await;
    lanes.record(aside).await;
    for (filter, expected) in [
        (Search::default(), vec![aside_id, accepted_id]),
        (Search { source: Some("other".into()), ..Search::default() }, vec![aside_id]),
        (Search { status: Some(MessageStatus::Accepted), ..Search::default() }, vec![accepted_id]),
        (Search { error: Some("KEY was".into()), ..Search::default() }, vec![aside_id]),
        (Search { error: Some("other words".into()), ..Search::default() }, vec![]),
    ] {
        assert_eq!(found(&mut lane, Table::Messages, filter).await, expected);
    }
    let rows = lane.message_rows(&[accepted_id, aside_id]).await.unwrap();
    assert_eq!(rows[0].reason.as_deref(), Some("its key was used before"));
    assert_eq!((rows[1].key.as_deref(), &*rows[1].status), (Some("accepted"), "accepted"));
}

async fn what_was_made_here_is_told_apart_from_what_was_sent(db: &TestDatabase) {
    let (mut lanes, mut lane) = reader(db).await;
    let sent = message("sent", vec![delivery(BILLING)]);
    let made = NewMessage { origin: Origin::Reconcile, ..message("made", vec![delivery(BILLING)]) };
    let ids = |it: &NewMessage| [it.id, it.events[0].id, it.events[0].deliveries[0].id];
    let (of_sent, of_made) = (ids(&sent), ids(&made));
    lanes.record(sent).await;
    lanes.record(made).await;
    let tables = [Table::Messages, Table::Events, Table::Deliveries];
    for (origin, of) in [(Origin::Attio, of_sent), (Origin::Reconcile, of_made)] {
        for (table, id) in tables.into_iter().zip(of) {
            let filter = Search { origin: Some(origin), ..Search::default() };
            assert_eq!(found(&mut lane, table, filter).await, [id], "{origin:?} {table:?}");
        }
    }
    let alerts = Search { origin: Some(Origin::Alert), ..Search::default() };
    assert_eq!(found(&mut lane, Table::Messages, alerts).await, NONE);
    assert_eq!(lane.message_rows(&of_made[..1]).await.unwrap()[0].origin, "reconcile");
}

async fn events_are_found_by_what_they_are_about(db: &TestDatabase) {
    let (mut lanes, mut lane) = reader(db).await;
    let (one, other) = (about("one", "list-entry.updated", vec![]), quiet("other"));
    let (one_id, other_id) = (one.events[0].id, other.events[0].id);
    lanes.record(one).await;
    lanes.record(other).await;
    let none = Search::default;
    for filter in [
        Search { event_type: Some("list-entry.updated".into()), ..none() },
        Search { event_type: Some("list-entry.*".into()), ..none() },
        Search { object: Some("deals".into()), ..none() },
        Search { record: Some("one".into()), ..none() },
        Search { list: Some("pipeline".into()), ..none() },
        Search { entry: Some("entry of one".into()), ..none() },
        Search { record: Some("one".into()), source: Some("crm".into()), ..none() },
    ] {
        assert_eq!(found(&mut lane, Table::Events, filter.clone()).await, [one_id], "{filter:?}");
    }
    assert_eq!(found(&mut lane, Table::Events, none()).await, [other_id, one_id]);
    let elsewhere = Search { source: Some("elsewhere".into()), ..none() };
    assert_eq!(found(&mut lane, Table::Events, elsewhere).await, NONE);
}

async fn deliveries_are_found_by_what_they_are_for_and_how_they_stand(db: &TestDatabase) {
    let (mut lanes, mut lane) = reader(db).await;
    let billing = delivery(BILLING);
    let slack = NewDelivery { route: "deals-to-slack".into(), ..delivery("slack") };
    let (billing_id, slack_id) = (billing.id, slack.id);
    lanes.record(about("one", "record.updated", vec![billing])).await;
    lanes.record(about("two", "record.created", vec![slack])).await;
    let claimed = lanes.claim_soon(BILLING, LONG).await;
    lanes.finish(&[tried(&claimed, Verdict::Dead("refused".to_owned()), "refused")]).await;
    let none = Search::default;
    for (filter, expected) in [
        (none(), vec![slack_id, billing_id]),
        (Search { route: Some("deals-to-slack".into()), ..none() }, vec![slack_id]),
        (Search { action: Some(BILLING.into()), ..none() }, vec![billing_id]),
        (Search { state: Some(State::Dead), ..none() }, vec![billing_id]),
        (Search { state: Some(State::Dead), action: Some("slack".into()), ..none() }, vec![]),
        (Search { state: Some(State::Open), ..none() }, vec![slack_id]),
        (Search { state: Some(State::Open), record: Some("one".into()), ..none() }, vec![]),
        (Search { state: Some(State::Failing), ..none() }, vec![]),
        (Search { state: Some(State::Orphaned), ..none() }, vec![]),
        (Search { state: Some(State::Succeeded), ..none() }, vec![]),
        (Search { event_type: Some("record.created".into()), ..none() }, vec![slack_id]),
        (Search { record: Some("one".into()), ..none() }, vec![billing_id]),
        (
            Search { source: Some("crm".into()), record: Some("two".into()), ..none() },
            vec![slack_id],
        ),
        (Search { source: Some("elsewhere".into()), ..none() }, vec![]),
    ] {
        let ids = found(&mut lane, Table::Deliveries, filter.clone()).await;
        assert_eq!(ids, expected, "{filter:?}");
    }
}

async fn deliveries_are_found_by_what_went_wrong(db: &TestDatabase) {
    let (mut lanes, mut lane) = reader(db).await;
    let ids = lanes.record_deliveries("k", vec![delivery(BILLING)]).await;
    let claimed = lanes.claim_soon(BILLING, LONG).await;
    let mut failed = retry_now(&claimed);
    failed.attempt.as_mut().unwrap().error = Some("Connection refused by the bank".into());
    lanes.finish(&[failed]).await;
    let with = |error: &str| Search { error: Some(error.into()), ..Search::default() };
    assert_eq!(found(&mut lane, Table::Deliveries, with("connection REFUSED")).await, ids);
    assert_eq!(found(&mut lane, Table::Deliveries, with("refused by mistake")).await, NONE);
    let failing = Search { state: Some(State::Failing), ..with("bank") };
    assert_eq!(found(&mut lane, Table::Deliveries, failing).await, ids);
}

async fn a_time_bounds_a_list_on_both_sides(db: &TestDatabase) {
    let (_, mut lane) = reader(db).await;
    db.run(&filled(db.engine, 3)).await.unwrap();
    let at = |milli| Some(first_moment() + time::Duration::milliseconds(milli));
    let between = Search { since: at(2), until: at(3), ..Search::default() };
    for table in [Table::Messages, Table::Events, Table::Deliveries] {
        let ids = found(&mut lane, table, between.clone()).await;
        assert_eq!(ids.len(), 1);
        assert!(ids[0].to_string().ends_with('2'), "{ids:?}");
    }
}

async fn pages_repeat_and_lose_nothing_while_new_ones_come(db: &TestDatabase) {
    let (mut lanes, mut lane) = reader(db).await;
    for number in 0..25 {
        lanes.record(message(&format!("old {number}"), vec![delivery(BILLING)])).await;
    }
    let there = db.all_texts("SELECT CAST(id AS text) FROM deliveries ORDER BY id DESC").await;
    let (mut page, mut seen) = (Page::first(4), Vec::new());
    loop {
        let listed = lane.find(Table::Deliveries, &Search::default(), &page).await.unwrap();
        seen.extend(listed.ids.iter().map(ToString::to_string));
        lanes.record(message(&format!("new {}", seen.len()), vec![delivery(BILLING)])).await;
        page.before = listed.next;
        if page.before.is_none() {
            break;
        }
    }
    assert_eq!(seen, there);
}

async fn a_search_breaks_off_and_says_how_far_it_came(db: &TestDatabase) {
    let (_, mut lane) = reader(db).await;
    db.run(&filled(db.engine, 30_000)).await.unwrap();
    for (table, filter) in [
        (Table::Messages, Search { source: Some("rare".into()), ..Search::default() }),
        (Table::Events, Search { record: Some("rare".into()), ..Search::default() }),
        (Table::Deliveries, Search { record: Some("rare".into()), ..Search::default() }),
    ] {
        let (mut page, mut ids, mut times) = (Page::first(10), Vec::new(), Vec::new());
        loop {
            let found = lane.find(table, &filter, &page).await.unwrap();
            ids.extend(found.ids);
            times.extend(found.searched_back_to);
            page.before = found.next;
            if page.before.is_none() {
                break;
            }
        }
        assert_eq!(ids.len(), 1, "{table:?}");
        assert!(!times.is_empty() && times.is_sorted_by(|one, next| one > next), "{times:?}");
    }
}

async fn dead_and_open_ones_are_found_at_once_however_old(db: &TestDatabase) {
    let (_, mut lane) = reader(db).await;
    db.run(&filled(db.engine, 30_000)).await.unwrap();
    for (state, number) in [(State::Dead, 2), (State::Open, 3)] {
        let filter = Search { state: Some(state), ..Search::default() };
        let found = lane.find(Table::Deliveries, &filter, &Page::first(10)).await.unwrap();
        assert_eq!((found.ids.len(), found.searched_back_to), (1, None), "{state:?}");
        assert!(found.ids[0].to_string().ends_with(&number.to_string()), "{found:?}");
    }
}
