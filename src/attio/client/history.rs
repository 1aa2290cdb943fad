//! What was, and what there is: former values, and lists that are read page by page.
//! <https://docs.attio.com/rest-api/guides/pagination>

use serde_json::{Value, json};
use tokio::time::Instant;

use super::{ApiError, Client, call::Call, setback::is_not_found};
use crate::attio::catalog::Holder;

/// More pages than this are no list but an answer that repeats itself.
const MOST_PAGES: usize = 10_000;

/// Attio gives so many notes at once; a page that is shorter than what was asked for is the last.
const MOST_NOTES: usize = 50;

/// Which records or entries, in which order, and which page of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// Attio's filter; `{}` for all.
    /// <https://docs.attio.com/rest-api/guides/filtering-and-sorting>
    pub filter: Value,
    /// Attio's sorts; `[]` for its own order.
    pub sorts: Value,
    /// How many at the most; Attio takes up to 500.
    pub limit: usize,
    /// How many to pass over.
    pub offset: usize,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<N> {
    /// What is on it.
    pub rows: Vec<Value>,
    /// Where the next one begins; `None` on the last.
    pub next: Option<N>,
}

/// Where a page of meetings begins. Opaque.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(pub String);

impl Query {
    fn body(&self) -> Value {
        let Self { filter, sorts, limit, offset } = self;
        json!({ "filter": filter, "sorts": sorts, "limit": limit, "offset": offset })
    }
}

impl Client {
    /// Every value that an attribute of a record or entry ever had, with `active_from` and
    /// `active_until`; their order is not promised. None for what is not there. Attio refuses it
    /// for attributes that it fills itself.
    /// <https://docs.attio.com/rest-api/endpoint-reference/records/list-record-attribute-values>
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn history(
        &self,
        holder: Holder<'_>,
        record_or_entry_id: &str,
        attribute: &str,
        deadline: Instant,
    ) -> Result<Vec<Value>, ApiError> {
        let path = match holder {
            Holder::Object(object) => ["objects", object, "records"],
            Holder::List(list) => ["lists", list, "entries"],
        };
        let [group, name, things] = path;
        let path = [group, name, things, record_or_entry_id, "attributes", attribute, "values"];
        let call = Call::list(&path).with("show_historic", "true");
        match self.rows(call, deadline).await {
            Err(error) if is_not_found(&error) => Ok(Vec::new()),
            rows => rows,
        }
    }

    /// One page of an object's records.
    /// <https://docs.attio.com/rest-api/endpoint-reference/records/list-records>
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn query_records(
        &self,
        object: &str,
        query: &Query,
        deadline: Instant,
    ) -> Result<Page<usize>, ApiError> {
        let call = Call::query(&["objects", object, "records", "query"], query.body());
        let rows = self.rows(call, deadline).await?;
        Ok(Page::after_offset(rows, query.limit, query.offset))
    }

    /// One page of a list's entries.
    /// <https://docs.attio.com/rest-api/endpoint-reference/entries/list-entries>
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn query_entries(
        &self,
        list: &str,
        query: &Query,
        deadline: Instant,
    ) -> Result<Page<usize>, ApiError> {
        let call = Call::query(&["lists", list, "entries", "query"], query.body());
        let rows = self.rows(call, deadline).await?;
        Ok(Page::after_offset(rows, query.limit, query.offset))
    }

    /// One page of the workspace's notes; at most 50 on each. Attio allows 10 such calls a second.
    /// <https://docs.attio.com/rest-api/endpoint-reference/notes/list-notes>
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn notes(
        &self,
        limit: usize,
        offset: usize,
        deadline: Instant,
    ) -> Result<Page<usize>, ApiError> {
        self.page(Call::list(&["notes"]), limit.min(MOST_NOTES), offset, deadline).await
    }

    /// One page of the workspace's tasks.
    /// <https://docs.attio.com/rest-api/endpoint-reference/tasks/list-tasks>
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn tasks(
        &self,
        limit: usize,
        offset: usize,
        deadline: Instant,
    ) -> Result<Page<usize>, ApiError> {
        self.page(Call::list(&["tasks"]), limit, offset, deadline).await
    }

    /// Every note about a record; none for a record that is not there.
    /// <https://docs.attio.com/rest-api/endpoint-reference/notes/list-notes>
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn notes_about(
        &self,
        object: &str,
        record_id: &str,
        deadline: Instant,
    ) -> Result<Vec<Value>, ApiError> {
        let call = Call::list(&["notes"]);
        let call = call.with("parent_object", object).with("parent_record_id", record_id);
        self.all_pages(call, MOST_NOTES, deadline).await
    }

    /// The newest tasks, at most 500, of those about a record (object and id) or of all.
    /// <https://docs.attio.com/rest-api/endpoint-reference/tasks/list-tasks>
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn newest_tasks(
        &self,
        about: Option<(&str, &str)>,
        deadline: Instant,
    ) -> Result<Vec<Value>, ApiError> {
        let mut call = Call::list(&["tasks"]).with("sort", "created_at:desc");
        if let Some((object, record_id)) = about {
            call = call.with("linked_object", object).with("linked_record_id", record_id);
        }
        Ok(self.page(call, 500, 0, deadline).await?.rows)
    }

    /// One page of the workspace's meetings; the first one without a cursor.
    /// <https://docs.attio.com/rest-api/endpoint-reference/meetings/list-meetings>
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn meetings(
        &self,
        limit: usize,
        cursor: Option<&Cursor>,
        deadline: Instant,
    ) -> Result<Page<Cursor>, ApiError> {
        let mut call = Call::list(&["meetings"]).with("limit", limit.to_string());
        if let Some(Cursor(cursor)) = cursor {
            call = call.with("cursor", cursor.as_str());
        }
        let mut answer = self.whole(&call, deadline).await?;
        let next = answer["pagination"]["next_cursor"].as_str().map(|next| Cursor(next.to_owned()));
        match answer["data"].take() {
            Value::Array(rows) => Ok(Page { rows, next }),
            _ => Err(ApiError::refused("Attio's answer to GET /v2/meetings is no list")),
        }
    }

    /// One page of a list that is read by `limit` and `offset`.
    pub(super) async fn page(
        &self,
        call: Call<'_>,
        limit: usize,
        offset: usize,
        deadline: Instant,
    ) -> Result<Page<usize>, ApiError> {
        let call = call.with("limit", limit.to_string()).with("offset", offset.to_string());
        let rows = self.rows(call, deadline).await?;
        Ok(Page::after_offset(rows, limit, offset))
    }

    /// All pages of such a list. None for a list that is not there.
    pub(super) async fn all_pages(
        &self,
        call: Call<'_>,
        limit: usize,
        deadline: Instant,
    ) -> Result<Vec<Value>, ApiError> {
        let mut all = Vec::new();
        let mut offset = Some(0);
        for _ in 0..MOST_PAGES {
            let Some(at) = offset else {
                return Ok(all);
            };
            let page = match self.page(call.clone(), limit, at, deadline).await {
                Err(error) if is_not_found(&error) => return Ok(all),
                page => page?,
            };
            all.extend(page.rows);
            offset = page.next;
        }
        Err(ApiError::refused("a list of Attio's has no end"))
    }
}

impl Page<usize> {
    /// The last page is the one with fewer rows than were asked for: no total is told.
    fn after_offset(rows: Vec<Value>, limit: usize, offset: usize) -> Self {
        let next = (!rows.is_empty() && rows.len() >= limit).then_some(offset + rows.len());
        Self { rows, next }
    }
}
