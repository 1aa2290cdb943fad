//! What became of an event is found with it: see `store::deliveries`.

use attio_relay::store::{LaneKind, Verdict};
use uuid::Uuid;

use super::{on_both_engines, words::*};
use crate::support::database::{TestDatabase, lane};

on_both_engines![
    an_event_s_deliveries_are_found_with_what_became_of_each,
    deliveries_of_other_events_are_not_among_them,
];

async fn an_event_s_deliveries_are_found_with_what_became_of_each(db: &TestDatabase) {
    let store = db.store().await;
    let mut lanes = Lanes::of(&store);
    let new = message("k", vec![delivery(BILLING), delivery("slack"), ordered("log", "r")]);
    let event = new.events[0].id;
    lanes.record(new.clone()).await;
    lanes.record(message("l", vec![ordered("log", "r")])).await;
    let claimed = lanes.claim(BILLING, 1).await.remove(0);
    let dead = Verdict::Dead("it is gone".to_owned());
    lanes.finish(&[tried(&claimed, dead, "refused")]).await;
    let slack = lanes.claim("slack", 1).await.remove(0);
    let mut look = lane(&store, LaneKind::Look);
    let found = look.deliveries(event).await.unwrap();
    let ids: Vec<_> = new.events[0].deliveries.iter().map(|one| one.id).collect();
    assert_eq!(found.iter().map(|one| one.id).collect::<Vec<_>>(), ids);
    let [billing, slack_now, log] = &found[..] else { panic!("{found:?}") };
    assert_eq!((billing.state.as_str(), billing.tries), ("dead", 1));
    assert_eq!(billing.reason.as_deref(), Some("it is gone"));
    assert!(billing.ended_at.is_some() && !billing.is_leased);
    assert_eq!((slack_now.id, slack_now.state.as_str()), (slack.id, "open"));
    assert!(slack_now.is_leased && slack_now.ended_at.is_none());
    assert_eq!((log.action.as_str(), log.route.as_str()), ("log", "deals-to-billing"));
    assert_eq!((log.tries, log.held.as_deref(), log.is_leased), (0, None, false));
    assert!(log.due_at < slack_now.due_at, "a lease is due when it ends");
}

async fn deliveries_of_other_events_are_not_among_them(db: &TestDatabase) {
    let store = db.store().await;
    let mut lanes = Lanes::of(&store);
    let (one, other) =
        (message("k", vec![ordered("log", "r")]), message("l", vec![ordered("log", "r")]));
    lanes.record(one).await;
    lanes.record(other.clone()).await;
    let mut look = lane(&store, LaneKind::Look);
    let found = look.deliveries(other.events[0].id).await.unwrap();
    let [held] = &found[..] else { panic!("{found:?}") };
    assert_eq!((held.id, held.held.as_deref()), (other.events[0].deliveries[0].id, Some("order")));
    assert_eq!(look.deliveries(Uuid::now_v7()).await.unwrap(), []);
    assert_eq!(look.deliveries(Uuid::nil()).await.unwrap(), []);
}
