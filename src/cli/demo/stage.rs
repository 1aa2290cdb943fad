//! What a play is performed on: a folder, secrets, a made-up Attio, a destination, and the program
//! itself.

use std::{
    fs::{OpenOptions, Permissions},
    io::Write,
    net::{Ipv4Addr, SocketAddr},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, anyhow};
use rustls::crypto::aws_lc_rs;
use secrecy::{ExposeSecret, SecretString};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use url::Url;

use super::Play;
use crate::{
    app::{self, Running},
    http::{
        fake_attio::{FakeAttio, Options},
        sink::{Arrival, Sink},
    },
    shutdown::Stop,
    telemetry::Metrics,
};

/// Where the source of every play listens.
pub(super) const PATH: &str = "/webhooks/attio";

/// Any free port of this machine.
pub(super) const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// What a configuration has to name.
#[derive(Debug)]
pub(super) struct Props {
    /// A folder that nobody else can read; it goes away with the stage.
    pub(super) home: PathBuf,
    /// What Attio's messages are signed with.
    pub(super) secret: SecretString,
    /// Where the made-up Attio is.
    pub(super) attio: Url,
    /// Where the destination is.
    pub(super) destination: SocketAddr,
}

/// Everything that a play needs; the folder goes away with it.
pub(super) struct Stage {
    pub(super) props: Props,
    pub(super) public: SocketAddr,
    pub(super) admin: SocketAddr,
    pub(super) attio: FakeAttio,
    pub(super) arrivals: mpsc::Receiver<Arrival>,
    pub(super) metrics: Arc<Metrics>,
    sink: CancellationToken,
    tasks: TaskTracker,
    folder: TempDir,
}

impl Stage {
    /// Sets everything up and starts the program.
    pub(super) async fn set(play: Play<'_>, stop: Stop) -> anyhow::Result<(Self, Running)> {
        let folder = tempfile::Builder::new()
            .prefix("attio-relay-demo-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir()
            .context("cannot make a temporary folder")?;
        let attio = FakeAttio::start(Options::default()).await.context("cannot listen")?;
        let (sink, arrivals) = Sink::bind(play.refused_once()).await.context("cannot listen")?;
        let props = Props {
            home: std::path::absolute(folder.path())?,
            secret: generate_secret()?.into(),
            attio: Url::parse(&attio.base_url())?,
            destination: sink.address()?,
        };
        props.write("secret", props.secret.expose_secret())?;
        props.write("token", attio.token())?;
        let running = app::start(play.configuration(&props)?, stop).await?;
        let (tasks, sink_stop) = (TaskTracker::new(), CancellationToken::new());
        tasks.spawn(sink.serve(sink_stop.clone()));
        let stage = Self {
            props,
            public: running.public,
            admin: running.admin,
            attio,
            arrivals,
            metrics: Arc::clone(&running.metrics),
            sink: sink_stop,
            tasks,
            folder,
        };
        Ok((stage, running))
    }

    /// Where messages are sent to.
    pub(super) fn door(&self) -> anyhow::Result<Url> {
        Ok(Url::parse(&format!("http://{}{PATH}", self.public))?)
    }

    /// Lets the made-up Attio send all that happens in it from now on.
    pub(super) fn listen_to_attio(&self) -> anyhow::Result<()> {
        let secret = self.props.secret.expose_secret();
        self.attio.add_webhook(self.door()?.as_str(), secret, None);
        Ok(())
    }

    /// Ends the destination and removes the folder.
    pub(super) async fn clear(mut self) -> anyhow::Result<()> {
        // What is on its way may wait for room among what was seen.
        self.arrivals.close();
        self.sink.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.folder.close().context("cannot remove the temporary folder")
    }
}

impl Props {
    /// Where a file of the folder is.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.home.join(name)
    }

    /// `store.url` of a SQLite file in the folder.
    pub(super) fn store(&self) -> String {
        format!("sqlite:{}", self.file("relay.db").display())
    }

    /// Writes a file that nobody else can read.
    pub(super) fn write(&self, name: &str, text: &str) -> anyhow::Result<()> {
        write_private(&self.file(name), text)
    }
}

/// 64 hexadecimal digits, as Attio's own secrets have.
fn generate_secret() -> anyhow::Result<String> {
    let mut bytes = [0; 32];
    let random = aws_lc_rs::default_provider().secure_random;
    random.fill(&mut bytes).map_err(|_| anyhow!("the system gives no random numbers"))?;
    Ok(hex::encode(bytes))
}

fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_secret_is_long_and_another_one_each_time() {
        let secret = generate_secret().unwrap();
        assert_eq!(secret.len(), 64);
        assert_ne!(secret, generate_secret().unwrap());
    }
}
