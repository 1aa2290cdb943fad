//! Which secrets the file refers to, and from where: names only, never a value.

use super::{
    file::{self, Action},
    secret::{Reference, ReferenceOrText, SecretPlace, Typed},
};
use crate::name::{ActionName, SourceName};

/// A secret that the file refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretReference {
    /// Who needs it.
    pub of: SecretUser,
    /// The key that refers to it, such as `signing_secret` or `headers.Authorization`.
    pub key: String,
    /// Where the secret stands.
    pub place: SecretPlace,
}

/// What part of the configuration needs a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretUser {
    /// `[server]`.
    Server,
    /// `[store]`.
    Store,
    /// `[attio]`.
    Attio,
    /// One of `[[sources]]`.
    Source(SourceName),
    /// One of `[actions]`.
    Action(ActionName),
}

/// All references of a file, in its order but for that of actions, which is by name.
pub(super) fn references(typed: &file::File) -> Vec<SecretReference> {
    let mut found = Found(Vec::new());
    found.add(&SecretUser::Server, "admin_token", typed.server.admin_token.as_ref());
    found.add_or_text(&SecretUser::Store, "url", typed.store.url.as_ref());
    for source in &typed.sources {
        let name = source.name.as_deref().unwrap_or_default();
        for secret in source.secrets.iter().flatten() {
            found.add(&SecretUser::Source(name.into()), "secrets", Some(secret));
        }
    }
    let attio = typed.attio.as_ref();
    found.add(&SecretUser::Attio, "token", attio.and_then(|attio| attio.token.as_ref()));
    for (name, action) in &typed.actions {
        of_action(&SecretUser::Action(name.as_str().into()), action, &mut found);
    }
    found.0
}

fn of_action(of: &SecretUser, action: &Action, found: &mut Found) {
    match action {
        Action::Http(http) => {
            found.add(of, "signing_secret", http.signing_secret.as_ref());
            for (name, value) in &http.headers {
                found.add_or_text(of, &format!("headers.{name}"), Some(value));
            }
        }
        Action::Slack(slack) => {
            found.add(of, "webhook", slack.webhook.as_ref());
            found.add(of, "token", slack.token.as_ref());
        }
        Action::Postgres(postgres) => found.add(of, "url", postgres.url.as_ref()),
        Action::Attio(_) | Action::Log(_) => {}
    }
}

struct Found(Vec<SecretReference>);

impl Found {
    fn add(&mut self, of: &SecretUser, key: &str, typed: Option<&Reference>) {
        self.add_typed(of, key, typed.map(|Reference(typed)| typed));
    }

    fn add_or_text(&mut self, of: &SecretUser, key: &str, typed: Option<&ReferenceOrText>) {
        self.add_typed(of, key, typed.map(|ReferenceOrText(typed)| typed));
    }

    /// A text that stands in the file itself is no reference.
    fn add_typed(&mut self, of: &SecretUser, key: &str, typed: Option<&Typed>) {
        if let Some(place) = typed.and_then(Typed::place) {
            self.0.push(SecretReference { of: of.clone(), key: key.to_owned(), place });
        }
    }
}
