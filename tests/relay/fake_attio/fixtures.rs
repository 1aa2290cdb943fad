//! What it answers is what the fixtures say.

use std::{collections::BTreeSet, time::Duration};

use attio_relay::http::fake_attio::{Failure, Options};
use serde_json::{Value, json};

use crate::support::fake_attio::TestAttio;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/api");

/// The webhook of the fixtures; here it gets another id.
const WEBHOOK: &str = "7bca51fc-3281-4b13-ab5b-190c901ed426";

/// Names of the fixtures' paths, and the ids that may stand in their places.
const IDS: [(&str, &str); 6] = [
    ("/objects/deals", "/objects/57503590-1092-4cbb-9fc4-f253925f1244"),
    ("/objects/people", "/objects/cc9f97e2-c110-4aa1-a732-21f4f69ebdc1"),
    ("/objects/companies", "/objects/ee170cbe-4bad-40ed-8184-5ea0cbe2a754"),
    ("/lists/sales_pipeline", "/lists/7c286440-7285-467c-8be6-47be43b0e30a"),
    ("/attributes/stage", "/attributes/847cf08e-d682-4090-983a-0d138cfb4d4e"),
    ("/attributes/priority", "/attributes/23aeab17-6aea-44e9-b68c-56dc255e9fd5"),
];

/// One answer of the fixtures.
struct Fixture {
    file: String,
    method: String,
    path: String,
    body: Option<Value>,
    status: u16,
    answer: Value,
}

impl Fixture {
    fn is_error(&self) -> bool {
        self.status != 200
    }

    fn is_plain_read(&self) -> bool {
        self.method == "GET"
            && !self.is_error()
            && !self.path.starts_with("/v2/webhooks")
            && self.path != "/v2/self"
    }

    /// The path with names for ids, and with ids for names.
    fn spellings(&self) -> BTreeSet<String> {
        let replaced = |pairs: [(&str, &str); 6]| {
            pairs.iter().fold(self.path.clone(), |path, (from, to)| path.replace(from, to))
        };
        [self.path.clone(), replaced(IDS), replaced(IDS.map(|(name, id)| (id, name)))].into()
    }
}

fn read(file: &str) -> Value {
    let text = std::fs::read_to_string(format!("{FOLDER}/{file}")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn fixtures() -> Vec<Fixture> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let fixture = |entry: &Value| {
        let query = entry["query"].as_object().into_iter().flatten();
        let query = query.map(|(name, value)| format!("{name}={}", value.as_str().unwrap()));
        let query = query.collect::<Vec<_>>().join("&");
        Fixture {
            file: text(&entry["file"]),
            method: text(&entry["method"]),
            path: format!("{}?{query}", text(&entry["path"])).trim_end_matches('?').to_owned(),
            body: entry.get("request_body").cloned(),
            status: entry["status"].as_u64().unwrap().try_into().unwrap(),
            answer: read(entry["file"].as_str().unwrap()),
        }
    };
    read("index.json")["responses"].as_array().unwrap().iter().map(fixture).collect()
}

fn fixture(file: &str) -> Fixture {
    fixtures().into_iter().find(|fixture| fixture.file == file).unwrap()
}

/// Every path to a value in an answer, whatever stands there.
fn shape(value: &Value) -> BTreeSet<String> {
    fn collect(value: &Value, at: &str, found: &mut BTreeSet<String>) {
        found.insert(at.to_owned());
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    collect(value, &format!("{at}.{name}"), found);
                }
            }
            Value::Array(items) => {
                for item in items {
                    collect(item, &format!("{at}[]"), found);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut found = BTreeSet::new();
    collect(value, "", &mut found);
    found
}

/// Makes the two webhooks of the fixtures; the first one's id.
async fn make_webhooks(attio: &TestAttio) -> String {
    let create = fixture("create-webhook.json");
    let made = attio.post(&create.path, &create.body.unwrap()).await.data();
    let old = fixture("list-webhooks.json").answer["data"][1].clone();
    let old = json!({"target_url": old["target_url"], "subscriptions": old["subscriptions"]});
    attio.post("/v2/webhooks", &json!({"data": old})).await.ok();
    made["id"]["webhook_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn every_read_is_answered_as_its_fixture_says_by_name_and_by_id() {
    let attio = TestAttio::start().await;
    let mut count = 0;
    for fixture in fixtures().into_iter().filter(Fixture::is_plain_read) {
        for path in fixture.spellings() {
            assert_eq!(attio.get(&path).await.ok(), fixture.answer, "{path}");
        }
        count += 1;
    }
    assert_eq!(count, 27);
}

#[tokio::test]
async fn a_query_is_answered_page_by_page() {
    let attio = TestAttio::start().await;
    for file in ["query-records.page-1.json", "query-records.page-2.json"] {
        let fixture = fixture(file);
        for path in fixture.spellings() {
            let answer = attio.post(&path, fixture.body.as_ref().unwrap()).await;
            let ids = |answer: &Value| {
                let all = answer["data"].as_array().unwrap();
                all.iter().map(|record| record["id"].clone()).collect::<Vec<_>>()
            };
            assert_eq!(ids(&answer.ok()), ids(&fixture.answer), "{path}");
        }
    }
}

#[tokio::test]
async fn every_write_is_answered_in_the_shape_of_its_fixture() {
    let writes = fixtures().into_iter().filter(|fixture| {
        !fixture.is_error() && fixture.method != "GET" && !fixture.path.ends_with("/query")
    });
    let mut count = 0;
    for fixture in writes {
        for path in fixture.spellings() {
            let attio = TestAttio::start().await;
            let needs_webhook = path.contains(WEBHOOK);
            let id = if needs_webhook { make_webhooks(&attio).await } else { String::new() };
            let path = path.replace(WEBHOOK, &id);
            let answer = attio.call(&fixture.method, &path, fixture.body.as_ref()).await.ok();
            assert_eq!(shape(&answer), shape(&fixture.answer), "{}", fixture.file);
        }
        count += 1;
    }
    assert_eq!(count, 9);
}

#[tokio::test]
async fn webhooks_are_read_in_the_shape_of_their_fixtures() {
    let attio = TestAttio::start().await;
    let id = make_webhooks(&attio).await;
    for file in ["list-webhooks.json", "get-webhook.json"] {
        let fixture = fixture(file);
        let answer = attio.get(&fixture.path.replace(WEBHOOK, &id)).await.ok();
        assert_eq!(shape(&answer), shape(&fixture.answer), "{file}");
    }
}

#[tokio::test]
async fn self_is_answered_for_a_token_of_the_workspace_of_an_app_and_a_dead_one() {
    let scopes = read("self.workspace-token.json")["scope"].as_str().unwrap().to_owned();
    for (file, is_app) in [("self.workspace-token.json", false), ("self.oauth-app.json", true)] {
        let options = Options { scopes: scopes.clone(), is_app, ..Options::default() };
        let attio = TestAttio::with(options).await;
        assert_eq!(attio.get("/v2/self").await.ok(), read(file), "{file}");
        attio.revoke_token();
        assert_eq!(attio.get("/v2/self").await.ok(), read("self.inactive.json"));
    }
}

#[tokio::test]
async fn every_error_has_the_body_of_its_fixture() {
    let mut count = 0;
    for fixture in fixtures().into_iter().filter(Fixture::is_error) {
        let attio = TestAttio::start().await;
        match fixture.file.as_str() {
            "error.401-unauthorized.json" => attio.revoke_token(),
            "error.403-scope.json" => attio.set_scopes("task:read-write note_other:read"),
            "error.404-merge-in-progress.json" => {
                let failure = Failure::Error(404, "merge_in_progress");
                attio.fail("GET", "/v2/objects/companies/records/", 1, failure);
            }
            "error.409-uniqueness.json" => {
                attio.call(&fixture.method, &fixture.path, fixture.body.as_ref()).await.ok();
            }
            "error.429-rate-limit.json" => attio.set_limits(0, 0),
            _ => {}
        }
        let answer = attio.call(&fixture.method, &fixture.path, fixture.body.as_ref()).await;
        let expected = fixture.answer;
        assert_eq!(answer.status, fixture.status, "{}", fixture.file);
        if fixture.file == "error.404-merge-in-progress.json" {
            assert_eq!(answer.json["code"], expected["code"]);
        } else {
            assert_eq!(answer.json, expected, "{}", fixture.file);
        }
        count += 1;
    }
    assert_eq!(count, 10);
}

#[tokio::test]
async fn its_clock_can_be_moved_ahead() {
    let attio = TestAttio::start().await;
    let date = async || {
        let answer = attio.get("/v2/self").await;
        httpdate::parse_http_date(answer.header("date").unwrap()).unwrap()
    };
    let before = date().await;
    attio.advance(Duration::from_hours(1));
    assert!(date().await.duration_since(before).unwrap() >= Duration::from_mins(59));
}
