//! Which deliveries an event causes, from the door to the destination.

use crate::{
    store::on_both_engines,
    support::{
        app::TestApp,
        client::Message,
        database::TestDatabase,
        sink::{Sink, route},
    },
};

on_both_engines!(an_event_reaches_its_destination);

async fn an_event_reaches_its_destination(db: &TestDatabase) {
    let sink = Sink::start().await;
    let app = TestApp::start(db, &sink.all()).await;
    let message = Message::event("record.updated");
    app.post(&message).await.assert_accepted();
    app.wait_until_delivered(&sink, 1).await;
    assert_eq!(sink.only().json()["event"], message.event_json());
    app.stop().await;
}
