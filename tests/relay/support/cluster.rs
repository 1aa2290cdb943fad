//! A Postgres cluster of one test's own, to be stopped, frozen and starved.
//!
//! Laid out once for all tests and copied: `initdb` is slow. Every setting that makes a commit
//! durable keeps its default. Gone when the value is.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::OnceLock,
    time::{Duration, Instant},
};

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tempfile::TempDir;

/// A cluster that runs, unless it was stopped.
pub struct Cluster {
    tools: Tools,
    home: TempDir,
    port: u16,
}

/// The server's programs, and whom to run them as.
#[derive(Clone)]
struct Tools {
    bin: PathBuf,
    user: Option<String>,
}

/// What `scripts/with-postgres` exports.
#[expect(clippy::disallowed_methods, reason = "tests take the cluster's tools from there")]
fn exported(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run make test"))
}

impl Tools {
    fn find() -> Self {
        let user = Some(exported("RELAY_PG_USER")).filter(|user| !user.is_empty());
        Self { bin: exported("RELAY_PG_BIN").into(), user }
    }

    /// Runs one of the programs to its end, as a user whom Postgres accepts.
    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        let program = self.bin.join(program);
        let mut command = match &self.user {
            None => Command::new(program),
            Some(user) => {
                let mut command = Command::new("setpriv");
                command.args(["--reuid", user, "--regid", &group_of(user), "--init-groups", "--"]);
                command.arg(program);
                command
            }
        };
        // From / because this folder may be closed to that user.
        command.args(arguments).current_dir("/").env("HOME", "/").output().unwrap()
    }

    /// A folder that the server's user can reach, with a path short enough for a socket.
    fn folder(&self) -> TempDir {
        let folder = tempfile::Builder::new().prefix("relay-pg.").tempdir_in("/tmp").unwrap();
        self.give(folder.path());
        folder
    }

    fn give(&self, path: &Path) {
        if let Some(user) = &self.user {
            shell(&format!("chown -R {user}: {}", path.display()));
        }
    }
}

fn group_of(user: &str) -> String {
    let id = Command::new("id").args(["-g", user]).output().unwrap();
    String::from_utf8(id.stdout).unwrap().trim().to_owned()
}

fn shell(line: &str) {
    let output = Command::new("sh").args(["-c", line]).output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
}

/// An empty data directory, made once for the whole run, whichever process comes first.
fn template(tools: &Tools) -> &'static Path {
    static TEMPLATE: OnceLock<PathBuf> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        // Beside the data of the cluster that `scripts/with-postgres` removes in the end.
        let home = PathBuf::from(exported("RELAY_PG_DATA")).parent().unwrap().to_owned();
        let turn = fs::File::create(home.join("template.lock")).unwrap();
        turn.lock().unwrap();
        let data = home.join("template");
        if !data.exists() {
            lay_out(tools, &data);
        }
        data
    })
}

fn lay_out(tools: &Tools, data: &Path) {
    let path = data.to_str().unwrap();
    let made = tools.run(
        "initdb",
        &["--no-sync", "--auth=trust", "--username=postgres", "--locale=C", "-D", path],
    );
    assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Cluster {
    /// A running cluster with durable settings.
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// A running cluster with further lines of `postgresql.conf`.
    pub fn start_with(settings: &str) -> Self {
        let tools = Tools::find();
        let home = tools.folder();
        let data = home.path().join("data");
        shell(&format!("cp -a {} {}", template(&tools).display(), data.display()));
        let mut cluster = Self { tools, home, port: 0 };
        for _ in 0..5 {
            // Another process can take the port between our look and the server's.
            cluster.port = free_port();
            cluster.configure(settings);
            if cluster.try_to_start() {
                return cluster;
            }
        }
        panic!("the cluster does not start: {}", cluster.log());
    }

    fn configure(&self, settings: &str) {
        let text = format!(
            "listen_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = ''\n\
             shared_buffers = '16MB'\nmax_connections = 60\n{settings}\n",
            self.port,
        );
        let file = self.home.path().join("data/postgresql.auto.conf");
        fs::write(&file, text).unwrap();
        self.tools.give(&file);
    }

    fn data(&self) -> String {
        self.home.path().join("data").display().to_string()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.home.path().join("data/server.log")).unwrap_or_default()
    }

    fn try_to_start(&self) -> bool {
        let data = self.data();
        let log = format!("{data}/server.log");
        self.tools
            .run("pg_ctl", &["start", "-s", "-w", "-t", "60", "-D", &data, "-l", &log])
            .status
            .success()
    }

    /// Where it is, as `store.url` takes it.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres?sslmode=disable", self.port)
    }

    /// Stops it as an operator does: whoever is connected is thrown out.
    pub fn stop(&self) {
        let stopped =
            self.tools.run("pg_ctl", &["stop", "-s", "-w", "-m", "fast", "-D", &self.data()]);
        assert!(stopped.status.success(), "{}", String::from_utf8_lossy(&stopped.stderr));
    }

    /// Starts it again on its old port. Returns when it accepts connections.
    pub fn start_again(&self) {
        assert!(self.try_to_start(), "the cluster does not start: {}", self.log());
    }

    /// Stops all of its processes in their tracks; connections stay open and silent.
    pub fn freeze(&self) {
        let postmaster = self.postmaster();
        // The first one first, so that it starts no other.
        shell(&format!("kill -STOP {postmaster}"));
        signal_children("STOP", postmaster);
    }

    /// Lets them go on.
    pub fn thaw(&self) {
        let postmaster = self.postmaster();
        signal_children("CONT", postmaster);
        shell(&format!("kill -CONT {postmaster}"));
    }

    fn postmaster(&self) -> u32 {
        let file = fs::read_to_string(format!("{}/postmaster.pid", self.data())).unwrap();
        file.lines().next().unwrap().parse().unwrap()
    }

    /// A plain connection beside the relay.
    pub async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.url()).await.unwrap()
    }

    /// Runs a statement beside the relay.
    pub async fn run(&self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        self.connect().await.execute(sql).await.unwrap();
    }

    /// Throws out every connection of the relay. Returns how many those were.
    pub async fn kill_backends(&self) -> i64 {
        sqlx::query_scalar(
            "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity
             WHERE application_name LIKE 'attio-relay%'",
        )
        .fetch_one(&mut self.connect().await)
        .await
        .unwrap()
    }

    /// Lets so many ordinary users in at once, those that are connected not counted; -1 lifts it.
    pub async fn limit_connections(&self, role: &str, most: i32) {
        self.run(&format!("ALTER ROLE {role} CONNECTION LIMIT {most}")).await;
    }
}

/// Signals the processes that a process started; one that has just ended needs no signal.
fn signal_children(signal: &str, parent: u32) {
    let started = format!("/proc/{parent}/task/{parent}/children");
    let children = fs::read_to_string(started).expect("Linux tells of children");
    shell(&format!("for child in {children}; do kill -{signal} $child 2>/dev/null || true; done"));
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let data = self.data();
        if fs::exists(format!("{data}/postmaster.pid")).unwrap_or(false) {
            self.thaw();
            self.tools.run("pg_ctl", &["stop", "-s", "-w", "-m", "immediate", "-D", &data]);
        }
    }
}

/// Waits for what has no signal: asks every few milliseconds, fails after `patience`.
pub async fn eventually(what: &str, patience: Duration, holds: impl AsyncFnMut() -> bool) {
    ask_every(Duration::from_millis(20), what, patience, holds).await;
}

/// The same for a question that is expensive to ask.
pub async fn in_the_end(what: &str, patience: Duration, holds: impl AsyncFnMut() -> bool) {
    ask_every(Duration::from_millis(500), what, patience, holds).await;
}

async fn ask_every(
    pause: Duration,
    what: &str,
    patience: Duration,
    mut holds: impl AsyncFnMut() -> bool,
) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < patience, "not within {patience:?}: {what}");
        tokio::time::sleep(pause).await;
    }
}
