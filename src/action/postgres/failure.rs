//! What an error of the database means for the delivery.
//!
//! A message may quote what Attio sent, and what is said of an attempt gets into the log: quoted
//! values are left out there, and the whole message is kept beside it, as an HTTP answer would be.
//! Details (`DETAIL: Failing row contains …`) are not kept at all.

use std::borrow::Cow;

use bytes::Bytes;
use sqlx::postgres::PgDatabaseError;

use crate::action::{ActionError, Failure, mask::Mask};

/// A message is kept up to so many bytes.
const LONGEST_MESSAGE: usize = 4096;

/// What to do about a pooler that takes no settings.
const POOLER: &str = "a pooler stands before the database and takes no session settings \
    (PgBouncer in transaction mode?); give the address of the database itself";

/// Why a row was not written, as far as is known.
#[derive(Debug)]
pub(super) enum Trouble {
    /// No connection could be made.
    Unreachable(sqlx::Error),
    /// The database refused, or the connection broke.
    Database(sqlx::Error),
    /// The table that remembers deliveries is missing, and we may not make it.
    NoDeliveries {
        /// Its name.
        table: String,
        /// What makes it.
        ddl: String,
        /// What the database said.
        error: sqlx::Error,
    },
}

impl From<sqlx::Error> for Trouble {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl Trouble {
    /// Whether the connection is not to be used again. An error within a statement leaves it as
    /// good as it was.
    pub(super) fn is_of_the_connection(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::NoDeliveries { .. } => true,
            Self::Database(error) => {
                code(error).is_none_or(|code| !is_final(&code) && !code.starts_with("40"))
            }
        }
    }

    /// What it means for the delivery, without a secret.
    pub(super) fn into_error(self, mask: &Mask) -> ActionError {
        match self {
            Self::Unreachable(error) => judged("cannot connect to the database", &error, mask),
            Self::Database(error) => judged("the database refused", &error, mask),
            Self::NoDeliveries { table, ddl, error } => {
                let said = error.to_string();
                let what = format!(
                    "the table {table}, which remembers what was delivered, is missing and may not \
                     be made ({said}); let somebody run: {ddl}; and grant INSERT and DELETE on it"
                );
                ActionError::Retry(Failure { what: mask.text(&what), ..Failure::default() })
            }
        }
    }
}

/// The SQLSTATE, where the database itself spoke.
pub(super) fn code(error: &sqlx::Error) -> Option<Cow<'_, str>> {
    error.as_database_error().map(|error| error.code().unwrap_or_default())
}

/// Whether the same row would be refused again:
/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>. A missing right is not
/// counted among these, nor a pooler's confusion about statements: an operator mends those.
fn is_final(code: &str) -> bool {
    const CLASSES: [&str; 12] =
        ["0A", "21", "22", "23", "2F", "38", "39", "3F", "42", "44", "54", "P0"];
    const MENDED: [&str; 2] = ["42501", "42P05"];
    CLASSES.iter().any(|class| code.starts_with(class)) && !MENDED.contains(&code)
}

fn judged(context: &str, error: &sqlx::Error, mask: &Mask) -> ActionError {
    let Some(database) = error.as_database_error() else {
        let what = mask.text(&format!("cannot reach the database: {}", plain(error)));
        return ActionError::Retry(Failure { what, ..Failure::default() });
    };
    let message = database.message();
    let code = database.code().unwrap_or_default();
    if message.contains("unsupported startup parameter") {
        let what = POOLER.to_owned();
        return ActionError::Retry(Failure { what, ..Failure::default() });
    }
    let mut marks = format!("SQLSTATE {code}");
    let column = database.try_downcast_ref::<PgDatabaseError>().and_then(PgDatabaseError::column);
    for (kind, name) in [("column", column), ("constraint", database.constraint())] {
        if let Some(name) = name {
            marks = format!("{marks}, {kind} {name}");
        }
    }
    let shown = if may_quote_values(&code) { without_quoted(message) } else { message.into() };
    let failure = Failure {
        what: mask.text(&format!("{context}: {shown} ({marks})")),
        answer: Some(Bytes::from(mask.bytes(message.as_bytes(), LONGEST_MESSAGE))),
        ..Failure::default()
    };
    if is_final(&code) { ActionError::Refused(failure) } else { ActionError::Retry(failure) }
}

/// Errors about data, and those that functions of the database's owner raise; others quote names.
fn may_quote_values(code: &str) -> bool {
    ["22", "38", "39", "P0"].iter().any(|class| code.starts_with(class))
}

/// The message without what stands between its first and its last double quote.
fn without_quoted(message: &str) -> Cow<'_, str> {
    match (message.find('"'), message.rfind('"')) {
        (Some(first), Some(last)) if first < last => {
            format!("{}…{}", &message[..=first], &message[last..]).into()
        }
        (Some(first), _) => format!("{}…", &message[..=first]).into(),
        (None, _) => message.into(),
    }
}

/// What an error that is not the database's says, without the driver's own words around it.
fn plain(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_row_can_never_mend_is_final_and_what_an_operator_mends_is_not() {
        for code in ["22P02", "23505", "23502", "42703", "42P01", "42P10", "3F000", "P0001"] {
            assert!(is_final(code), "{code}");
        }
        for code in ["42501", "40001", "40P01", "53300", "57P01", "08006", "25006", "55P03", ""] {
            assert!(!is_final(code), "{code}");
        }
    }

    #[test]
    fn quoted_values_are_left_out() {
        for (message, shown) in [
            (r#"invalid input syntax for type date: "Ada "the" Great""#, r#"… date: "…""#),
            (r#"value "99" is out of range for type integer"#, r#"value "…" is out of range …"#),
            (r#"odd " quote"#, r#"odd "…"#),
            ("integer out of range", "integer out of range"),
        ] {
            let (start, end) = shown.split_once("… ").unwrap_or((shown, ""));
            let cut = without_quoted(message);
            assert!(cut.starts_with(start) || cut.ends_with(end), "{cut}");
            assert!(!cut.contains("Ada") && !cut.contains("99") && !cut.contains("quote"), "{cut}");
        }
    }
}
