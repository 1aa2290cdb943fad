//! The statements, as text: every name quoted, every value a parameter.

use super::table::Column;
use crate::config::{PostgresAction, TableName};

/// What the configuration names in the database.
pub(super) struct Target {
    pub(super) table: TableName,
    pub(super) columns: Vec<String>,
    pub(super) key: Vec<String>,
    pub(super) deliveries: TableName,
}

impl Target {
    pub(super) fn new(postgres: &PostgresAction) -> Self {
        Self {
            table: postgres.table.clone(),
            columns: postgres.columns.iter().map(|(name, _)| name.clone()).collect(),
            key: postgres.key.clone(),
            deliveries: postgres.deliveries.clone(),
        }
    }

    /// The table's name, quoted.
    pub(super) fn name(&self) -> String {
        full(&self.table)
    }

    /// Notes the delivery, `$1`, and writes the row when nobody noted it before: in one statement,
    /// so that there is never one without the other. Values come as texts, and are read as
    /// literals of the column's type would be.
    pub(super) fn insert(&self, known: &[Column]) -> String {
        let values = self.columns.iter().enumerate().map(|(at, name)| {
            let parameter = at + 2;
            // The database says best what is wrong with a column that it does not have.
            match known.iter().find(|column| column.name == *name) {
                Some(column) => format!("${parameter}::text::{}", column.type_name),
                None => format!("${parameter}::text"),
            }
        });
        format!(
            "-- action::postgres::insert\n\
             WITH first AS (INSERT INTO {deliveries} (idempotency_key) VALUES ($1) \
             ON CONFLICT DO NOTHING RETURNING 1) \
             INSERT INTO {table} ({columns}) SELECT {values} FROM first{on_conflict}",
            deliveries = full(&self.deliveries),
            table = self.name(),
            columns = list(&self.columns),
            values = values.collect::<Vec<_>>().join(", "),
            on_conflict = self.on_conflict(),
        )
    }

    fn on_conflict(&self) -> String {
        if self.key.is_empty() {
            return String::new();
        }
        let set: Vec<_> = self
            .columns
            .iter()
            .filter(|column| !self.key.contains(column))
            .map(|column| format!("{0} = EXCLUDED.{0}", quoted(column)))
            .collect();
        let key = list(&self.key);
        if set.is_empty() {
            format!(" ON CONFLICT ({key}) DO NOTHING")
        } else {
            format!(" ON CONFLICT ({key}) DO UPDATE SET {}", set.join(", "))
        }
    }

    /// Makes the table of deliveries.
    pub(super) fn deliveries_ddl(&self) -> String {
        format!(
            "CREATE TABLE IF NOT EXISTS {} (idempotency_key uuid PRIMARY KEY, \
             delivered_at timestamptz NOT NULL DEFAULT now())",
            full(&self.deliveries)
        )
    }

    /// Forgets deliveries of long ago, so many at a time that it never takes long.
    pub(super) fn sweep(&self) -> String {
        format!(
            "-- action::postgres::sweep\n\
             DELETE FROM {0} WHERE idempotency_key IN (SELECT idempotency_key FROM {0} \
             WHERE delivered_at < now() - interval '90 days' LIMIT 10000)",
            full(&self.deliveries)
        )
    }

    /// Makes the index that the key needs.
    pub(super) fn index_ddl(&self) -> String {
        format!("CREATE UNIQUE INDEX ON {} ({})", self.name(), list(&self.key))
    }
}

fn full(table: &TableName) -> String {
    format!("{}.{}", quoted(&table.schema), quoted(&table.name))
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ")
}

/// <https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS>
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(key: &[&str]) -> Target {
        let table = |name: &str| TableName { schema: "crm".to_owned(), name: name.to_owned() };
        Target {
            table: table("people"),
            columns: vec!["id".to_owned(), "e\"mail".to_owned()],
            key: key.iter().map(|&name| name.to_owned()).collect(),
            deliveries: table("notes"),
        }
    }

    const START: &str = "-- action::postgres::insert\n\
        WITH first AS (INSERT INTO \"crm\".\"notes\" (idempotency_key) VALUES ($1) \
        ON CONFLICT DO NOTHING RETURNING 1) INSERT INTO \"crm\".\"people\" (\"id\", \"e\"\"mail\") \
        SELECT $2::text, $3::text FROM first";

    #[test]
    fn without_a_key_a_row_is_inserted() {
        assert_eq!(target(&[]).insert(&[]), START);
    }

    #[test]
    fn with_a_key_the_other_columns_are_updated() {
        let update = format!(
            "{START} ON CONFLICT (\"id\") DO UPDATE SET \"e\"\"mail\" = EXCLUDED.\"e\"\"mail\""
        );
        assert_eq!(target(&["id"]).insert(&[]), update);
        let nothing = format!("{START} ON CONFLICT (\"id\", \"e\"\"mail\") DO NOTHING");
        assert_eq!(target(&["id", "e\"mail"]).insert(&[]), nothing);
    }
}
