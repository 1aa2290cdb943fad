//! What may stand behind the `?` of a Postgres address.
//!
//! The library logs parameters that it does not know, values and all, and goes on without them: a
//! misspelt `password` would stand in the log. So they are refused before it sees them.

use url::Url;

/// Parameters that sqlx knows: <https://docs.rs/sqlx/latest/sqlx/postgres/struct.PgConnectOptions.html>
const KNOWN: [&str; 18] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];

/// A longer key is shown by nothing of it: a misplaced `?` makes one of half a password.
const LONGEST: usize = 32;

/// What is wrong with the parameters. Names a key and never a value.
pub(super) fn wrong_parameter(url: &Url) -> Option<String> {
    let unknown = url.query_pairs().map(|(key, _)| key).find(|key| !is_known(key))?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if unknown.is_empty() || unknown.len() > LONGEST || !unknown.chars().all(is_plain) {
        return Some("what stands behind the `?` are no parameters of a Postgres address".into());
    }
    let meant = crate::config::suggest::nearest(&unknown, KNOWN);
    let meant = meant.map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default();
    Some(format!("the address has a parameter `{unknown}` that is not known{meant}"))
}

fn is_known(key: &str) -> bool {
    let is_setting = key.strip_prefix("options[").is_some_and(|rest| rest.ends_with(']'));
    is_setting || KNOWN.contains(&key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(query: &str) -> Option<String> {
        wrong_parameter(&Url::parse(&format!("postgres://relay@db/relay?{query}")).unwrap())
    }

    #[test]
    fn a_parameter_that_is_not_known_is_named_and_its_value_is_not() {
        let why = wrong("sslmode=require&passwort=canary").unwrap();
        assert!(why.contains("`passwort`") && why.contains("`password`"), "{why}");
        assert!(!why.contains("canary"), "{why}");
        for query in ["Password=x", "options[x=y", "x"] {
            assert!(wrong(query).is_some(), "{query}");
        }
    }

    #[test]
    fn half_a_password_is_not_shown_as_a_key() {
        let split = Url::parse("postgres://relay:12?canary@db/relay").unwrap();
        let why = wrong_parameter(&split).unwrap();
        assert!(!why.contains("canary"), "{why}");
        assert!(!wrong(&"c4nary".repeat(9)).unwrap().contains("c4nary"));
    }

    #[test]
    fn what_the_library_knows_may_stand_there() {
        for known in KNOWN {
            assert_eq!(wrong(&format!("{known}=1")), None);
        }
        assert_eq!(wrong("options[search_path]=relay"), None);
    }
}
