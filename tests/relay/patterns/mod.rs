//! The three patterns of every Attio team, end to end: the files of `config/examples` themselves,
//! with their addresses led to a fake Attio and to destinations of the test.
//!
//! The fake sends its own signed webhooks for what people change in it.

use std::time::Duration;

use attio_relay::{
    action::Action,
    config::{self, ActionKind, Config, Outside, SlackTarget},
    http::fake_attio::{Actor, Hand, INES, Options, TOKEN},
};
use tokio::time::timeout;

use crate::support::{
    app::{TestApp, eventually},
    client::{PATH, PATIENCE, SECRET},
    database::TestDatabase,
    fake_attio::TestAttio,
    sink::Sink,
};

mod closed_won;
mod slack;
mod warehouse;

/// The key that billing checks signatures with.
const SIGNING_SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";

/// Where Attio thinks that the relay is; it goes on thinking so when the relay is started anew.
const PUBLIC: &str = "https://hooks.example.com";

/// A workspace, a relay's database, and destinations.
struct Rig {
    example: &'static str,
    attio: TestAttio,
    store: TestDatabase,
    sink: Sink,
    warehouse: Option<TestDatabase>,
}

impl Rig {
    async fn new(example: &'static str) -> Self {
        Self::with(example, Options::default()).await
    }

    async fn with(example: &'static str, options: Options) -> Self {
        let attio = TestAttio::with(options).await;
        attio.set_retries(200, Duration::from_millis(5));
        attio.add_webhook(&format!("{PUBLIC}{PATH}"), SECRET, None);
        attio.by(Actor::member(INES)).add_choice("deals", "stage", "Closed Won").unwrap();
        let store = TestDatabase::sqlite();
        Self { example, attio, store, sink: Sink::start().await, warehouse: None }
    }

    /// Ines at work in Attio.
    fn ines(&self) -> Hand<'_> {
        self.attio.by(Actor::member(INES))
    }

    /// A relay with the example, on the database as the last one left it.
    async fn relay(&self) -> TestApp {
        let app = TestApp::run(self.configuration()).await;
        self.attio.detour(PUBLIC, &format!("http://{}", app.public()));
        app.eventually("it is ready", async || app.client.get("/readyz").await.status == 200).await;
        app
    }

    /// Stops a relay in order and starts the next one.
    async fn restart(&self, app: TestApp) -> TestApp {
        app.stop().await;
        self.relay().await
    }

    fn configuration(&self) -> Config {
        let env = |name: &str| self.value(name);
        let outside = Outside { env: &env, templates: &Action::check };
        let file = format!("{}/config/examples/{}.toml", env!("CARGO_MANIFEST_DIR"), self.example);
        let mut config =
            config::load(file.as_ref(), &outside).unwrap_or_else(|all| panic!("{all}")).0;
        let anywhere = "127.0.0.1:0".parse().unwrap();
        (config.server.listen, config.server.admin_listen) = (anywhere, anywhere);
        config.server.drain_delay = Duration::ZERO;
        config.store.url = self.store.url().to_owned().into();
        config.attio.as_mut().unwrap().base_url = self.attio.base_url().parse().unwrap();
        for action in &mut config.actions {
            action.retry.first = Duration::from_millis(20);
            action.retry.max = Duration::from_millis(100);
            action.rate = None;
            lead_to(&self.sink, &mut action.kind);
        }
        config
    }

    /// What the example finds in the environment.
    fn value(&self, name: &str) -> Option<String> {
        let warehouse = self.warehouse.as_ref();
        Some(match name {
            "ATTIO_WEBHOOK_SECRET" => SECRET.to_owned(),
            "ATTIO_API_TOKEN" => TOKEN.to_owned(),
            "BILLING_SECRET" => SIGNING_SECRET.to_owned(),
            "BILLING_AUTH" => "Bearer of billing".to_owned(),
            "SLACK_TOKEN" => "xoxb-of-the-bot".to_owned(),
            "WAREHOUSE_URL" => warehouse.expect("a warehouse").url().to_owned(),
            _ => return None,
        })
    }

    /// Sends the first message again, as it was.
    async fn send_first_again(&self, app: &TestApp) {
        let first = self.attio.messages()[0].key.clone();
        let before = app.metric("attio_relay_messages_total", &[("result", "duplicate")]).await;
        assert!(self.attio.send_again(&first));
        let duplicate = [("result", "duplicate")];
        app.wait_for_metric("attio_relay_messages_total", &duplicate, before + 1.0).await;
        self.quiet().await;
    }

    /// Waits until Attio has said all that it had to say.
    async fn quiet(&self) {
        timeout(PATIENCE, self.attio.wait_until_quiet()).await.unwrap();
    }

    /// Waits until so many deliveries have ended; each one's state and reason, in their order.
    async fn ended(&self, count: i64) -> Vec<String> {
        let ended = "SELECT count(*) FROM deliveries WHERE ended_at IS NOT NULL";
        let what = format!("{count} deliveries ended");
        eventually(&what, async || self.store.number(ended).await >= count).await;
        let all = "SELECT state || coalesce(': ' || reason, '') FROM deliveries ORDER BY seq";
        self.store.all_texts(all).await
    }
}

fn lead_to(sink: &Sink, kind: &mut ActionKind) {
    let here = |url: &url::Url| format!("http://{}{}", sink.address, url.path()).parse().unwrap();
    match kind {
        ActionKind::Http(http) => {
            http.url = here(&http.url);
            http.allow_private = true;
        }
        ActionKind::Slack(slack) => {
            let SlackTarget::Post { base_url, .. } = &mut slack.target else { panic!("a bot") };
            *base_url = here(base_url);
            slack.allow_private = true;
        }
        ActionKind::Postgres(_) | ActionKind::Attio(_) | ActionKind::Log(_) => {}
    }
}
