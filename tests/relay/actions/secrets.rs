//! What of an attempt is kept, and what never.

use attio_relay::{
    action::Action,
    config::{self, ActionKind, HttpAction, PostgresAction, SigningKey, SlackTarget, TableName},
};
use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    action, http, perform, perform_http, perform_slack, refused, retry, server::Sink, slack,
    slack_post, slack_webhook,
};
use crate::support::database::TestDatabase;

#[tokio::test]
async fn secrets_are_masked_in_a_failed_answer() {
    let key = b"canary-signing-secret-24";
    let echo =
        format!("canary-header canary-query canary-user canary-pass {} end", STANDARD.encode(key));
    let sink = Sink::with_body("400 No", &echo).await;
    let url = sink.url().replacen("127", "canary-user:canary-pass@127", 1) + "?token=canary-query";
    let headers = vec![("Authorization".to_owned(), "Bearer canary-header".to_owned().into())];
    let signing_secret = Some(SigningKey(key.to_vec().into()));
    let failure = refused(perform_http(HttpAction { headers, signing_secret, ..http(&url) }).await);
    assert_eq!(failure.answer.as_deref(), Some(b"*** *** *** *** *** end".as_slice()));
}

#[tokio::test]
async fn the_header_made_of_the_urls_password_is_masked_too() {
    let basic = format!("Basic {}", STANDARD.encode("canary-user:canary-pass"));
    let sink = Sink::with_body("400 No", &format!("you sent {basic}")).await;
    let url = sink.url().replacen("127", "canary-user:canary-pass@127", 1);
    let failure = refused(perform_http(http(&url)).await);
    assert_eq!(failure.answer.as_deref(), Some(b"you sent ***".as_slice()));
}

#[tokio::test]
async fn no_error_of_connection_holds_a_secret() {
    let url = "http://canary-user:canary-pass@127.0.0.1:1/canary?token=canary-query";
    let failure = retry(perform_http(http(url)).await);
    assert!(!format!("{failure:?}").contains("canary"), "{failure:?}");
}

#[tokio::test]
async fn neither_token_nor_address_of_slack_is_kept() {
    let echo = "xoxb-canary-token /services/T0CANARY/B0CANARY/canary-path canary-path";
    for slack in [slack_webhook, slack_post] {
        let sink = Sink::with_body("400 No", echo).await;
        let failure = refused(perform_slack(slack(&sink)).await);
        let kept = String::from_utf8(failure.answer.unwrap().to_vec()).unwrap();
        let of_this_action = if sink.only().line().contains("services") { "path" } else { "xoxb" };
        assert!(!kept.contains(of_this_action), "{kept}");
    }
    let closed =
        slack(SlackTarget::Webhook("http://127.0.0.1:1/services/canary".to_owned().into()));
    let failure = retry(perform_slack(closed).await);
    assert!(!format!("{failure:?}").contains("canary"), "{failure:?}");
}

#[test]
fn an_address_that_is_none_is_reported_without_it() {
    let slack = slack(SlackTarget::Webhook("canary".to_owned().into()));
    let problems = Action::check(&action(ActionKind::Slack(slack)));
    assert_eq!(problems, [("webhook", "is not a URL: relative URL without a base".to_owned())]);
}

fn warehouse(url: &str, value: &str) -> config::Action {
    let table = |name: &str| TableName { schema: "public".to_owned(), name: name.to_owned() };
    action(ActionKind::Postgres(PostgresAction {
        url: url.to_owned().into(),
        table: table("people"),
        columns: vec![("number".to_owned(), value.to_owned())],
        key: Vec::new(),
        deliveries: table("notes"),
    }))
}

#[tokio::test]
async fn neither_password_nor_address_of_a_warehouse_is_kept() {
    let url = "postgres://relay:canary-pass@127.0.0.1:1/crm?password=canary-query";
    let failure = retry(perform(&warehouse(url, "1")).await);
    assert!(!format!("{failure:?}").contains("canary"), "{failure:?}");
    for no_address in ["canary", "postgres://canary:canary@[canary/"] {
        let problem = Action::build(&warehouse(no_address, "1"), None).err().unwrap();
        assert!(!problem.to_string().contains("canary"), "{problem}");
    }
}

#[tokio::test]
async fn the_password_of_a_warehouse_is_masked_in_what_it_says() {
    let database = TestDatabase::postgres().await;
    database.run("CREATE TABLE people (number int)").await.unwrap();
    let url = format!("{}?password=canary-pass", database.url());
    let failure = refused(perform(&warehouse(&url, "canary-pass")).await);
    let answer = failure.answer.as_deref().unwrap();
    assert_eq!(answer, br#"invalid input syntax for type integer: "***""#);
}
