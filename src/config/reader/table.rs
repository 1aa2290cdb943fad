//! One table into one struct, key by key.

use schemars::{JsonSchema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde_json::Value;
use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
};

use crate::config::{
    document::{Document, Place},
    problem::Report,
    secret, suggest,
};

/// A struct of `file`: read key by key, nothing required.
pub(super) trait Section: DeserializeOwned + JsonSchema + Default {}
impl<T: DeserializeOwned + JsonSchema + Default> Section for T {}

/// One run over one document.
pub(super) struct Reader<'r, 't> {
    pub(super) document: &'r Document<'t>,
    pub(super) report: &'r mut Report,
}

type Key<'t> = Spanned<DeString<'t>>;

impl<'r, 't> Reader<'r, 't> {
    pub(super) fn optional<T: Section>(&mut self, place: &Place) -> Option<T> {
        self.document.value(place)?;
        Some(self.table(place, &[]))
    }

    /// A list of tables; one that is no table stays as a default, so that the others keep their
    /// places.
    pub(super) fn list<T: Section>(&mut self, place: &Place) -> Vec<T> {
        let Some(value) = self.document.value(place) else {
            return Vec::new();
        };
        let Some(list) = value.get_ref().as_array() else {
            self.report.mask(value.span());
            self.report
                .error(value.span(), format!("`{place}` must be a list of tables"))
                .help(format!("write `[[{place}]]`"));
            return Vec::new();
        };
        (0..list.iter().len()).map(|index| self.table(&place.index(index), &[])).collect()
    }

    /// The keys of a table that the user names, in the file's order.
    pub(super) fn keys(&mut self, place: &Place) -> Vec<(String, Place)> {
        let Some(table) = self.table_at(place) else {
            return Vec::new();
        };
        in_order(table)
            .into_iter()
            .map(|(key, _)| (key.get_ref().to_string(), place.key(key.get_ref())))
            .collect()
    }

    /// Reads a table, but for the keys that are read `apart`.
    pub(super) fn table<T: Section>(&mut self, place: &Place, apart: &[&str]) -> T {
        let Some(table) = self.table_at(place) else {
            return T::default();
        };
        let known = properties::<T>();
        let mut right = DeTable::new();
        for (key, value) in in_order(table) {
            let name: &str = key.get_ref();
            if apart.contains(&name) {
                continue;
            }
            let Some(schema) = known.get(name) else {
                self.unknown_key(
                    key,
                    value,
                    known.keys().map(String::as_str).chain(apart.iter().copied()),
                );
                continue;
            };
            if self.is_right::<T>(key, value, schema) {
                right.insert(key.clone(), value.clone());
            }
        }
        deserialize(right).unwrap_or_else(|error| {
            self.report.error(self.document.span_of(place), plain(error.message()));
            T::default()
        })
    }

    fn is_right<T: Section>(
        &mut self,
        key: &Key<'t>,
        value: &Spanned<DeValue<'t>>,
        schema: &Value,
    ) -> bool {
        let is_secret = holds_secret(schema);
        if is_secret || holds_credentials(value) {
            self.mask_literals(value);
        }
        let mut alone = DeTable::new();
        alone.insert(key.clone(), value.clone());
        let Err(error) = deserialize::<T>(alone) else {
            return true;
        };
        let at = error.span().filter(|span| value.span().contains(&span.start));
        // The reader's own message would quote the secret.
        let message = match is_secret {
            true if schema["type"] == "array" => {
                format!("a list is needed; in it {}", secret::EXPECTED)
            }
            true => secret::EXPECTED.to_owned(),
            false => plain(error.message()),
        };
        self.report.error(at.unwrap_or(value.span()), format!("{}: {message}", key.get_ref()));
        false
    }

    fn unknown_key<'k>(
        &mut self,
        key: &Key<'t>,
        value: &Spanned<DeValue<'t>>,
        known: impl Iterator<Item = &'k str> + Clone,
    ) {
        // What was meant may have been a secret.
        self.mask_literals(value);
        let name: &str = key.get_ref();
        let known_ones: Vec<_> = known.clone().collect();
        self.report
            .error(key.span(), format!("unknown key `{name}`"))
            .help(format!("known here: {}", known_ones.join(", ")))
            .suggest(suggest::nearest(name, known));
    }

    pub(super) fn table_at(&mut self, place: &Place) -> Option<&'r DeTable<'t>> {
        let value = self.document.value(place)?;
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.report.mask(value.span());
            let message =
                format!("`{place}` must be a table, not a {}", value.get_ref().type_str());
            self.report.error(value.span(), message);
        }
        table
    }

    pub(super) fn mask_all(&mut self, place: &Place) {
        if let Some(value) = self.document.value(place) {
            self.mask_literals(value);
        }
    }

    /// Hides every value in here that is no reference.
    pub(super) fn mask_literals(&mut self, value: &Spanned<DeValue<'t>>) {
        match value.get_ref() {
            DeValue::Array(list) => list.iter().for_each(|one| self.mask_literals(one)),
            DeValue::Table(table) => table
                .iter()
                .filter(|(key, _)| key.get_ref() != "kind")
                .for_each(|(_, one)| self.mask_literals(one)),
            DeValue::String(text) => {
                if let secret::Typed::Literal(_) = secret::Typed::from(text.as_ref()) {
                    self.report.mask(value.span());
                }
            }
            DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_) => {
                self.report.mask(value.span());
            }
        }
    }
}

fn in_order<'v, 't>(table: &'v DeTable<'t>) -> Vec<(&'v Key<'t>, &'v Spanned<DeValue<'t>>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

fn deserialize<T: DeserializeOwned>(table: DeTable<'_>) -> Result<T, toml::de::Error> {
    T::deserialize(toml::de::Deserializer::from(Spanned::new(0..0, table)))
}

/// The keys of a struct, each with its schema.
fn properties<T: JsonSchema>() -> serde_json::Map<String, Value> {
    let mut schema = T::json_schema(&mut SchemaGenerator::default());
    match schema.ensure_object().remove("properties") {
        Some(Value::Object(properties)) => properties,
        _ => serde_json::Map::new(),
    }
}

fn holds_secret(schema: &Value) -> bool {
    match schema {
        Value::Object(keys) => keys.contains_key("writeOnly") || keys.values().any(holds_secret),
        Value::Array(list) => list.iter().any(holds_secret),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// An address with a user name, and perhaps a password.
fn holds_credentials(value: &Spanned<DeValue<'_>>) -> bool {
    value.get_ref().as_str().is_some_and(|text| text.contains("://") && text.contains('@'))
}

/// A message of the TOML reader in words of TOML.
fn plain(message: &str) -> String {
    message
        .replace("expected a sequence", "expected a list")
        .replace("expected f64", "expected a number")
        .trim_end()
        .to_owned()
}
