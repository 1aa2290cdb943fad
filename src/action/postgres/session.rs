//! One connection, with what it learnt of the table when it was made.

use std::sync::Arc;

use sqlx::{AssertSqlSafe, Executor, PgConnection};
use uuid::Uuid;

use super::{
    failure::{Trouble, code},
    statement::Target,
    table::{Column, read_columns, read_problems},
    value::{Form, text_for},
};
use crate::routing::template::Content;

/// Somebody else made the same table at the same moment:
/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
const EXISTS: [&str; 3] = ["42P07", "42710", "23505"];

/// A connection that is ready to write.
pub(super) struct Session {
    db: PgConnection,
    columns: Vec<Column>,
    /// One for each value of a row.
    forms: Vec<Form>,
    insert: Arc<str>,
}

impl Session {
    /// Learns the columns' types, and makes the table of deliveries where it is missing.
    pub(super) async fn begin(mut db: PgConnection, target: &Target) -> Result<Self, Trouble> {
        let columns = read_columns(&mut db, &target.table).await?;
        if columns.is_empty() {
            // No such table, which the database says best.
            let ask = format!("-- action::postgres::begin\nSELECT FROM {} LIMIT 0", target.name());
            db.execute(AssertSqlSafe(ask)).await?;
        }
        let form = |name: &String| {
            columns.iter().find(|column| column.name == *name).map_or(Form::Plain, |one| one.form)
        };
        let forms = target.columns.iter().map(form).collect();
        let insert = target.insert(&columns).into();
        let mut session = Self { db, columns, forms, insert };
        session.prepare_deliveries(target).await?;
        Ok(session)
    }

    async fn prepare_deliveries(&mut self, target: &Target) -> Result<(), Trouble> {
        let exists: bool = sqlx::query_scalar(
            "-- action::postgres::prepare_deliveries
            SELECT EXISTS (SELECT FROM pg_catalog.pg_class c
                JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = $1 AND c.relname = $2)",
        )
        .bind(&target.deliveries.schema)
        .bind(&target.deliveries.name)
        .fetch_one(&mut self.db)
        .await?;
        if exists {
            return Ok(());
        }
        let ddl = target.deliveries_ddl();
        match self.db.execute(AssertSqlSafe(ddl.clone())).await {
            Ok(_) => Ok(()),
            Err(error) if code(&error).is_some_and(|code| EXISTS.contains(&&*code)) => Ok(()),
            Err(error) if code(&error).as_deref() == Some("42501") => {
                Err(Trouble::NoDeliveries { table: target.deliveries.to_string(), ddl, error })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Writes the row and notes the key, or neither: one statement. A key that is noted already
    /// changes nothing.
    pub(super) async fn write(&mut self, key: Uuid, row: &[Content]) -> Result<(), Trouble> {
        let mut insert = sqlx::query(AssertSqlSafe(Arc::clone(&self.insert))).bind(key);
        for (content, form) in row.iter().zip(&self.forms) {
            insert = insert.bind(text_for(content, *form));
        }
        let done = insert.execute(&mut self.db).await?;
        tracing::debug!(rows = done.rows_affected(), "the database took the delivery");
        Ok(())
    }

    /// Forgets deliveries of long ago, a bounded number of them.
    pub(super) async fn sweep(&mut self, target: &Target) -> Result<(), Trouble> {
        match self.db.execute(AssertSqlSafe(target.sweep())).await {
            Ok(_) => Ok(()),
            // It may do without that right; the table grows.
            Err(error) if code(&error).is_some() => {
                tracing::debug!(%error, "deliveries of long ago could not be forgotten");
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What is wrong with the table.
    pub(super) async fn problems(&mut self, target: &Target) -> Result<Vec<String>, Trouble> {
        Ok(read_problems(&mut self.db, target, &self.columns).await?)
    }
}
