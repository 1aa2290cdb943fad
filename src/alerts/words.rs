//! What an alert says: what is wrong, and what to do next.

use super::Kind;

/// The name in `action/NAME`, `source/NAME` or `route/NAME`.
#[must_use]
pub fn about_whom(about: &str) -> &str {
    about.split_once('/').map_or(about, |(_, name)| name)
}

/// What is wrong, in a sentence without a full stop and without details.
#[must_use]
pub fn title(kind: Kind, about: &str, count: i64) -> String {
    let who = about_whom(about);
    let each = |one: &str, many: &str| if count == 1 { one.to_owned() } else { many.to_owned() };
    match kind {
        Kind::Failures => format!("action `{who}` failed {count} times in a row"),
        Kind::DeadLetters => {
            let letters = each("dead letter", "dead letters");
            format!("action `{who}` has {count} {letters}")
        }
        Kind::BreakerOpen => {
            format!("action `{who}`: its destination keeps failing and is left alone for a while")
        }
        Kind::Gone => {
            format!("action `{who}` is paused: its destination says that it is gone (410)")
        }
        Kind::Loop => format!("action `{who}` is paused: its own writes come back to it"),
        Kind::OldestDue => {
            format!("action `{who}`: the oldest due delivery waits for {}", span(count))
        }
        Kind::Quiet => format!("source `{who}` has received nothing for {}", span(count)),
        Kind::Signatures => {
            format!("source `{who}` refused {count} messages with a wrong signature or without one")
        }
        Kind::WebhookDegraded => format!("source `{who}`: Attio says that its webhook is degraded"),
        Kind::WebhookInactive => {
            format!("source `{who}`: its webhook is inactive or gone, and Attio sends nothing")
        }
        Kind::Reconciled => {
            let events = each("event that", "events that");
            format!("reconcile made up for {count} {events} never arrived")
        }
        Kind::ReloadFailed => {
            "the changed configuration cannot be used; the old one stays in effect".to_owned()
        }
        Kind::ReviewOverdue => {
            format!("route `{who}`: its review is {count} {} overdue", each("day", "days"))
        }
        Kind::NotSent => {
            let alerts = each("alert", "alerts");
            format!("{count} {alerts} could not be sent by action `{who}`")
        }
    }
}

/// What to do next: a command, and why where that is not plain.
#[must_use]
pub fn next_step(kind: Kind, about: &str) -> String {
    let who = about_whom(about);
    match kind {
        Kind::Failures | Kind::BreakerOpen | Kind::OldestDue => {
            format!("see why: attio-relay deliveries list --action {who} --state open")
        }
        Kind::DeadLetters => format!(
            "see why: attio-relay deliveries list --action {who} --state dead; once mended: \
             attio-relay replay --action {who} --state dead"
        ),
        Kind::Gone => {
            format!("mend its address, then: attio-relay resume action/{who}")
        }
        Kind::Loop => format!(
            "give its routes ignore_actors = [\"self\"], then: attio-relay resume action/{who}"
        ),
        Kind::Quiet => "see whether Attio still sends: attio-relay webhooks list".to_owned(),
        Kind::Signatures => "compare the secret with Attio's, or change it: attio-relay webhooks \
                             rotate"
            .to_owned(),
        Kind::WebhookDegraded => {
            "see why it could not deliver: attio-relay webhooks list".to_owned()
        }
        Kind::WebhookInactive => {
            "make a new one: attio-relay webhooks apply; then what was missed: attio-relay \
             reconcile --since 7d"
                .to_owned()
        }
        Kind::Reconciled => "see why Attio did not send them: attio-relay webhooks list".to_owned(),
        Kind::ReloadFailed => "see what is wrong: attio-relay check".to_owned(),
        Kind::ReviewOverdue => {
            "look at the route, then set its `reviewed`: attio-relay inventory".to_owned()
        }
        Kind::NotSent => format!(
            "see why: attio-relay deliveries list --route alerts --action {who}; once mended: \
             attio-relay replay --route alerts --state dead"
        ),
    }
}

/// The page that shows it.
#[must_use]
pub fn page(kind: Kind) -> &'static str {
    match kind {
        Kind::DeadLetters => "dead-letters",
        Kind::Failures | Kind::BreakerOpen | Kind::Gone | Kind::Loop | Kind::OldestDue => "routes",
        Kind::WebhookDegraded | Kind::WebhookInactive | Kind::Reconciled | Kind::Quiet => "attio",
        Kind::ReviewOverdue => "integrations",
        Kind::Signatures | Kind::ReloadFailed | Kind::NotSent => "",
    }
}

/// So many seconds, as people say it.
pub(super) fn span(seconds: i64) -> String {
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7_200 => format!("{minutes} min"),
        7_200..172_800 => format!("{hours} h"),
        _ => format!("{} days", hours / 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_says_what_is_wrong_and_what_to_do() {
        for kind in Kind::ALL {
            let title = title(kind, "action/billing", 3);
            assert!(!title.ends_with('.') && title.len() > 20, "{title}");
            let next = next_step(kind, "action/billing");
            assert!(next.contains("attio-relay "), "{next}");
        }
    }

    #[test]
    fn spans_read_as_people_say_them() {
        let said = [90, 150, 7_200, 259_200].map(span);
        assert_eq!(said, ["90 s", "2 min", "2 h", "3 days"]);
    }
}
