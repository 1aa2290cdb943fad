//! `demo`, as somebody meets it who has installed nothing.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpStream,
};

use attio_relay::http::fake_attio::{BUOY_DEAL, TOKEN};

use super::program::{Folder, signal};

#[test]
fn demo_once_delivers_everything_with_nothing_in_the_path() {
    let run = Folder::empty().env("PATH", "").run(&["demo", "--once"]);
    assert_eq!((run.code, run.err.as_str()), (0, ""), "{run}");
    for text in [
        "200 accepted",
        "200 duplicate",
        "401 signature",
        "200 quarantined",
        "warehouse, try 2",
        "7 of 7 deliveries arrived",
        "2 more were skipped",
        "deal    Tug fleet inspection",
        "value   12900.5 EUR",
        "stage   Closed Won, before: In Progress",
        "by      Ines Okafor",
        "/metrics",
    ] {
        assert!(run.out.contains(text), "{text} {run}");
    }
}

#[test]
fn demo_prints_no_line_wider_than_80_columns_and_no_secret() {
    let run = Folder::empty().env("TMPDIR", "/tmp").run(&["demo", "--once"]);
    for line in run.out.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    let is_secret = |word: &str| word.len() >= 64 && word.chars().all(|c| c.is_ascii_hexdigit());
    assert!(!run.out.split_whitespace().any(is_secret), "{run}");
}

#[test]
fn demo_leaves_nothing_behind() {
    let folder = Folder::empty();
    folder.run(&["demo", "--once"]);
    assert_eq!(fs::read_dir(folder.path("")).unwrap().count(), 0);
}

#[test]
fn demo_stays_up_for_further_messages_until_it_is_interrupted() {
    let folder = Folder::empty();
    let mut child = folder.spawn(&["demo"]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let file = lines.find_map(|line| line.split_once("--config ").map(|(_, file)| file.to_owned()));
    assert!(lines.any(|line| line.contains("Ctrl-C ends the demo")));
    let sent = folder.run(&["send", "workspace-member.created", "--config", &file.unwrap()]);
    assert_eq!(sent.code, 0, "{sent}");
    let arrived = "workspace-member.created -> warehouse, attempt 1, answered 200";
    assert!(lines.any(|line| line.contains(arrived)));
    signal(&child, "INT");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(fs::read_dir(folder.path("")).unwrap().count(), 0);
}

#[test]
fn a_deal_that_is_won_while_the_demo_stays_up_arrives_at_billing() {
    let folder = Folder::empty();
    let mut child = folder.spawn(&["demo"]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let of_attio = |line: String| line.trim().strip_prefix("deals=").map(str::to_owned);
    let deals = url::Url::parse(&lines.find_map(of_attio).unwrap()).unwrap();
    assert!(lines.any(|line| line.contains("Ctrl-C ends the demo")));
    let body = r#"{"data":{"values":{"stage":"Closed Won"}}}"#;
    let request = format!(
        "PATCH {}/{BUOY_DEAL} HTTP/1.1\r\nhost: attio\r\nauthorization: Bearer {TOKEN}\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        deals.path(),
        body.len(),
    );
    let mut attio = TcpStream::connect(("127.0.0.1", deals.port().unwrap())).unwrap();
    attio.write_all(request.as_bytes()).unwrap();
    let arrived = "record.updated -> billing, attempt 1, answered 200: Buoy telemetry pilot";
    assert!(lines.any(|line| line.contains(arrived)));
    signal(&child, "INT");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
