//! Writes. Those with a natural key may be repeated; a note, a task and a comment have none.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{ApiError, Client, call::Call};

/// What an update does to an attribute that holds several values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Update {
    /// The values that are given take the place of those that are there.
    Replace,
    /// The values that are given join those that are there.
    Add,
}

impl Update {
    fn method(self) -> Method {
        match self {
            Self::Replace => Method::PUT,
            Self::Add => Method::PATCH,
        }
    }
}

impl Client {
    /// Creates a record or updates the one with the same value in the unique attribute
    /// `matching`; `values` is slug to value. Gives the record.
    /// <https://docs.attio.com/rest-api/endpoint-reference/records/assert-a-record>
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn assert_record(
        &self,
        object: &str,
        matching: &str,
        values: &Value,
        deadline: Instant,
    ) -> Result<Value, ApiError> {
        let data = json!({ "values": values });
        let call = Call::write(Method::PUT, &["objects", object, "records"], &data);
        self.data(call.with("matching_attribute", matching), deadline).await
    }

    /// Updates a record; `values` is slug to value. Gives the record.
    /// <https://docs.attio.com/rest-api/endpoint-reference/records/update-a-record-overwrite-multiselect-values>
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn update_record(
        &self,
        object: &str,
        record_id: &str,
        values: &Value,
        update: Update,
        deadline: Instant,
    ) -> Result<Value, ApiError> {
        let data = json!({ "values": values });
        let path = ["objects", object, "records", record_id];
        self.data(Call::write(update.method(), &path, &data), deadline).await
    }

    /// Puts a record on a list or updates its entry there; `data` holds `parent_record_id`,
    /// `parent_object` and `entry_values`. Gives the entry.
    /// <https://docs.attio.com/rest-api/endpoint-reference/entries/assert-a-list-entry-by-parent>
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn assert_entry(
        &self,
        list: &str,
        data: &Value,
        deadline: Instant,
    ) -> Result<Value, ApiError> {
        self.data(Call::write(Method::PUT, &["lists", list, "entries"], data), deadline).await
    }

    /// Creates a note. A repeat creates another one.
    /// <https://docs.attio.com/rest-api/endpoint-reference/notes/create-a-note>
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn create_note(&self, data: &Value, deadline: Instant) -> Result<Value, ApiError> {
        self.data(Call::write(Method::POST, &["notes"], data), deadline).await
    }

    /// Creates a task; every key must be there, empty lists and nulls included. A repeat creates
    /// another one. <https://docs.attio.com/rest-api/endpoint-reference/tasks/create-a-task>
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn create_task(&self, data: &Value, deadline: Instant) -> Result<Value, ApiError> {
        self.data(Call::write(Method::POST, &["tasks"], data), deadline).await
    }

    /// Creates a comment, of a workspace member only. A repeat creates another one.
    /// <https://docs.attio.com/rest-api/endpoint-reference/comments/create-a-comment>
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn create_comment(&self, data: &Value, deadline: Instant) -> Result<Value, ApiError> {
        self.data(Call::write(Method::POST, &["comments"], data), deadline).await
    }
}
