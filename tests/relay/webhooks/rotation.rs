//! `rotate`: another secret, and no event lost on the way.

use std::fs;

use attio_relay::http::fake_attio::{Actor, DEAL, Delivery, INES};
use serde_json::Value;

use super::{exits, folder, id, mode, run, secret};
use crate::{
    commands::program::{Folder, Server},
    support::{app::eventually, fake_attio::TestAttio},
};

const FIRST: &str = "0123456789abcdef0123456789abcdef";

/// A relay that knows the first of two secrets.
const RELAY: &str = "[server]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\n\
    drain_delay = \"0s\"\n[[sources]]\nname = \"crm\"\npath = \"/webhooks/attio\"\n\
    secrets = [\"file:FOLDER/one\"]\n[actions.log]\nkind = \"log\"\n\
    [[routes]]\nname = \"all\"\non = [\"*\"]\nto = [\"log\"]\n";

/// The fake, a relay with its webhook, and the configuration that the commands read.
async fn set_up() -> (TestAttio, Server, Folder) {
    let attio = TestAttio::start().await;
    let relay = Folder::with(RELAY);
    let home = relay.path("").display().to_string();
    fs::write(relay.path("one"), FIRST).unwrap();
    let relay = Server::start(relay.replaced("FOLDER/", &home));
    let url = format!("http://{}", relay.public);
    let secrets = format!("['file:{home}one', 'file:{home}two']");
    let everything = "name = 'all'\non = ['*']\nto = ['log']\n";
    let commands = folder(&attio, &url, &secrets, &[everything]);
    attio.add_webhook(&format!("{url}/webhooks/attio"), FIRST, None);
    (attio, relay, commands)
}

/// Something happens in Attio.
fn change(attio: &TestAttio, name: &str) {
    attio.by(Actor::member(INES)).set_value("deals", DEAL, "name", name).unwrap();
}

/// Whether every event that happened was taken at least once.
fn is_all_taken(attio: &TestAttio) -> bool {
    let messages = attio.messages();
    let taken = |event: &Value| {
        messages.iter().filter(|one| one.event == *event).any(|one| one.delivery == Delivery::Taken)
    };
    attio.events().iter().all(taken)
}

/// The addresses that the fake was asked to make, and the webhooks it was asked to delete.
fn order(attio: &TestAttio) -> Vec<String> {
    let writes = attio.requests().into_iter().filter(|seen| seen.path.starts_with("/v2/webhooks"));
    writes.map(|seen| seen.method).filter(|method| method != "GET").collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_loses_no_event_and_never_leaves_a_moment_without_a_webhook() {
    let (attio, relay, commands) = set_up().await;
    attio.set_retries(10_000, std::time::Duration::from_millis(10));
    change(&attio, "before");
    attio.wait_for_messages(1).await;

    let run = exits(0, &commands, &["rotate", "--yes"]);
    assert!(run.out.contains("No restart is needed: `serve` reads the file "), "{run}");
    let webhooks = attio.webhooks();
    assert!(webhooks[1]["target_url"].as_str().unwrap().ends_with("/webhooks/attio?v=2"));
    assert_eq!(webhooks[0]["subscriptions"], webhooks[1]["subscriptions"]);
    let two = relay.folder.path("two");
    assert_eq!(
        (fs::read_to_string(&two).unwrap().as_str(), mode(&two)),
        (secret(&webhooks[1]), 0o600)
    );
    change(&attio, "while the relay knows the old secret only");
    attio.wait_for_messages(2).await;

    let run = exits(1, &commands, &["rotate", "--finish"]);
    assert!(run.err.contains("does not take the new secret yet"), "{run}");
    assert_eq!(attio.webhooks().len(), 2);

    let (home, one) = (relay.folder.path("").display().to_string(), relay.folder.path("one"));
    let (stopped, _) = relay.stop();
    change(&attio, "while the relay restarts");
    let both = format!("one\", \"file:{home}two\"");
    let _relay = Server::start(stopped.replaced("one\"", &both));
    change(&attio, "while the relay knows both");
    exits(0, &commands, &["rotate", "--finish"]);
    let [left] = &attio.webhooks()[..] else { panic!("one webhook") };
    assert_eq!(id(left), id(&webhooks[1]));
    change(&attio, "after");

    eventually("all was taken", async || is_all_taken(&attio)).await;
    assert_eq!(attio.events().len(), 5);
    assert_eq!(order(&attio), ["POST", "DELETE"], "the first goes after the second came");
    // The new secret is the first one now, and the second file is free for the next rotation.
    assert_eq!(fs::read_to_string(one).unwrap(), secret(left));
    exits(0, &commands, &["rotate", "--yes"]);
    assert_eq!(fs::read_to_string(two).unwrap(), secret(&attio.webhooks()[1]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_relay_takes_the_new_secret_over_from_its_file() {
    let attio = TestAttio::start().await;
    let relay = Folder::with(&RELAY.replace("one\"", "one\", \"file:FOLDER/two\""));
    let home = relay.path("").display().to_string();
    for file in ["one", "two"] {
        fs::write(relay.path(file), FIRST).unwrap();
    }
    let relay = Server::start(relay.replaced("FOLDER/", &home).replaced("FOLDER/", &home));
    let url = format!("http://{}", relay.public);
    let secrets = format!("['file:{home}one', 'file:{home}two']");
    let commands = folder(&attio, &url, &secrets, &["name = 'all'\non = ['*']\nto = ['log']\n"]);
    attio.add_webhook(&format!("{url}/webhooks/attio"), FIRST, None);
    exits(0, &commands, &["rotate", "--yes"]);
    let finished = async || run(&commands, &["rotate", "--finish"]).code == 0;
    eventually("the relay takes the new secret, unrestarted", finished).await;
    assert_eq!(fs::read_to_string(relay.folder.path("one")).unwrap(), secret(&attio.webhooks()[0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_in_the_environment_takes_a_restart_and_the_command_says_so() {
    let (attio, relay, _) = set_up().await;
    let url = format!("http://{}", relay.public);
    let secrets = format!("['file:{}', 'env:SECOND']", relay.folder.path("one").display());
    let commands = folder(&attio, &url, &secrets, &["name = 'all'\non = ['*']\nto = ['log']\n"])
        .env("SECOND", FIRST);
    let run = exits(0, &commands, &["rotate", "--yes", "--replace-secret"]);
    let says = "Restart `serve` with the new secret in the environment variable SECOND";
    assert!(run.out.contains(says), "{run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_twice_is_said_before_it_does() {
    let (attio, _relay, commands) = set_up().await;
    let run = exits(0, &commands, &["rotate", "--dry-run"]);
    assert!(run.out.contains("every event comes twice"), "{run}");
    assert_eq!(attio.webhooks().len(), 1);
    exits(0, &commands, &["rotate", "--yes"]);
    let run = exits(0, &commands, &["rotate", "--finish", "--dry-run"]);
    assert!(run.out.contains("may still come twice"), "{run}");
    assert_eq!(attio.webhooks().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_is_finished_only_when_one_is_under_way_and_begun_only_once() {
    let (attio, _relay, commands) = set_up().await;
    exits(1, &commands, &["rotate", "--finish"]);
    exits(0, &commands, &["rotate", "--yes"]);
    let run = exits(1, &commands, &["rotate", "--yes"]);
    assert!(run.err.contains("under way") && attio.webhooks().len() == 2, "{run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_cannot_be_asked_needs_somebodys_word() {
    let (attio, relay, commands) = set_up().await;
    exits(0, &commands, &["rotate", "--yes"]);
    let (_folder, _said) = relay.stop();
    let run = exits(1, &commands, &["rotate", "--finish"]);
    assert!(run.err.contains("could not be seen") && attio.webhooks().len() == 2, "{run}");
    exits(0, &commands, &["rotate", "--finish", "--yes"]);
    assert_eq!(attio.webhooks().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_one_secret_in_the_environment_the_new_one_is_printed_once() {
    let attio = TestAttio::start().await;
    attio.add_webhook(super::HOME, FIRST, None);
    let everything = "name = 'all'\non = ['*']\nto = ['log']\n";
    let commands = folder(&attio, "https://hooks.example.com", "['env:ONE']", &[everything]);
    let run = exits(0, &commands.env("ONE", FIRST), &["rotate", "--yes"]);
    assert_eq!(run.to_string().matches(secret(&attio.webhooks()[1])).count(), 1, "{run}");
    assert!(run.err.contains("a second entry of the source's `secrets`"), "{run}");
}
