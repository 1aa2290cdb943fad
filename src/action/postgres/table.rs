//! The table as the database's catalog has it, and what is wrong with it.

use sqlx::{PgConnection, Row, postgres::PgRow};

use super::{statement::Target, value::Form};
use crate::config::TableName;

/// A column of the table.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "facts of the catalog, each with a name")]
pub(super) struct Column {
    pub(super) name: String,
    /// Its type as SQL names it, without a length: casting to one with a length would cut values,
    /// where the column itself refuses them.
    pub(super) type_name: String,
    /// How values become texts for it.
    pub(super) form: Form,
    /// The database alone writes it.
    is_generated: bool,
    /// A row needs a value for it.
    is_needed: bool,
    may_insert: bool,
    may_update: bool,
}

/// The columns of a table, in its order; none when there is no such table.
///
/// `format_type` with -1: with NULL, `bpchar` would be called `character`, which means one letter:
/// <https://www.postgresql.org/docs/current/functions-info.html>
pub(super) async fn read_columns(
    db: &mut PgConnection,
    table: &TableName,
) -> Result<Vec<Column>, sqlx::Error> {
    let rows = sqlx::query(
        "-- action::postgres::read_columns
        SELECT a.attname::text AS name,
            format_type(a.atttypid, -1) AS type_name,
            b.oid IN ('json'::regtype, 'jsonb'::regtype) AS is_json,
            b.typcategory = 'A' AS is_array,
            b.typelem IN ('json'::regtype, 'jsonb'::regtype) AS is_array_of_json,
            a.attgenerated <> '' OR a.attidentity = 'a' AS is_generated,
            a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AND t.typdefault IS NULL
                AS is_needed,
            has_column_privilege(c.oid, a.attnum, 'INSERT') AS may_insert,
            has_column_privilege(c.oid, a.attnum, 'UPDATE') AS may_update
        FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
        JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
        JOIN pg_catalog.pg_type b ON b.oid = COALESCE(NULLIF(t.typbasetype, 0), t.oid)
        WHERE n.nspname = $1 AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped
        ORDER BY a.attnum",
    )
    .bind(&table.schema)
    .bind(&table.name)
    .fetch_all(db)
    .await?;
    rows.iter().map(column).collect()
}

fn column(row: &PgRow) -> Result<Column, sqlx::Error> {
    let form = match (row.try_get("is_json")?, row.try_get("is_array")?) {
        (true, _) => Form::Json,
        (false, true) if row.try_get("is_array_of_json")? => Form::ArrayOfJson,
        (false, true) => Form::Array,
        (false, false) => Form::Plain,
    };
    Ok(Column {
        name: row.try_get("name")?,
        type_name: row.try_get("type_name")?,
        form,
        is_generated: row.try_get("is_generated")?,
        is_needed: row.try_get("is_needed")?,
        may_insert: row.try_get("may_insert")?,
        may_update: row.try_get("may_update")?,
    })
}

/// What the action would fail on, each in a sentence.
pub(super) async fn read_problems(
    db: &mut PgConnection,
    target: &Target,
    columns: &[Column],
) -> Result<Vec<String>, sqlx::Error> {
    let mut problems = problems(target, columns);
    if problems.is_empty() && !target.key.is_empty() && !has_index(db, target).await? {
        problems.push(format!(
            "`key` needs a unique index on exactly ({}) of {}; let somebody run: {}",
            target.key.join(", "),
            target.table,
            target.index_ddl(),
        ));
    }
    Ok(problems)
}

fn problems(target: &Target, columns: &[Column]) -> Vec<String> {
    let table = &target.table;
    let mut problems = Vec::new();
    for name in &target.columns {
        let Some(column) = columns.iter().find(|column| column.name == *name) else {
            let known: Vec<_> = columns.iter().map(|column| column.name.as_str()).collect();
            let known = known.join(", ");
            problems.push(format!("{table} has no column `{name}`; it has: {known}"));
            continue;
        };
        let is_updated = !target.key.is_empty() && !target.key.contains(name);
        if column.is_generated {
            problems.push(format!("the database alone writes the column `{name}` of {table}"));
        } else if !column.may_insert {
            problems.push(format!("no right to insert into the column `{name}` of {table}"));
        } else if is_updated && !column.may_update {
            problems.push(format!("no right to update the column `{name}` of {table}"));
        }
    }
    let is_missing = |column: &&Column| column.is_needed && !target.columns.contains(&column.name);
    for column in columns.iter().filter(is_missing) {
        problems.push(format!(
            "the column `{}` of {table} may not be null and has no default; give it a value",
            column.name
        ));
    }
    problems
}

/// Whether `ON CONFLICT` finds its index: unique, on these columns and no others, in any order, on
/// all rows, and checked at once. Whose table is no table is not asked: a view has none of its own.
/// <https://www.postgresql.org/docs/current/sql-insert.html#SQL-ON-CONFLICT>
async fn has_index(db: &mut PgConnection, target: &Target) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "-- action::postgres::has_index
        SELECT c.relkind NOT IN ('r', 'p') OR EXISTS (
            SELECT FROM pg_catalog.pg_index i
            WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate
                AND i.indpred IS NULL AND i.indexprs IS NULL
                AND (SELECT array_agg(a.attname::text ORDER BY a.attname::text COLLATE \"C\")
                    FROM unnest(i.indkey) WITH ORDINALITY AS k (attnum, place)
                    JOIN pg_catalog.pg_attribute a
                        ON a.attrelid = c.oid AND a.attnum = k.attnum
                    WHERE k.place <= i.indnkeyatts)
                = (SELECT array_agg(name ORDER BY name COLLATE \"C\") FROM unnest($3::text[]) name))
        FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = $1 AND c.relname = $2",
    )
    .bind(&target.table.schema)
    .bind(&target.table.name)
    .bind(&target.key)
    .fetch_one(db)
    .await
}
