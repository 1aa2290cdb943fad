//! What died is delivered again, once, under the key that it had.

use attio_relay::store::{Deed, DeliveryState, Filter, ReplayMode};

use super::{act, people};
use crate::{
    store::on_both_engines,
    support::{
        app::TestApp,
        client::Message,
        database::TestDatabase,
        sink::{Reply, Sink},
    },
};

on_both_engines![
    a_dead_letter_is_delivered_again_under_its_old_key,
    what_succeeded_is_delivered_again_under_a_new_key,
];

const DEAD: [(&str, &str); 1] = [("action", "billing")];

async fn replay(db: &TestDatabase, state: DeliveryState) -> usize {
    let mut people = people(db);
    let filter = Filter { states: vec![state], unreplayed: true, ..Filter::default() };
    let meant: Vec<_> =
        people.select(&filter).await.unwrap().into_iter().map(|one| one.id).collect();
    people.replay(&meant, ReplayMode::default(), &act(Deed::Replay)).await.unwrap().len()
}

async fn a_dead_letter_is_delivered_again_under_its_old_key(db: &TestDatabase) {
    let sink = Sink::start().await;
    sink.always(Reply::Status(404));
    let app = TestApp::start(db, &sink.all()).await;
    app.post_all((0..3).map(|_| Message::event("record.updated"))).await;
    app.wait_for_metric("attio_relay_dead_letters", &DEAD, 3.0).await;
    sink.release();
    assert_eq!(replay(db, DeliveryState::Dead).await, 3);
    assert_eq!(replay(db, DeliveryState::Dead).await, 0, "a double click");
    app.wait_until_delivered(&sink, 3).await;
    app.eventually("no dead letter is left", async || {
        app.metric("attio_relay_dead_letters", &DEAD).await == 0.0
    })
    .await;
    app.stop().await;
    let keys = |part: &[_]| {
        let mut keys: Vec<String> =
            part.iter().map(|one: &crate::support::sink::Received| one.key().to_owned()).collect();
        keys.sort_unstable();
        keys
    };
    let received = sink.received();
    assert_eq!(keys(&received[..3]), keys(&received[3..]));
    assert!(received.iter().all(|one| one.attempt() == 1));
}

async fn what_succeeded_is_delivered_again_under_a_new_key(db: &TestDatabase) {
    let sink = Sink::start().await;
    let app = TestApp::start(db, &sink.all()).await;
    app.post(&Message::event("record.updated")).await.assert_accepted();
    app.wait_until_delivered(&sink, 1).await;
    assert_eq!(replay(db, DeliveryState::Succeeded).await, 1);
    app.wait_until_delivered(&sink, 2).await;
    app.stop().await;
    let received = sink.received();
    assert_ne!(received[0].key(), received[1].key());
    assert_eq!(received[0].json()["id"], received[1].json()["id"]);
}
