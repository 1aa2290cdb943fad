//! Bodies that are made by a template.

use attio_relay::{
    action::{Action, ActionError},
    config::{ActionKind, HttpAction, LogAction, SlackAction},
    job::Values,
};
use serde_json::json;

use super::{action, http, job, perform_http, refused, server::Sink, slack_post};

#[tokio::test]
async fn a_body_template_makes_the_body() {
    let sink = Sink::answering("200 OK").await;
    let body = Some(r#"{"who": {{ event.name|tojson }}, "n": {{ attempt }}}"#.to_owned());
    perform_http(HttpAction { body, ..http(&sink.url()) }).await.unwrap();
    assert_eq!(sink.only().json(), json!({"who": "<!channel> & co", "n": 3}));
}

#[tokio::test]
async fn a_body_that_is_not_the_json_it_says_is_never_sent() {
    let sink = Sink::answering("200 OK").await;
    let body = Some(r#"{"who": {{ event.name }}}"#.to_owned());
    let failure = refused(perform_http(HttpAction { body, ..http(&sink.url()) }).await);
    assert!(failure.what.contains("did not make JSON"), "{}", failure.what);
    assert!(sink.received().is_empty());
}

#[tokio::test]
async fn a_body_of_another_type_may_be_anything() {
    let sink = Sink::answering("200 OK").await;
    let headers = vec![("content-type".to_owned(), "text/plain".to_owned().into())];
    let body = Some("name: {{ event.name }}".to_owned());
    perform_http(HttpAction { body, headers, ..http(&sink.url()) }).await.unwrap();
    assert_eq!(sink.only().body, b"name: <!channel> & co");
    assert_eq!(sink.only().header("content-type"), Some("text/plain"));
}

#[tokio::test]
async fn a_template_that_meets_an_undefined_value_is_never_sent() {
    let sink = Sink::answering("200 OK").await;
    let body = Some("[{{ event.nope }}]".to_owned());
    let failure = refused(perform_http(HttpAction { body, ..http(&sink.url()) }).await);
    assert!(failure.what.contains("line 1, column 5"), "{}", failure.what);
    assert!(sink.received().is_empty());
}

#[tokio::test]
async fn an_empty_value_that_was_to_be_put_in_order_is_nothing_to_send() {
    let sink = Sink::answering("200 OK").await;
    let template = "{% if record.value > 1000 %}much{% endif %}".to_owned();
    let mut job = job();
    let record = Some(json!({"value": null}));
    job.values = Values { record, ..Values::default() }.into();
    let body = Some(template.clone());
    for kind in [
        ActionKind::Http(HttpAction { body, ..http(&sink.url()) }),
        ActionKind::Slack(SlackAction { text: template.clone(), ..slack_post(&sink) }),
        ActionKind::Log(LogAction { text: Some(template.clone()) }),
    ] {
        let result = Action::build(&action(kind), None).unwrap().perform(&job).await;
        let Err(ActionError::Skipped(why)) = result else { panic!("not skipped: {result:?}") };
        assert!(why.ends_with("line 1, column 7: `record.value` is empty"), "{why}");
    }
    assert!(sink.received().is_empty());
}

#[test]
fn what_cannot_be_used_is_reported_with_its_field() {
    let headers = vec![("Webhook-Id".to_owned(), "x".to_owned().into())];
    let (method, body) = ("GE T".to_owned(), Some("{{ recrd.stage }}".to_owned()));
    let http = HttpAction { method, body, headers, ..http("http://example.com") };
    let config = action(ActionKind::Http(http));
    let problems = Action::check(&config);
    let fields: Vec<_> = problems.iter().map(|(field, _)| *field).collect();
    assert_eq!(fields, ["method", "headers", "body"]);
    assert_eq!(problems[2].1, "line 1, column 4: there is no `recrd`; did you mean `record`?");
    assert_eq!(Action::build(&config, None).err().unwrap().field, "method");
}
