//! The description of the API says what there is, and there is what it says.

use std::collections::BTreeSet;

use attio_relay::{
    admin::{
        api::{
            OPENAPI, PATHS,
            acts::{ACTS, DEEDS},
        },
        asked::words,
    },
    look::ask::parameters,
    store::Table,
};
use serde_json::Value;

use super::{ask, get};
use crate::support::{
    app::TestApp,
    client::{Message, fresh_id},
    database::TestDatabase,
    sink::Sink,
};

pub fn description() -> Value {
    serde_json::from_str(OPENAPI).unwrap()
}

/// Follows a reference.
fn resolved<'v>(all: &'v Value, value: &'v Value) -> &'v Value {
    let Some(to) = value["$ref"].as_str() else { return value };
    all.pointer(&to[1..]).unwrap_or_else(|| panic!("{to} leads nowhere"))
}

#[test]
fn every_route_is_described_and_every_description_has_a_route() {
    let all = description();
    let paths = all["paths"].as_object().unwrap().iter();
    let methods = |(path, item): (_, &Value)| {
        let methods = item.as_object().unwrap().keys();
        methods.map(|method| (method.clone(), String::clone(path))).collect::<Vec<_>>()
    };
    let described: BTreeSet<(String, String)> = paths.flat_map(methods).collect();
    let read = PATHS.into_iter().chain([ACTS]).map(|path| ("get".to_owned(), path.to_owned()));
    let done = DEEDS.into_iter().map(|(path, _)| ("post".to_owned(), path.to_owned()));
    assert_eq!(described, read.chain(done).collect());
}

#[test]
fn every_deed_describes_what_can_be_said() {
    let all = description();
    for (path, own) in DEEDS {
        let body = &all["paths"][path]["post"]["requestBody"]["content"]["application/json"];
        let schema = resolved(&all, &body["schema"]);
        let described = schema["properties"].as_object().into_iter().flatten();
        let described: BTreeSet<_> = described.map(|(name, _)| name.as_str()).collect();
        assert_eq!(described, words(own).into_iter().collect(), "{path}");
    }
}

#[test]
fn every_list_describes_what_it_can_be_asked_for() {
    let all = description();
    for (path, table) in [
        ("/api/messages", Table::Messages),
        ("/api/events", Table::Events),
        ("/api/deliveries", Table::Deliveries),
    ] {
        let described = all["paths"][path]["get"]["parameters"].as_array().unwrap();
        let names = described.iter().map(|it| resolved(&all, it)["name"].as_str().unwrap());
        assert_eq!(
            names.collect::<BTreeSet<_>>(),
            parameters(table).iter().copied().collect(),
            "{path}"
        );
    }
}

/// The members of an answer are exactly those of its schema, all the way down.
pub fn assert_fits(all: &Value, schema: &Value, value: &Value, at: &str) {
    let schema = resolved(all, schema);
    if let Some(choices) = schema["oneOf"].as_array() {
        if !value.is_null() {
            assert_fits(all, &choices[0], value, at);
        }
        return;
    }
    if let Some(properties) = schema["properties"].as_object() {
        let object = value.as_object().unwrap_or_else(|| panic!("{at} is no object: {value}"));
        for (name, member) in object {
            let schema = properties.get(name).unwrap_or_else(|| panic!("{at}.{name} is not there"));
            assert_fits(all, schema, member, &format!("{at}.{name}"));
        }
        for name in schema["required"].as_array().unwrap() {
            assert!(object.contains_key(name.as_str().unwrap()), "{at} has no {name}: {value}");
        }
    }
    for (number, item) in value.as_array().into_iter().flatten().enumerate() {
        assert_fits(all, &schema["items"], item, &format!("{at}[{number}]"));
    }
    if let Some(words) = schema["enum"].as_array() {
        assert!(words.contains(value), "{at}: {value} is none of {words:?}");
    }
}

#[tokio::test]
async fn every_path_answers_as_it_is_described() {
    let (db, sink, all) = (TestDatabase::sqlite(), Sink::start().await, description());
    let app = TestApp::start(&db, &sink.all()).await;
    app.post(&Message::record_updated(&fresh_id())).await.assert_accepted();
    app.wait_until_delivered(&sink, 1).await;
    assert_eq!(get(&app, "/api/openapi.json").await, all);
    for path in PATHS {
        let table = path.split('/').nth(2).unwrap();
        let whole = if path.contains("{id}") {
            let id = db.text(&format!("SELECT id FROM {table}")).await.unwrap();
            path.replace("{id}", &id) + "?body=true"
        } else {
            path.to_owned()
        };
        let schema =
            &all["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"];
        assert!(schema.is_object(), "{path}");
        assert_fits(&all, schema, &get(&app, &whole).await, path);
    }
    let (status, wrong) = ask(&app, "/api/events?limit=0").await;
    assert_eq!(status, 400);
    assert_fits(&all, &all["components"]["schemas"]["Error"], &wrong, "error");
    app.stop().await;
}
