//! What is done to a group of dead letters is done to those that the page showed, and no others.

use super::{page, visit};
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
    a_group_is_discarded_without_those_whose_reason_only_begins_alike,
    a_group_is_replayed_without_those_that_died_after_the_page_was_made,
];

const REASON: &str = "refused: Slack answered restricted_action";

/// How many deliveries stand so, and why.
async fn stand(db: &TestDatabase, state: &str, reason: &str) -> i64 {
    let sql = format!(
        "SELECT count(*) FROM deliveries
         WHERE state = '{state}' AND replayed_by IS NULL AND reason LIKE '{reason}'"
    );
    db.number(&sql).await
}

/// One more letter dies, for this reason.
async fn another(app: &TestApp, db: &TestDatabase, reason: &str) {
    app.post(&Message::event("record.updated")).await.assert_accepted();
    let died = "refused:%404%";
    app.eventually("it died", async || stand(db, "dead", died).await == 1).await;
    let sql = format!("UPDATE deliveries SET reason = '{reason}' WHERE reason LIKE '{died}'");
    db.run(&sql).await.unwrap();
}

/// Two letters of one group, and one of another whose reason begins alike.
async fn two_groups(db: &TestDatabase) -> (TestApp, Sink) {
    let sink = Sink::start().await;
    sink.always(Reply::Status(404));
    let app = TestApp::start(db, &sink.all()).await;
    another(&app, db, REASON).await;
    another(&app, db, &format!("{REASON}_read_only_channel")).await;
    another(&app, db, REASON).await;
    (app, sink)
}

/// The fields of the form for a deed to the group with that reason, as a browser sends them.
fn form_of(page: &str, reason: &str, deed: &str) -> String {
    let group = page.split("<article").find(|one| one.contains(&format!("<b>{reason}</b>")));
    let group = group.unwrap_or_else(|| panic!("no {reason}: {page}"));
    let start = format!("action=\"{deed}\">");
    let form = group.split("<form").find_map(|form| form.split_once(&start));
    let form = form.unwrap_or_else(|| panic!("no {deed}: {group}")).1;
    let mut fields = url::form_urlencoded::Serializer::new(String::new());
    for field in form.split("name=\"").skip(1) {
        let (name, rest) = field.split_once('"').unwrap();
        let value = rest.strip_prefix(" value=\"").map(|rest| rest.split('"').next().unwrap());
        fields.append_pair(name, &value.unwrap_or("nobody needs it").replace("&amp;", "&"));
    }
    fields.finish()
}

/// Sends a form; where the browser is led.
async fn sent(app: &TestApp, deed: &str, fields: &str) -> String {
    let head = format!(
        "POST {deed} HTTP/1.1\r\nhost: localhost\r\norigin: http://localhost\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{fields}",
        fields.len()
    );
    let answer = app.admin.ask(head.as_bytes()).await;
    assert_eq!(answer.status, 303, "{answer:?}");
    answer.header("location").unwrap().to_owned()
}

async fn a_group_is_discarded_without_those_whose_reason_only_begins_alike(db: &TestDatabase) {
    let (app, _sink) = two_groups(db).await;
    let fields = form_of(&page(&app, "/dead-letters").await, REASON, "/pages/discard");
    another(&app, db, REASON).await;
    assert_eq!(sent(&app, "/pages/discard", &fields).await, "/dead-letters?did=discarded-2");
    assert_eq!(stand(db, "discarded", "%").await, 2);
    assert_eq!(stand(db, "dead", "%read_only_channel").await, 1);
    assert_eq!(stand(db, "dead", REASON).await, 1, "who died later was not shown");
    app.stop().await;
}

async fn a_group_is_replayed_without_those_that_died_after_the_page_was_made(db: &TestDatabase) {
    let (app, sink) = two_groups(db).await;
    let fields = form_of(&page(&app, "/dead-letters").await, REASON, "/pages/replay");
    another(&app, db, REASON).await;
    sink.release();
    assert_eq!(sent(&app, "/pages/replay", &fields).await, "/dead-letters?did=replayed-2");
    app.wait_until_delivered(&sink, 2).await;
    assert_eq!(stand(db, "dead", "%read_only_channel").await, 1);
    assert_eq!(stand(db, "dead", REASON).await, 1, "who died later was not shown");
    assert_eq!(sent(&app, "/pages/replay", &fields).await, "/dead-letters?did=replayed-0");
    app.stop().await;
}

#[tokio::test]
async fn what_is_too_old_to_be_in_a_group_stays_and_what_is_too_much_for_one_press_is_said() {
    let db = TestDatabase::sqlite();
    let (app, _sink) = two_groups(&db).await;
    let many = "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
        INSERT INTO deliveries (id, event_id, route, action, idempotency_key, due_at, state,
                                ended_at, reason)
        SELECT printf('01980000-%04x-7000-8000-000000000000', i),
               (SELECT max(id) FROM events), 'all', 'billing',
               printf('01980000-%04x-7000-8000-000000000000', i), 1, 'dead', 1,
               CASE WHEN i < 4 THEN '{}' ELSE 'another' END FROM n";
    db.run(&many.replace("{}", REASON)).await.unwrap();
    let shown = page(&app, "/dead-letters").await;
    assert!(shown.contains("The newest 10,000 of them are grouped here"), "{shown}");
    let fields = form_of(&shown, REASON, "/pages/discard");
    assert_eq!(sent(&app, "/pages/discard", &fields).await, "/dead-letters?did=discarded-2");
    assert_eq!(stand(&db, "dead", REASON).await, 4);
    let fields = form_of(&shown, "another", "/pages/discard");
    let first = sent(&app, "/pages/discard", &fields).await;
    assert_eq!(first, "/dead-letters?did=discarded-5000-more");
    assert!(page(&app, &first).await.contains("More are left"), "what is left is said");
    assert_eq!(sent(&app, "/pages/discard", &fields).await, "/dead-letters?did=discarded-4997");
    app.stop().await;
}

#[tokio::test]
async fn a_groups_own_letters_are_listed_and_no_others() {
    let db = TestDatabase::sqlite();
    let (app, _sink) = two_groups(&db).await;
    let shown = page(&app, "/dead-letters").await;
    let of_group = shown.split("<article").find(|one| one.contains(&format!("<b>{REASON}</b>")));
    let letters = super::link(of_group.unwrap(), "/dead-letters?action=billing&amp;reason=");
    let letters = visit(&app, &letters).await.body;
    assert_eq!(letters.matches("type=\"checkbox\"").count(), 2, "{letters}");
    app.stop().await;
}
