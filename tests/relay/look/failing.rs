//! What fails and what failed: trouble while something is left of it, and no longer.

use serde_json::{Value, json};

use super::{
    get,
    standing::{discard_all, named, problem, until},
};
use crate::{
    store::on_both_engines,
    support::{
        app::TestApp,
        client::Message,
        database::TestDatabase,
        sink::{Reply, Sink, route},
    },
};

on_both_engines![
    a_destination_that_fails_is_told_with_its_error_until_it_works_again,
    what_failed_and_was_discarded_is_the_last_failure_and_no_trouble,
];

async fn a_destination_that_fails_is_told_with_its_error_until_it_works_again(db: &TestDatabase) {
    let sink = Sink::start().await;
    sink.always(Reply::Full(503, Vec::new(), "closed".to_owned()));
    let toml = sink
        .action("billing", "retry = { attempts = 30, first = \"50ms\", max = \"50ms\" }")
        + &route("all", r#"on = ["*"]"#, &["billing"]);
    let app = TestApp::start(db, &toml).await;
    app.post(&Message::event("note.created")).await.assert_accepted();
    let overview = until(&app, "/api/overview", |it| problem(it, "breaker_open").is_some()).await;
    assert_eq!(overview["is_healthy"], false);
    let problem_text = problem(&overview, "breaker_open").unwrap();
    assert_eq!(
        (&problem_text["place"], &problem_text["name"]),
        (&json!("actions"), &json!("billing"))
    );
    let actions = get(&app, "/api/actions").await;
    let billing = named(&actions, "billing");
    assert_eq!(
        (&billing["state"], &billing["breaker_is_open_here"]),
        (&json!("breaker_open"), &json!(true))
    );
    assert_eq!((&billing["open"], &billing["success_rate"]), (&json!(1), &Value::Null));
    let failing =
        until(&app, "/api/actions", |it| named(it, "billing")["failing_since"].is_string()).await;
    let failing = named(&failing, "billing");
    assert!(failing["last_error"].as_str().unwrap().contains("503"), "{failing}");
    assert!(failing["failing_since"].as_str() <= failing["last_failure"].as_str(), "{failing}");
    let open = &get(&app, "/api/overview").await["open"];
    assert_eq!(open["due"].as_u64().unwrap() + open["leased"].as_u64().unwrap(), 1, "{open}");
    sink.always(Reply::Status(200));
    // That nothing is left is seen at once, the success when it was counted.
    let well =
        until(&app, "/api/actions", |it| named(it, "billing")["last_success"].is_string()).await;
    let well = named(&well, "billing");
    assert!(well["failing_since"].is_null() && well["state"] == "running", "{well}");
    assert!(well["last_error"].as_str().unwrap().contains("503"), "the last one stays: {well}");
    let overview = get(&app, "/api/overview").await;
    assert!(
        problem(&overview, "failing").is_none() && overview["is_healthy"] == true,
        "{overview}"
    );
    app.stop().await;
}

async fn what_failed_and_was_discarded_is_the_last_failure_and_no_trouble(db: &TestDatabase) {
    let sink = Sink::start().await;
    sink.always(Reply::Status(422));
    let toml = sink.action("billing", "")
        + &route("monthly", r#"on = ["note.*"]"#, &["billing"])
        + &route("others", r#"on = ["task.*"]"#, &["billing"]);
    let app = TestApp::start(db, &toml).await;
    app.post(&Message::event("note.created")).await.assert_accepted();
    let overview = until(&app, "/api/overview", |it| problem(it, "failing").is_some()).await;
    assert_eq!(overview["is_healthy"], false);
    let routes = get(&app, "/api/routes").await;
    let states = ["monthly", "others"].map(|name| &named(&routes, name)["state"]);
    assert_eq!(states, [&json!("failing"), &json!("running")]);
    discard_all(db).await;
    let overview = get(&app, "/api/overview").await;
    assert_eq!((&overview["is_healthy"], problem(&overview, "failing")), (&json!(true), None));
    for (path, name) in [("/api/actions", "billing"), ("/api/routes", "monthly")] {
        let list = get(&app, path).await;
        let one = named(&list, name);
        assert_eq!((&one["state"], &one["failing_since"]), (&json!("running"), &Value::Null));
        assert!(one["last_failure"].is_string() && one["last_success"].is_null(), "{one}");
        assert!(one["last_error"].as_str().unwrap().contains("422"), "it is still told: {one}");
    }
    app.stop().await;
}
