//! What `kind = "attio"` writes, against the fake Attio.

use std::{sync::Arc, time::Duration};

use attio_relay::{
    action::{Action, ActionError, Done, Failure, Job, attio::Access},
    attio::{
        catalog::{self, Catalog},
        client::{Client, Instant},
    },
    config::{self, Outside},
    http::fake_attio::{DEAL, DEAL_STAGE, DEALS, INES, WORKSPACE},
    job::Values,
    telemetry::Metrics,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{
    app::{configuration, environment},
    fake_attio::TestAttio,
};

mod loops;
mod refusals;
mod repeats;
mod writes;

/// The deal of the fixtures.
const DEAL_PATH: &str = "/v2/objects/deals/records/04162223-4cbb-465a-9aa1-70815956f705";

/// An update that changes something, of the record that the event is about.
const UPDATE: &str = "write = \"update\"\nvalues = { name = \"{{ type }}\" }";

/// A fake Attio, and the program's access to it.
struct Scene {
    attio: TestAttio,
    access: Access,
}

/// `[attio]` for this fake.
fn section(attio: &TestAttio) -> String {
    let base = attio.base_url();
    format!(
        "[attio]\ntoken = \"env:ATTIO_TOKEN\"\nbase_url = \"{base}\"\nreads = \"100/s\"\n\
         writes = \"25/s\"\n"
    )
}

/// An action named `crm` with these keys.
fn action(keys: &str) -> String {
    format!("[actions.crm]\nkind = \"attio\"\n{keys}\n")
}

fn parse(toml: &str) -> config::Config {
    let outside = Outside { env: &environment, templates: &Action::check };
    let toml = configuration("sqlite:unused.db", toml);
    let parsed = config::parse(&toml, "relay.toml", &outside);
    parsed.unwrap_or_else(|problems| panic!("{}", problems.render(false))).0
}

impl Scene {
    async fn start() -> Self {
        let scene = Self::unidentified().await;
        let deadline = Instant::now() + Duration::from_secs(30);
        let identity = Some(scene.access.client.identity(deadline).await.unwrap());
        let names = Catalog { identity, ..Catalog::default() };
        assert!(scene.access.catalog.replace(names, time::OffsetDateTime::now_utc()));
        scene
    }

    /// Before it is known whose token it is.
    async fn unidentified() -> Self {
        let attio = TestAttio::start().await;
        let config = parse(&section(&attio)).attio.unwrap();
        let client = Client::new(&config, Arc::new(Metrics::new())).unwrap();
        Self { attio, access: Access { client, catalog: catalog::Shared::default() } }
    }

    /// An action with these keys.
    fn action(&self, keys: &str) -> Action {
        let config = parse(&(section(&self.attio) + &action(keys)));
        Action::build(&config.actions[0], Some(&self.access)).unwrap()
    }

    /// One attempt of an action with these keys.
    async fn perform(&self, keys: &str, job: &Job) -> Result<Done, ActionError> {
        self.action(keys).perform(job).await
    }

    /// The same delivery twice, as after a crash. Events that it caused the first and the second
    /// time.
    async fn perform_twice(&self, keys: &str, job: &Job) -> (Vec<Value>, Vec<Value>) {
        self.perform(keys, job).await.unwrap();
        let first = self.attio.events();
        self.perform(keys, job).await.unwrap();
        let second = self.attio.events().split_off(first.len());
        (first, second)
    }

    /// The body of the only request of this kind.
    fn sent(&self, method: &str, path: &str) -> Value {
        let mut requests = self.attio.requests_to(method, path);
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests.remove(0).body["data"].take()
    }
}

/// A change of the deal's stage, by this actor.
fn stage_changed(actor: &Value) -> Value {
    json!({
        "event_type": "record.updated",
        "id": {
            "workspace_id": WORKSPACE, "object_id": DEALS, "record_id": DEAL,
            "attribute_id": DEAL_STAGE,
        },
        "actor": actor,
    })
}

fn ines() -> Value {
    json!({"type": "workspace-member", "id": INES})
}

/// A delivery of the deal's change by Ines, with these values looked up for its record.
fn about(record: Value) -> Job {
    Job {
        values: Arc::new(Values { record: Some(record), ..Values::default() }),
        ..job(&stage_changed(&ines()))
    }
}

fn job(event: &Value) -> Job {
    Job {
        idempotency_key: Uuid::now_v7(),
        route: "back".into(),
        event_id: Uuid::now_v7(),
        event_type: event["event_type"].as_str().unwrap_or_default().to_owned(),
        source: "crm".into(),
        received_at: time::OffsetDateTime::now_utc(),
        json: event.to_string().into(),
        attempt: 1,
        values: Arc::default(),
    }
}

fn retry(result: Result<Done, ActionError>) -> Failure {
    super::retry(result)
}

fn refused(result: Result<Done, ActionError>) -> Failure {
    super::refused(result)
}
