//! What the demo plays on: a folder, a secret, a destination, and the program itself.

use std::{
    fs::{OpenOptions, Permissions},
    io::Write,
    net::SocketAddr,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, anyhow};
use rustls::crypto::aws_lc_rs;
use secrecy::SecretString;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::script::{BILLING, REFUSED_ONCE, WAREHOUSE};
use crate::{
    app::{self, Running},
    cli::OUTSIDE,
    config::{self, Config},
    http::sink::{Arrival, Sink},
    shutdown::Stop,
};

/// Where the demo's source listens.
const PATH: &str = "/webhooks/attio";

/// Everything that the demo needs; the folder goes away with it.
pub(super) struct Stage {
    pub(super) secret: SecretString,
    pub(super) public: SocketAddr,
    pub(super) admin: SocketAddr,
    /// A configuration that `send` can use.
    pub(super) file: PathBuf,
    pub(super) arrivals: mpsc::Receiver<Arrival>,
    sink: CancellationToken,
    tasks: TaskTracker,
    folder: TempDir,
}

impl Stage {
    /// Sets everything up and starts the program.
    pub(super) async fn set(stop: Stop) -> anyhow::Result<(Self, Running)> {
        let folder = tempfile::Builder::new()
            .prefix("attio-relay-demo-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir()
            .context("cannot make a temporary folder")?;
        let home = std::path::absolute(folder.path())?;
        let secret = generate_secret()?;
        write_private(&home.join("secret"), &secret)?;

        let (sink, arrivals) = Sink::bind(REFUSED_ONCE).await.context("cannot listen")?;
        let destination = sink.address()?;
        let any: SocketAddr = ([127, 0, 0, 1], 0).into();
        let configuration = read(&configuration(any, any, &home, destination))?;
        let running = app::start(configuration, stop).await?;

        let file = home.join("relay.toml");
        let text = self::configuration(running.public, running.admin, &home, destination);
        write_private(&file, &text)?;
        let (tasks, sink_stop) = (TaskTracker::new(), CancellationToken::new());
        tasks.spawn(sink.serve(sink_stop.clone()));
        let stage = Self {
            secret: secret.into(),
            public: running.public,
            admin: running.admin,
            file,
            arrivals,
            sink: sink_stop,
            tasks,
            folder,
        };
        Ok((stage, running))
    }

    /// Where messages are sent to.
    pub(super) fn door(&self) -> anyhow::Result<url::Url> {
        Ok(url::Url::parse(&format!("http://{}{PATH}", self.public))?)
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

fn read(text: &str) -> anyhow::Result<Config> {
    match config::parse(text, "the demo's configuration", &OUTSIDE) {
        Ok((config, _warnings)) => Ok(config),
        Err(problems) => Err(anyhow!("{problems}")),
    }
}

/// What somebody would write to run this for real; every wait is short, so that nobody has to.
fn configuration(
    public: SocketAddr,
    admin: SocketAddr,
    home: &Path,
    destination: SocketAddr,
) -> String {
    let store = quoted(&format!("sqlite:{}", home.join("relay.db").display()));
    let secret = quoted(&format!("file:{}", home.join("secret").display()));
    let action = |name: &str| {
        format!(
            "[actions.{name}]\nkind = \"http\"\nurl = \"http://{destination}/{name}\"\n\
             allow_private = true\nretry = {{ first = \"200ms\" }}\n\n"
        )
    };
    format!(
        "[server]\nlisten = \"{public}\"\nadmin_listen = \"{admin}\"\ndrain_delay = \"0s\"\n\n\
         [store]\nurl = {store}\n\n\
         [[sources]]\nname = \"demo\"\npath = \"{PATH}\"\nsecrets = [{secret}]\n\n\
         {}{}\
         [[routes]]\nname = \"changed-records-to-billing\"\n\
         on = [\"record.updated\"]\nto = [\"{BILLING}\"]\n\n\
         [[routes]]\nname = \"everything-to-warehouse\"\non = [\"*\"]\nto = [\"{WAREHOUSE}\"]\n",
        action(BILLING),
        action(WAREHOUSE),
    )
}

/// A text as TOML writes it, which is as JSON does.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
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

    #[test]
    fn the_configuration_is_right_in_a_folder_with_a_strange_name() {
        let folder = TempDir::with_prefix("a \"strange\" \\ name").unwrap();
        write_private(&folder.path().join("secret"), "0123456789abcdef").unwrap();
        let any: SocketAddr = ([127, 0, 0, 1], 0).into();
        let config = read(&configuration(any, any, folder.path(), any)).unwrap();
        assert_eq!(config.routes.len(), 2);
    }
}
