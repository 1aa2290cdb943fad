//! No secret is accepted in the file, and none that was typed there is ever shown.

use super::*;

/// Stands in every secret field; never in any output.
const CANARY: &str = "canary0123456789";

/// The text is refused, and nothing that can be printed about it holds the canary.
#[track_caller]
fn refused_in_silence(text: &str) {
    let Err(problems) = read(text) else { panic!("accepted:\n{text}") };
    assert!(problems.has_errors());
    for shown in [problems.render(false), problems.render(true), format!("{problems:?}")] {
        assert!(!shown.contains(CANARY), "{shown}");
    }
}

#[test]
fn a_signing_secret_is_there_and_long_enough() {
    let secrets = |secrets| with("").replace("\"env:ATTIO_WEBHOOK_SECRET\"", secrets);
    one_problem(&secrets(""), "at least one signing secret");
    one_problem(&secrets("\"env:UNSET\""), "UNSET is not set");
    one_problem(&secrets("\"env:SHORT\""), "fewer than 16 characters");
    assert_eq!(right(&secrets("\"env:NEW\", \"env:OLD\"")).sources[0].secrets.len(), 2);
}

#[test]
fn a_secret_in_the_file_is_refused_and_never_shown() {
    let secret = format!("\"{CANARY}\"");
    for added in [
        format!("[server]\nadmin_token = {secret}"),
        format!("[server]\npublic_url = \"https://a:{CANARY}@b/\""),
        format!("[store]\nurl = \"postgres://a:{CANARY}@b/c\""),
        format!("[attio]\ntoken = {secret}"),
        format!("[attio]\ntoken = [{secret}]"),
        format!("[attio]\ntoken = \"env:{CANARY}-1\""),
    ] {
        refused_in_silence(&with(&added));
    }
    for secrets in [format!("[{secret}]"), secret.clone(), format!("[{{ a = {secret} }}]")] {
        refused_in_silence(&with("").replace("[\"env:ATTIO_WEBHOOK_SECRET\"]", &secrets));
    }
}

#[test]
fn a_secret_in_an_action_is_refused_and_never_shown() {
    let secret = format!("\"{CANARY}\"");
    let http = "kind = \"http\"\nurl = \"https://a.b\"\n";
    let slack = "kind = \"slack\"\ntext = \"x\"\n";
    for keys in [
        format!("{http}signing_secret = {secret}"),
        format!("{http}headers = {{ Cookie = {secret} }}"),
        format!("{http}headers = {secret}"),
        format!("{slack}webhook = {secret}"),
        format!("{slack}user = \"U\"\ntoken = {secret}"),
    ] {
        refused_in_silence(&action(&keys));
    }
}

#[test]
fn a_secret_under_a_mistyped_key_is_not_shown() {
    let secret = format!("\"{CANARY}\"");
    for text in [
        with(&format!("[attio]\ntokken = {secret}")),
        with(&format!("attio = {secret}")),
        with(&format!("actions = {{ a = {secret} }}")),
        with(&format!("actions = {{ a = {{ kin = \"http\", token = {secret} }} }}")),
        action(&format!("kind = \"slak\"\ntoken = {secret}")),
        action(&format!("kind = \"log\"\nretry = {secret}")),
    ] {
        refused_in_silence(&text);
    }
}

#[test]
fn broken_syntax_shows_no_secret() {
    for lines in [
        format!("token = \"{CANARY}"),
        format!("token = {CANARY}"),
        format!("token \"{CANARY}\""),
        CANARY.to_owned(),
        format!("secrets = [\n\"{CANARY}==\n]"),
        format!("secrets = [\n{CANARY}==\n]"),
        format!("secrets = [\n[{CANARY}\n]"),
        format!("token = \"\"\"\n{CANARY}"),
        format!("a = {{ b = \"{CANARY}\", b = \"{CANARY}\" }}"),
    ] {
        refused_in_silence(&format!("[attio]\n{lines}\n"));
    }
}

#[test]
fn a_configuration_never_prints_a_secret() {
    let env = |_: &str| Some(CANARY.to_owned());
    let text = with("[attio]\ntoken = \"env:A\"\n[server]\nadmin_token = \"env:B\"");
    let outside = Outside { env: &env, templates: &|_| Vec::new() };
    let (config, _) = parse(&text, "relay.toml", &outside).unwrap();
    assert!(!format!("{config:?}").contains(CANARY));
}
