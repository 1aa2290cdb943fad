//! What nobody wants is ended, also while it runs.

use attio_relay::store::{Deed, Filter};

use super::{act, people};
use crate::{
    store::on_both_engines,
    support::{
        app::TestApp,
        client::Message,
        database::TestDatabase,
        sink::{Reply, Sink, route},
    },
};

on_both_engines![a_running_attempt_ends_discarded_and_the_next_in_order_goes];

async fn a_running_attempt_ends_discarded_and_the_next_in_order_goes(db: &TestDatabase) {
    let sink = Sink::start().await;
    sink.next(1, &Reply::Hang);
    let ordered = "on = [\"*\"]\norder_by = \"record\"";
    let toml = sink.action("billing", "") + &route("all", ordered, &["billing"]);
    let app = TestApp::start(db, &toml).await;
    app.post(&Message::record_updated("r")).await.assert_accepted();
    sink.wait_until_received(1).await;
    let mut people = people(db);
    let running = people.select(&Filter::default()).await.unwrap();
    app.post(&Message::record_updated("r")).await.assert_accepted();
    people.discard(&[running[0].id], "a test", &act(Deed::Discard)).await.unwrap();
    app.wait_until_delivered(&sink, 1).await;
    sink.release();
    app.wait_for_metric("attio_relay_leases_lost_total", &[], 1.0).await;
    app.stop().await;
    let states = db.all_texts("SELECT CAST(state AS text) FROM deliveries ORDER BY seq").await;
    assert_eq!(states, ["discarded", "succeeded"]);
}
