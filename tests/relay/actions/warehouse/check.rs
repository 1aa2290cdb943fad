//! What is said of the table before the first delivery.

use super::Warehouse;
use crate::commands::program::{Folder, Server};

async fn said(ddl: &str, columns: &[(&str, &str)], key: &[&str]) -> String {
    let warehouse = Warehouse::with(ddl).await;
    let answer = warehouse.action(columns, key).check_online().await;
    answer.err().unwrap_or_else(|| "ok".to_owned())
}

#[tokio::test]
async fn a_table_that_fits_is_right() {
    let ddl = "CREATE TABLE people (id text, at timestamptz NOT NULL DEFAULT now(),
        number int GENERATED ALWAYS AS IDENTITY, note text, UNIQUE (note, id))";
    let columns = [("id", "x"), ("note", "y")];
    assert_eq!(said(ddl, &columns, &[]).await, "ok");
    assert_eq!(said(ddl, &columns, &["id", "note"]).await, "ok");
}

#[tokio::test]
async fn everything_that_is_wrong_with_the_columns_is_said_at_once() {
    let ddl = "CREATE TABLE people (id text, name text NOT NULL,
        number int GENERATED ALWAYS AS IDENTITY)";
    assert_eq!(
        said(ddl, &[("emial", "x"), ("number", "1")], &[]).await,
        "public.people has no column `emial`; it has: id, name, number; \
         the database alone writes the column `number` of public.people; \
         the column `name` of public.people may not be null and has no default; give it a value"
    );
}

#[tokio::test]
async fn a_key_without_its_own_unique_index_is_said_with_what_makes_one() {
    let ddl = "CREATE TABLE people (id text, list text, stage text);
        CREATE INDEX ON people (id);
        CREATE UNIQUE INDEX ON people (id, list);
        CREATE UNIQUE INDEX ON people (id) WHERE stage = 'Won';
        CREATE UNIQUE INDEX ON people (lower(id));
        ALTER TABLE people ADD UNIQUE (id) DEFERRABLE";
    let columns = [("id", "x"), ("list", "y")];
    assert_eq!(
        said(ddl, &columns, &["id"]).await,
        "`key` needs a unique index on exactly (id) of public.people; let somebody run: \
         CREATE UNIQUE INDEX ON \"public\".\"people\" (\"id\")"
    );
    let included = "CREATE TABLE people (id text, list text);
        CREATE UNIQUE INDEX ON people (id) INCLUDE (list)";
    assert_eq!(said(included, &columns, &["id"]).await, "ok");
}

#[tokio::test]
async fn a_missing_table_is_said_in_the_databases_words() {
    let said = said("CREATE TABLE other (id text)", &[("id", "x")], &[]).await;
    assert!(said.contains("relation \"public.people\" does not exist"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_warns_at_start_of_a_table_that_does_not_fit_and_serves_on() {
    let warehouse = Warehouse::with("CREATE TABLE people (id text)").await;
    let warning = serve_says(warehouse.0.url());
    assert!(warning.contains("public.people has no column `emial`"), "{warning}");
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_warns_at_start_of_a_database_that_is_away_and_serves_on() {
    let warning = serve_says("postgres://relay@127.0.0.1:1/crm");
    assert!(warning.contains("cannot reach the database: "), "{warning}");
}

/// The warning of a `serve` that became ready.
fn serve_says(url: &str) -> String {
    let text = r#"
[server]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
drain_delay = "0s"
[store]
url = "sqlite:relay.db"
[[sources]]
name = "crm"
path = "/webhooks/attio"
secrets = ["env:SOURCE"]
[actions.warehouse]
kind = "postgres"
url = "env:WAREHOUSE"
table = "people"
columns = { emial = "{{ event.event_type }}" }
[[routes]]
name = "all"
on = ["*"]
to = ["warehouse"]
"#;
    let folder = Folder::with(text).env("SOURCE", "0123456789abcdef").env("WAREHOUSE", url);
    let (_folder, ended) = Server::start(folder).stop();
    assert_eq!(ended.code, 0, "{ended}");
    let mut warnings = ended.err.lines().filter(|line| line.contains("\"level\":\"WARN\""));
    let warning = warnings.find(|line| line.contains("the destination is not ready"));
    warning.unwrap_or_else(|| panic!("no warning: {ended}")).replace("\\\"", "\"")
}
