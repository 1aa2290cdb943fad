//! The real binary, as an operator runs it: started, asked to stop, frozen and killed.
//!
//! What it logs is kept, and shown when the test fails.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, ChildStderr, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::{
    client::{PATH, SECRET},
    cluster::eventually,
};
use crate::faults::wire;

/// Longer than starting takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// So many of the last lines are shown when a test fails.
const LAST_LINES: usize = 40;

/// What a relay is told: one source, one route, one destination that gets every event.
#[derive(Clone)]
pub struct Setup {
    /// `store.url`, handed over in the environment.
    pub store: String,
    /// Further lines of `[server]`.
    pub server_lines: String,
    /// Further lines of `[store]`.
    pub store_lines: &'static str,
    /// Where the destination listens.
    pub sink: SocketAddr,
    /// Other actions and routes than that one.
    pub routing: Option<String>,
    /// `timeout` of the action.
    pub timeout: &'static str,
    /// `drain_delay`.
    pub drain_delay: &'static str,
    /// `RUST_LOG`.
    pub log: &'static str,
}

/// A process of the real binary.
pub struct Relay {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    reader: Option<std::thread::JoinHandle<()>>,
    /// Its public listener.
    pub public: SocketAddr,
    /// Its private listener.
    pub admin: SocketAddr,
    home: TempDir,
}

impl Setup {
    /// Everything as by default, but for shorter waits between tries.
    pub fn new(store: &str, sink: SocketAddr) -> Self {
        Self {
            store: store.to_owned(),
            server_lines: String::new(),
            store_lines: "",
            sink,
            routing: None,
            timeout: "10s",
            drain_delay: "1500ms",
            log: "info",
        }
    }

    fn toml(&self) -> String {
        format!(
            r#"
[server]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
drain_delay = "{drain_delay}"
{server_lines}
[store]
url = "env:STORE_URL"
{store_lines}
[[sources]]
name = "crm"
path = "{PATH}"
secrets = ["env:SOURCE_SECRET"]
{routing}"#,
            drain_delay = self.drain_delay,
            server_lines = self.server_lines,
            store_lines = self.store_lines,
            routing = self.routing.clone().unwrap_or_else(|| self.to_the_sink()),
        )
    }

    fn to_the_sink(&self) -> String {
        format!(
            r#"
[actions.sink]
kind = "http"
url = "http://{sink}/"
allow_private = true
timeout = "{timeout}"
concurrency = 32
retry = {{ attempts = 1000, first = "100ms", max = "200ms" }}
[[routes]]
name = "all"
on = ["*"]
to = ["sink"]
"#,
            sink = self.sink,
            timeout = self.timeout,
        )
    }

    fn command(&self, home: &TempDir) -> Command {
        let file = home.path().join("relay.toml");
        std::fs::write(&file, self.toml()).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_attio-relay"));
        command
            .args(["serve", "--config"])
            .arg(file)
            .env("STORE_URL", &self.store)
            .env("SOURCE_SECRET", SECRET)
            .env("RUST_LOG", self.log)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    }

    /// Runs a relay that ends by itself. Returns how it ended and what it said.
    pub async fn run_to_end(&self) -> (ExitStatus, String) {
        let mut relay = Relay::begin(self);
        let status = relay.wait_exit(PATIENCE).await;
        (status, relay.said())
    }
}

impl Relay {
    /// A relay that is ready.
    pub async fn spawn(setup: &Setup) -> Self {
        let relay = Self::launch(setup).await;
        relay.until_ready(PATIENCE).await;
        relay
    }

    /// A relay that listens, ready or not.
    pub async fn launch(setup: &Setup) -> Self {
        let mut relay = Self::begin(setup);
        let mut found = None;
        eventually("the relay listens", PATIENCE, async || {
            found = relay.addresses();
            found.is_some()
        })
        .await;
        (relay.public, relay.admin) = found.expect("it was just found");
        relay
    }

    fn begin(setup: &Setup) -> Self {
        let home = TempDir::new().unwrap();
        let mut child = setup.command(&home).spawn().unwrap();
        let log = Arc::default();
        let reader = Some(keep(child.stderr.take().expect("it is piped"), &log));
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        Self { child, log, reader, public: nowhere, admin: nowhere, home }
    }

    fn addresses(&self) -> Option<(SocketAddr, SocketAddr)> {
        let log = self.log.lock().unwrap();
        let line = log.iter().find(|line| line.contains("attio-relay runs"))?;
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let address = |name: &str| line[name].as_str().unwrap().parse().unwrap();
        Some((address("public"), address("admin")))
    }

    /// Whether it says that it can accept.
    pub async fn is_ready(&self) -> bool {
        wire::get(self.admin, "/readyz").await.is_ok_and(|answer| answer.status == 200)
    }

    /// Waits until it says that it can accept.
    pub async fn until_ready(&self, patience: Duration) {
        eventually("the relay is ready", patience, async || self.is_ready().await).await;
    }

    /// The sum of one of its metrics over all labels.
    pub async fn metric(&self, name: &str) -> f64 {
        let answer = wire::get(self.admin, "/metrics").await.unwrap();
        let of_it =
            |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{']));
        let values = answer.body.lines().filter(of_it);
        values.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
    }

    /// All that it said so far.
    pub fn said(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id();
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]).status();
        assert!(sent.unwrap().success(), "could not send {name}");
    }

    /// Kills it with `SIGKILL`, at once.
    pub fn kill9(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// Writes another configuration over the one that it runs with.
    pub fn rewrite(&self, setup: &Setup) {
        std::fs::write(self.home.path().join("relay.toml"), setup.toml()).unwrap();
    }

    /// Tells it to read its configuration again.
    pub fn hang_up(&self) {
        self.signal("HUP");
    }

    /// Stops it in its tracks.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    /// Waits until it has ended and all that it said was read.
    pub async fn wait_exit(&mut self, patience: Duration) -> ExitStatus {
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(started.elapsed() < patience, "the relay has not ended within {patience:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        status
    }
}

fn keep(stderr: ChildStderr, log: &Arc<Mutex<Vec<String>>>) -> std::thread::JoinHandle<()> {
    let log = Arc::clone(log);
    std::thread::spawn(move || {
        let lines = BufReader::new(stderr).lines().map_while(Result::ok);
        lines.for_each(|line| log.lock().unwrap().push(line));
    })
}

impl Drop for Relay {
    fn drop(&mut self) {
        // Gone already is as good.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
        if std::thread::panicking() {
            let log = self.log.lock().unwrap();
            eprintln!("--- the relay at {} said at last:", self.public);
            log.iter()
                .skip(log.len().saturating_sub(LAST_LINES))
                .for_each(|line| eprintln!("{line}"));
        }
    }
}
