//! A row for a database of the operator's.

use std::fmt;

use secrecy::SecretString;

/// `kind = "postgres"`.
#[derive(Debug, Clone)]
pub struct PostgresAction {
    /// `postgres://…`; holds a password.
    pub url: SecretString,
    /// Where the row goes.
    pub table: TableName,
    /// Columns, each with the template of its value. Never empty.
    pub columns: Vec<(String, String)>,
    /// Columns of a unique index, by which a row that is there already is found and changed;
    /// empty to insert only.
    pub key: Vec<String>,
    /// The table that remembers what was delivered.
    pub deliveries: TableName,
}

/// A table's name, as the catalog of the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableName {
    /// The schema.
    pub schema: String,
    /// The table in it.
    pub name: String,
}

impl fmt::Display for TableName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}", self.schema, self.name)
    }
}
