//! Look-ups of one thing by its id. `None` is a fact: it is not there, or not any more.

use serde_json::Value;
use tokio::time::Instant;

use super::{ApiError, Client, call::Call};

impl Client {
    /// A record: `{id, created_at, web_url, values}`.
    /// <https://docs.attio.com/rest-api/endpoint-reference/records/get-a-record>
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn record(
        &self,
        object: &str,
        record_id: &str,
        deadline: Instant,
    ) -> Result<Option<Value>, ApiError> {
        self.found(Call::get(&["objects", object, "records", record_id]), deadline).await
    }

    /// A list entry: `{id, parent_object, parent_record_id, created_at, entry_values}`.
    /// <https://docs.attio.com/rest-api/endpoint-reference/entries/get-a-list-entry>
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn entry(
        &self,
        list: &str,
        entry_id: &str,
        deadline: Instant,
    ) -> Result<Option<Value>, ApiError> {
        self.found(Call::get(&["lists", list, "entries", entry_id]), deadline).await
    }

    /// A note. <https://docs.attio.com/rest-api/endpoint-reference/notes/get-a-note>
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn note(&self, note_id: &str, deadline: Instant) -> Result<Option<Value>, ApiError> {
        self.found(Call::get(&["notes", note_id]), deadline).await
    }

    /// A task. <https://docs.attio.com/rest-api/endpoint-reference/tasks/get-a-task>
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn task(&self, task_id: &str, deadline: Instant) -> Result<Option<Value>, ApiError> {
        self.found(Call::get(&["tasks", task_id]), deadline).await
    }

    /// A comment. <https://docs.attio.com/rest-api/endpoint-reference/comments/get-a-comment>
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn comment(
        &self,
        comment_id: &str,
        deadline: Instant,
    ) -> Result<Option<Value>, ApiError> {
        self.found(Call::get(&["comments", comment_id]), deadline).await
    }

    /// A meeting; beta. <https://docs.attio.com/rest-api/endpoint-reference/meetings/get-a-meeting>
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn meeting(
        &self,
        meeting_id: &str,
        deadline: Instant,
    ) -> Result<Option<Value>, ApiError> {
        self.found(Call::get(&["meetings", meeting_id]), deadline).await
    }

    /// A recording of a meeting: `{id, status, web_url, …}`.
    /// <https://docs.attio.com/rest-api/endpoint-reference/call-recordings/get-call-recording>
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn call_recording(
        &self,
        meeting_id: &str,
        call_recording_id: &str,
        deadline: Instant,
    ) -> Result<Option<Value>, ApiError> {
        let path = ["meetings", meeting_id, "call_recordings", call_recording_id];
        self.found(Call::get(&path), deadline).await
    }

    /// A workspace member: `{id, first_name, last_name, email_address, …}`.
    /// <https://docs.attio.com/rest-api/endpoint-reference/workspace-members/get-a-workspace-member>
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn member(
        &self,
        workspace_member_id: &str,
        deadline: Instant,
    ) -> Result<Option<Value>, ApiError> {
        self.found(Call::get(&["workspace_members", workspace_member_id]), deadline).await
    }

    /// Every workspace member; Attio does not page them.
    /// <https://docs.attio.com/rest-api/endpoint-reference/workspace-members/list-workspace-members>
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn members(&self, deadline: Instant) -> Result<Vec<Value>, ApiError> {
        self.rows(Call::list(&["workspace_members"]), deadline).await
    }
}
