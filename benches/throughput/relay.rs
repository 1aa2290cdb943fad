//! attio-relay as it is shipped: the built program with a configuration file.

use std::{fmt::Write, fs, net::SocketAddr, path::Path, process::Command};

use tempfile::TempDir;

use crate::{
    message::{PATH, SECRET},
    process::{Server, answers, free_address},
};

/// What the relay is configured to do.
#[derive(Debug, Clone)]
pub struct Setup {
    /// `store.url`.
    pub store: String,
    /// Where all deliveries go.
    pub sink: SocketAddr,
    /// Deliveries that each event causes.
    pub deliveries: usize,
    /// A limit of the actions, such as `1/s`.
    pub rate: Option<&'static str>,
    /// `store.retention`.
    pub retention: &'static str,
}

/// A running relay.
#[derive(Debug)]
pub struct Relay {
    /// The process.
    pub server: Server,
    /// Where it receives.
    pub address: SocketAddr,
    _folder: TempDir,
}

impl Relay {
    /// Starts it, and waits until it is ready.
    ///
    /// # Errors
    /// When it does not become ready; with what it said.
    pub fn start(setup: &Setup) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let address = free_address()?;
        let config = folder.path().join("relay.toml");
        fs::write(&config, configuration(setup, address, free_address()?))?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_attio-relay"));
        command.arg("serve").arg("--config").arg(&config).env("BENCH_SECRET", SECRET);
        let log = folder.path().join("relay.log");
        let server = Server::start(command, &log, || answers(address, "/readyz"))?;
        Ok(Self { server, address, _folder: folder })
    }
}

/// Starts the floor or the naive receiver: this program itself, with other arguments.
///
/// # Errors
/// When it does not become ready; with what it said.
pub fn start_own(arguments: &[&str], folder: &Path) -> anyhow::Result<(Server, SocketAddr)> {
    let address = free_address()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["serve", &address.to_string()]).args(arguments);
    let server = Server::start(command, &folder.join("log"), || answers(address, "/readyz"))?;
    Ok((server, address))
}

/// Everything that is not said here is as it is by default.
fn configuration(setup: &Setup, listen: SocketAddr, admin_listen: SocketAddr) -> String {
    let mut toml = format!(
        r#"
[server]
listen = "{listen}"
admin_listen = "{admin_listen}"
drain_delay = "0s"

[store]
url = "{}"
retention = "{}"

[[sources]]
name = "bench"
path = "{PATH}"
secrets = ["env:BENCH_SECRET"]

[worker]
concurrency = 512
"#,
        setup.store, setup.retention
    );
    let rate = setup.rate.map(|rate| format!("rate = \"{rate}\"\n")).unwrap_or_default();
    for number in 0..setup.deliveries {
        write!(
            toml,
            r#"
[actions.sink-{number}]
kind = "http"
url = "http://{}/"
allow_private = true
concurrency = {}
{rate}
[[routes]]
name = "route-{number}"
on = ["*"]
to = ["sink-{number}"]
"#,
            setup.sink,
            256 / setup.deliveries
        )
        .expect("a string takes all text");
    }
    toml
}
