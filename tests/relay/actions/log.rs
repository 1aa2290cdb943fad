//! What kind = "log" writes.

use attio_relay::{
    action::{Action, Job},
    config::{ActionKind, LogAction},
};

use super::{action, job};

/// What `text` writes into the log for an event of a hostile name.
async fn log_line(text: Option<&str>) -> String {
    let (read, write) = std::io::pipe().unwrap();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || write.try_clone().unwrap())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let log = LogAction { text: text.map(str::to_owned) };
    let action = Action::build(&action(ActionKind::Log(log)), None).unwrap();
    let json = br#"{"name":"a\nb\u001b[31m"}"#.as_slice().into();
    action.perform(&Job { json, ..job() }).await.unwrap();
    drop(guard);
    std::io::read_to_string(read).unwrap()
}

#[tokio::test]
async fn a_log_action_writes_one_line_whatever_the_event_holds() {
    let line = log_line(Some("changed: {{ event.name }}")).await;
    assert_eq!(line.matches('\n').count(), 1, "{line:?}");
    assert!(line.contains(r"attio_relay::action::log: changed: a\nb\u{1b}[31m"), "{line:?}");
}

#[tokio::test]
async fn a_log_line_without_template_names_the_event_and_not_its_body() {
    let line = log_line(None).await;
    for part in ["event", "action=billing", "route=closed-won", "type=record.updated"] {
        assert!(line.contains(part), "{line:?}");
    }
    assert!(!line.contains("31m"), "{line:?}");
}
