//! `messages`, `events`, `deliveries` and `tail`, as the built binary answers them.

use std::{
    io::{BufRead, BufReader},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::commands::{
    program::{Folder, Run, Server, Witness, signal},
    small,
};

/// A folder whose store holds one event whose delivery died, and one that nobody wanted.
fn failed() -> Folder {
    let witness = Witness::answering(400);
    let action = format!(
        "[actions.billing]\nkind = \"http\"\nurl = \"{}\"\nallow_private = true\n\
         [[routes]]\nname = \"deals\"\non = [\"record.updated\"]\nto = [\"billing\"]\n",
        witness.url("/billing")
    );
    let server = Server::start(small(&action));
    for event in ["record.updated", "note.created"] {
        let run = server.folder.run(&["send", event]);
        assert_eq!(run.code, 0, "{run}");
    }
    let started = Instant::now();
    while dead(&server.folder).code != 3 {
        assert!(started.elapsed() < Duration::from_secs(30), "no dead letter");
    }
    server.stop().0
}

fn dead(folder: &Folder) -> Run {
    folder.run(&["deliveries", "list", "--fail"])
}

fn json(run: &Run) -> Value {
    assert_eq!((run.code, run.err.as_str()), (0, ""), "{run}");
    serde_json::from_str(&run.out).unwrap()
}

fn assert_narrow(run: &Run) {
    for line in run.out.lines() {
        assert!(line.chars().count() <= 120, "{line}");
    }
}

#[test]
fn a_dead_letter_is_found_and_its_story_told_by_ids_to_copy() {
    let folder = failed();
    let found = dead(&folder);
    assert!(found.code == 3 && found.out.contains("dead       deals → billing"), "{found}");
    assert_narrow(&found);
    let listed = json(&folder.run(&["deliveries", "list", "--state", "dead", "--output", "json"]));
    let (id, event) = (&listed["items"][0]["id"], &listed["items"][0]["event_id"]);
    let (id, event) = (id.as_str().unwrap(), event.as_str().unwrap());
    assert!(found.out.contains(id), "{found}");
    let story = folder.run(&["events", "show", event]);
    assert_eq!(story.code, 0, "{story}");
    assert_narrow(&story);
    let at = |part: &str| story.out.find(part).unwrap_or_else(|| panic!("no {part}: {story}"));
    let told = [
        "received by crm: message",
        "event ",
        "route deals: wanted",
        "delivery ",
        "attempt 1: refused 400",
        "dead: refused",
    ];
    assert!(told.map(at).is_sorted(), "{story}");
    assert!(!story.out.contains("body:"), "{story}");
    let with_body = folder.run(&["deliveries", "show", id, "--body"]);
    assert!(with_body.out.contains("\"event_type\": \"record.updated\""), "{with_body}");
}

#[test]
fn lists_take_filters_and_say_what_cannot_be_asked() {
    let folder = failed();
    let of = |arguments: &[&str]| {
        let all = [arguments, &["--output", "json"]].concat();
        json(&folder.run(&all))["items"].as_array().unwrap().len()
    };
    assert_eq!(of(&["messages", "list"]), 2);
    assert_eq!(of(&["events", "list", "--type", "note.*"]), 1);
    assert_eq!(of(&["events", "list", "--action", "billing"]), 1);
    assert_eq!(of(&["deliveries", "list", "--route", "all"]), 2);
    assert_eq!(of(&["deliveries", "list", "--error", "400", "--since", "1h"]), 1);
    assert_eq!(of(&["messages", "list", "--state", "quarantined"]), 0);
    let first = folder.run(&["messages", "list", "--limit", "1"]);
    assert!(first.out.contains("there are more: --before "), "{first}");
    let wrong = folder.run(&["events", "list", "--state", "asleep"]);
    assert!(wrong.code == 2 && wrong.err.contains("failing"), "{wrong}");
    let none = folder.run(&["events", "show", "00000000-0000-7000-8000-000000000000"]);
    assert!(none.code == 1 && none.err.contains("there is no event"), "{none}");
}

#[test]
fn no_dead_letter_is_no_failure() {
    let folder = small("");
    assert_eq!(folder.run(&["migrate"]).code, 0);
    let run = dead(&folder);
    assert!(run.code == 0 && run.out.contains("no deliveries found"), "{run}");
}

#[test]
fn looking_makes_no_store() {
    let folder = small("");
    let run = folder.run(&["events", "list"]);
    assert!(run.code == 1 && run.err.contains("run `attio-relay migrate`"), "{run}");
    assert!(!folder.path("attio-relay.db").exists());
}

#[test]
fn tail_shows_what_comes_in_and_what_becomes_of_it() {
    let server = Server::start(small(""));
    let mut tail = server.folder.spawn(&["tail", "--since", "1m", "--output", "json"]);
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    assert_eq!(server.folder.run(&["send", "record.updated"]).code, 0);
    let mut next = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    let event = next();
    assert_eq!(event["event"]["type"], "record.updated");
    let mut delivery = next();
    while delivery["delivery"]["state"] == "open" {
        delivery = next();
    }
    assert_eq!(delivery["delivery"]["state"], "succeeded");
    assert_eq!(delivery["delivery"]["event_id"], event["event"]["id"]);
    signal(&tail, "INT");
    assert_eq!(tail.wait().unwrap().code(), Some(0));
    server.stop();
}
