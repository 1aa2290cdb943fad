//! `webhooks`: what Attio sends follows from the routes, by the built binary against the fake Attio.

mod apply;
mod others;
mod rotation;
mod status;

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use serde_json::{Value, json};

use crate::{
    commands::program::{Folder, Run},
    support::fake_attio::TestAttio,
};

/// Where Attio posts to in these tests.
const HOME: &str = "https://hooks.example.com/webhooks/attio";

/// A route that needs one attribute of one object.
const STAGES: &str = "name = 'stages'\non = ['record.updated']\nobject = 'deals'\nchanged = ['stage']\nto = ['log']\n";

/// A configuration beside a fake Attio; `FOLDER` stands for the folder that it is in.
fn folder(attio: &TestAttio, public_url: &str, secrets: &str, routes: &[&str]) -> Folder {
    let mut text = format!(
        "[server]\npublic_url = '{public_url}'\n[attio]\ntoken = 'env:TOKEN'\nbase_url = '{}'\n\
         [[sources]]\nname = 'crm'\npath = '/webhooks/attio'\nsecrets = {secrets}\n\
         [actions.log]\nkind = 'log'\n",
        attio.base_url()
    );
    for route in routes {
        text.extend(["[[routes]]\n", route]);
    }
    let folder = Folder::with(&text).env("TOKEN", attio.token());
    let home = folder.path("").display().to_string();
    folder.replaced("FOLDER/", &home).replaced("FOLDER/", &home)
}

/// The usual one: the secret belongs into a file that is not there yet.
fn usual(attio: &TestAttio) -> Folder {
    folder(attio, "https://hooks.example.com", "['file:FOLDER/secret']", &[STAGES])
}

/// Runs `webhooks …`.
fn run(folder: &Folder, arguments: &[&str]) -> Run {
    let arguments: Vec<_> = ["webhooks"].into_iter().chain(arguments.iter().copied()).collect();
    folder.run(&arguments)
}

/// Runs it, and it must exit so.
#[track_caller]
fn exits(code: i32, folder: &Folder, arguments: &[&str]) -> Run {
    let run = run(folder, arguments);
    assert_eq!(run.code, code, "{arguments:?} {run}");
    run
}

fn id(webhook: &Value) -> &str {
    webhook["id"]["webhook_id"].as_str().unwrap()
}

fn secret(webhook: &Value) -> &str {
    webhook["secret"].as_str().unwrap()
}

fn types(webhook: &Value) -> Vec<&str> {
    let all = webhook["subscriptions"].as_array().unwrap();
    all.iter().map(|one| one["event_type"].as_str().unwrap()).collect()
}

/// A subscription to all events of a type.
fn all_of(event_type: &str) -> Value {
    json!({"event_type": event_type, "filter": null})
}

/// What the fake was asked to change.
fn writes(attio: &TestAttio) -> usize {
    let to = |method| attio.requests_to(method, "/v2/webhooks").len();
    to("POST") + to("PATCH") + to("DELETE")
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}
