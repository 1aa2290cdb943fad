//! Rows: one thing leads to the next, and attempts tell their order.

use attio_relay::store::Verdict;
use uuid::Uuid;

use super::{looking::reader, on_both_engines, words::*};
use crate::support::database::TestDatabase;

on_both_engines![
    a_message_leads_to_its_events_and_an_event_to_its_deliveries,
    a_delivery_tells_how_it_stands,
    attempts_tell_what_happened_in_order,
];

async fn a_message_leads_to_its_events_and_an_event_to_its_deliveries(db: &TestDatabase) {
    let (mut lanes, mut lane) = reader(db).await;
    lanes.record(message("before", vec![delivery(BILLING)])).await;
    let mut message = message("k", vec![delivery(BILLING), delivery("slack")]);
    let mut second = message.events[0].clone();
    (second.id, second.deliveries) = (Uuid::now_v7(), Vec::new());
    message.events.push(second);
    let event_ids: Vec<Uuid> = message.events.iter().map(|event| event.id).collect();
    let of_first: Vec<Uuid> = message.events[0].deliveries.iter().map(|one| one.id).collect();
    let (id, body) = (message.id, message.body.clone());
    lanes.record(message).await;
    lanes.record(quiet("after")).await;
    assert_eq!(lane.events_of(id).await.unwrap(), event_ids);
    assert_eq!(lane.deliveries_of(&event_ids[..1]).await.unwrap(), of_first);
    assert_eq!(lane.deliveries_of(&event_ids[1..2]).await.unwrap(), NONE);
    assert_eq!(lane.message_body(id).await.unwrap(), Some(body));
    let rows = lane.event_rows(&event_ids).await.unwrap();
    assert!(rows.iter().all(|row| row.message_id == id && row.source == "crm"));
}

async fn a_delivery_tells_how_it_stands(db: &TestDatabase) {
    let (mut lanes, mut lane) = reader(db).await;
    let each = vec![delivery(BILLING), delivery("slack"), ordered("log", "r")];
    let mut ids = lanes.record_deliveries("k", each).await;
    ids.extend(lanes.record_deliveries("l", vec![ordered("log", "r")]).await);
    let claimed = lanes.claim(BILLING, 1).await.remove(0);
    let dead = Verdict::Dead("it is gone".to_owned());
    lanes.finish(&[tried(&claimed, dead, "refused")]).await;
    lanes.claim("slack", 1).await;
    let mut rows = lane.delivery_rows(&ids).await.unwrap();
    rows.reverse();
    assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), ids, "the newest first");
    let [billing, slack, log, held] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!((billing.state.as_str(), billing.tries), ("dead", 1));
    assert_eq!(billing.reason.as_deref(), Some("it is gone"));
    assert!(billing.ended_at.is_some() && !billing.is_leased);
    assert_eq!((slack.state.as_str(), slack.is_leased, slack.ended_at), ("open", true, None));
    assert_eq!((log.action.as_str(), log.route.as_str()), ("log", "deals-to-billing"));
    assert_eq!((log.tries, log.held.as_deref(), log.is_leased), (0, None, false));
    assert!(log.due_at.unwrap() < slack.due_at.unwrap(), "a lease is due when it ends");
    assert_eq!(held.held.as_deref(), Some("order"));
}

async fn attempts_tell_what_happened_in_order(db: &TestDatabase) {
    let (mut lanes, mut lane) = reader(db).await;
    let ids = lanes.record_deliveries("k", vec![delivery(BILLING)]).await;
    let claimed = lanes.claim_soon(BILLING, LONG).await;
    let mut failed = retry_now(&claimed);
    let attempt = failed.attempt.as_mut().unwrap();
    (attempt.status, attempt.answer) = (Some(503), Some("not now".into()));
    lanes.finish(&[failed]).await;
    let claimed = lanes.claim_soon(BILLING, LONG).await;
    lanes.finish(&[tried(&claimed, Verdict::Succeeded, "succeeded")]).await;
    let attempts = lane.attempt_rows(&ids).await.unwrap();
    let told: Vec<_> = attempts.iter().map(|one| (one.number, one.result.as_str())).collect();
    assert_eq!(told, [(1, "failed"), (2, "succeeded")]);
    assert_eq!((attempts[0].status, attempts[0].answer.as_deref()), (Some(503), Some("not now")));
    assert_eq!(attempts[0].duration_us, Some(250_000));
    let row = lane.delivery_rows(&ids).await.unwrap().remove(0);
    assert_eq!((row.state.as_str(), row.tries, row.due_at), ("succeeded", 2, None));
}
