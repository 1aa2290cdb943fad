//! A fresh, empty database for one test, on either engine; gone when the test is.

use std::time::Duration;

use attio_relay::{
    config,
    store::{Lane, LaneKind, Store, StoreError},
};
use sqlx::{
    AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection,
    sqlite::SqliteConnectOptions,
};
use tempfile::TempDir;
use uuid::Uuid;

/// Longer than any call of a test takes.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// A database that exists as long as the value.
pub struct TestDatabase {
    pub engine: Engine,
    url: String,
    home: Home,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Postgres,
    Sqlite,
}

enum Home {
    Postgres { cluster: String, name: String },
    Sqlite { _folder: TempDir },
}

impl TestDatabase {
    /// A database of its own in the cluster that `RELAY_TEST_DATABASE_URL` names.
    pub async fn postgres() -> Self {
        let cluster = std::env::var("RELAY_TEST_DATABASE_URL").expect(
            "RELAY_TEST_DATABASE_URL is not set: \
             run make test (scripts/with-postgres starts a private Postgres)",
        );
        let name = format!("relay_test_{}", Uuid::now_v7().simple());
        let mut db = PgConnection::connect(&cluster).await.unwrap();
        db.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
        let mut url = url::Url::parse(&cluster).unwrap();
        url.set_path(&name);
        Self { engine: Engine::Postgres, url: url.into(), home: Home::Postgres { cluster, name } }
    }

    /// A file in a folder of its own.
    pub fn sqlite() -> Self {
        let folder = TempDir::new().unwrap();
        let url = format!("sqlite:{}", folder.path().join("relay.db").display());
        Self { engine: Engine::Sqlite, url, home: Home::Sqlite { _folder: folder } }
    }

    /// As `store.url` takes it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// `[store]` with everything else as by default.
    pub fn config(&self) -> config::Store {
        store_config(&self.url)
    }

    /// The store as one process sees it, nothing prepared.
    pub fn bare_store(&self) -> Store {
        Store::new(&self.config(), Uuid::now_v7()).unwrap()
    }

    /// The store as one process sees it, migrated.
    pub async fn store(&self) -> Store {
        let store = self.bare_store();
        store.prepare(true).await.unwrap();
        store
    }

    /// Runs statements beside the store.
    pub async fn run(&self, sql: &str) -> Result<(), sqlx::Error> {
        let sql = AssertSqlSafe(sql.to_owned());
        match self.engine {
            Engine::Postgres => self.pg().await.execute(sql).await.map(drop),
            Engine::Sqlite => self.lite().await.execute(sql).await.map(drop),
        }
    }

    /// Asks for one column of texts beside the store.
    pub async fn texts(&self, sql: &str) -> Vec<Option<String>> {
        let sql = AssertSqlSafe(sql.to_owned());
        match self.engine {
            Engine::Postgres => sqlx::query_scalar(sql).fetch_all(&mut self.pg().await).await,
            Engine::Sqlite => sqlx::query_scalar(sql).fetch_all(&mut self.lite().await).await,
        }
        .unwrap()
    }

    /// Asks for one text beside the store.
    pub async fn text(&self, sql: &str) -> Option<String> {
        self.texts(sql).await.into_iter().next().expect("the question has an answer")
    }

    /// Asks for one column of texts, none of them null, beside the store.
    pub async fn all_texts(&self, sql: &str) -> Vec<String> {
        self.texts(sql).await.into_iter().map(|text| text.expect("no text is null")).collect()
    }

    /// The bytes of one column of the only row, in hexadecimal digits.
    pub async fn hex(&self, column: &str, table: &str) -> String {
        let hex = match self.engine {
            Engine::Postgres => format!("SELECT encode({column}, 'hex') FROM {table}"),
            Engine::Sqlite => format!("SELECT hex({column}) FROM {table}"),
        };
        self.text(&hex).await.expect("the column is filled")
    }

    /// How long ago the time in one column of the only row was.
    pub async fn seconds_ago(&self, column: &str, table: &str) -> i64 {
        self.number(&match self.engine {
            Engine::Postgres => {
                format!("SELECT extract(epoch FROM now() - {column})::int8 FROM {table}")
            }
            Engine::Sqlite => {
                format!("SELECT unixepoch() - {column} / 1000000 FROM {table}")
            }
        })
        .await
    }

    /// Lets so many seconds pass for one delivery.
    pub async fn make_older(&self, delivery: Uuid, seconds: u64) {
        let due_at = match self.engine {
            Engine::Postgres => format!("due_at - interval '{seconds} seconds'"),
            Engine::Sqlite => format!("due_at - {seconds} * 1000000"),
        };
        self.run(&format!("UPDATE deliveries SET due_at = {due_at} WHERE id = '{delivery}'"))
            .await
            .unwrap();
    }

    /// Asks for one number beside the store.
    pub async fn number(&self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned());
        match self.engine {
            Engine::Postgres => sqlx::query_scalar(sql).fetch_one(&mut self.pg().await).await,
            Engine::Sqlite => sqlx::query_scalar(sql).fetch_one(&mut self.lite().await).await,
        }
        .unwrap()
    }

    /// A plain connection beside the store.
    pub async fn pg(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.unwrap()
    }

    /// A plain connection beside the store.
    pub async fn lite(&self) -> SqliteConnection {
        let path = self.url.strip_prefix("sqlite:").expect("only asked of SQLite");
        SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(path)).await.unwrap()
    }
}

impl Drop for TestDatabase {
    /// Best effort: the cluster of the tests goes away with them.
    fn drop(&mut self) {
        let Home::Postgres { cluster, name } = &self.home else {
            return;
        };
        let drop_it = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        let cluster = cluster.clone();
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let mut db = PgConnection::connect(&cluster).await?;
                db.execute(AssertSqlSafe(drop_it)).await
            })?;
            Ok::<(), sqlx::Error>(())
        });
        if let Ok(Err(error)) = dropping.join() {
            eprintln!("could not drop {name}: {error}");
        }
    }
}

/// `[store]` with everything but the address as by default.
pub fn store_config(url: &str) -> config::Store {
    let days = |days: u64| Duration::from_secs(days * 24 * 60 * 60);
    config::Store {
        url: url.to_owned().into(),
        dedup_window: days(30),
        retention: days(30),
        migrate: true,
        // The tests' own cluster need not survive a power cut.
        allow_fsync_off: true,
    }
}

/// A lane with a deadline that no test reaches.
pub fn lane(store: &Store, kind: LaneKind) -> Lane {
    store.lane(kind, DEADLINE)
}

/// What an unusable store says.
pub fn unusable_text<T>(result: Result<T, StoreError>) -> String {
    match result {
        Err(StoreError::Unusable(text)) => text,
        Err(other) => panic!("not unusable, but {other:?}"),
        Ok(_) => panic!("not unusable at all"),
    }
}
