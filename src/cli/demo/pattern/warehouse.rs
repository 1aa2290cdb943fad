//! A person is created: a row in a Postgres warehouse.

use anyhow::Context;
use serde_json::json;

use super::{Act, Outcome, Pattern, Scene, Script, example, print};
use crate::{
    action::postgres::sandbox::{Row, Sandbox},
    config,
    http::fake_attio::{Actor, COMPANY, INES, TOMASZ},
};

pub(super) const SCRIPT: Script = Script {
    title: "A person is created: a row in a Postgres warehouse.",
    effect: "a row",
    scenes: &[
        Scene {
            title: "Ines adds a person with two addresses, a job and a company",
            act: Act::Change(|attio| {
                let values = json!({
                    "name": [{
                        "first_name": "Mara", "last_name": "Lindqvist",
                        "full_name": "Mara Lindqvist",
                    }],
                    "email_addresses": ["mara@quayworks.example", "mara@lindqvist.example"],
                    "job_title": "Dock planner",
                    "company": [{"target_object": "companies", "target_record_id": COMPANY}],
                });
                attio.by(Actor::member(INES)).create_record("people", &values).map(drop)
            }),
            outcome: Outcome::Delivered,
        },
        Scene {
            title: "Tomasz adds somebody of whom he knows the address only",
            act: Act::Change(|attio| {
                let values = json!({"email_addresses": ["info@tideline.example"]});
                attio.by(Actor::member(TOMASZ)).create_record("people", &values).map(drop)
            }),
            outcome: Outcome::Delivered,
        },
        Scene {
            title: "Tomasz adds a company",
            act: Act::Change(|attio| {
                let values = json!({"name": "Brine & Beacon", "domains": ["brine.example"]});
                attio.by(Actor::member(TOMASZ)).create_record("companies", &values).map(drop)
            }),
            outcome: Outcome::Unwanted,
        },
        Scene {
            title: "Attio sends message 1 again",
            act: Act::Repeat,
            outcome: Outcome::Duplicate,
        },
    ],
};

/// The warehouse of the pattern that needs one: a database of its own, with the table that the
/// example's comment describes.
pub(in crate::cli::demo) async fn make(pattern: Pattern) -> anyhow::Result<Option<Sandbox>> {
    if pattern != Pattern::PersonToWarehouse {
        return Ok(None);
    }
    let server = config::environment("WAREHOUSE_URL").context(
        "WAREHOUSE_URL is not set: give the address of a PostgreSQL server on which a database may \
         be made and dropped, or run `make example-person-to-warehouse`, which starts one",
    )?;
    let table = example::table(example::text(pattern));
    Ok(Some(Sandbox::make(server.into(), &table).await.context("cannot make the warehouse")?))
}

/// What is in the warehouse.
pub(super) async fn rows(warehouse: Option<&Sandbox>) -> anyhow::Result<Vec<Row>> {
    let warehouse = warehouse.context("there is no warehouse")?;
    Ok(warehouse.rows("people").await?)
}

/// The same in words.
pub(super) fn told(rows: &[Row]) -> String {
    let row = |row: &Row| {
        let field = |(column, value): &'_ (String, Option<String>)| {
            (column.clone(), value.clone().unwrap_or_else(|| "NULL".to_owned()))
        };
        let fields: Vec<_> = row.iter().map(field).collect();
        print::fields(fields.iter().map(|(column, value)| (column.as_str(), value.clone())))
    };
    let rows: Vec<_> = rows.iter().map(row).collect();
    format!("All rows of the table:\n\n{}\n", rows.join("\n\n"))
}
