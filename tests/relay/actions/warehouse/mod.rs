//! Rows in a real Postgres, beside the one that a relay keeps its messages in.

use std::time::Duration;

use attio_relay::{
    action::{Action, ActionError, Done, Job},
    config::{self, ActionKind, PostgresAction, TableName},
};
use serde_json::Value;
use uuid::Uuid;

use crate::support::{cluster::Cluster, database::TestDatabase};

mod check;
mod rows;
mod trouble;

/// A database with tables of somebody else's.
struct Warehouse(TestDatabase);

impl Warehouse {
    async fn with(ddl: &str) -> Self {
        let database = TestDatabase::postgres().await;
        database.run(ddl).await.unwrap();
        Self(database)
    }

    /// An action for `public.people`.
    fn action(&self, columns: &[(&str, &str)], key: &[&str]) -> Action {
        Action::build(&self.config(columns, key), None).unwrap()
    }

    fn config(&self, columns: &[(&str, &str)], key: &[&str]) -> config::Action {
        config_for(self.0.url(), "people", columns, key)
    }

    /// The table as JSON, a row each, in order.
    async fn rows(&self) -> Vec<Value> {
        let rows = self.0.all_texts("SELECT row_to_json(p)::text AS row FROM people p ORDER BY 1");
        rows.await.iter().map(|row| serde_json::from_str(row).unwrap()).collect()
    }

    /// How many deliveries are noted.
    async fn notes(&self) -> i64 {
        self.0.number("SELECT count(*) FROM attio_relay_deliveries").await
    }
}

/// An action for a table of a cluster of the test's own, with a short deadline.
fn action_on(cluster: &Cluster, columns: &[(&str, &str)]) -> Action {
    let config = config_for(&cluster.url(), "people", columns, &[]);
    Action::build(&config::Action { timeout: Duration::from_secs(2), ..config }, None).unwrap()
}

fn config_for(url: &str, table: &str, columns: &[(&str, &str)], key: &[&str]) -> config::Action {
    let in_public = |name: &str| TableName { schema: "public".to_owned(), name: name.to_owned() };
    super::action(ActionKind::Postgres(PostgresAction {
        url: url.to_owned().into(),
        table: in_public(table),
        columns: columns.iter().map(|&(name, value)| (name.into(), value.into())).collect(),
        key: key.iter().map(|&name| name.to_owned()).collect(),
        deliveries: in_public("attio_relay_deliveries"),
    }))
}

/// A delivery of an event, under a key of its own.
fn about(event: &Value) -> Job {
    let idempotency_key = Uuid::now_v7();
    Job { idempotency_key, json: event.to_string().into(), ..super::job() }
}

async fn perform(action: &Action, event: &Value) -> Result<Done, ActionError> {
    action.perform(&about(event)).await
}
