//! What was read for a configuration, so that what differs later is noticed.
//!
//! A section says no more than where its secrets are: the files that it names belong to it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

/// Sections that are read at the start only.
const AT_START: [&str; 5] = ["server", "store", "attio", "worker", "reconcile"];

/// What was read: the file, and every file that it names a secret by.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Seen {
    pub(super) hash: [u8; 32],
    sections: toml::Table,
    secrets: BTreeMap<PathBuf, [u8; 32]>,
}

impl Seen {
    /// Reads all of them. What cannot be read counts as empty: the checks say what is wrong.
    pub(super) fn look(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let sections: toml::Table = toml::from_str(&text).unwrap_or_default();
        let mut hash = Sha256::new().chain_update(&text);
        let mut secrets = BTreeMap::new();
        for file in sections.values().flat_map(files) {
            let contents = std::fs::read(&file).unwrap_or_default();
            hash.update([0]);
            hash.update(&contents);
            secrets.insert(file, Sha256::digest(contents).into());
        }
        Self { hash: hash.finalize().into(), sections, secrets }
    }

    /// Sections that were read at the start and are others now, or whose secrets are.
    pub(super) fn waiting(&self, started: &Self) -> Vec<&'static str> {
        AT_START.into_iter().filter(|section| self.differs(started, section)).collect()
    }

    fn differs(&self, started: &Self, section: &str) -> bool {
        let (now, then) = (self.sections.get(section), started.sections.get(section));
        let is_new = |file: &PathBuf| self.secrets.get(file) != started.secrets.get(file);
        now != then || now.is_some_and(|now| files(now).iter().any(is_new))
    }
}

/// The files that secrets are kept in, in the order of the configuration.
fn files(value: &toml::Value) -> Vec<PathBuf> {
    match value {
        toml::Value::String(text) => {
            text.strip_prefix("file:").map(PathBuf::from).into_iter().collect()
        }
        toml::Value::Array(items) => items.iter().flat_map(files).collect(),
        toml::Value::Table(table) => table.values().flat_map(files).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is seen of a file with these lines, in which `DIR` is the folder.
    fn seen(folder: &Path, lines: &str) -> Seen {
        let path = folder.join("relay.toml");
        std::fs::write(&path, lines.replace("DIR", &folder.display().to_string())).unwrap();
        Seen::look(&path)
    }

    #[test]
    fn secrets_in_files_and_sections_of_the_start_are_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let look = |listen: &str| {
            let source = "[[sources]]\nsecrets = ['file:DIR/secret']\n";
            seen(folder.path(), &format!("[server]\nlisten = '{listen}'\n{source}"))
        };
        let started = look("127.0.0.1:1");
        assert_eq!(look("127.0.0.1:1"), started);
        std::fs::write(folder.path().join("secret"), "new").unwrap();
        let rotated = look("127.0.0.1:1");
        assert_ne!(rotated, started);
        assert!(rotated.waiting(&started).is_empty());
        assert_eq!(look("127.0.0.1:2").waiting(&started), ["server"]);
    }

    #[test]
    fn a_secret_belongs_to_the_sections_that_name_it() {
        let folder = tempfile::tempdir().unwrap();
        let text = "[server]\nadmin_token = 'file:DIR/key'\n[store]\nurl = 'file:DIR/url'\n\
                    [attio]\ntoken = 'file:DIR/token'\n[worker]\nconcurrency = 1\n";
        let started = seen(folder.path(), text);
        let mut waiting = Vec::new();
        for (file, section) in [("key", "server"), ("url", "store"), ("token", "attio")] {
            std::fs::write(folder.path().join(file), "new").unwrap();
            waiting.push(section);
            assert_eq!(seen(folder.path(), text).waiting(&started), waiting);
        }
        std::fs::write(folder.path().join("key"), "").unwrap();
        assert_eq!(seen(folder.path(), text).waiting(&started), ["store", "attio"], "as at first");
    }
}
