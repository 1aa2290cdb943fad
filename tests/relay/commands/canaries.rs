//! No secret in any output: a canary stands in every field that holds one.

use std::fs;

use attio_relay::http::fake_attio::{Actor, DEAL, Failure, INES, TOKEN};
use tokio::task::block_in_place;

use super::program::{Folder, Run, Server, Witness};
use crate::support::{client::SECRET, fake_attio::TestAttio};

/// Every field that takes a secret; each one's value says "canary" in some way.
const SECRETS: [(&str, &str); 9] = [
    ("ADMIN", "canary-of-the-admin-token"),
    ("SOURCE", "canary-of-the-source-0123456789"),
    ("OLDER", "older-canary-of-the-source-0123456789"),
    ("API", "canary-of-the-api-token"),
    ("HEADER", "Bearer canary-of-a-header"),
    // 32 bytes: "canary-of-the-signature-01234567".
    ("SIGNING", "whsec_Y2FuYXJ5LW9mLXRoZS1zaWduYXR1cmUtMDEyMzQ1Njc="),
    ("BOT", "xoxb-canary-of-a-bot"),
    // Nobody listens there.
    ("WAREHOUSE", "postgres://relay:canary-of-the-warehouse@127.0.0.1:1/crm"),
    ("HOOK", "/services/T0/B0/canary-of-a-webhook"),
];

/// What would be a leak, in small letters; the last is the signing secret as it was typed.
const LEAKS: [&str; 2] = ["canary", "y2fuyxj5lw9mlxrozs1zawduyxr1cmutmdeymzq1njc"];

fn configuration(witness: &Witness, store: &str, typed: &str) -> String {
    let url = |path| witness.url(path);
    format!(
        r#"
[server]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
drain_delay = "0s"
admin_token = "env:ADMIN"
[store]
url = {store}
[[sources]]
name = "crm"
path = "/webhooks/attio"
secrets = ["env:SOURCE", "env:OLDER"]
[attio]
token = "env:API"
base_url = "{attio}"
[actions.http]
kind = "http"
url = "{http}"
signing_secret = "env:SIGNING"
headers = {{ Authorization = "env:HEADER" }}
allow_private = true
[actions.hook]
kind = "slack"
webhook = "env:HOOK"
text = "{{{{ event.event_type }}}}"
allow_private = true
[actions.bot]
kind = "slack"
token = "env:BOT"
channel = "C1"
base_url = "{bot}"
text = "{{{{ event.event_type }}}}"
allow_private = true
[actions.warehouse]
kind = "postgres"
url = "env:WAREHOUSE"
table = "people"
columns = {{ type = "{{{{ event.event_type }}}}" }}
[[routes]]
name = "all"
on = ["*"]
to = ["http", "hook", "bot", "warehouse"]
{typed}
"#,
        http = url("/http"),
        bot = url("/api"),
        attio = url("/attio"),
    )
}

fn folder(witness: &Witness, text: &str) -> Folder {
    SECRETS.iter().fold(Folder::with(text), |folder, (name, value)| match *name {
        "HOOK" => folder.env(name, &witness.url(value)),
        _ => folder.env(name, value),
    })
}

fn assert_no_leak(what: &str, run: &Run) {
    let printed = format!("{}{}", run.out, run.err).to_lowercase();
    for leak in LEAKS {
        if let Some(at) = printed.find(leak) {
            let start = at.saturating_sub(300);
            let around: String = printed[start..].chars().take(400).collect();
            panic!("{what} shows a secret: {around}");
        }
    }
}

/// The library would log a parameter that it does not know, value and all.
#[test]
fn a_misspelt_parameter_of_an_address_is_refused_by_its_name_alone() {
    let witness = Witness::answering(500);
    let typed = "\"env:STORE\"";
    let folder = folder(&witness, &configuration(&witness, typed, ""))
        .env("STORE", "postgres://relay@127.0.0.1:1/relay?passwort=canary")
        .env("WAREHOUSE", "postgres://relay@127.0.0.1:1/crm?Password=canary")
        .env("RUST_LOG", "trace");
    for command in [&["check"][..], &["check", "--online"], &["migrate"], &["serve"], &["tail"]] {
        let run = folder.run(command);
        assert_eq!(run.code, 64, "{command:?} {run}");
        assert!(run.err.contains("`passwort`") && run.err.contains("`Password`"), "{run}");
        assert_no_leak(&format!("{command:?}"), &run);
    }
}

#[test]
fn no_command_shows_a_secret() {
    let witness = Witness::answering(500);
    let folder = folder(&witness, &configuration(&witness, "\"sqlite:relay.db\"", ""));
    for (command, code) in [
        (&["check"][..], 0),
        (&["check", "--online"], 1),
        (&["migrate"], 0),
        (&["migrate", "--status"], 0),
        (&["inventory"], 3),
        (&["inventory", "--output", "csv"], 3),
        (&["inventory", "--output", "json"], 3),
        (&["send", "record.created"], 1),
        (&["healthcheck"], 1),
    ] {
        let run = folder.run(command);
        assert_eq!(run.code, code, "{command:?} {run}");
        assert_no_leak(&format!("{command:?}"), &run);
    }
}

#[test]
fn no_command_shows_the_password_of_a_store_that_is_away() {
    let witness = Witness::answering(500);
    let folder = folder(&witness, &configuration(&witness, "\"env:DATABASE\"", ""))
        .env("DATABASE", "postgres://relay:canary-of-the-store@127.0.0.1:1/relay")
        .env("RUST_LOG", "trace");
    for command in
        [&["check", "--online"][..], &["migrate"], &["migrate", "--status"], &["inventory"]]
    {
        let run = folder.run(command);
        assert_eq!(run.code, 1, "{run}");
        assert_no_leak(&format!("{command:?}"), &run);
    }
    let (_folder, ended) = Server::start_unready(folder).stop();
    assert_eq!(ended.code, 0, "{ended}");
    assert_no_leak("serve", &ended);
}

#[test]
fn no_problem_shows_a_secret_that_was_typed_into_the_file() {
    let witness = Witness::answering(500);
    let typed = "nonsense = \"x\"\n[alerts]\nto = [\"nobody\"]\n";
    let right = configuration(&witness, "\"postgres://relay:canary-5@db/relay\"", typed);
    let wrong = SECRETS.iter().fold(right, |text, (name, value)| {
        text.replace(&format!("\"env:{name}\""), &format!("\"{value}\""))
    });
    let cut_off = wrong.replace("0123456789\"]", "0123456789\"");
    for text in [&wrong, &cut_off] {
        for command in [&["check"][..], &["serve"], &["migrate"], &["send", "record.created"]] {
            let run = folder(&witness, text).run(command);
            assert_eq!(run.code, 64, "{run}");
            assert_no_leak(&format!("{command:?}"), &run);
        }
    }
}

#[test]
fn serve_logs_no_secret_at_any_level_while_every_destination_echoes_them() {
    let witness = Witness::answering(500);
    let text = configuration(&witness, "\"sqlite:relay.db\"", "");
    let server = Server::start(folder(&witness, &text).env("RUST_LOG", "trace"));
    let sent = server.folder.run(&["send", "record.created"]);
    assert_eq!(sent.code, 0, "{sent}");
    assert_no_leak("send", &sent);
    let mut unseen = vec![
        "canary-of-a-header",
        "canary-of-a-webhook",
        "canary-of-a-bot",
        "canary-of-the-api-token",
    ];
    // Some may be asked again before the last is asked once.
    for _ in 0..50 {
        let request = if unseen.is_empty() { break } else { witness.next() };
        unseen.retain(|what| !request.contains(what));
    }
    assert!(unseen.is_empty(), "no destination saw {unseen:?}");
    let (_folder, ended) = server.stop();
    assert_eq!(ended.code, 0, "{ended}");
    assert!(ended.err.contains("failed; will be tried again"), "{ended}");
    assert!(ended.err.contains("cannot reach the database"), "{ended}");
    assert!(ended.err.contains(r#""level":"TRACE""#), "{ended}");
    assert_no_leak("serve", &ended);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_attio_refuses_shows_and_keeps_the_token_nowhere() {
    let attio = TestAttio::start().await;
    let echo = format!(r#"{{"code":"strange","message":"you sent Bearer {TOKEN}"}}"#);
    attio.fail_all("PUT", "/v2/objects", Failure::Answer(422, Vec::new(), echo));
    let text = format!(
        r#"
[server]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
drain_delay = "0s"
[store]
url = "sqlite:relay.db"
[[sources]]
name = "crm"
path = "/webhooks/attio"
secrets = ["env:SOURCE"]
[attio]
token = "env:API"
base_url = "{}"
[actions.crm]
kind = "attio"
write = "update"
values = {{ name = "x" }}
[[routes]]
name = "back"
on = ["record.updated"]
ignore_actors = ["self"]
to = ["crm"]
"#,
        attio.base_url()
    );
    let folder = Folder::with(&text).env("SOURCE", SECRET).env("API", TOKEN);
    let server = block_in_place(|| Server::start(folder.env("RUST_LOG", "trace")));
    attio.add_webhook(&format!("http://{}/webhooks/attio", server.public), SECRET, None);
    attio.by(Actor::member(INES)).set_value("deals", DEAL, "stage", "Lost").unwrap();
    attio.until_requested("PUT", "/v2/objects", 1).await;
    let (folder, ended) = block_in_place(|| server.stop());
    assert_eq!(ended.code, 0, "{ended}");
    assert!(ended.err.contains("refused: Attio answered 422 strange"), "{ended}");
    assert!(ended.err.contains(r#""level":"TRACE""#), "{ended}");
    assert!(!format!("{ended}").contains(TOKEN), "{ended}");
    let kept: Vec<u8> = ["relay.db", "relay.db-wal"]
        .iter()
        .flat_map(|name| fs::read(folder.path(name)).unwrap_or_default())
        .collect();
    let holds = |text: &str| kept.windows(text.len()).any(|bytes| bytes == text.as_bytes());
    assert!(holds("you sent Bearer ***") || holds("you sent ***"), "the answer is kept");
    assert!(!holds(TOKEN));
}
