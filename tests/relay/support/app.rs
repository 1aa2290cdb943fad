//! The program that runs in production, in this process: configuration text in, two ports out.

use std::time::Duration;

use attio_relay::{
    action::Action,
    app::{self, Failure, Running},
    config::{self, Config, Outside},
    shutdown::Stop,
};

use super::{
    client::{Answer, Client, Connection, Message, PATIENCE, SECRET},
    database::TestDatabase,
    sink::Sink,
};

/// A second secret, as while rotating: `env:OLD_SECRET`.
pub const OLD_SECRET: &str = "3b6261b0b6f8e59ce8b96638dcbf0c8fe260f22b5aff62061123265351ef3d0b";

/// How often something is looked at that tells nobody when it changes: a metric, a row.
const LOOK: Duration = Duration::from_millis(5);

/// A running relay.
pub struct TestApp {
    pub client: Client,
    pub admin: Client,
    running: Running,
}

impl TestApp {
    /// Starts the program on a database, and waits until it is ready.
    ///
    /// `toml` is the configuration without what is the same everywhere: free ports, the store, no
    /// drain delay, and a source at [`super::client::PATH`] where it names none.
    pub async fn start(db: &TestDatabase, toml: &str) -> Self {
        let app = Self::start_unready(&configuration(db.url(), toml)).await;
        app.eventually("it is ready", async || app.client.get("/readyz").await.status == 200).await;
        app
    }

    /// Starts the program with a whole configuration, whatever becomes of it.
    pub async fn start_unready(toml: &str) -> Self {
        let outside = Outside { env: &environment, templates: &Action::check };
        let (config, _warnings) = config::parse(toml, "relay.toml", &outside)
            .unwrap_or_else(|problems| panic!("{}\n{toml}", problems.render(false)));
        Self::run(config).await
    }

    /// Starts the program with a configuration that was read.
    pub async fn run(config: Config) -> Self {
        let running = Box::pin(app::start(config, Stop::new())).await.unwrap();
        let client = Client::new(running.public);
        let admin = Client::new(running.admin);
        Self { client, admin, running }
    }

    /// Where the public door is.
    pub fn address(&self) -> std::net::SocketAddr {
        self.running.public
    }

    /// Sends a message to the public door.
    pub async fn post(&self, message: &Message) -> Answer {
        self.client.post(message).await
    }

    /// Sends messages, many at once, each of which must be accepted.
    pub async fn post_all(&self, messages: impl IntoIterator<Item = Message>) {
        let mut messages = messages.into_iter();
        loop {
            let some: Vec<_> = messages.by_ref().take(64).collect();
            if some.is_empty() {
                return;
            }
            let posts = some.iter().map(|message| self.post(message));
            for answer in futures_util::future::join_all(posts).await {
                answer.assert_accepted();
            }
        }
    }

    /// A connection to the public door, to be spoken over byte by byte.
    pub async fn connect(&self) -> Connection {
        Connection::open(self.running.public).await
    }

    /// Where the public door is.
    pub fn public(&self) -> std::net::SocketAddr {
        self.running.public
    }

    /// What `/metrics` says.
    pub async fn metrics(&self) -> String {
        let answer = self.admin.get("/metrics").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }

    /// The value of a metric, summed over all labels that are not given; zero when it is not there.
    pub async fn metric(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        sum(&self.metrics().await, name, labels)
    }

    /// Waits until a metric, summed so, is at least so much.
    pub async fn wait_for_metric(&self, name: &str, labels: &[(&str, &str)], least: f64) {
        let what = format!("{name} {labels:?} is {least}");
        self.eventually(&what, async || self.metric(name, labels).await >= least).await;
    }

    /// Waits until so many deliveries were taken at the sink, and their outcomes are written.
    pub async fn wait_until_delivered(&self, sink: &Sink, count: u32) {
        sink.wait_until_taken(count as usize).await;
        let succeeded = [("result", "succeeded")];
        self.wait_for_metric("attio_relay_deliveries_total", &succeeded, count.into()).await;
    }

    /// Waits for something that tells nobody when it changes.
    pub async fn eventually(&self, what: &str, is_so: impl AsyncFn() -> bool) {
        eventually(what, is_so).await;
    }

    /// Asks it to stop, and waits for the end of all that it began.
    pub async fn stop(self) {
        self.stopping().await.unwrap();
    }

    /// Stops it, and returns what its metrics were at the very end.
    pub async fn stop_and_measure(self) -> String {
        let metrics = std::sync::Arc::clone(&self.running.metrics);
        self.stop().await;
        metrics.render()
    }

    /// Asks it to stop; how it ended.
    pub async fn stopping(self) -> Result<(), Failure> {
        self.running.stop.ask();
        let ended = tokio::time::timeout(Duration::from_secs(45), self.running.ended());
        ended.await.expect("it stops within 45 s")
    }

    /// Stops it as a crash does: what it began is left to its leases.
    pub async fn stop_at_once(self) {
        self.running.stop.ask();
        self.running.stop.ask();
        let ended = tokio::time::timeout(PATIENCE, self.running.ended());
        ended.await.expect("it stops at once").unwrap();
    }
}

/// Waits for something that tells nobody when it changes.
pub async fn eventually(what: &str, is_so: impl AsyncFn() -> bool) {
    let looking = async {
        while !is_so().await {
            tokio::time::sleep(LOOK).await;
        }
    };
    let looked = tokio::time::timeout(PATIENCE, looking).await;
    assert!(looked.is_ok(), "waited in vain until {what}");
}

/// What the configurations of tests find in the environment.
pub fn environment(name: &str) -> Option<String> {
    let value = match name {
        "SECRET" => SECRET,
        "OLD_SECRET" => OLD_SECRET,
        "ATTIO_TOKEN" => attio_relay::http::fake_attio::TOKEN,
        "SIGNING" => "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3",
        _ => return None,
    };
    Some(value.to_owned())
}

/// A whole configuration: `toml` with what is the same everywhere.
pub fn configuration(store: &str, toml: &str) -> String {
    let drain = if toml.contains("drain_delay") { "" } else { "drain_delay = \"0s\"\n" };
    let server = format!("listen = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\n{drain}");
    let store = format!("url = \"{store}\"\nallow_fsync_off = true\n");
    let mut whole = with_section(&with_section(toml, "server", &server), "store", &store);
    if !toml.contains("[[sources]]") {
        whole += "\n[[sources]]\nname = \"crm\"\npath = \"/webhooks/attio\"\nsecrets = [\"env:SECRET\"]\n";
    }
    whole
}

/// Adds lines to a section, which may not be there yet.
fn with_section(toml: &str, section: &str, lines: &str) -> String {
    let head = format!("[{section}]\n");
    if toml.contains(&head) {
        toml.replacen(&head, &format!("{head}{lines}"), 1)
    } else {
        format!("{head}{lines}\n{toml}")
    }
}

/// The sum of a metric's samples that have these labels.
pub fn sum(text: &str, name: &str, labels: &[(&str, &str)]) -> f64 {
    let wanted: Vec<_> = labels.iter().map(|(key, value)| format!("{key}=\"{value}\"")).collect();
    text.lines()
        .filter_map(|line| line.strip_prefix(name))
        .filter_map(|rest| rest.rsplit_once(' '))
        .filter(|(set, _)| set.is_empty() || set.starts_with('{'))
        .filter(|(set, _)| wanted.iter().all(|label| set.contains(label)))
        .map(|(_, value)| value.parse::<f64>().unwrap())
        .sum()
}
