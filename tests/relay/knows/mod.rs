//! The relay that knows Attio: names, look-ups, conditions, debounce, against the fake Attio.

mod away;
mod conditions;
mod debounce;
mod limits;
mod look_ups;
mod loops;
mod names;
mod snapshots;

use attio_relay::http::fake_attio::{Actor, DEAL, Failure, INES, Options, Seen};
use serde_json::Value;

use crate::support::{
    app::TestApp,
    client::{Message, sample},
    database::{Engine, TestDatabase},
    fake_attio::TestAttio,
    sink::{Reply, Sink, route},
};

/// `deals.name`.
const DEAL_NAME: &str = "e64001f0-01bc-4689-996a-da515d7ca8f7";

/// Where the fake answers records of deals.
const DEALS_AT: &str = "/v2/objects/deals/records/";

/// Every call fails as if Attio were broken.
const BROKEN: Failure = Failure::Error(503, "service_unavailable");

/// What a relay works with.
struct World {
    db: TestDatabase,
    attio: TestAttio,
    sink: Sink,
}

impl World {
    async fn postgres() -> Self {
        Self::on(TestDatabase::postgres().await, Options::default()).await
    }

    async fn sqlite() -> Self {
        Self::on(TestDatabase::sqlite(), Options::default()).await
    }

    async fn on(db: TestDatabase, options: Options) -> Self {
        Self { db, attio: TestAttio::with(options).await, sink: Sink::start().await }
    }

    /// A relay with one action `billing`, and one route to it.
    async fn relay(&self, of_route: &str) -> TestApp {
        self.relay_with("", &(self.sink.action("billing", "") + &to_billing(of_route))).await
    }

    /// A relay with further lines of `[attio]`, and with all its actions and routes.
    async fn relay_with(&self, of_attio: &str, rest: &str) -> TestApp {
        TestApp::start(&self.db, &self.toml(of_attio, rest)).await
    }

    fn toml(&self, of_attio: &str, rest: &str) -> String {
        let base = self.attio.base_url();
        format!("[attio]\ntoken = \"env:ATTIO_TOKEN\"\nbase_url = \"{base}\"\n{of_attio}\n{rest}")
    }

    /// A relay with that route which has learnt the names.
    async fn knowing_relay(&self, of_route: &str) -> TestApp {
        let app = self.relay(of_route).await;
        self.until_names_are_kept(&app).await;
        app
    }

    async fn until_names_are_kept(&self, app: &TestApp) {
        app.eventually("the names are kept", async || {
            self.db.number("SELECT count(*) FROM catalogs").await == 1
        })
        .await;
    }

    /// Ines writes a value of the deal.
    fn write(&self, attribute: &str, value: impl Into<Value>) {
        self.attio.by(Actor::member(INES)).set_value("deals", DEAL, attribute, value).unwrap();
    }

    /// All deliveries as `state tries reason`, in the order of their events.
    async fn deliveries(&self) -> Vec<String> {
        let sql = "SELECT state || ' ' || tries || ' ' || coalesce(reason, '') FROM deliveries ORDER BY seq";
        self.db.all_texts(sql).await
    }

    /// Lets what was put off be due now.
    async fn make_due(&self) {
        let now = match self.db.engine {
            Engine::Postgres => "now()",
            Engine::Sqlite => "unixepoch() * 1000000",
        };
        let sql = "UPDATE deliveries SET due_at = {} WHERE ended_at IS NULL AND owner IS NULL";
        self.db.run(&sql.replace("{}", now)).await.unwrap();
    }

    fn lookups(&self) -> Vec<Seen> {
        self.attio.requests_to("GET", DEALS_AT)
    }
}

fn to_billing(of_route: &str) -> String {
    route("won", of_route, &["billing"])
}

/// One change of an attribute of a record of deals.
fn change(record: &str, attribute: &str) -> Message {
    let mut event = sample("record.updated");
    event["id"]["record_id"] = record.into();
    event["id"]["attribute_id"] = attribute.into();
    Message::envelope([event])
}

/// A change of the deal's stage.
fn stage_changed() -> Message {
    change(DEAL, attio_relay::http::fake_attio::DEAL_STAGE)
}

/// Waits until so many deliveries ended so.
async fn until_ended(app: &TestApp, result: &str, count: u32) {
    let labels = [("result", result)];
    app.wait_for_metric("attio_relay_deliveries_total", &labels, count.into()).await;
}

/// Waits until deliveries were put off so often for that reason.
async fn until_put_off(app: &TestApp, reason: &str, count: u32) {
    let labels = [("reason", reason)];
    app.wait_for_metric("attio_relay_postponed_total", &labels, count.into()).await;
}

/// Nothing is taken.
fn refuses(sink: &Sink) {
    sink.always(Reply::Status(503));
}
