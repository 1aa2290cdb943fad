//! `replay`, `discard`, `pause`, `resume`: what they do, say, and leave behind.

use super::{
    program::{Folder, Run, Server, Witness, interrupted},
    small,
};
use crate::support::{app::eventually, database::TestDatabase};

/// A folder whose store holds so many dead deliveries, and no server.
async fn dead_letters(db: &TestDatabase, count: usize) -> Folder {
    let gone = Witness::answering(404);
    let to_gone = format!(
        "[actions.gone]\nkind = \"http\"\nurl = \"{}\"\nallow_private = true\n\
         headers = {{ Authorization = \"env:SECRET\" }}\n\
         [[routes]]\nname = \"gone\"\non = [\"*\"]\nto = [\"gone\"]\n[store]\nurl = \"{}\"\n",
        gone.url("/gone"),
        db.url()
    );
    let server = Server::start(small(&to_gone));
    for _ in 0..count {
        assert_eq!(server.folder.run(&["send", "record.updated"]).code, 0);
        gone.next();
    }
    let (folder, _) = server.stop();
    assert_eq!(dead(db).await.len(), count);
    folder
}

async fn dead(db: &TestDatabase) -> Vec<String> {
    db.all_texts("SELECT id FROM deliveries WHERE state = 'dead' ORDER BY seq").await
}

async fn replays(db: &TestDatabase) -> i64 {
    db.number("SELECT count(*) FROM deliveries WHERE replay_of IS NOT NULL").await
}

fn assert_ok(run: &Run, says: &str) {
    assert!(run.code == 0 && run.out.contains(says), "{run}");
}

#[tokio::test]
async fn replay_counts_asks_and_replays_once() {
    let db = TestDatabase::sqlite();
    let folder = dead_letters(&db, 3).await;
    let count = "3 deliveries to replay: 3 dead, under the same idempotency key";
    assert_ok(&folder.run(&["replay", "--action", "gone", "--dry-run"]), count);
    assert_ok(&folder.run(&["replay", "--type", "record.*", "--dry-run"]), count);
    let run = folder.run(&["replay", "--action", "gone"]);
    assert!(run.code == 1 && run.err.contains("nobody can be asked here"), "{run}");
    assert_eq!(replays(&db).await, 0);
    let pace = ["replay", "--action", "gone", "--yes", "--rate", "100/s"];
    assert_ok(&folder.run(&pace), "replayed 3 deliveries: 3 under the same idempotency key");
    assert_ok(&folder.run(&pace), "0 deliveries to replay");
    assert_eq!(replays(&db).await, 3);
    let acts = db.all_texts("SELECT what || ' ' || changed || ' ' || details FROM acts").await;
    assert_eq!(acts, [r#"replay 3 {"action":"gone","as_new":false,"fresh":false}"#]);
    assert!(db.text("SELECT who FROM acts").await.unwrap().contains('@'));
}

#[tokio::test]
async fn an_interrupted_replay_goes_on_where_it_was() {
    let db = TestDatabase::sqlite();
    let folder = dead_letters(&db, 3).await;
    let paced = ["replay", "--state", "dead", "--yes", "--rate", "1/m"];
    let child = folder.spawn(&paced);
    eventually("one is replayed", async || replays(&db).await == 1).await;
    let (run, again) = interrupted(child);
    assert!(run.code == 1 && run.out.contains("replayed 1 delivery"), "{run}");
    assert!(run.err.contains("stopped; this goes on with the rest: "), "{run}");
    assert_eq!(again, paced);
    let faster: Vec<_> = again.iter().map(|word| word.replace("1/m", "100/s")).collect();
    assert_ok(&folder.run_again(&faster), "replayed 2 deliveries");
    assert_eq!(replays(&db).await, 3);
}

#[tokio::test]
async fn how_far_a_replay_is_is_a_bar_on_a_terminal_and_plain_lines_elsewhere() {
    let db = TestDatabase::sqlite();
    let folder = dead_letters(&db, 4).await;
    let paced = ["replay", "--state", "dead", "--yes", "--as-new", "--rate", "2/s"];
    let run = folder.run_on_a_terminal(&paced);
    assert!(run.code == 0 && run.out.contains("/4, ") && run.out.contains(" left"), "{run}");
    assert!(run.out.contains("replayed ["), "{run}");

    db.run(
        "UPDATE deliveries SET state = 'dead', ended_at = due_at, held = NULL, reason = 'x' \
            WHERE state = 'open'",
    )
    .await
    .unwrap();
    let run = folder.run(&[&paced[..6], &["30/m"]].concat());
    let lines: Vec<_> = run.err.lines().filter(|line| line.starts_with("replayed ")).collect();
    assert_eq!(lines, ["replayed 3 of 4", "replayed 4 of 4"], "{run}");
    assert!(!run.err.contains(['[', '\u{1b}', '\r']), "{run}");
}

#[tokio::test]
async fn replay_by_id_needs_no_yes_and_says_what_cannot_be_replayed() {
    let db = TestDatabase::sqlite();
    let folder = dead_letters(&db, 1).await;
    let id = &dead(&db).await[0];
    let kept = "INSERT INTO snapshots (event_id, kind, looked_up_at, value)
        SELECT id, 'record', 1, CAST('{}' AS BLOB) FROM events";
    db.run(kept).await.unwrap();
    let as_new = folder.run(&["replay", id, "--as-new", "--fresh"]);
    assert_ok(&as_new, "1 dead, under a new idempotency key");
    let details = db.text("SELECT details FROM acts").await.unwrap();
    assert_eq!(details, r#"{"as_new":true,"fresh":true,"ids":1}"#);
    assert_eq!(db.number("SELECT count(*) FROM snapshots").await, 0, "it is looked up again");
    let again = folder.run(&["replay", id]);
    assert!(again.code == 1 && again.err.contains("was replayed already, by "), "{again}");
    let open = db.text("SELECT replayed_by FROM deliveries WHERE state = 'dead'").await.unwrap();
    let open = folder.run(&["replay", &open]);
    assert!(open.code == 1 && open.err.contains("is still open"), "{open}");
    let none = folder.run(&["replay", "00000000-0000-0000-0000-000000000000"]);
    assert!(none.code == 1 && none.err.contains("is not in the store"), "{none}");
    assert_eq!(replays(&db).await, 1);
}

#[tokio::test]
async fn replay_to_an_address_sends_neither_headers_nor_signature_and_changes_nothing() {
    let db = TestDatabase::sqlite();
    let folder = dead_letters(&db, 1).await;
    let id = &dead(&db).await[0];
    let witness = Witness::answering(200);
    let to = witness.url("/look?token=hidden");
    assert_ok(&folder.run(&["replay", id, "--to", &to]), "sent 1 of 1");
    let request = witness.next().to_lowercase();
    assert!(request.contains(&format!("idempotency-key: {id}")), "{request}");
    assert!(request.contains(r#""type":"record.updated""#), "{request}");
    assert!(!request.contains("authorization") && !request.contains("signature"), "{request}");
    assert_eq!((dead(&db).await.len(), replays(&db).await), (1, 0));
    let details = db.text("SELECT details FROM acts WHERE what = 'send'").await.unwrap();
    assert!(details.contains("/look") && !details.contains("hidden"), "{details}");
    let refusing = Witness::answering(500);
    let run = folder.run(&["replay", id, "--to", &refusing.url("/")]);
    assert!(run.code == 1 && run.err.contains("was not taken") && run.err.contains("500"), "{run}");
}

#[tokio::test]
async fn discard_ends_what_is_meant_with_its_reason() {
    let db = TestDatabase::sqlite();
    let folder = dead_letters(&db, 2).await;
    let by_error = ["discard", "--error", "404", "--reason", "an old test"];
    assert_ok(&folder.run(&[&by_error[..], &["--dry-run"]].concat()), "2 deliveries to discard");
    assert_eq!(dead(&db).await.len(), 2);
    assert_ok(&folder.run(&[&by_error[..], &["--yes"]].concat()), "discarded 2 deliveries");
    assert_eq!(dead(&db).await.len(), 0);
    let reason = "SELECT reason FROM deliveries WHERE state = 'discarded' LIMIT 1";
    assert!(db.text(reason).await.unwrap().starts_with("an old test (was dead: "));
    let id = db.text("SELECT id FROM deliveries WHERE state = 'discarded'").await.unwrap();
    let again = folder.run(&["discard", &id, "--reason", "again"]);
    assert!(again.code == 1 && again.err.contains("is discarded already"), "{again}");
}

#[tokio::test]
async fn pause_and_resume_work_without_a_server() {
    let db = TestDatabase::sqlite();
    let folder = dead_letters(&db, 0).await;
    assert_ok(&folder.run(&["pause", "action/gone", "--reason", "a test"]), "paused action/gone");
    assert_ok(&folder.run(&["pause", "action/gone"]), "is paused already");
    assert_ok(&folder.run(&["pause", "route/gone"]), "paused route/gone");
    assert_eq!(db.all_texts("SELECT reason FROM pauses ORDER BY kind").await, ["a test", ""]);
    assert_ok(&folder.run(&["resume", "action/gone"]), "resumed action/gone");
    assert_ok(&folder.run(&["resume", "action/gone"]), "was not paused");
    let unknown = folder.run(&["pause", "route/goen"]);
    assert!(
        unknown.code == 1 && unknown.err.contains("no route `goen` is configured"),
        "{unknown}"
    );
}

#[test]
fn acts_on_nothing_and_in_wrong_words_are_wrong_usage() {
    let folder = small("");
    let cases: [&[&str]; 8] = [
        &["replay"],
        &["replay", "--state", "lost"],
        &["replay", "--rate", "fast", "--state", "dead"],
        &["replay", "--to", "ftp://x", "--state", "dead"],
        &["discard", "--reason", "x"],
        &["discard", "--state", "dead"],
        &["discard", "--state", "dead", "--reason", " "],
        &["pause", "billing"],
    ];
    for case in cases {
        assert_eq!(folder.run(case).code, 2, "{case:?}");
    }
}
