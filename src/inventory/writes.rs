//! Where things go: of an address only what is before its path, which may be a secret.

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::config::{Action, ActionKind, AttioWrite, PostgresAction, SlackTarget, Store};

/// Where messages go.
pub(super) fn to_store(store: &Store) -> String {
    if store.url.expose_secret().starts_with("sqlite:") {
        return "the store, a SQLite file".to_owned();
    }
    format!("the store, Postgres{}", at_host(&store.url))
}

/// Where what an action makes goes.
pub(crate) fn of_action(action: &Action) -> Vec<String> {
    match &action.kind {
        ActionKind::Http(http) => vec![format!("{} to {}", http.method, origin(&http.url))],
        ActionKind::Slack(slack) => vec![to_slack(&slack.target)],
        ActionKind::Postgres(postgres) => to_warehouse(postgres),
        ActionKind::Attio(attio) => vec![to_attio(&attio.write)],
        ActionKind::Log(_) => vec!["the log of attio-relay".to_owned()],
    }
}

fn to_attio(write: &AttioWrite) -> String {
    let of_object = write.object().map(|object| format!(" of {object}")).unwrap_or_default();
    let on_list = write.list().map(|list| format!(" on {list}")).unwrap_or_default();
    let values: Vec<_> = write.values().iter().map(|(name, _)| name.as_str()).collect();
    let values = if values.is_empty() { String::new() } else { format!(": {}", values.join(", ")) };
    format!("Attio, {}{of_object}{on_list}{values}", write.form())
}

fn to_slack(target: &SlackTarget) -> String {
    match target {
        SlackTarget::Webhook(address) => {
            let origin =
                Url::parse(address.expose_secret()).map(|url| format!(" at {}", origin(&url)));
            format!("Slack, the webhook's channel{}", origin.unwrap_or_default())
        }
        SlackTarget::Post { channel, base_url, .. } => {
            format!("Slack, {channel} at {}", origin(base_url))
        }
    }
}

fn to_warehouse(postgres: &PostgresAction) -> Vec<String> {
    let at = at_host(&postgres.url);
    let by = match &postgres.key[..] {
        [] => String::new(),
        key => format!(", one for each {}", key.join(", ")),
    };
    vec![
        format!("rows of {}{at}{by}", postgres.table),
        format!("what was delivered in {}{at}", postgres.deliveries),
    ]
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// The host of a database's address. Nothing when it has none or cannot be read: half-read, it could
/// hold a part of the password.
fn at_host(address: &SecretString) -> String {
    let host = Url::parse(address.expose_secret()).ok().and_then(|url| {
        let host = url.host_str().filter(|host| !host.is_empty())?;
        Some(format!(" at {host}"))
    });
    host.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_databases_address_only_the_host_is_shown() {
        let shown = |address: &str| at_host(&address.into());
        assert_eq!(
            shown("postgres://relay:canary@db.example.com:5433/canary"),
            " at db.example.com"
        );
        assert_eq!(shown("postgresql:///canary?password=canary&host=/run"), "");
        for wrong in ["postgres://relay:can/ary@db/x", "postgres://a,b/x", "canary"] {
            assert!(!shown(wrong).contains("ary"), "{wrong}");
        }
    }
}
