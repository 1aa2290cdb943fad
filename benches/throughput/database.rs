//! A fresh database for each run, on the private server that `scripts/with-postgres` started.

use std::{env, fs, path::PathBuf, time::Duration};

use anyhow::Context;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::runtime;

use crate::process::family_cpu;

/// The private server.
#[derive(Debug)]
pub struct Postgres {
    url: url::Url,
    pid: u32,
    made: u32,
}

impl Postgres {
    /// Finds the server in the environment.
    ///
    /// # Errors
    /// When the command was not run by `scripts/with-postgres`.
    pub fn find() -> anyhow::Result<Self> {
        let hint = "run `make bench`: it starts a private PostgreSQL server";
        let url = variable("RELAY_TEST_DATABASE_URL").context(hint)?;
        let data = PathBuf::from(variable("RELAY_PG_DATA").context(hint)?);
        let pid = fs::read_to_string(data.join("postmaster.pid"))?;
        let pid = pid.lines().next().context("an empty postmaster.pid")?.trim().parse()?;
        Ok(Self { url: url.parse()?, pid, made: 0 })
    }

    /// Makes an empty database and answers its address. The former one is dropped, and all that
    /// earlier runs left to write is written, so that it does not fall into the next one.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn fresh(&mut self) -> anyhow::Result<url::Url> {
        let former = self.name();
        self.made += 1;
        let name = self.name();
        self.execute(&[
            format!("DROP DATABASE IF EXISTS {former} WITH (FORCE)"),
            format!("CREATE DATABASE {name}"),
            "CHECKPOINT".to_owned(),
        ])?;
        let mut url = self.url.clone();
        url.set_path(&name);
        Ok(url)
    }

    /// The processor time of all of the server's processes.
    ///
    /// # Errors
    /// When the server is gone.
    pub fn cpu(&self) -> anyhow::Result<Duration> {
        family_cpu(self.pid)
    }

    /// What a query for one number answers, in the latest database.
    ///
    /// # Errors
    /// When the server refuses the query.
    pub fn number(&self, query: &'static str) -> anyhow::Result<i64> {
        let mut url = self.url.clone();
        url.set_path(&self.name());
        runtime()?.block_on(async {
            let mut connection = PgConnection::connect(url.as_str()).await?;
            Ok(sqlx::query_scalar(query).fetch_one(&mut connection).await?)
        })
    }

    /// Runs statements in the latest database, as one transaction where there are several.
    ///
    /// # Errors
    /// When the server refuses them.
    pub fn run(&self, statements: &str) -> anyhow::Result<()> {
        let mut url = self.url.clone();
        url.set_path(&self.name());
        runtime()?.block_on(async {
            let mut connection = PgConnection::connect(url.as_str()).await?;
            connection.execute(AssertSqlSafe(statements)).await?;
            Ok(())
        })
    }

    /// Which version it is.
    ///
    /// # Errors
    /// When the server is away.
    pub fn version(&self) -> anyhow::Result<String> {
        runtime()?.block_on(async {
            let mut connection = PgConnection::connect(self.url.as_str()).await?;
            Ok(sqlx::query_scalar("SHOW server_version").fetch_one(&mut connection).await?)
        })
    }

    fn name(&self) -> String {
        format!("bench_{}", self.made)
    }

    fn execute(&self, statements: &[String]) -> anyhow::Result<()> {
        runtime()?.block_on(async {
            let mut connection = PgConnection::connect(self.url.as_str()).await?;
            for statement in statements {
                connection.execute(AssertSqlSafe(statement.as_str())).await?;
            }
            Ok(())
        })
    }
}

/// A variable of the environment.
///
/// # Errors
/// When it is not set.
#[expect(clippy::disallowed_methods, reason = "the bench is set up by its environment")]
pub fn variable(name: &str) -> Result<String, env::VarError> {
    env::var(name)
}

fn runtime() -> std::io::Result<runtime::Runtime> {
    runtime::Builder::new_current_thread().enable_all().build()
}
