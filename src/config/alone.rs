//! Single things of the configuration, for commands that must work without the rest of it.

use std::{fs, net::SocketAddr, path::Path};

use secrecy::SecretString;

use super::{
    document::Document,
    problem::Report,
    reader,
    secret::{self, Typed},
};

/// The private address in the file, whatever else is wrong with the file; the default address
/// where it names none.
///
/// # Errors
/// The file cannot be read, or is not TOML.
pub fn admin_listen(path: &Path) -> Result<SocketAddr, String> {
    let name = path.display();
    let text = fs::read_to_string(path)
        .map_err(|error| format!("cannot read the configuration {name}: {error}"))?;
    let document = Document::parse(&text).map_err(|_| format!("{name} is not TOML"))?;
    let typed = reader::read(&document, &mut Report::default());
    Ok(typed.server.admin_listen.map_or(super::DEFAULT_ADMIN_LISTEN, |address| address.0))
}

/// The secret behind a reference, `env:NAME` or `file:/path`, that stands outside the file.
///
/// # Errors
/// Why there is none; never shows what was typed or found.
pub fn secret(
    reference: &str,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<SecretString, String> {
    match Typed::from(reference) {
        Typed::Literal(_) => Err(secret::EXPECTED.to_owned()),
        typed @ (Typed::Env(_) | Typed::File(_)) => typed.resolve(env),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Result<SocketAddr, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        admin_listen(file.path())
    }

    #[test]
    fn the_private_address_is_found_in_a_file_that_is_otherwise_wrong() {
        let text = "[server]\nadmin_listen = \"127.0.0.1:1234\"\nnonsense = 1\n[store]\nurl = \"env:UNSET\"\n";
        assert_eq!(found(text).unwrap().port(), 1234);
        assert_eq!(found("").unwrap().port(), 9090);
        assert!(found("[server\n").unwrap_err().contains("is not TOML"));
    }

    #[test]
    fn a_secret_that_was_typed_instead_of_its_reference_is_not_shown() {
        let why = secret("canary-0123456789", &|_| None).unwrap_err();
        assert!(why.contains("env:NAME") && !why.contains("canary"), "{why}");
    }
}
