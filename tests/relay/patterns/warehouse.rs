//! A person is created: a row in a Postgres warehouse.

use attio_relay::http::fake_attio::{COMPANY, Failure};
use serde_json::{Value, json};

use super::Rig;
use crate::support::database::TestDatabase;

const EXAMPLE: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/config/examples/person-to-warehouse.toml"));

/// The statement that the example's comment gives.
fn table() -> String {
    let lines = EXAMPLE.lines().map(|line| line.trim_start_matches(['#', ' ']));
    let statement = lines.skip_while(|line| !line.starts_with("CREATE TABLE"));
    let mut lines: Vec<_> = statement.take_while(|line| *line != ");").collect();
    lines.push(");");
    lines.join("\n")
}

async fn rig() -> Rig {
    let mut rig = Rig::new("person-to-warehouse").await;
    let warehouse = TestDatabase::postgres().await;
    warehouse.run(&table()).await.unwrap();
    rig.warehouse = Some(warehouse);
    rig
}

impl Rig {
    fn add_person(&self, values: &Value) -> String {
        self.ines().create_record("people", values).unwrap()
    }

    fn warehouse(&self) -> &TestDatabase {
        self.warehouse.as_ref().unwrap()
    }

    async fn rows(&self) -> Vec<Value> {
        let rows = "SELECT row_to_json(p)::text FROM people p ORDER BY created_at";
        let rows = self.warehouse().all_texts(rows).await;
        rows.iter().map(|row| serde_json::from_str(row).unwrap()).collect()
    }

    async fn notes(&self) -> i64 {
        self.warehouse().number("SELECT count(*) FROM attio_relay_deliveries").await
    }
}

fn mara() -> Value {
    json!({
        "name": [{"first_name": "Mara", "last_name": "Lindqvist", "full_name": "Mara Lindqvist"}],
        "email_addresses": ["mara@quayworks.example", "mara@lindqvist.example"],
        "job_title": "Dock planner",
        "company": [{"target_object": "companies", "target_record_id": COMPANY}],
    })
}

#[tokio::test]
async fn a_person_that_is_created_becomes_a_row_with_its_values() {
    let rig = rig().await;
    let app = rig.relay().await;
    let person = rig.add_person(&mara());
    assert_eq!(rig.ended(1).await, ["succeeded"]);
    app.stop().await;
    let mut rows = rig.rows().await;
    assert!(rows[0]["created_at"].take().is_string());
    let row = json!({
        "record_id": person,
        "name": "Mara Lindqvist",
        "emails": ["mara@quayworks.example", "mara@lindqvist.example"],
        "job_title": "Dock planner",
        "company_id": COMPANY,
        "added_by": "Ines Okafor",
        "created_at": null,
    });
    assert_eq!(rows, [row]);
}

#[tokio::test]
async fn a_person_of_whom_little_is_known_has_nulls() {
    let rig = rig().await;
    let app = rig.relay().await;
    rig.add_person(&json!({"email_addresses": ["info@tideline.example"]}));
    assert_eq!(rig.ended(1).await, ["succeeded"]);
    app.stop().await;
    let row = &rig.rows().await[0];
    assert_eq!(row["emails"], json!(["info@tideline.example"]));
    assert_eq!([&row["name"], &row["job_title"], &row["company_id"]], [&Value::Null; 3]);
}

#[tokio::test]
async fn the_same_message_again_writes_nothing_before_and_after_a_restart() {
    let rig = rig().await;
    let app = rig.relay().await;
    rig.add_person(&mara());
    rig.ended(1).await;
    rig.send_first_again(&app).await;
    let app = rig.restart(app).await;
    rig.send_first_again(&app).await;
    rig.add_person(&json!({"job_title": "Pilot"}));
    assert_eq!(rig.ended(2).await, ["succeeded", "succeeded"]);
    app.stop().await;
    assert_eq!((rig.rows().await.len(), rig.notes().await), (2, 2));
}

#[tokio::test]
async fn a_restart_while_attio_is_away_delays_the_row_and_writes_it_once() {
    let rig = rig().await;
    let app = rig.relay().await;
    rig.attio.fail_all("GET", "/v2/objects/people/records", Failure::Error(503, "internal"));
    rig.add_person(&mara());
    app.wait_for_metric("attio_relay_postponed_total", &[("reason", "attio")], 1.0).await;
    let app = rig.restart(app).await;
    assert_eq!(rig.rows().await, [Value::Null; 0]);
    rig.attio.heal();
    assert_eq!(rig.ended(1).await, ["succeeded"]);
    app.stop().await;
    assert_eq!((rig.rows().await.len(), rig.notes().await), (1, 1));
}

#[tokio::test]
async fn a_restart_while_the_warehouse_refuses_loses_no_row() {
    let rig = rig().await;
    let app = rig.relay().await;
    rig.add_person(&json!({"job_title": "Pilot"}));
    rig.ended(1).await;
    let database =
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET {}', current_database()); END $$";
    // Read-only is what a warehouse is while it changes over to another machine.
    let read_only = database.replace("{}", "default_transaction_read_only = on");
    rig.warehouse().run(&read_only).await.unwrap();
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    rig.warehouse().run(end).await.unwrap();
    rig.add_person(&mara());
    app.wait_for_metric("attio_relay_attempts_total", &[("result", "failed")], 1.0).await;
    let app = rig.restart(app).await;
    let writable = database.replace("{}", "default_transaction_read_only = off");
    rig.warehouse().run(&format!("BEGIN READ WRITE; {writable}; COMMIT")).await.unwrap();
    assert_eq!(rig.ended(2).await, ["succeeded", "succeeded"]);
    app.stop().await;
    assert_eq!((rig.rows().await.len(), rig.notes().await), (2, 2));
}

#[tokio::test]
async fn other_records_and_changed_people_make_no_row_and_a_deleted_person_is_skipped() {
    let rig = rig().await;
    let app = rig.relay().await;
    let person = rig.add_person(&mara());
    rig.ended(1).await;
    rig.ines().set_value("people", &person, "job_title", "Harbour master").unwrap();
    rig.ines().create_record("companies", &json!({"name": "Brine & Beacon"})).unwrap();
    app.wait_for_metric("attio_relay_unrouted_events_total", &[], 2.0).await;
    rig.attio.fail_all("GET", "/v2/objects/people/records", Failure::Error(503, "internal"));
    let deleted = rig.add_person(&json!({"job_title": "Nobody"}));
    app.wait_for_metric("attio_relay_postponed_total", &[("reason", "attio")], 1.0).await;
    rig.ines().delete_record("people", &deleted).unwrap();
    rig.attio.heal();
    let ended = rig.ended(2).await;
    app.stop().await;
    assert!(ended[1].starts_with("skipped: ") && ended[1].contains("record"), "{ended:?}");
    assert_eq!(rig.rows().await.len(), 1);
    assert_eq!(rig.rows().await[0]["job_title"], "Dock planner");
}
