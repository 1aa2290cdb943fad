//! The sample files are the truth: each is right, and the long one shows every key.

use std::fs;

use super::*;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config");

fn sample(name: &str) -> String {
    fs::read_to_string(format!("{FOLDER}/{name}")).unwrap()
}

fn examples() -> Vec<String> {
    let files = fs::read_dir(format!("{FOLDER}/examples")).unwrap();
    files.map(|file| format!("examples/{}", file.unwrap().file_name().display())).collect()
}

/// The sample with every key in force: what looks like a key or a header in a comment is one.
fn uncommented(text: &str) -> String {
    let line = |line: &str| {
        let typed = line.strip_prefix("# ").unwrap_or(line);
        let word = typed.trim_start_matches('[').split([' ', '.', ']']).next().unwrap_or_default();
        let is_key = schema::known_keys().contains(word)
            && (typed.starts_with('[') || typed[word.len()..].starts_with(" = "));
        if is_key { format!("{typed}\n") } else { String::new() }
    };
    text.lines().map(line).collect()
}

#[test]
fn the_samples_are_right_without_a_warning() {
    for name in examples().iter().map(String::as_str).chain(["relay.toml"]) {
        let found = wrong(&sample(name));
        assert!(found.is_empty(), "{name}: {found:#?}");
    }
}

#[test]
fn there_is_an_example_for_each_pattern() {
    let patterns = ["closed-won-to-billing", "person-to-warehouse", "list-entry-to-slack"];
    for pattern in patterns {
        let text = sample(&format!("examples/{pattern}.toml"));
        let route = &right(&text).routes[0];
        assert_eq!(route.name.as_str(), pattern);
        assert!(route.when.is_some(), "{pattern}");
    }
}

#[test]
fn the_long_sample_shows_every_key_of_the_schema() {
    let text = sample("relay.toml");
    let shows = |key: &String| {
        text.lines().any(|line| {
            let line = line.trim_start_matches(['#', ' ', '[']);
            line.strip_prefix(key.as_str()).is_some_and(|rest| {
                rest.starts_with(" = ") || rest.starts_with(']') || rest.starts_with('.')
            }) || line.contains(&format!("{{ {key} = "))
                || line.contains(&format!(", {key} = "))
        })
    };
    let missing: Vec<_> = schema::known_keys().into_iter().filter(|key| !shows(key)).collect();
    assert!(missing.is_empty(), "config/relay.toml does not show {missing:?}");
}

#[test]
fn what_the_long_sample_shows_in_comments_is_read_too() {
    let found = wrong(&uncommented(&sample("relay.toml")));
    let unexpected: Vec<_> = found
        .iter()
        .filter(|problem| problem.starts_with("Error"))
        // Both ways to reach Slack's people, and a file of TLS.
        .filter(|problem| !["not both", "cannot be read"].iter().any(|one| problem.contains(one)))
        .collect();
    assert!(unexpected.is_empty(), "{unexpected:#?}");
}

#[test]
fn the_defaults_that_the_long_sample_states_are_the_defaults() {
    let all = uncommented(&sample("relay.toml"));
    let sections = ["server", "store", "worker"];
    let mut stated = String::new();
    let mut is_wanted = false;
    for line in all.lines() {
        if line.starts_with('[') {
            is_wanted = sections.iter().any(|section| line == format!("[{section}]"));
        }
        if is_wanted && !line.contains("e.g.") {
            stated.push_str(line);
            stated.push('\n');
        }
    }
    let (stated, silent) = (right(&with(&stated)), right(&with("")));
    assert_eq!(format!("{:?}", stated.server), format!("{:?}", silent.server));
    assert_eq!(format!("{:?}", stated.store), format!("{:?}", silent.store));
    assert_eq!(format!("{:?}", stated.worker), format!("{:?}", silent.worker));
}

#[test]
fn the_schema_refuses_other_keys_and_knows_each_kind() {
    let schema = json_schema();
    assert_eq!(schema["additionalProperties"], false);
    let action = &schema["$defs"]["Action"]["oneOf"];
    let kinds: Vec<_> =
        (0..5).map(|at| action[at]["properties"]["kind"]["const"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["http", "slack", "postgres", "attio", "log"]);
    assert_eq!(
        schema["$defs"]["Source"]["required"],
        serde_json::json!(["name", "path", "secrets"])
    );
    assert!(!schema.to_string().contains("null"));
}

#[test]
fn every_key_of_the_schema_says_what_it_means() {
    let schema = json_schema();
    for (name, table) in schema["$defs"].as_object().unwrap() {
        for (key, value) in table["properties"].as_object().into_iter().flatten() {
            assert!(value["description"].is_string(), "{name}.{key}");
        }
    }
}

#[test]
fn the_schema_for_editors_is_the_one_that_the_command_prints() {
    let kept: serde_json::Value = serde_json::from_str(&sample("relay.schema.json")).unwrap();
    assert!(kept == json_schema(), "run `attio-relay schema > config/relay.schema.json`");
}
