//! The commands, as the built binary answers them: what they print and how they exit.

mod acts;
mod canaries;
mod check_online;
mod demo;
mod documents;
mod examples;
mod explain;
mod inventory;
mod long;
pub mod program;

use std::fs;

use self::program::{Folder, Server, Witness};
use crate::support::database::TestDatabase;

/// A configuration that needs `SECRET` and nothing else.
const SMALL: &str = r#"
[server]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
drain_delay = "0s"
[[sources]]
name = "crm"
path = "/webhooks/attio"
secrets = ["env:SECRET"]
[actions.log]
kind = "log"
[[routes]]
name = "all"
on = ["*"]
to = ["log"]
"#;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

pub fn small(more: &str) -> Folder {
    Folder::with(&format!("{SMALL}{more}")).env("SECRET", SECRET)
}

#[test]
fn no_command_and_an_unknown_one_are_wrong_usage() {
    assert_eq!(small("").run(&[]).code, 2);
    assert_eq!(small("").run(&["srve"]).code, 2);
}

#[test]
fn check_counts_what_a_right_file_holds() {
    let run = small("").run(&["check"]);
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    assert!(run.out.starts_with("configuration ok: 1 source, 1 route, 1 action\n"), "{run}");
    assert!(run.out.contains("note: nobody is told of trouble"), "{run}");
    let told = small("[alerts]\nto = [\"log\"]\n").run(&["check"]);
    assert_eq!(told.out, "configuration ok: 1 source, 1 route, 1 action\n");
}

#[test]
fn check_says_that_the_limits_of_attio_hold_for_each_process() {
    let run = small("[attio]\ntoken = \"env:SECRET\"\n").run(&["check"]);
    assert!(run.code == 0 && run.out.contains("hold for each process; N replicas"), "{run}");
}

#[test]
fn check_shows_each_problem_with_its_place_and_what_was_meant() {
    let run = small("[worker]\nconcurency = 4\n[alerts]\nto = [\"lgo\"]\n").run(&["check"]);
    assert_eq!(run.code, 64);
    assert!(run.err.contains("relay.toml:17:1") && run.err.contains("relay.toml:19:7"), "{run}");
    assert!(run.err.contains("did you mean `concurrency`?"), "{run}");
}

#[test]
fn every_command_that_needs_the_configuration_refuses_a_wrong_one_with_64() {
    for command in [&["check"][..], &["serve"], &["migrate"], &["send", "record.created"]] {
        assert_eq!(Folder::with("[server]\nlistn = 1\n").run(command).code, 64, "{command:?}");
        assert_eq!(Folder::empty().run(command).code, 64, "{command:?}");
    }
}

#[test]
fn every_sample_configuration_is_right() {
    let samples = ["relay.toml", "docker.toml"].map(str::to_owned);
    let home = concat!(env!("CARGO_MANIFEST_DIR"), "/config");
    let examples = fs::read_dir(format!("{home}/examples")).unwrap();
    let examples = examples.map(|file| format!("examples/{}", file.unwrap().file_name().display()));
    for sample in examples.chain(samples) {
        let text = fs::read_to_string(format!("{home}/{sample}")).unwrap();
        let run = Folder::with_references(&text).run(&["check"]);
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{sample}");
    }
}

#[test]
fn check_online_asks_the_store_and_makes_none() {
    let folder = small("");
    let run = folder.run(&["check", "--online"]);
    assert_eq!(run.code, 0, "{run}");
    assert!(run.out.contains("store ok: 1 migration to apply"), "{run}");
    assert!(!folder.path("attio-relay.db").exists());
}

#[test]
fn check_online_fails_when_nobody_will_migrate_the_store() {
    let run = small("[store]\nmigrate = false\n").run(&["check", "--online"]);
    assert_eq!(run.code, 1);
    assert!(run.err.contains("run `attio-relay migrate`"), "{run}");
}

#[test]
fn a_store_that_is_away_or_is_none_fails_the_commands_that_ask_it() {
    let away = small("[store]\nurl = \"postgres://relay@127.0.0.1:1/relay\"\n");
    let none = small("");
    fs::write(none.path("attio-relay.db"), "this is a text file, and no database".repeat(99))
        .unwrap();
    for folder in [away, none] {
        for command in [&["check", "--online"][..], &["migrate"], &["migrate", "--status"]] {
            let run = folder.run(command);
            assert_eq!(run.code, 1, "{command:?} {run}");
            assert!(run.err.contains("error: the "), "{run}");
        }
    }
}

#[test]
fn migrate_applies_what_its_status_shows_as_pending() {
    let folder = small("[store]\nmigrate = false\n");
    let status = || folder.run(&["migrate", "--status"]);
    assert!(status().out.contains("pending") && status().code == 0, "{}", status());
    assert_eq!(folder.run(&["migrate"]).code, 0);
    assert!(status().out.contains("applied") && !status().out.contains("pending"), "{}", status());
    assert_eq!(folder.run(&["migrate"]).code, 0, "a second time");
}

#[test]
fn migrate_speaks_json_to_programs() {
    let run = small("").run(&["migrate", "--output", "json"]);
    let status: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(status["newest_applied"], status["newest_known"]);
    assert_eq!(status["migrations"][0]["applied"], true);
}

#[tokio::test]
async fn a_schema_newer_than_the_program_is_refused() {
    let database = TestDatabase::sqlite();
    database.store().await;
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, \
                 execution_time) VALUES (9999, 'future', 1, x'00', 0)";
    database.run(newer).await.unwrap();
    let folder = small(&format!("[store]\nurl = \"{}\"\n", database.url()));
    for command in [&["migrate"][..], &["migrate", "--status"], &["check", "--online"]] {
        let run = folder.run(command);
        assert_eq!(run.code, 1, "{run}");
        assert!(run.err.contains("9999") && run.err.contains("newer"), "{run}");
    }
}

#[test]
fn schema_prints_json() {
    let schema: serde_json::Value =
        serde_json::from_str(&Folder::empty().run(&["schema"]).out).unwrap();
    assert!(schema["properties"]["server"].is_object());
}

#[test]
fn completions_know_every_shell_and_the_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let run = Folder::empty().run(&["completions", shell]);
        assert!(run.code == 0 && run.out.contains("healthcheck"), "{shell}");
    }
    assert_eq!(Folder::empty().run(&["completions", "tcsh"]).code, 2);
}

#[test]
fn serve_ends_with_0_when_asked_and_healthcheck_sees_the_difference() {
    let server = Server::start(small(""));
    assert_eq!(server.folder.run(&["healthcheck", "--ready"]).out, "{\"status\":\"ready\"}\n");
    assert_eq!(server.folder.run(&["healthcheck"]).code, 0);
    let (folder, ended) = server.stop();
    assert_eq!(ended.code, 0, "{ended}");
    let run = folder.run(&["healthcheck"]);
    assert_eq!((run.code, run.out.as_str(), run.err.lines().count()), (1, "", 1), "{run}");
}

#[test]
fn healthcheck_needs_no_secret_and_a_server_without_a_store_lives() {
    let server =
        Server::start_unready(small("[store]\nurl = \"postgres://relay@127.0.0.1:1/relay\"\n"));
    let run = |command: &[&str]| server.folder.run_without_env(command);
    assert_eq!(run(&["healthcheck"]).code, 0);
    let ready = run(&["healthcheck", "--ready"]);
    assert_eq!(ready.code, 1);
    assert!(ready.err.contains("503"), "{ready}");
}

#[test]
fn serve_ends_with_1_when_its_address_is_taken() {
    let server = Server::start(small(""));
    let taken = server.public;
    let other = small("").replaced("listen = \"127.0.0.1:0\"", &format!("listen = \"{taken}\""));
    let run = other.run(&["serve"]);
    assert_eq!(run.code, 1);
    assert!(run.err.contains("cannot listen on"), "{run}");
}

#[test]
fn send_finds_its_target_in_the_configuration() {
    let server = Server::start(small(""));
    let run = server.folder.run(&["send", "list-entry.updated", "--count", "3"]);
    assert_eq!(run.code, 0, "{run}");
    assert_eq!(run.out.matches(r#"200 {"status":"accepted"} key "#).count(), 3, "{run}");
}

#[test]
fn send_with_a_key_sends_the_same_message_each_time() {
    let server = Server::start(small(""));
    let answers = |arguments: &[&str]| {
        let run = server.folder.run(&[&["send"], arguments].concat());
        run.out.split('"').nth(3).map(ToOwned::to_owned).unwrap_or_default()
    };
    assert_eq!(answers(&["task.created", "--key", "k"]), "accepted");
    assert_eq!(answers(&["task.created", "--key", "k"]), "duplicate");
    assert_eq!(answers(&["task.created", "--key", "k", "--set", "actor=null"]), "quarantined");
    assert_eq!(answers(&["task.deleted", "--key", "k"]), "quarantined");
}

#[test]
fn send_with_a_target_and_a_secret_needs_no_configuration() {
    let witness = Witness::answering(200);
    let folder = Folder::empty().env("MINE", SECRET);
    let set = ["--set", "id.record_id=here", "--set", "new.deep=[1]"];
    let to = ["--to", &witness.url("/x"), "--secret", "env:MINE"];
    let run = folder.run(&[&["send", "record.created"][..], &set, &to].concat());
    assert_eq!(run.code, 0, "{run}");
    let request = witness.next();
    assert!(request.starts_with("POST /x HTTP/1.1"), "{request}");
    assert!(request.contains(r#""record_id":"here""#), "{request}");
    assert!(request.contains(r#""new":{"deep":[1]}"#), "{request}");
}

#[test]
fn send_fails_when_it_is_refused_or_nobody_is_there() {
    let server = Server::start(small(""));
    let folder = Folder::with(&server.folder.text()).env("SECRET", "another secret of some length");
    let run = folder.run(&["send", "record.created"]);
    assert_eq!(run.code, 1);
    assert!(run.out.starts_with(r#"401 {"error":"signature"} key "#), "{run}");
    server.stop();
    let run = folder.run(&["send", "record.created"]);
    assert_eq!((run.code, run.out.starts_with("failed: cannot connect")), (1, true), "{run}");
}

#[test]
fn send_answers_an_unknown_type_with_the_known_ones() {
    let run = small("").run(&["send", "record.craeted"]);
    assert_eq!(run.code, 2);
    assert!(run.err.contains("'record.created'") && run.err.contains("task.deleted"), "{run}");
}

#[test]
fn send_refuses_what_it_cannot_use_without_showing_a_secret() {
    let wrong: [&[&str]; 6] = [
        &["--secret", "canary-0123456789"],
        &["--secret", "env:UNSET"],
        &["--set", "id.record_id"],
        &["--set", "event_type.deep=1"],
        &["--count", "0"],
        &["--to", "nowhere"],
    ];
    for arguments in wrong {
        let run = small("").run(&[&["send", "record.created"], arguments].concat());
        assert_eq!(run.code, 2, "{arguments:?} {run}");
        assert!(!run.err.contains("canary"), "{run}");
    }
}
