//! `kind = "postgres"`: an address behind a reference, names that are names, a key of columns.

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::{Check, address::wrong_parameter};
use crate::config::{
    document::Place,
    file,
    meant::{PostgresAction, TableName},
};

/// Longer names are cut by Postgres without a word:
/// <https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS>
const LONGEST_NAME: usize = 63;

pub(super) fn postgres(
    check: &mut Check<'_, '_>,
    place: &Place,
    typed: &file::Postgres,
) -> Option<PostgresAction> {
    let url = check.required(place, "url", typed.url.as_ref());
    let url = check.optional_secret(&place.key("url"), url);
    if let Some(why) = url.as_ref().and_then(wrong_address) {
        check.error(&place.key("url"), why);
    }
    let table = check.required(place, "table", typed.table.as_ref());
    let table = table.and_then(|table| table_name(check, &place.key("table"), table));
    columns(check, place, typed);
    key(check, &place.key("key"), typed);
    let deliveries = match &typed.deliveries {
        Some(typed) => table_name(check, &place.key("deliveries"), typed),
        None => table.as_ref().map(|table| TableName {
            schema: table.schema.clone(),
            name: "attio_relay_deliveries".to_owned(),
        }),
    };
    if deliveries.is_some() && deliveries == table {
        let message = "the rows and what was delivered need a table each";
        check.error(&place.key("deliveries"), message);
    }
    Some(PostgresAction {
        url: url?,
        table: table?,
        columns: typed.columns.clone().into_iter().collect(),
        key: typed.key.clone(),
        deliveries: deliveries?,
    })
}

// Never quotes the address.
fn wrong_address(url: &SecretString) -> Option<String> {
    let url = url.expose_secret();
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        let message = "the reference does not lead to an address that starts with postgres://";
        return Some(message.to_owned());
    }
    match Url::parse(url) {
        Ok(url) => wrong_parameter(&url),
        Err(wrong) => Some(format!("the reference does not lead to a valid address: {wrong}")),
    }
}

fn table_name(check: &mut Check<'_, '_>, place: &Place, typed: &str) -> Option<TableName> {
    let (schema, name) = typed.split_once('.').unwrap_or(("public", typed));
    if typed.contains("{{") || typed.contains("{%") {
        check.error(place, "a table's name is never a template");
        return None;
    }
    if name.contains('.') || !is_name(schema) || !is_name(name) {
        check
            .error(place, "expected `schema.table` or `table`, without quotes")
            .help("each name has 1 to 63 bytes and is spelt as in the database, case included");
        return None;
    }
    Some(TableName { schema: schema.to_owned(), name: name.to_owned() })
}

fn is_name(name: &str) -> bool {
    let is_plain = |c: char| !c.is_control() && c != '"';
    !name.is_empty()
        && name.len() <= LONGEST_NAME
        && name.trim() == name
        && name.chars().all(is_plain)
}

fn columns(check: &mut Check<'_, '_>, place: &Place, typed: &file::Postgres) {
    let at = place.key("columns");
    if typed.columns.is_empty() && !check.is_typed(&at) {
        check.error(place, "`columns` is missing");
    } else if check.is_empty_table(&at) {
        check.error(&at, "at least one column is needed");
    }
    for name in typed.columns.keys().filter(|name| !is_name(name)) {
        let message = "a column's name has 1 to 63 bytes and no quotes";
        check.error(&at.key(name), message);
    }
}

fn key(check: &mut Check<'_, '_>, place: &Place, typed: &file::Postgres) {
    for (index, column) in typed.key.iter().enumerate() {
        let at = place.index(index);
        // Columns that could not be read have been reported.
        if !typed.columns.is_empty() && !typed.columns.contains_key(column) {
            let known = typed.columns.keys().map(String::as_str);
            let meant = crate::config::suggest::nearest(column, known);
            let message = format!("`{column}` is not among `columns`");
            check.error(&at, message).suggest(meant);
        }
        if typed.key[..index].contains(column) {
            check.error(&at, format!("`{column}` stands here twice"));
        }
    }
}
