//! `[store]`: an address we can use, and a memory longer than Attio's patience.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::{Check, address::wrong_parameter};
use crate::config::{
    document::Place,
    file, meant,
    secret::{ReferenceOrText, Typed},
};

const DAY: Duration = Duration::from_hours(24);

pub(super) fn store(check: &mut Check<'_, '_>, typed: &file::Store) -> meant::Store {
    let place = Place::root().key("store");
    let dedup_window =
        check.interval(&place.key("dedup_window"), typed.dedup_window.as_ref(), 30 * DAY, None);
    if dedup_window < 4 * DAY {
        // <https://docs.attio.com/rest-api/guides/webhooks>
        check
            .error(&place.key("dedup_window"), "at least 4d: Attio retries for 3 days")
            .help("a shorter window would take a late retry for a new message");
    }
    let retention =
        check.interval(&place.key("retention"), typed.retention.as_ref(), 30 * DAY, None);
    meant::Store {
        url: url(check, &place.key("url"), typed.url.as_ref()),
        dedup_window,
        retention,
        migrate: typed.migrate.unwrap_or(true),
        allow_fsync_off: typed.allow_fsync_off.unwrap_or(false),
    }
}

fn url(check: &mut Check<'_, '_>, place: &Place, typed: Option<&ReferenceOrText>) -> SecretString {
    let default = || SecretString::from("sqlite:attio-relay.db");
    let Some(ReferenceOrText(typed)) = typed else {
        return default();
    };
    let found = match typed {
        Typed::Literal(text) => literal(text),
        Typed::Env(_) | Typed::File(_) => typed.resolve(check.outside.env).and_then(|url| {
            kind(url.expose_secret()).map_err(|why| format!("{typed}: {why}"))?;
            Ok(url)
        }),
    };
    found.unwrap_or_else(|why| {
        check.error(place, why);
        default()
    })
}

fn literal(text: &SecretString) -> Result<SecretString, String> {
    match kind(text.expose_secret())? {
        Kind::Open => Ok(text.clone()),
        Kind::HoldsPassword => {
            Err("a password may not stand in the file; use \"env:DATABASE_URL\" or \"file:/path\""
                .to_owned())
        }
    }
}

enum Kind {
    Open,
    HoldsPassword,
}

// Never quotes the address.
fn kind(url: &str) -> Result<Kind, String> {
    if let Some(path) = url.strip_prefix("sqlite:") {
        if path.contains(":memory:") || path.contains("mode=memory") {
            return Err(
                "sqlite: a database in memory would forget what was acknowledged".to_owned()
            );
        }
        let is_named = !path.trim_start_matches('/').is_empty();
        return is_named.then_some(Kind::Open).ok_or("sqlite: needs a file's path".to_owned());
    }
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err("expected sqlite:PATH or postgres://…, or a reference to one".to_owned());
    }
    let url = Url::parse(url).map_err(|error| format!("no valid postgres address: {error}"))?;
    if let Some(why) = wrong_parameter(&url) {
        return Err(why);
    }
    let in_query = url.query_pairs().any(|(key, _)| key.eq_ignore_ascii_case("password"));
    let holds_password = url.password().is_some() || in_query;
    Ok(if holds_password { Kind::HoldsPassword } else { Kind::Open })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_a_password_may_stand_in_the_file() {
        for url in ["sqlite:relay.db", "postgres://relay@db/relay", "postgresql:///relay?host=/run"]
        {
            assert!(literal(&url.into()).is_ok(), "{url}");
        }
    }

    #[test]
    fn any_other_address_is_refused_and_never_shown() {
        let wrong = [
            "postgres://relay:canary@db/relay",
            "postgres://db/relay?password=canary",
            "mysql://canary",
            "canary.db",
            "sqlite:",
            "sqlite::memory:",
            "postgres://relay@db/relay?passwort=canary",
        ];
        for url in wrong {
            let why = literal(&url.into()).unwrap_err();
            assert!(!why.contains("canary"), "{why}");
        }
    }
}
