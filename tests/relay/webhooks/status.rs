//! The look at what Attio says of our webhooks.

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use attio_relay::{
    attio::{client::Client, subscription::Target, watch},
    config::{self, Outside},
    http::fake_attio::Failure,
    telemetry::Metrics,
};
use tokio_util::sync::CancellationToken;

use super::HOME;
use crate::support::{
    app::{configuration, environment, eventually, sum},
    fake_attio::TestAttio,
};

/// A look that is taken again and again, until it is dropped.
struct Look {
    attio: TestAttio,
    metrics: Arc<Metrics>,
    webhook: String,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Look {
    async fn start() -> Self {
        let attio = TestAttio::start().await;
        let webhook = attio.add_webhook(HOME, "x", None);
        let toml = format!(
            "[server]\npublic_url = \"https://hooks.example.com\"\n[attio]\ntoken = \
             \"env:ATTIO_TOKEN\"\nbase_url = \"{}\"\n",
            attio.base_url()
        );
        let outside = Outside { env: &environment, templates: &|_| Vec::new() };
        let text = configuration("sqlite:relay.db", &toml);
        let (config, _) = config::parse(&text, "relay.toml", &outside).unwrap();
        let (metrics, stop) = (Arc::new(Metrics::new()), CancellationToken::new());
        let client = Client::new(config.attio.as_ref().unwrap(), Arc::clone(&metrics)).unwrap();
        let public_url = config.server.public_url.unwrap();
        let targets = vec![Target::new(&public_url, &config.sources[0])];
        let every = Duration::from_millis(10);
        let shown = (Arc::clone(&metrics), watch::Seen::default());
        let task = watch::watch(client, targets, every, shown, stop.clone());
        Self { attio, metrics, webhook, stop, task: tokio::spawn(task) }
    }

    async fn shows(&self, status: &str) {
        eventually(status, async || self.value(status) == 1.0).await;
        let name = "attio_relay_webhook_status";
        assert_eq!(sum(&self.metrics.render(), name, &[("source", "crm")]), 1.0, "one at a time");
    }

    fn value(&self, status: &str) -> f64 {
        let labels = [("source", "crm"), ("status", status)];
        sum(&self.metrics.render(), "attio_relay_webhook_status", &labels)
    }
}

#[tokio::test]
async fn the_metric_follows_what_attio_says_of_the_webhook() {
    let look = Look::start().await;
    look.shows("active").await;
    for status in ["degraded", "inactive", "active"] {
        look.attio.set_webhook_status(&look.webhook, status).unwrap();
        look.shows(status).await;
    }
    look.attio.delete(&format!("/v2/webhooks/{}", look.webhook)).await.ok();
    look.shows("missing").await;
    look.attio.add_webhook(&format!("{HOME}?v=2"), "x", None);
    look.shows("active").await;
}

#[tokio::test]
async fn while_attio_is_away_the_last_word_stands_and_the_look_goes_on() {
    let look = Look::start().await;
    look.shows("active").await;
    look.attio.fail_all("GET", "/v2/webhooks", Failure::Error(403, "unauthorized"));
    let before = look.attio.requests().len();
    look.attio.until_requested("GET", "/v2/webhooks", before + 3).await;
    look.shows("active").await;
    look.attio.set_webhook_status(&look.webhook, "degraded").unwrap();
    look.attio.heal();
    look.shows("degraded").await;
}

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn holds(&self, level: &str, text: &str) -> usize {
        let all = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        all.lines().filter(|line| line.contains(level) && line.contains(text)).count()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_webhook_that_turns_degraded_or_inactive_is_an_error_in_the_log_once_each() {
    let log = Log::default();
    let to = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || to.clone());
    let _until_the_end = tracing::subscriber::set_default(subscriber.finish());
    let look = Look::start().await;
    look.shows("active").await;
    assert_eq!(log.holds("ERROR", ""), 0);
    for (status, says) in [("degraded", "Within 7 days"), ("inactive", "only a new one helps")] {
        look.attio.set_webhook_status(&look.webhook, status).unwrap();
        look.shows(status).await;
        let seen = look.attio.requests().len();
        look.attio.until_requested("GET", "/v2/webhooks", seen + 3).await;
        assert_eq!(log.holds("ERROR", says), 1, "{status}");
    }
    assert_eq!(log.holds("ERROR", ""), 2);
}

#[tokio::test]
async fn the_look_ends_when_it_is_told_to() {
    let look = Look::start().await;
    look.shows("active").await;
    look.attio.fail_all("GET", "/v2/webhooks", Failure::Hang);
    look.stop.cancel();
    tokio::time::timeout(crate::support::client::PATIENCE, look.task).await.unwrap().unwrap();
}
