//! What was kept aside comes in when a person says so, and is known again when Attio repeats it.

use crate::{
    commands::program::Folder,
    store::on_both_engines,
    support::{
        app::{TestApp, configuration},
        client::{Message, SECRET},
        database::TestDatabase,
        sink::Sink,
    },
};

on_both_engines![
    a_reused_key_comes_in_by_hand_and_its_retry_is_known,
    what_cannot_be_read_cannot_be_released,
];

fn commands(db: &TestDatabase, toml: &str) -> Folder {
    Folder::with(&configuration(db.url(), toml)).env("SECRET", SECRET)
}

async fn quarantined(db: &TestDatabase) -> String {
    db.text("SELECT CAST(id AS text) FROM messages WHERE status = 'quarantined'").await.unwrap()
}

async fn a_reused_key_comes_in_by_hand_and_its_retry_is_known(db: &TestDatabase) {
    let sink = Sink::start().await;
    let app = TestApp::start(db, &sink.all()).await;
    app.post(&Message::record_updated("one").key("k")).await.assert_accepted();
    let other = Message::record_updated("other").key("k");
    app.post(&other).await.assert_quarantined();
    let id = quarantined(db).await;
    let folder = commands(db, &sink.all());
    let run = folder.run(&["messages", "release", &id]);
    assert_eq!((run.code, run.err.as_str()), (0, ""), "{run}");
    assert!(run.out.contains("events: 1; 1 delivery caused"), "{run}");
    app.wait_until_delivered(&sink, 2).await;
    assert_eq!(sink.received()[1].record(), "other");
    app.post(&other).await.assert_quarantined();
    let again = folder.run(&["messages", "release", &id]);
    assert!(again.code == 1 && again.err.contains("is not quarantined"), "{again}");
    app.stop().await;
    assert_eq!(sink.received().len(), 2);
    assert_eq!(db.number("SELECT count(*) FROM messages").await, 2);
    assert_eq!(db.all_texts("SELECT what FROM acts").await, ["release"]);
}

async fn what_cannot_be_read_cannot_be_released(db: &TestDatabase) {
    let sink = Sink::start().await;
    let app = TestApp::start(db, &sink.all()).await;
    app.post(&Message::of("nonsense")).await.assert_quarantined();
    let folder = commands(db, &sink.all());
    let run = folder.run(&["messages", "release", &quarantined(db).await]);
    assert!(run.code == 1 && run.err.contains("the body is not a JSON object"), "{run}");
    let run = folder.run(&["messages", "release", "00000000-0000-0000-0000-000000000000"]);
    assert!(run.code == 1 && run.err.contains("there is no message"), "{run}");
    app.stop().await;
    assert_eq!(db.number("SELECT count(*) FROM messages WHERE status = 'quarantined'").await, 1);
}
