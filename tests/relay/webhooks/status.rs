//! The look at what Attio says of our webhooks.

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use attio_relay::{
    attio::{client::Client, watch},
    config::{self, Config, Outside},
    http::fake_attio::Failure,
    sights::{Kind, Sights},
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
    sights: Arc<Sights>,
    webhook: String,
    config: Config,
    targets: watch::Targets,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Look {
    async fn start() -> Self {
        Self::every(Duration::from_millis(10)).await
    }

    async fn every(every: Duration) -> Self {
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
        let (targets, watched) = watch::Targets::new(&config);
        let sights = Arc::<Sights>::default();
        let shown = (Arc::clone(&metrics), Arc::clone(&sights), watch::Seen::default());
        let task = watch::watch(client, watched, every, shown, stop.clone());
        Self { attio, metrics, sights, webhook, config, targets, stop, task: tokio::spawn(task) }
    }

    async fn shows(&self, status: &str) {
        eventually(status, async || self.value(status) == 1.0).await;
        let name = "attio_relay_webhook_status";
        assert_eq!(sum(&self.metrics.render(), name, &[("source", "crm")]), 1.0, "one at a time");
    }

    /// What somebody has to be told of, each with its detail.
    fn tells(&self) -> Vec<(Kind, String, String)> {
        let standing = self.sights.standing(Duration::ZERO, std::time::Instant::now());
        standing.into_iter().map(|one| (one.kind, one.about, one.detail)).collect()
    }

    fn value(&self, status: &str) -> f64 {
        self.value_of("crm", status)
    }

    fn value_of(&self, source: &str, status: &str) -> f64 {
        let labels = [("source", source), ("status", status)];
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

/// Another workspace may feed it, and of a source that no route needs nothing is expected.
#[tokio::test]
async fn a_source_that_no_webhook_is_planned_for_is_not_told_of() {
    let look = Look::every(Duration::from_hours(1)).await;
    look.shows("active").await;
    let mut config = look.config.clone();
    let mut sales = config.sources[0].clone();
    (sales.name, sales.path) = ("sales".into(), "/webhooks/sales".into());
    config.sources.push(sales);
    look.targets.change(&config);
    eventually("the second is missing", async || look.value_of("sales", "missing") == 1.0).await;
    assert_eq!(look.tells(), []);
    config.sources.remove(0);
    look.targets.change(&config);
    eventually("the first went", async || look.value("active") == 0.0).await;
    assert_eq!(look.tells(), [], "no route needs anything");
}

/// Nobody looks a second time but for the change.
#[tokio::test]
async fn a_source_that_came_with_a_reload_is_looked_at_at_once_and_one_that_went_is_not_shown() {
    let look = Look::every(Duration::from_hours(1)).await;
    look.shows("active").await;
    let mut config = look.config.clone();
    config.sources[0].name = "sales".into();
    look.targets.change(&config);
    eventually("the new one is shown", async || look.value_of("sales", "active") == 1.0).await;
    assert_eq!(look.value("active"), 0.0);
}

#[tokio::test]
async fn an_inactive_webhook_that_was_deleted_is_still_told_of() {
    let look = Look::start().await;
    let inactive =
        |detail: &str| vec![(Kind::WebhookInactive, "source/crm".to_owned(), detail.to_owned())];
    look.attio.set_webhook_status(&look.webhook, "inactive").unwrap();
    look.shows("inactive").await;
    assert_eq!(look.tells(), inactive(""));
    look.attio.delete(&format!("/v2/webhooks/{}", look.webhook)).await.ok();
    look.shows("missing").await;
    assert_eq!(look.tells(), inactive("no webhook posts to this source"));
    look.attio.add_webhook(HOME, "x", None);
    look.shows("active").await;
    assert_eq!(look.tells(), []);
}

#[tokio::test]
async fn of_a_source_that_went_with_a_reload_nothing_is_told_any_more() {
    let look = Look::every(Duration::from_hours(1)).await;
    look.shows("active").await;
    let without = Config { sources: Vec::new(), ..look.config.clone() };
    for status in ["degraded", "inactive"] {
        look.attio.set_webhook_status(&look.webhook, status).unwrap();
        look.targets.change(&look.config);
        look.shows(status).await;
        assert_eq!(look.tells().len(), 1, "{status}");
        look.targets.change(&without);
        eventually("nothing is told", async || look.tells().is_empty()).await;
    }
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
    // With one subscriber alone, whichever test's thread comes first to a line decides for all
    // threads whether it is logged.
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::default());
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
