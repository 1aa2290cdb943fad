//! Where a new webhook's secret goes. Attio shows it once, so the place is made sure of before.

use std::{
    fs::File,
    io::{Write, stdout},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use secrecy::{ExposeSecret, SecretString};
use tempfile::NamedTempFile;

use crate::config::{self, SecretPlace};

/// A place that is ready to take a secret.
pub(super) enum Slot {
    /// A file of mode 0600, which appears whole or not at all.
    File { draft: NamedTempFile, path: PathBuf, replace: bool },
    /// Somebody has to put it there: it is printed.
    Print { whither: String },
}

impl Slot {
    /// Makes a place ready. What stands there already is replaced only with `replace`.
    pub(super) fn prepare(place: &SecretPlace, replace: bool) -> anyhow::Result<Self> {
        let path = match place {
            SecretPlace::Variable(name) => {
                let whither = format!("the environment variable {name}, and restart `serve`");
                return Ok(Self::print(&whither));
            }
            SecretPlace::File(path) => path,
        };
        let is_vacant = place.is_vacant(&config::environment);
        if !is_vacant && !replace {
            bail!("{place} holds a secret already; --replace-secret says that it may be replaced");
        }
        let folder = folder(path);
        // Made with mode 0600, as all its files are.
        let draft = NamedTempFile::new_in(folder)
            .with_context(|| format!("no file can be made in {}", folder.display()))?;
        // An empty file is there, and is nothing to lose.
        let replace = replace || path.exists();
        Ok(Self::File { draft, path: path.clone(), replace })
    }

    /// The secret is printed, to be put somewhere by hand.
    pub(super) fn print(whither: &str) -> Self {
        Self::Print { whither: whither.to_owned() }
    }

    /// Puts the secret there.
    pub(super) fn keep(self, secret: &SecretString) -> anyhow::Result<()> {
        let secret = secret.expose_secret();
        match self {
            Self::Print { whither } => {
                eprintln!("The secret of the new webhook; nobody will ever show it again.");
                eprintln!("Put it into {whither}:");
                Ok(writeln!(stdout(), "{secret}")?)
            }
            Self::File { mut draft, path, replace } => {
                let shown = path.display();
                draft.write_all(secret.as_bytes())?;
                draft.as_file().sync_all()?;
                let kept =
                    if replace { draft.persist(&path) } else { draft.persist_noclobber(&path) };
                kept.map_err(|error| error.error)
                    .with_context(|| format!("cannot write the secret to {shown}"))?;
                File::open(folder(&path)).and_then(|folder| folder.sync_all())?;
                eprintln!("wrote the secret of the new webhook to {shown}");
                Ok(())
            }
        }
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}
