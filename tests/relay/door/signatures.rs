//! Who is believed.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;

use super::door;
use crate::support::{
    app::{OLD_SECRET, TestApp},
    client::{Answer, Message, PATH, SECRET, sign},
    database::TestDatabase,
};

const RESULTS: &str = "attio_relay_messages_total";

fn data(file: &str) -> Value {
    let path = format!("{}/tests/data/{file}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn text<'a>(of: &'a Value, key: &str) -> &'a str {
    of[key].as_str().unwrap()
}

async fn with_sources(sources: &[(&str, &str)]) -> (TestDatabase, TestApp) {
    let db = TestDatabase::sqlite();
    let source = |(path, secrets): &(&str, &str)| {
        format!(
            "[[sources]]\nname = \"crm{}\"\npath = \"{path}\"\nsecrets = {secrets}\n",
            path.len()
        )
    };
    let toml: String = sources.iter().map(source).collect();
    let app = TestApp::start(&db, &toml).await;
    (db, app)
}

#[tokio::test]
async fn all_vectors_are_judged_as_they_say_under_either_name_of_the_header() {
    let sources = [("/new", r#"["env:SECRET"]"#), ("/older", r#"["env:OLD_SECRET"]"#)];
    let (_db, app) = with_sources(&sources).await;
    let vectors = data("signature-vectors.json");
    let vectors = vectors["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 21);
    for vector in vectors {
        let body = BASE64_STANDARD.decode(text(vector, "body_base64")).unwrap();
        let path = if text(vector, "secret") == SECRET { "/new" } else { "/older" };
        for name in ["Attio-Signature", "x-attio-signature"] {
            let signature = [(name, text(vector, "signature"))];
            let answer = app.post(&Message::of(body.clone()).at(path).signatures(signature)).await;
            let status = if vector["valid"] == true { 200 } else { 401 };
            assert_eq!(answer.status, status, "{} under {name}", vector["name"]);
        }
    }
}

#[tokio::test]
async fn the_headers_of_real_deliveries_are_believed_and_their_retries_recognised() {
    let (_db, app) = door("").await;
    let data = data("delivery-headers.json");
    for delivery in data["deliveries"].as_array().unwrap() {
        let headers = delivery["headers"].as_object().unwrap();
        let mut message = Message::of(text(&data, "body")).without_key().signatures([]);
        for (name, value) in headers {
            message = message.header(name, value.as_str().unwrap());
        }
        match delivery["same_message_as"].as_str() {
            None => app.post(&message).await.assert_accepted(),
            Some(_) => app.post(&message).await.assert_duplicate(),
        }
    }
}

#[tokio::test]
async fn each_kind_of_wrong_signature_gets_the_same_answer_and_its_own_count() {
    let (_db, app) = door("").await;
    let message = Message::event("task.created");
    let (right, wrong) = (sign(SECRET, &message.body), sign(OLD_SECRET, &message.body));
    let (new, old) = ("Attio-Signature", "X-Attio-Signature");
    let mut answers: Vec<Answer> = Vec::new();
    for message in [
        message.clone().signatures([]),
        message.clone().signatures([(new, "abc")]),
        message.clone().signatures([(new, &right), (old, "abc")]),
        message.clone().signatures([(new, &wrong)]),
        message.clone().signatures([(new, &right), (old, &wrong)]),
        message.clone().signatures([(new, &right), (new, &wrong)]),
    ] {
        let mut answer = app.post(&message).await;
        answer.headers.retain(|(name, _)| name != "date");
        answers.push(answer);
    }
    answers[0].assert_refused(401, "signature");
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    for (result, count) in [("missing", 1.0), ("malformed", 2.0), ("wrong", 1.0), ("conflict", 2.0)]
    {
        let result = format!("signature_{result}");
        assert_eq!(app.metric(RESULTS, &[("result", &result)]).await, count, "{result}");
    }
}

#[tokio::test]
async fn the_same_signature_many_times_is_one() {
    let (_db, app) = door("").await;
    let message = Message::event("task.created");
    let right = sign(SECRET, &message.body);
    let header = ("Attio-Signature", right.as_str());
    app.post(&message.signatures([header, header, ("X-Attio-Signature", &right)]))
        .await
        .assert_accepted();
}

#[tokio::test]
async fn a_missing_signature_is_answered_before_the_body_is_sent() {
    let (_db, app) = door("").await;
    let mut connection = app.connect().await;
    let head = Message::of("{}").signatures([]).head();
    connection.send(format!("{head}content-length: 500\r\n\r\n")).await;
    connection.answer().await.assert_refused(401, "signature");
}

#[tokio::test]
async fn while_rotating_every_secret_is_believed_and_a_metric_tells_which() {
    let (_db, app) = with_sources(&[(PATH, r#"["env:SECRET", "env:OLD_SECRET"]"#)]).await;
    app.post(&Message::event("task.created")).await.assert_accepted();
    for _ in 0..2 {
        app.post(&Message::event("task.created").signed_with(OLD_SECRET)).await.assert_accepted();
    }
    app.post(&Message::event("task.created").signed_with("0123456789abcdef"))
        .await
        .assert_refused(401, "signature");
    let used = "attio_relay_secret_used_total";
    assert_eq!(app.metric(used, &[("slot", "0")]).await, 1.0);
    assert_eq!(app.metric(used, &[("slot", "1")]).await, 2.0);
}

#[tokio::test]
async fn what_is_not_believed_is_not_stored() {
    let (db, app) = door("").await;
    app.post(&Message::event("task.created").signed_with(OLD_SECRET)).await;
    app.stop().await;
    assert_eq!(db.number("SELECT count(*) FROM messages").await, 0);
}

#[tokio::test]
async fn one_sources_secret_opens_no_other_source() {
    let sources = [("/new", r#"["env:SECRET"]"#), ("/older", r#"["env:OLD_SECRET"]"#)];
    let (_db, app) = with_sources(&sources).await;
    let message = Message::event("task.created");
    app.post(&message.clone().at("/older")).await.assert_refused(401, "signature");
    app.post(&message.at("/new")).await.assert_accepted();
}
