//! A database for the demo: made on a server, read, and dropped again. Nothing else there is
//! touched.

use secrecy::{ExposeSecret, SecretString};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use url::Url;
use uuid::Uuid;

/// What a row holds: each column with its value as text, none for NULL, in the table's order.
pub type Row = Vec<(String, Option<String>)>;

/// Why the database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// It is none.
    #[error("not a postgres:// address")]
    Address,
    /// The server refused, or cannot be reached.
    #[error("PostgreSQL: {0}")]
    Database(#[from] sqlx::Error),
}

/// A database of its own.
#[derive(Debug)]
pub struct Sandbox {
    server: SecretString,
    name: String,
    url: SecretString,
}

impl Sandbox {
    /// Makes a database with these tables on a server whose address lets us make databases.
    ///
    /// # Errors
    /// It cannot be made.
    pub async fn make(server: SecretString, tables: &str) -> Result<Self, SandboxError> {
        let mut url = Url::parse(server.expose_secret()).map_err(|_| SandboxError::Address)?;
        let name = format!("attio_relay_demo_{}", Uuid::now_v7().simple());
        url.set_path(&name);
        let sandbox = Self { server, name, url: String::from(url).into() };
        sandbox.manage(format!("CREATE DATABASE {}", sandbox.name)).await?;
        let mut db = PgConnection::connect(sandbox.url.expose_secret()).await?;
        db.execute(AssertSqlSafe(tables.to_owned())).await?;
        db.close().await?;
        Ok(sandbox)
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> &SecretString {
        &self.url
    }

    /// What a table of it holds, in the order of the rows' first columns.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn rows(&self, table: &str) -> Result<Vec<Row>, SandboxError> {
        let ask = format!(
            "-- action::postgres::sandbox::rows
            SELECT r.number, c.key, c.value
            FROM (SELECT row_number() OVER (ORDER BY t) AS number, row_to_json(t) AS row
                FROM {table} t) r, json_each_text(r.row) WITH ORDINALITY c (key, value, place)
            ORDER BY r.number, c.place"
        );
        let mut db = PgConnection::connect(self.url.expose_secret()).await?;
        let cells: Vec<(i64, String, Option<String>)> =
            sqlx::query_as(AssertSqlSafe(ask)).fetch_all(&mut db).await?;
        db.close().await?;
        let mut rows: Vec<(i64, Row)> = Vec::new();
        for (number, column, value) in cells {
            match rows.last_mut().filter(|(last, _)| *last == number) {
                Some((_, row)) => row.push((column, value)),
                None => rows.push((number, vec![(column, value)])),
            }
        }
        Ok(rows.into_iter().map(|(_, row)| row).collect())
    }

    /// Drops it, whoever is connected.
    ///
    /// # Errors
    /// It cannot be dropped.
    pub async fn remove(self) -> Result<(), SandboxError> {
        self.manage(format!("DROP DATABASE {} WITH (FORCE)", self.name)).await
    }

    async fn manage(&self, statement: String) -> Result<(), SandboxError> {
        let mut db = PgConnection::connect(self.server.expose_secret()).await?;
        db.execute(AssertSqlSafe(statement)).await?;
        Ok(db.close().await?)
    }
}
