//! Alerts: each trouble is told once when it begins and once when it is over.

mod fleet;
mod kinds;
mod quiet;
mod sending;
mod webhooks;

use serde_json::Value;

use crate::support::{
    app::TestApp,
    database::{Engine, TestDatabase},
    message::Message,
    sink::{Sink, route},
};

/// `[alerts]` to `ops`, as soon as can be.
pub(crate) const AT_ONCE: &str =
    "[alerts]\nto = [\"ops\"]\ngather = \"1ms\"\ncalm = \"1ms\"\nafter_failures = 3\n";

/// A relay that sends everything to `billing`, and alerts to `ops`.
struct Scene {
    sink: Sink,
    app: TestApp,
}

impl Scene {
    async fn start(db: &TestDatabase) -> Self {
        Self::with(db, "", "").await
    }

    /// With further lines of `[alerts]`, and further actions.
    async fn with(db: &TestDatabase, alerts: &str, more: &str) -> Self {
        let sink = Sink::start().await;
        let app = TestApp::start(db, &toml(&sink, alerts, more)).await;
        Self { sink, app }
    }

    async fn send(&self) {
        self.app.post(&Message::event("record.created")).await.assert_accepted();
    }

    /// What `billing` answers from now on.
    fn billing_answers(&self, status: u16) {
        answers(&self.sink, "billing", status);
    }

    async fn until_told(&self, kind: &str, about: &str, states: &[&str]) {
        until_told(&self.sink, kind, about, states).await;
    }

    async fn firing(&self, kind: &str) -> f64 {
        self.app.metric("attio_relay_alerts_firing", &[("alert", kind)]).await
    }

    async fn until_firing(&self, kind: &str, count: f64) {
        let what = format!("{kind} stands {count} times");
        self.app.eventually(&what, async || self.firing(kind).await == count).await;
    }
}

fn toml(sink: &Sink, alerts: &str, more: &str) -> String {
    [
        sink.action("billing", ""),
        sink.action("ops", ""),
        more.to_owned(),
        route("all", "on = [\"*\"]", &["billing"]),
        AT_ONCE.to_owned(),
        alerts.to_owned(),
    ]
    .join("\n")
}

/// One action of a destination answers so from now on, the others with 200.
fn answers(sink: &Sink, action: &str, status: u16) {
    let path = format!("/{action}");
    sink.decide(move |request| {
        (request.path == path).then_some(crate::support::sink::Reply::Status(status))
    });
}

/// Every alert that was told to `ops`, in order.
pub(crate) fn told(sink: &Sink) -> Vec<Value> {
    let taken = sink.taken().into_iter().filter(|one| one.path == "/ops");
    let alerts = |one: crate::support::sink::Received| {
        one.json()["event"]["alerts"].as_array().cloned().unwrap_or_default()
    };
    taken.flat_map(alerts).collect()
}

/// What was told of one alert.
pub(crate) fn states(sink: &Sink, kind: &str, about: &str) -> Vec<String> {
    let of_it = |alert: &Value| alert["alert"] == kind && alert["about"] == about;
    let state = |alert: Value| alert["state"].as_str().unwrap().to_owned();
    told(sink).into_iter().filter(of_it).map(state).collect()
}

/// Waits until so much was told of one alert, and no more.
pub(crate) async fn until_told(sink: &Sink, kind: &str, about: &str, expected: &[&str]) {
    let what = format!("{kind} of {about}: {expected:?}");
    crate::support::app::eventually(&what, async || states(sink, kind, about) == expected).await;
}

/// What a process saw that died: another alert, which begins and is over. Whatever else is to be
/// told by now was told before its end.
async fn until_another_came_and_went(db: &TestDatabase, sink: &Sink) {
    let soon = match db.engine {
        Engine::Postgres => "now() + interval '15 seconds'",
        Engine::Sqlite => "(unixepoch() + 15) * 1000000",
    };
    let sight = format!(
        "INSERT INTO sights (process, what, about, count, detail, expires_at) VALUES \
         ('0199c0de-0000-7000-8000-000000000000', 'reload_failed', '', 0, 'no such key', {soon})"
    );
    db.run(&sight).await.unwrap();
    until_told(sink, "reload_failed", "", &["started"]).await;
    let over = match db.engine {
        Engine::Postgres => "UPDATE sights SET expires_at = now() WHERE what = 'reload_failed'",
        Engine::Sqlite => "UPDATE sights SET expires_at = 0 WHERE what = 'reload_failed'",
    };
    db.run(over).await.unwrap();
    until_told(sink, "reload_failed", "", &["started", "ended"]).await;
}
