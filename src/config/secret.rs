//! Secrets, which stand in the file only as references.
//!
//! What was typed is never shown: not in a message, not in `Debug`, not in a source line.

use std::{
    fmt,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use serde::{Deserialize, Deserializer, de};

use super::meant::SigningKey;

/// What every field that holds a secret expects.
pub const EXPECTED: &str = "expected a reference: \"env:NAME\" or \"file:/path\"";

/// The longest secret that is read from a file, in bytes.
const LONGEST: u64 = 64 * 1024;

/// What was typed where a secret is meant.
#[derive(Debug, Clone)]
pub enum Typed {
    /// `"env:NAME"`: an environment variable.
    Env(String),
    /// `"file:/path"`: the contents of a file.
    File(String),
    /// Anything else: most likely the secret itself.
    Literal(SecretString),
}

impl From<&str> for Typed {
    fn from(text: &str) -> Self {
        if let Some(name) = text.strip_prefix("env:").filter(|name| is_variable(name)) {
            return Self::Env(name.to_owned());
        }
        if let Some(path) = text.strip_prefix("file:").filter(|path| Path::new(path).is_absolute())
        {
            return Self::File(path.to_owned());
        }
        Self::Literal(text.into())
    }
}

// A secret that was typed after `env:` by mistake would be shown as an unset variable's name.
fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Where a secret stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretPlace {
    /// In the environment variable of this name.
    Variable(String),
    /// In this file.
    File(PathBuf),
}

impl SecretPlace {
    /// The secret that stands there now.
    ///
    /// # Errors
    /// Why there is none; never shows what was found.
    pub fn read(&self, env: Env<'_>) -> Result<SecretString, String> {
        match self {
            Self::Variable(name) => Typed::Env(name.clone()),
            Self::File(path) => Typed::File(path.display().to_string()),
        }
        .resolve(env)
    }

    /// Nothing was put there yet: no variable, no file, or one without contents.
    #[must_use]
    pub fn is_vacant(&self, env: Env<'_>) -> bool {
        match self {
            Self::Variable(name) => env(name).is_none_or(|value| value.trim().is_empty()),
            Self::File(path) => match fs::metadata(path) {
                Ok(found) => found.is_file() && found.len() == 0,
                Err(error) => error.kind() == io::ErrorKind::NotFound,
            },
        }
    }
}

impl fmt::Display for SecretPlace {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => write!(out, "the environment variable {name}"),
            Self::File(path) => write!(out, "the file {}", path.display()),
        }
    }
}

/// A field that takes only a reference.
#[derive(Debug, Clone)]
pub struct Reference(pub Typed);

/// A field that takes a reference, or in some cases a literal.
#[derive(Debug, Clone)]
pub struct ReferenceOrText(pub Typed);

macro_rules! typed {
    ($name:ident, $schema:tt) => {
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(typed: D) -> Result<Self, D::Error> {
                typed.deserialize_str(Anything).map(Self)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

// `writeOnly` is also how the reader knows which values it may not show.
typed!(Reference, {
    "type": "string", "writeOnly": true,
    "pattern": "^(env:[A-Za-z_][A-Za-z0-9_]*|file:/.+)$"
});
typed!(ReferenceOrText, {"type": "string", "writeOnly": true, "minLength": 1});

struct Anything;

impl de::Visitor<'_> for Anything {
    type Value = Typed;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a reference: \"env:NAME\" or \"file:/path\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Typed, E> {
        Ok(Typed::from(text))
    }
}

/// Looks up an environment variable.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Typed {
    /// Where it points to; `None` for a literal.
    #[must_use]
    pub fn place(&self) -> Option<SecretPlace> {
        match self {
            Self::Env(name) => Some(SecretPlace::Variable(name.clone())),
            Self::File(path) => Some(SecretPlace::File(path.into())),
            Self::Literal(_) => None,
        }
    }

    /// The secret itself; a literal is refused.
    ///
    /// # Errors
    /// Why there is none, without showing what was typed or found.
    pub fn resolve(&self, env: Env<'_>) -> Result<SecretString, String> {
        let secret = match self {
            Self::Env(name) => {
                env(name).ok_or_else(|| format!("the environment variable {name} is not set"))?
            }
            Self::File(path) => without_newline(read(path)?),
            Self::Literal(_) => {
                return Err(format!("a secret may not stand in the file; {EXPECTED}"));
            }
        };
        if secret.trim().is_empty() {
            return Err(format!("{self} is empty"));
        }
        Ok(secret.into())
    }
}

impl fmt::Display for Typed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(out, "the environment variable {name}"),
            Self::File(path) => write!(out, "the file {path}"),
            Self::Literal(_) => out.write_str("the text"),
        }
    }
}

fn read(path: &str) -> Result<String, String> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes))
        .map_err(|error| format!("the file {path} cannot be read: {error}"))?;
    if bytes.len() as u64 > LONGEST {
        return Err(format!("the file {path} is longer than 64 KiB"));
    }
    String::from_utf8(bytes).map_err(|_| format!("the file {path} is not UTF-8"))
}

fn without_newline(mut secret: String) -> String {
    if secret.ends_with('\n') {
        secret.pop();
        if secret.ends_with('\r') {
            secret.pop();
        }
    }
    secret
}

/// Decodes a Standard Webhooks secret: `whsec_` and the base64 of 24 to 64 bytes.
///
/// <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>
///
/// # Errors
/// What is wrong with its form, without showing it.
pub fn signing_key(secret: &SecretString) -> Result<SigningKey, String> {
    let key = secret
        .expose_secret()
        .strip_prefix("whsec_")
        .ok_or("a signing secret starts with `whsec_`")?;
    let key = STANDARD.decode(key).map_err(|_| "a signing secret is base64 after `whsec_`")?;
    if !(24..=64).contains(&key.len()) {
        return Err(format!("a signing secret has 24 to 64 bytes, not {}", key.len()));
    }
    Ok(SigningKey(SecretSlice::from(key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(typed: &str) -> Result<String, String> {
        let env = |name: &str| match name {
            "SET" => Some("value".to_owned()),
            "BLANK" => Some(" \n".to_owned()),
            _ => None,
        };
        let secret = Typed::from(typed).resolve(&env)?;
        Ok(secret.expose_secret().to_owned())
    }

    fn file(contents: &str) -> (tempfile::TempDir, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, contents).unwrap();
        let reference = format!("file:{}", path.display());
        (folder, reference)
    }

    #[test]
    fn a_variable_gives_its_value() {
        assert_eq!(resolved("env:SET").unwrap(), "value");
        assert!(resolved("env:UNSET").unwrap_err().contains("UNSET is not set"));
        assert!(resolved("env:BLANK").unwrap_err().contains("BLANK is empty"));
    }

    #[test]
    fn a_file_gives_its_contents_without_one_newline() {
        for (contents, secret) in [("a", "a"), ("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n")] {
            let (_folder, reference) = file(contents);
            assert_eq!(resolved(&reference).unwrap(), secret);
        }
    }

    #[test]
    fn an_empty_a_missing_and_a_huge_file_are_refused() {
        let (_folder, empty) = file("\n");
        assert!(resolved(&empty).unwrap_err().contains("is empty"));
        assert!(resolved("file:/nowhere/at/all").unwrap_err().contains("cannot be read"));
        let (_folder, huge) = file(&"x".repeat(65_537));
        assert!(resolved(&huge).unwrap_err().contains("longer than"));
    }

    #[test]
    fn a_place_is_vacant_until_something_stands_there() {
        let vacant = |reference: &str| {
            let env = |name: &str| (name == "SET").then(|| "value".to_owned());
            Typed::from(reference).place().unwrap().is_vacant(&env)
        };
        let ((_a, full), (_b, empty)) = (file("x"), file(""));
        assert!(vacant("env:UNSET") && vacant("file:/nowhere/at/all") && vacant(&empty));
        assert!(!vacant("env:SET") && !vacant(&full) && !vacant("file:/"));
    }

    #[test]
    fn a_literal_is_refused_and_never_shown() {
        for literal in ["canary-0123456789", "env:canary-1", "file:canary", "${canary}"] {
            let why = resolved(literal).unwrap_err();
            assert!(why.contains("may not stand in the file"), "{why}");
            assert!(!why.contains("canary"), "{why}");
            assert!(!format!("{:?}", Typed::from(literal)).contains("canary"));
        }
    }

    #[test]
    fn a_signing_secret_has_a_prefix_and_enough_bytes() {
        let secret = |bytes: usize| format!("whsec_{}", STANDARD.encode(vec![7; bytes])).into();
        let key = signing_key(&secret(24)).unwrap();
        assert_eq!(key.0.expose_secret(), [7; 24]);
        assert!(signing_key(&secret(23)).is_err());
        assert!(signing_key(&secret(65)).is_err());
        assert!(signing_key(&"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz".into()).is_err());
        assert!(signing_key(&"whsec_!!!".into()).is_err());
    }
}
