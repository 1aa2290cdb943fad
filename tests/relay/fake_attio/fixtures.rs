//! What it answers is what the fixtures say.

use serde_json::Value;

use crate::support::fake_attio::TestAttio;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/api");

/// One answer of the fixtures.
struct Fixture {
    file: String,
    method: String,
    path: String,
    status: u64,
    answer: Value,
}

fn read(file: &str) -> Value {
    let text = std::fs::read_to_string(format!("{FOLDER}/{file}")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn fixtures() -> Vec<Fixture> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let index = read("index.json");
    let each = index["responses"].as_array().unwrap().iter().map(|entry| {
        let mut path = text(&entry["path"]);
        let query = entry["query"].as_object().into_iter().flatten();
        for (at, (name, value)) in query.enumerate() {
            path += if at == 0 { "?" } else { "&" };
            path += &format!("{name}={}", value.as_str().unwrap());
        }
        Fixture {
            file: text(&entry["file"]),
            method: text(&entry["method"]),
            path,
            status: entry["status"].as_u64().unwrap(),
            answer: read(entry["file"].as_str().unwrap()),
        }
    });
    each.collect()
}

#[tokio::test]
async fn every_read_is_answered_as_its_fixture_says() {
    let attio = TestAttio::start().await;
    let reads = fixtures().into_iter().filter(|fixture| {
        fixture.method == "GET"
            && fixture.status == 200
            && !fixture.path.starts_with("/v2/webhooks")
            && !fixture.file.starts_with("self.")
    });
    let mut count = 0;
    for fixture in reads {
        assert_eq!(attio.get(&fixture.path).await.ok(), fixture.answer, "{}", fixture.file);
        count += 1;
    }
    assert_eq!(count, 27);
}
