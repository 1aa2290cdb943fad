//! What the client of Attio's API does, against the fake Attio.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
    time::Duration,
};

use attio_relay::{
    attio::client::{ApiError, Client, Instant},
    config::{self, Rate},
    http::fake_attio::{FakeAttio, Options},
    telemetry::metrics::Metrics,
};
use tracing::{Level, subscriber::DefaultGuard};
use tracing_subscriber::fmt::MakeWriter;

mod https;
mod limits;
mod lookups;
mod repeats;
mod secrets;
mod writes;

const DEAL: &str = "/v2/objects/deals/records/04162223-4cbb-465a-9aa1-70815956f705";
const SECOND: Duration = Duration::from_secs(1);

/// A fake Attio and a client of it.
struct Scene {
    fake: FakeAttio,
    client: Client,
    metrics: Arc<Metrics>,
}

impl Scene {
    async fn start() -> Self {
        Self::with_rates(100.0, 25.0).await
    }

    async fn with_rates(reads: f64, writes: f64) -> Self {
        let fake = FakeAttio::start(Options::default()).await.unwrap();
        let metrics = Arc::new(Metrics::new());
        let token = fake.token().to_owned();
        let config = config::Attio {
            reads: Rate { per_second: reads },
            writes: Rate { per_second: writes },
            ..attio(&fake.base_url(), &token)
        };
        let client = Client::new(&config, Arc::clone(&metrics)).unwrap();
        Self { fake, client, metrics }
    }

    /// Reads the deal of the fixtures.
    async fn read_deal(&self, patience: Duration) -> Result<Option<serde_json::Value>, ApiError> {
        let id = DEAL.rsplit('/').next().unwrap();
        self.client.record("deals", id, within(patience)).await
    }

    async fn write_note(&self, patience: Duration) -> Result<serde_json::Value, ApiError> {
        let data = serde_json::json!({
            "parent_object": "deals", "parent_record_id": DEAL.rsplit('/').next().unwrap(),
            "title": "Won", "format": "plaintext", "content": "signed",
        });
        self.client.create_note(&data, within(patience)).await
    }

    fn metric(&self, line: &str) -> f64 {
        let text = self.metrics.render();
        let found = text.lines().find_map(|known| known.strip_prefix(line));
        found.map_or(0.0, |value| value.trim().parse().unwrap())
    }
}

fn attio(base_url: &str, token: &str) -> config::Attio {
    config::Attio {
        token: token.to_owned().into(),
        base_url: base_url.parse().unwrap(),
        reads: Rate { per_second: 100.0 },
        writes: Rate { per_second: 25.0 },
    }
}

fn within(patience: Duration) -> Instant {
    Instant::now() + patience
}

/// The log of this test, and of nobody else.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn captured(level: Level) -> (Self, DefaultGuard) {
        let lines = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(lines.clone())
            .with_max_level(level)
            .finish();
        let guard = tracing::subscriber::set_default(subscriber);
        (lines, guard)
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
